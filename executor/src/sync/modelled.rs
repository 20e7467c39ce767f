//! The types of a model: loom's, with the signatures of [`real`](super)'s.

use super::Mutant;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

pub(crate) use super::model_deque as deque;
pub(crate) use loom::sync::Arc;

/// Whether searchers nap; the models have no time.
pub(crate) const NAPS: bool = false;

/// Atomics and fences.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};

    /// loom's, whose end counts as an access: whoever drops it must have synchronized with
    /// everybody who ever used it, or that use may come after the memory is gone.
    ///
    /// Not so for the others, which live in `Arc`s of `std` too, whose orderings loom cannot see.
    pub(crate) struct AtomicU64(loom::sync::atomic::AtomicU64);

    impl AtomicU64 {
        #[track_caller]
        pub(crate) fn new(value: u64) -> Self {
            Self(loom::sync::atomic::AtomicU64::new(value))
        }
    }

    impl std::ops::Deref for AtomicU64 {
        type Target = loom::sync::atomic::AtomicU64;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl Drop for AtomicU64 {
        fn drop(&mut self) {
            // A model that fails unwinds; a second panic would hide the first.
            if !std::thread::panicking() {
                self.0.with_mut(|_| ());
            }
        }
    }
}

/// Threads.
pub(crate) mod thread {
    pub(crate) use loom::thread::{JoinHandle, yield_now};

    /// loom's builder, with a stack on which a whole runtime fits.
    pub(crate) struct Builder(loom::thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self(loom::thread::Builder::new().stack_size(1 << 18))
        }
        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }
        pub(crate) fn stack_size(self, _bytes: usize) -> Self {
            self
        }
        pub(crate) fn spawn<T: Send + 'static>(
            self,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> std::io::Result<JoinHandle<T>> {
            self.0.spawn(f)
        }
    }

    /// loom has to be told that progress depends on another thread.
    pub(crate) fn yield_retry() {
        yield_now();
    }
}

/// Cells whose accesses are checked.
pub(crate) mod cell {
    pub(crate) use loom::cell::UnsafeCell;
}

/// loom's mutex with parking_lot's signatures.
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

/// `None` only while its owner waits for a condition variable.
pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

/// Models need no other than their usual lock: a wait is a wait.
pub(crate) use Mutex as ShortMutex;
pub(crate) use MutexGuard as ShortMutexGuard;

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("a panic under a lock")))
    }
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("the guard is in use")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("the guard is in use")
    }
}

/// loom's condition variable with parking_lot's signatures.
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.0.take().expect("the guard is in use");
        guard.0 = Some(self.0.wait(inner).expect("a panic under a lock"));
    }
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// loom has no time: waits without a deadline.
pub(crate) fn wait_until<T>(
    condvar: &Condvar,
    guard: &mut MutexGuard<'_, T>,
    _deadline: Instant,
) -> bool {
    condvar.wait(guard);
    false
}

std::thread_local! {
    /// The fault of the model that runs on this thread of the system; loom's threads share it.
    static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Whether the running model planted this fault.
pub(crate) fn mutated(fault: Mutant) -> bool {
    PLANTED.get() == Some(fault)
}

/// Plants a fault into all models that this thread runs from now on.
pub(crate) fn plant(fault: Option<Mutant>) {
    PLANTED.set(fault);
}

/// Declares thread-locals.
macro_rules! local {
    ($($declarations:tt)*) => {
        loom::thread_local! { $($declarations)* }
    };
}
pub(crate) use local;
