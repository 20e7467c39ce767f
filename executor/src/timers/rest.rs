//! Going to sleep with timers: until when, and who watches those of the others.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use super::{SLACK, Ticker};
use crate::context;
use crate::idle::{Rest, Seat};
use crate::runtime::Shared;
use crate::sync::{Arc, Mutant, mutated};
use crate::worker::Core;
use filch_timers::{Clock, NEVER};

impl Shared {
    /// Whether a worker that has announced itself parked may block, and until when.
    ///
    /// Asked again each time that its thread wakes and is still parked.
    pub(crate) fn rest(&self, seat: &Arc<Seat<Box<Core>>>) -> Rest {
        if self.is_closed() {
            return Rest::Over;
        }
        self.judge_watch(seat.index);
        let Some(wake_up) = self.settle(seat) else { return Rest::Over };
        let source = self.source();
        if source.is_virtual() {
            if !mutated(Mutant::NoVirtualAdvance) {
                context::without_core(self, || self.advance_if_idle());
            }
            return Rest::Until(None);
        }
        if wake_up != NEVER && wake_up <= source.now() {
            return Rest::Over;
        }
        Rest::Until(source.wake_up(wake_up))
    }

    /// **T4–T6**: has the thread at `seat` told of timers, and gives the time until which it may
    /// sleep. `None`: its worker was notified, or another thread works in its place.
    ///
    /// That one has to be told of the worker's timers then; and as the watchman, who leaves out the
    /// timers of its own place, a thread relies on nobody being at work there. Hence the lock: who
    /// takes the place comes after all this, and takes the thread off the watch.
    fn settle(&self, seat: &Arc<Seat<Box<Core>>>) -> Option<u64> {
        self.idle.while_parked(seat, || {
            let own = self.workers[seat.index].timers.rest_on(&seat.parker);
            if self.workers.len() == 1 || self.source().is_virtual() {
                return own;
            }
            let others = || self.earliest_except(seat.index);
            own.min(self.watch().keep(seat.index, &seat.parker, others))
        })
    }

    /// Notes whether it was in vain that the watchman woke.
    fn judge_watch(&self, index: usize) {
        let is_late = || self.is_late(self.earliest_except(index));
        if self.watch().is_over(|| self.source().now()) && !is_late() {
            self.watch().was_fruitless();
        }
    }

    /// Whether a worker should have fired what was due then.
    fn is_late(&self, deadline: u64) -> bool {
        deadline != NEVER && deadline.saturating_add(SLACK) <= self.source().now()
    }

    /// The earliest of the deadlines that all workers but one have published.
    fn earliest_except(&self, index: usize) -> u64 {
        let others = self.workers.iter().enumerate().filter(|&(other, _)| other != index);
        others.map(|(_, worker)| worker.timers.next()).min().unwrap_or(NEVER)
    }

    /// A thread that was asleep is awake: if it was the watchman, the next one takes over.
    ///
    /// The thread has fired its own due timers before, so as not to have them watched.
    pub(crate) fn leave_watch<C>(&self, seat: &Seat<C>) {
        if self.workers.len() > 1 {
            self.watch().leave(&seat.parker, |successor| self.earliest_except(successor));
        }
    }

    /// Sees to it that a thread that blocks without having asked for a [`rest`](Self::rest) wakes
    /// up if there are timers: its worker was given to it while it slept.
    pub(crate) fn lay_to_rest(&self, seat: &Arc<Seat<Box<Core>>>) {
        // Else it is awake, or who has its core looks after the timers.
        let Some(wake_up) = self.settle(seat) else { return };
        if self.source().is_virtual() {
            return context::without_core(self, || self.advance_if_idle());
        }
        if wake_up != NEVER {
            seat.parker.unpark();
        }
    }

    /// Fires the timers of workers that are too late with them. True: there were some.
    pub(crate) fn rescue(&self, rescuer: usize, ticker: &mut Ticker) -> bool {
        if self.source().is_virtual() || !self.is_late(self.earliest_except(rescuer)) {
            return false;
        }
        let now = self.source().now();
        let mut found = false;
        for (index, worker) in self.workers.iter().enumerate() {
            if index != rescuer && worker.timers.next().saturating_add(SLACK) <= now {
                // If the lock is taken, somebody is at it already.
                found |= worker.timers.try_fire(now, ticker.due()).is_some();
            }
        }
        if found {
            self.watch().was_of_use();
        }
        found
    }
}
