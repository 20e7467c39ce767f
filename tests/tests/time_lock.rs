//! No code of others runs under the lock of a wheel: whenever a waker is cloned, woken or dropped, it
//! may use other sleeps of the same worker. Where it may not, these tests hang.

use filch::{Handle, Sleep};
use filch_tests::wakers::Hooks;
use filch_tests::{Event, LONG, panic_text, stopped, within};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const GONE: &str = "a timer cannot fire any more: its runtime has shut down";

type Slot = Arc<Mutex<Option<Sleep<()>>>>;

/// Polls a sleep on the runtime with this waker.
fn poll(runtime: &Handle, sleep: &mut Sleep<()>, waker: &Waker) -> Poll<()> {
    let _entered = runtime.enter();
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

fn armed(runtime: &Handle, duration: Duration, waker: &Waker) -> Sleep<()> {
    let mut sleep = filch::sleep_until(runtime.now() + duration, ());
    assert!(poll(runtime, &mut sleep, waker).is_pending());
    sleep
}

/// A waker whose drop drops a registered sleep, the first time: as the last reference to a task does
/// whose future has sleeps of its own. The sleep is in the slot until then.
fn dropping(runtime: &Handle) -> (Slot, Waker) {
    let victim = armed(runtime, 3_600 * SECOND, Waker::noop());
    let slot: Slot = Arc::new(Mutex::new(Some(victim)));
    let own = slot.clone();
    let on_drop = move || {
        let victim = own.lock().take();
        drop(victim);
    };
    (slot, Hooks { on_drop: Box::new(on_drop), ..Hooks::default() }.into_waker().1)
}

/// tokio-rs/tokio#8552.
#[test]
fn a_waker_that_another_one_replaces_may_drop_sleeps() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let (victim, waker) = dropping(handle);
        let mut sleep = armed(handle, SECOND, &waker);
        assert!(poll(handle, &mut sleep, Waker::noop()).is_pending());
        assert!(victim.lock().is_none());
        drop(waker);
    });
}

/// tokio-rs/tokio#8552.
#[test]
fn a_waker_that_is_let_go_with_its_sleep_may_drop_sleeps() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let (victim, waker) = dropping(handle);
        let sleep = armed(handle, SECOND, &waker);
        assert!(victim.lock().is_some());
        drop(sleep);
        assert!(victim.lock().is_none());
        drop(waker);
    });
}

#[test]
fn a_waker_that_is_refused_may_drop_sleeps() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle().clone();
        let due = handle.now();
        let (victim, waker) = dropping(&handle);
        let mut sleep = filch::sleep_until(due, ());
        assert!(poll(&handle, &mut sleep, &waker).is_pending(), "one turn for the others");
        assert!(victim.lock().is_none(), "registered, though it is due");
        assert!(poll(&handle, &mut sleep, &waker).is_ready());

        let (after_end, late) = dropping(&handle);
        drop(runtime);
        let mut sleep = filch::sleep_until(due + SECOND, ());
        assert_eq!(panic_text(|| poll(&handle, &mut sleep, &late)), GONE);
        assert!(after_end.lock().is_none());
        drop((waker, late));
    });
}

#[test]
fn a_waker_that_the_shutdown_wakes_may_use_sleeps() {
    type Use = fn(&Handle, Sleep<()>);
    let uses: [(&str, Use); 3] = [
        ("drop", |_, sleep| drop(sleep)),
        ("poll", |handle, mut sleep| {
            assert_eq!(panic_text(|| poll(handle, &mut sleep, Waker::noop())), GONE);
        }),
        ("reset", |handle, mut sleep| {
            Pin::new(&mut sleep).reset(handle.now());
            assert!(sleep.is_elapsed());
        }),
    ];
    within(LONG, || {
        for (name, use_it) in uses {
            let runtime = stopped(1);
            let handle = runtime.handle().clone();
            let (victim, used) = (armed(&handle, 2 * SECOND, Waker::noop()), Event::new());
            let (slot, own, done) = (Mutex::new(Some(victim)), handle.clone(), used.clone());
            let on_wake = move || {
                let victim = slot.lock().take();
                use_it(&own, victim.expect("woken once"));
                done.set();
            };
            let (_, waker) = Hooks { on_wake: Box::new(on_wake), ..Hooks::default() }.into_waker();
            let sleep = armed(&handle, SECOND, &waker);
            drop(runtime);
            assert!(used.is_set(), "{name}");
            drop(sleep);
        }
    });
}

#[test]
fn a_waker_that_is_cloned_may_register_sleeps() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle().clone();
        let inner: Slot = Slot::default();
        let (cloning, own) = (inner.clone(), handle.clone());
        let on_clone = move || {
            let sleep = armed(&own, SECOND, Waker::noop());
            let old = cloning.lock().replace(sleep);
            drop(old);
        };
        let (_, waker) = Hooks { on_clone: Box::new(on_clone), ..Hooks::default() }.into_waker();
        let mut sleep = armed(&handle, SECOND, &waker);
        assert!(poll(&handle, &mut sleep, Waker::noop()).is_pending());
        assert!(poll(&handle, &mut sleep, &waker).is_pending());
        assert!(inner.lock().is_some());
    });
}
