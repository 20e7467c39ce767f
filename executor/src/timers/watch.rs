//! The watchman: the one sleeper that answers for the timers of the others.

use crate::park::Parker;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{Arc, Mutant, Mutex, mutated};
use crossbeam_utils::CachePadded;
use filch_timers::NEVER;

/// How late a worker may be with its timers before another one fires them, in nanoseconds.
///
/// A worker whose polls are short looks every 50 to 100 µs, and one that sleeps is woken as late by the
/// system: with less than that, the watchman would wake for what is about to be fired anyway.
pub(crate) const SLACK: u64 = 250_000;

/// How late the watchman wakes at most after a deadline that it watches.
///
/// To this its slack grows while all are in time. From then on, timers that their owners fire cost it
/// one wake-up in so long at most, however short [`SLACK`] is.
pub(crate) const LONGEST_SLACK: u64 = 32 * SLACK;

/// Nobody has to be told: nobody sleeps that could watch, or the watchman was told and looks anew.
const NOBODY: u64 = 0;

/// Who sleeps, and until when the timers of those that are awake are watched.
///
/// The first in the list is the watchman.
pub(crate) struct Watch {
    /// When the watchman wakes at the latest. [`NOBODY`]: nobody sleeps, or it is about to announce
    /// that anew; [`NEVER`]: somebody sleeps, and has found nothing to watch or not looked yet.
    /// Written under the lock.
    until: CachePadded<AtomicU64>,
    sleepers: Mutex<Vec<Sleeper>>,
    /// How long after a deadline the watchman wakes. Orders nothing, so not one of `sync`'s.
    slack: std::sync::atomic::AtomicU64,
}

#[derive(Clone)]
struct Sleeper {
    /// Its worker.
    index: usize,
    parker: Arc<Parker>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            until: CachePadded::new(AtomicU64::new(NOBODY)),
            sleepers: Mutex::new(Vec::new()),
            slack: std::sync::atomic::AtomicU64::new(SLACK),
        }
    }

    /// **T2**: whether the watchman has to hear of a deadline that was published and is the earliest
    /// of its worker: it would be more than [`LONGEST_SLACK`] late.
    #[inline]
    pub(crate) fn is_too_late_for(&self, deadline: u64) -> bool {
        if !mutated(Mutant::NoFenceAfterTimer) {
            // Ordering: pairs with the fence in `keep`.
            fence(Ordering::SeqCst);
        }
        deadline.saturating_add(LONGEST_SLACK) < self.until.load(Ordering::Relaxed)
    }

    /// **T3**.
    #[cold]
    pub(crate) fn wake_watchman(&self) {
        let watchman = {
            let sleepers = self.sleepers.lock();
            // Before the unpark: whoever publishes a deadline from now on is seen by the looks that
            // follow the watchman's next announcement.
            self.until.store(NOBODY, Ordering::Relaxed);
            sleepers.first().cloned()
        };
        if let Some(watchman) = watchman {
            watchman.parker.unpark();
        }
    }

    /// **T5, T6**: enters a sleeper that is about to block, if it is not in the list. If it is the
    /// watchman, this announces when it wakes, a slack after the earliest deadline of the
    /// others; [`NEVER`] for the rest.
    pub(crate) fn keep(
        &self,
        index: usize,
        parker: &Arc<Parker>,
        earliest_of_others: impl Fn() -> u64,
    ) -> u64 {
        loop {
            let earliest = earliest_of_others();
            let until = earliest.saturating_add(self.slack.load(Ordering::Relaxed));
            if !self.announce(index, parker, until) {
                return NEVER;
            }
            // Ordering: pairs with the fence in `is_too_late_for`.
            fence(Ordering::SeqCst);
            if earliest_of_others() >= earliest || mutated(Mutant::NoSecondWatch) {
                return until;
            }
        }
    }

    /// False: the sleeper is not the watchman.
    fn announce(&self, index: usize, parker: &Arc<Parker>, until: u64) -> bool {
        let mut sleepers = self.sleepers.lock();
        if !sleepers.iter().any(|sleeper| Arc::ptr_eq(&sleeper.parker, parker)) {
            sleepers.push(Sleeper { index, parker: parker.clone() });
        }
        // Not before: the watchman may have been taken off the list by another thread.
        let watches = Arc::ptr_eq(&sleepers[0].parker, parker);
        if watches {
            self.until.store(until, Ordering::Relaxed);
        }
        watches
    }

    /// Takes a sleeper off the list. If it was the watchman, the next one has to hear of it, unless
    /// there is nothing that it would have to watch.
    pub(crate) fn leave(&self, parker: &Arc<Parker>, earliest_of_others: impl Fn(usize) -> u64) {
        let successor = {
            let mut sleepers = self.sleepers.lock();
            let place = sleepers.iter().position(|sleeper| Arc::ptr_eq(&sleeper.parker, parker));
            let Some(place) = place else { return };
            sleepers.remove(place);
            if place > 0 {
                return;
            }
            let until = if sleepers.is_empty() { NOBODY } else { NEVER };
            self.until.store(until, Ordering::Relaxed);
            sleepers.first().cloned()
        };
        let Some(successor) = successor else { return };
        // Ordering: pairs with the fence in `is_too_late_for`.
        fence(Ordering::SeqCst);
        if earliest_of_others(successor.index) != NEVER && !mutated(Mutant::NoNextWatchman) {
            successor.parker.unpark();
        }
    }

    /// Whether the time has come at which the watchman has announced to wake.
    pub(crate) fn is_over(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != NOBODY && until != NEVER && until <= now()
    }

    /// The watchman woke, and all timers had been fired in time.
    pub(crate) fn was_fruitless(&self) {
        let slack = self.slack.load(Ordering::Relaxed);
        self.slack.store((slack * 2).min(LONGEST_SLACK), Ordering::Relaxed);
    }

    /// Timers were late.
    pub(crate) fn was_of_use(&self) {
        self.slack.store(SLACK, Ordering::Relaxed);
    }
}
