//! Which thread may have what: the auto traits of the public types. Most of this file is checked by
//! the compiler; the tests say so.

use filch::coroutine::{Co, Coroutine, Spawned, Step, Suspend};
use filch::{
    AbortHandle, Builder, ClockHold, Elapsed, EnterGuard, Handle, Interval, JoinError, JoinHandle,
    Metrics, MissedTickBehavior, NoRuntime, Runtime, ShutdownReport, Sleep, TaskId, Timeout,
    WorkerMetrics, YieldNow,
};
use std::cell::Cell;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::{Future, Ready};
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// Whether a type implements a trait: an inherent constant, where the bound holds, goes before the
/// trait's constant of the same name.
macro_rules! implements {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "of the two constants one is used")]
        trait Otherwise {
            const IMPLEMENTED: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "of the two constants one is used")]
        impl<T: ?Sized + $($bound)+> Probe<T> {
            const IMPLEMENTED: bool = true;
        }
        <Probe<$type>>::IMPLEMENTED
    }};
}

macro_rules! assert_traits {
    ($type:ty: $($bound:path),+; not $($missing:path),*) => {
        const {
            $(assert!(implements!($type: $bound));)+
            $(assert!(!implements!($type: $missing));)*
        }
    };
    ($type:ty: $($bound:path),+) => { assert_traits!($type: $($bound),+; not) };
}

/// `Send`, and not `Sync`.
type Sendable = Cell<u8>;
/// `Sync`, and not `Send`.
type Guard = std::sync::MutexGuard<'static, u8>;
/// Neither.
type Local = Rc<u8>;

#[test]
fn a_join_handle_is_send_and_sync_if_its_output_is_send() {
    assert_traits!(JoinHandle<u8>: Send, Sync);
    assert_traits!(JoinHandle<Sendable>: Send, Sync);
    assert_traits!(JoinHandle<Guard>: Debug; not Send, Sync);
    assert_traits!(JoinHandle<Local>: Debug; not Send, Sync);
}

#[test]
fn a_join_handle_is_unpin_and_unwind_safe_whatever_its_output_is() {
    type Pinned = std::marker::PhantomPinned;
    type Unsafe = &'static mut Cell<u8>;
    assert_traits!(JoinHandle<u8>: Unpin, UnwindSafe, RefUnwindSafe, Future, Debug; not Clone);
    assert_traits!(JoinHandle<Pinned>: Unpin, UnwindSafe, RefUnwindSafe);
    assert_traits!(JoinHandle<Unsafe>: Unpin, UnwindSafe, RefUnwindSafe);
    assert_traits!(JoinHandle<Local>: Unpin, UnwindSafe, RefUnwindSafe);
}

#[test]
fn handles_and_runtimes_may_go_to_and_be_shared_by_all_threads() {
    assert_traits!(Handle: Clone, Send, Sync, Unpin, Debug);
    assert_traits!(Runtime: Send, Sync, Unpin, Debug; not Clone);
    assert_traits!(AbortHandle: Clone, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
    assert_traits!(Builder: Send, Sync, Unpin, Debug, Default);
}

#[test]
fn an_enter_guard_stays_on_its_thread() {
    assert_traits!(EnterGuard<'static>: Debug; not Send, Sync, Clone);
}

#[test]
fn errors_are_errors_that_any_thread_may_have() {
    assert_traits!(JoinError: Error, Debug, Display, Send, Sync, Unpin; not Clone);
    assert_traits!(NoRuntime: Error, Debug, Display, Send, Sync, Copy, Eq);
}

#[test]
fn values_are_plain_values() {
    assert_traits!(TaskId: Copy, Eq, Ord, Hash, Debug, Display, Send, Sync, Unpin);
    assert_traits!(ShutdownReport: Copy, Eq, Default, Debug, Send, Sync);
    assert_traits!(Metrics: Clone, Debug, Send, Sync);
    assert_traits!(WorkerMetrics: Copy, Eq, Default, Debug, Send, Sync);
    assert_traits!(YieldNow: Future, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
}

/// The checks above are worth what this one is.
#[test]
fn the_probe_tells_what_is_implemented_from_what_is_not() {
    const { assert!(implements!(u8: Send) && !implements!(Local: Send)) };
    const { assert!(implements!(Sendable: Send) && !implements!(Sendable: Sync)) };
    const { assert!(implements!(Guard: Sync) && !implements!(Guard: Send)) };
}

#[test]
fn a_coroutine_is_send_if_its_body_and_what_passes_are() {
    type Erased<Y, R> = Coroutine<Y, R, Local>;
    assert_traits!(Erased<u8, u8>: Send, Unpin, Debug; not Sync);
    assert_traits!(Erased<Sendable, Sendable>: Send; not Sync);
    // What is yielded or sent may wait inside.
    assert_traits!(Erased<Local, u8>: Unpin; not Send);
    assert_traits!(Erased<u8, Local>: Unpin; not Send);
    assert_traits!(Coroutine<u8, u8, u8, Ready<u8>>: Send, Sync, Unpin);
    assert_traits!(Coroutine<u8, u8, Local, Ready<Local>>: Unpin; not Send);
    assert_traits!(Spawned<u8, u8, u8>: Send, Unpin, Debug);
    assert_traits!(Spawned<u8, Local, u8>: Unpin; not Send);
}

#[test]
fn the_inside_of_a_coroutine_asks_for_send_only_of_what_it_holds() {
    assert_traits!(Co<Local, Local>: Send, Sync, Unpin, Debug);
    assert_traits!(Suspend<'static, Sendable, Local>: Send, Unpin, Debug; not Sync);
    assert_traits!(Suspend<'static, Local, u8>: Unpin; not Send);
    assert_traits!(Step<Sendable, Sendable>: Send; not Sync);
}

/// hyper's timers ask for `Send + Sync`.
#[test]
fn a_sleep_is_send_and_sync_if_its_result_is_and_always_unpin() {
    assert_traits!(Sleep<u8>: Send, Sync, Unpin, Debug, Future<Output = u8>);
    assert_traits!(Sleep<Sendable>: Send, Unpin; not Sync);
    assert_traits!(Sleep<Guard>: Sync, Unpin; not Send);
    assert_traits!(Sleep<Local>: Unpin; not Send, Sync);
    assert_traits!(Sleep<std::marker::PhantomPinned>: Send, Sync, Unpin);
}

#[test]
fn a_timeout_is_what_its_future_is() {
    type Pinned = std::marker::PhantomPinned;
    assert_traits!(Timeout<Sleep<u8>>: Send, Sync, Unpin, Future<Output = Result<u8, Elapsed>>);
    assert_traits!(Timeout<Sendable>: Send, Unpin; not Sync);
    assert_traits!(Timeout<Local>: Unpin; not Send, Sync);
    assert_traits!(Timeout<Pinned>: Send, Sync; not Unpin);
}

#[test]
fn what_belongs_to_time_goes_anywhere() {
    assert_traits!(Interval: Send, Sync, Unpin, Debug);
    assert_traits!(MissedTickBehavior: Send, Sync, Copy, Eq, Debug, Default);
    assert_traits!(Elapsed: Send, Sync, Copy, Eq, Error);
    assert_traits!(ClockHold: Send, Sync, Unpin, Debug);
}
