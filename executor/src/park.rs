//! Blocking a thread until it is told to go on.

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Condvar, Mutant, Mutex, mutated, wait_until};
use std::fmt;
use std::time::Instant;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Blocks one thread at a time; keeps one token, so that an unpark is never too early.
///
/// | state | meaning | left by |
/// |---|---|---|
/// | `EMPTY` | nobody is parked, no token | `park` → `PARKED`, `unpark` → `NOTIFIED` |
/// | `PARKED` | the owner blocks, or is about to | `unpark` → `NOTIFIED`, time-out → `EMPTY` |
/// | `NOTIFIED` | there is a token | `park` takes it → `EMPTY` |
///
/// What happened before `unpark` is visible after the `park` that took its token.
pub(crate) struct Parker {
    state: AtomicU32,
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Parker {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), lock: Mutex::new(()), condvar: Condvar::new() }
    }

    /// Takes the token, blocking until there is one.
    pub(crate) fn park(&self) {
        self.park_until(None);
    }

    /// Takes the token, blocking until there is one or the deadline has passed.
    pub(crate) fn park_until(&self, deadline: Option<Instant>) {
        if self.take_token() {
            return;
        }
        let mut guard = self.lock.lock();
        // Ordering: Acquire on failure pairs with the swap in `unpark`.
        let parked =
            self.state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Acquire);
        if parked.is_err() {
            // An unpark came between. A swap and not a store, so as to acquire also from an unpark
            // that comes just now.
            self.state.swap(EMPTY, Ordering::Acquire);
            return;
        }
        loop {
            let timed_out = match deadline {
                None => {
                    self.condvar.wait(&mut guard);
                    false
                }
                Some(deadline) => wait_until(&self.condvar, &mut guard, deadline),
            };
            if self.take_token() {
                return;
            }
            if timed_out {
                // Takes the token of an unpark that comes just now, too.
                self.state.swap(EMPTY, Ordering::Acquire);
                return;
            }
        }
    }

    #[inline]
    fn take_token(&self) -> bool {
        // Ordering: Acquire pairs with the swap in `unpark`.
        self.state.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Leaves a token, and wakes the owner if it is parked.
    pub(crate) fn unpark(&self) {
        if mutated(Mutant::UnparkWithoutSwap) {
            let state = self.state.load(Ordering::Relaxed);
            if state == NOTIFIED {
                return;
            }
        }
        // Ordering: Release pairs with the Acquire of whoever takes the token. A swap even when
        // there is a token already: the park that takes it has to see what this caller wrote.
        if self.state.swap(NOTIFIED, Ordering::Release) == PARKED {
            // The owner holds the lock from setting `PARKED` until it waits, so after this it is
            // in the wait and cannot miss the notification.
            drop(self.lock.lock());
            self.condvar.notify_one();
        }
    }
}

impl fmt::Debug for Parker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state.load(Ordering::Relaxed) {
            EMPTY => "Parker(empty)",
            PARKED => "Parker(parked)",
            _ => "Parker(notified)",
        })
    }
}
