//! The types of a normal build.

pub(crate) use super::short_mutex::{ShortMutex, ShortMutexGuard};
pub(crate) use parking_lot::{Condvar, Mutex};
pub(crate) use std::sync::Arc;

/// Whether searchers nap; the models have no time.
pub(crate) const NAPS: bool = true;

pub(crate) use crossbeam_deque as deque;

/// Atomics and fences.
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence,
    };
}

/// Threads.
pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, yield_now};

    /// What to do before another attempt at something that others interfered with.
    pub(crate) fn yield_retry() {
        std::hint::spin_loop();
    }
}

/// A cell whose accesses the models check.
pub(crate) mod cell {
    /// `std::cell::UnsafeCell` with the interface of loom's.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Hands out a pointer to read through.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Hands out a pointer to read and write through.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

/// Blocks until notified or until `deadline`; true when the deadline passed.
pub(crate) fn wait_until<T>(
    condvar: &Condvar,
    guard: &mut parking_lot::MutexGuard<'_, T>,
    deadline: std::time::Instant,
) -> bool {
    condvar.wait_until(guard, deadline).timed_out()
}

/// Whether the running model planted this fault: never, outside a model.
#[inline(always)]
pub(crate) const fn mutated(_fault: super::Mutant) -> bool {
    false
}

/// Declares thread-locals, with initializers that are constants.
macro_rules! local {
    ($($visibility:vis static $name:ident: $type:ty = $init:expr;)*) => {
        std::thread_local! { $($visibility static $name: $type = const { $init };)* }
    };
}
pub(crate) use local;
