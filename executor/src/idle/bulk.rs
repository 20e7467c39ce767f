//! **B1–B4**: pushes without a barrier each; see `idle.md`.

use super::{Counts, Idle, Seat};
use crate::share::NAP;
use crate::sync::atomic::Ordering;
use crate::sync::{Mutant, mutated};
use std::time::{Duration, Instant};

/// One worker is about to push many tasks, or does.
pub(super) const BULK_ONE: u64 = 1 << 33;

impl Counts {
    pub(super) fn in_bulk(self) -> bool {
        self.0 >= BULK_ONE
    }

    /// **S5** on behalf of a thread that sleeps already, for good.
    pub(super) fn unpark_in_bulk<C>(self, seat: &Seat<C>) {
        if self.in_bulk() {
            seat.parker.unpark();
        }
    }
}

impl<C> Idle<C> {
    /// **B1**: a worker begins to push many tasks into its own queue.
    pub(crate) fn begin_bulk(&self) {
        self.word.fetch_add(BULK_ONE, Ordering::AcqRel);
    }

    /// **B3** for a task that a worker made visible in its own queue, between B1 and B4.
    #[inline]
    pub(crate) fn notify_in_bulk(&self) {
        // Ordering: Relaxed. This worker's own read-modify-write, B1, makes all that came before it
        // in the word's order visible; who parks after it looks again.
        if self.counts().wants_a_searcher() {
            self.wake_one();
        }
    }

    /// **B4**.
    pub(crate) fn end_bulk(&self) {
        self.word.fetch_sub(BULK_ONE, Ordering::AcqRel);
        if !mutated(Mutant::NoNotifyAfterBulk) {
            self.notify_local();
        }
    }

    /// Whether who parks now has to look at the queues again, by himself, after a moment.
    pub(super) fn must_look_again(&self) -> bool {
        self.counts().in_bulk() && !mutated(Mutant::NoLookInBulk)
    }
}

/// When a worker that parks while others push in bulk looks at the queues again: soon, and then less
/// and less often.
pub(super) struct Looks(Duration);

impl Looks {
    pub(super) fn new() -> Self {
        Self(NAP)
    }

    /// The next look, or the deadline if that comes first.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Option<Instant> {
        let look = Instant::now() + self.0;
        // Past a minute it is all the same.
        self.0 = (self.0 * 2).min(Duration::from_secs(60));
        Some(deadline.map_or(look, |deadline| deadline.min(look)))
    }
}
