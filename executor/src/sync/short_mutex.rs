//! A lock for what mostly takes some tens of nanoseconds.

use crossbeam_utils::Backoff;
use spin::mutex::{SpinMutex, SpinMutexGuard};
use std::thread;
use std::time::Duration;

/// How long who has spun for some microseconds in vain sleeps between two attempts: the holder may have
/// lost its processor.
const NAP: Duration = Duration::from_micros(50);

/// A lock that is nearly always taken by the same thread, and held for some tens of nanoseconds; now and then
/// for as long as it takes to queue a task.
///
/// To let it go is a store. With a lock that wakes who waits it is a read-modify-write, since somebody may
/// have begun to wait: as much as to take it. Here who waits looks for itself. No order is kept among those
/// who do, so this is not for locks that many want all the time.
pub(crate) struct ShortMutex<T>(SpinMutex<T>);

pub(crate) type ShortMutexGuard<'a, T> = SpinMutexGuard<'a, T>;

impl<T> ShortMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(SpinMutex::new(value))
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> Option<ShortMutexGuard<'_, T>> {
        self.0.try_lock()
    }

    #[inline]
    pub(crate) fn lock(&self) -> ShortMutexGuard<'_, T> {
        self.try_lock().unwrap_or_else(|| self.wait())
    }

    #[cold]
    fn wait(&self) -> ShortMutexGuard<'_, T> {
        let patience = Backoff::new();
        loop {
            if patience.is_completed() {
                thread::sleep(NAP);
            } else {
                patience.snooze();
            }
            // A look first: attempts take the line of memory away from the holder.
            if !self.0.is_locked()
                && let Some(guard) = self.try_lock()
            {
                return guard;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn one_thread_at_a_time_has_it() {
        let lock = ShortMutex::new((0_u64, 0_u64));
        let count = || {
            for _ in 0..20_000 {
                let mut pair = lock.lock();
                pair.0 += 1;
                assert_eq!(pair.0, pair.1 + 1, "somebody is in the middle of it");
                pair.1 += 1;
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
        assert_eq!(*lock.lock(), (80_000, 80_000));
    }

    #[test]
    fn who_waits_while_it_is_held_for_long_gets_it_in_the_end() {
        let lock = ShortMutex::new(0);
        let (begins, begun) = mpsc::channel();
        thread::scope(|scope| {
            let mut guard = lock.lock();
            assert!(lock.try_lock().is_none());
            let waiter = scope.spawn(|| {
                begins.send(()).expect("the test waits");
                *lock.lock() += 1;
            });
            begun.recv().expect("the thread runs");
            // Longer than anybody spins.
            thread::sleep(20 * NAP);
            assert!(!waiter.is_finished());
            *guard += 1;
            drop(guard);
            waiter.join().expect("no panic");
        });
        assert_eq!(*lock.lock(), 2);
    }
}
