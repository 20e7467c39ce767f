//! Tasks that a worker lays out for thieves.
//!
//! From `spawned`, last in first out, thieves can take only task by task, and for each one the line of
//! memory with the deque's ends goes over to them and back to the owner, who pushes or pops there. That costs both
//! about as much as a small task. From a deque that is first in first out, a hundred go with one exchange. So
//! if a worker has more spawned tasks than its cache holds, a thief *asks*, and the owner lays out a *lot*: while one of
//! its tasks goes on spawning, what that spawns goes to `laid_out` at once, which costs nothing, until the lot is
//! complete or the next fairness tick comes; if there is none of that by then, a lot of its oldest tasks is moved there. Who takes a lot asks for the next one at once, for it to
//! be there in time; an owner with half as many tasks refuses. Without a flood nothing must be shared out so: what was
//! spawned just now is in the owner's cache, and to move it costs more than to run it.
//!
//! A task that spawns one in each poll, and may wait for it, keeps it: it had better be the next to run.
//!
//! They do not go to `woken`: a task that is woken would stand behind hundreds there, of which the owner
//! takes one in 93 picks while the flood lasts. Where they are they count as spawned, and the owner runs them after
//! what is in `spawned`. A thief keeps them apart from its own woken tasks, too.
//!
//! Receiver-initiated sharing is that of Acar, Charguéraud and Rainey, "Scheduling Parallel Programs by Work
//! Stealing with Private Deques" (PPoPP 2013); here the deques are not private, so an owner that does not answer
//! holds up nobody.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use super::{LocalQueue, STEAL_LIMIT, Stealers, until_settled};
use crate::sync::NAPS;
use crate::sync::deque::Stealer;
use crate::task::Runnable;
use crossbeam_utils::CachePadded;
use std::sync::Arc;
// Not `sync`'s atomics, as this one orders nothing: the tasks go through the deques.
use std::sync::atomic::{AtomicU32, Ordering};

/// From how many tasks on a queue is a flood: several megabytes of memory.
const FLOOD: usize = 16 << 10;

/// How many tasks are laid out at a time.
const LOT: usize = 256;

/// How many of them are moved at a time. crossbeam turns each such batch round; one after the other
/// they would stay in order, but it would take twice as long.
const BATCH: usize = 64;

/// Which of a thief's lots may be of woken tasks: each one of so many.
const LINE_TURN: u32 = 4;

const NOT_ASKED: u32 = 0;
const ASKED: u32 = 1;
const LAID_OUT: u32 = 2;

/// What thieves have asked of an owner.
#[derive(Clone)]
pub(super) struct Request(Arc<CachePadded<AtomicU32>>);

impl Request {
    pub(super) fn new() -> Self {
        Self(Arc::new(CachePadded::new(AtomicU32::new(NOT_ASKED))))
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ASKED
    }
}

/// Whether a worker has more than it can work off soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    /// It has not.
    None,
    /// It may be asked for some of it.
    Closed,
    /// Some of it can be taken with one exchange.
    LaidOut,
}

impl LocalQueue {
    /// Answers a thief with a task that was spawned just now, if the one that runs goes on spawning.
    #[inline(never)]
    pub(super) fn lay_out_new(&mut self, task: Runnable) {
        let goes_on = self.spawned_at == self.picks_left;
        self.spawned_at = self.picks_left;
        if !goes_on || self.laid == 0 && !self.begins_lot() {
            return self.spawned.push(task);
        }
        self.laid_out.push(task);
        self.has_laid_out.set(true);
        self.laid += 1;
        if self.laid == LOT {
            self.answer(LAID_OUT);
        }
    }

    /// Answers a thief with the oldest tasks.
    #[cold]
    pub(super) fn lay_out(&mut self) {
        if !self.begins_lot() {
            return;
        }
        let Some((_, oldest)) = self.spawned.shared() else { return };
        let move_some = || oldest.steal_batch_with_limit_and_pop(&self.laid_out, BATCH);
        for _ in 0..LOT / BATCH {
            let Some(task) = until_settled(move_some) else { break };
            self.laid_out.push(task);
        }
        self.has_laid_out.set(true);
        self.answer(LAID_OUT);
    }

    /// Whether to lay out a lot; if not, it has answered.
    fn begins_lot(&mut self) -> bool {
        // If it has not that many tasks any more, it refuses; nor is there a flood for who asks, then.
        let queued = self.spawned.shared().map_or(0, |(_, oldest)| oldest.len());
        if queued < FLOOD / 2 {
            self.answer(NOT_ASKED);
            return false;
        }
        // What thieves leave must not pile up in front of what is older. (Who asks has yet to take its lot.)
        if self.laid_out.len() >= 2 * LOT {
            self.answer(LAID_OUT);
            return false;
        }
        true
    }

    /// Gives out what it has laid out of a lot.
    pub(super) fn finish_lot(&mut self) {
        if self.laid > 0 {
            self.answer(LAID_OUT);
        }
    }

    fn answer(&mut self, answer: u32) {
        self.laid = 0;
        self.request.0.store(answer, Ordering::Relaxed);
    }

    /// The oldest of those that are laid out here.
    #[inline]
    pub(super) fn take_laid_out(&self) -> Option<Runnable> {
        if !self.has_laid_out.get() {
            return None;
        }
        let task = self.laid_out.pop();
        self.has_laid_out.set(task.is_some());
        task
    }

    /// Takes up to half of what another worker has laid out.
    ///
    /// Or of its woken tasks, if they stand in a long line: of those a flooded worker takes one in
    /// 93 picks. Such a line comes about if many of its timers fire meanwhile, or if others give it their
    /// tasks by way of the injector. As long as there are tasks laid out, it is only each
    /// [`LINE_TURN`]th time, and fewer: what has run there before, with its timer and its place in the registry,
    /// costs a thief ten times as much as what has not.
    pub(crate) fn steal_lot(&mut self, victim: &Stealers) -> Option<Runnable> {
        self.lots = self.lots.wrapping_add(1);
        let is_laid_out = victim.laid_out() > 0;
        let is_lines_turn = !is_laid_out || self.lots.is_multiple_of(LINE_TURN);
        if is_lines_turn && victim.woken.len() > STEAL_LIMIT {
            let (own, _) = self.woken.shared()?;
            let line = victim.woken.stealer()?;
            let limit = if is_laid_out { STEAL_LIMIT } else { LOT };
            return until_settled(|| line.steal_batch_with_limit_and_pop(own, limit));
        }
        // Once this one is worked off, the next is to be there.
        victim.request.0.store(ASKED, Ordering::Relaxed);
        self.has_laid_out.set(true);
        until_settled(|| victim.laid_out.steal_batch_with_limit_and_pop(&self.laid_out, LOT))
    }
}

impl Stealers {
    /// How many tasks are laid out. None in a model, where nobody asks; there it is not looked at.
    #[inline]
    pub(super) fn laid_out(&self) -> usize {
        if NAPS { self.laid_out.len() } else { 0 }
    }

    /// Where a thief takes a spawned task: what is laid out comes first, else the oldest.
    pub(super) fn oldest(&self) -> Option<&Stealer<Runnable>> {
        if self.laid_out() > 0 { Some(&self.laid_out) } else { self.spawned.stealer() }
    }

    /// What there is for a thief that wants much, of `queued` tasks in all.
    ///
    /// It does not look at the deques again unless it has to: each look takes their lines away from the owner.
    pub(crate) fn flood(&self, queued: usize) -> Flood {
        if self.request.0.load(Ordering::Relaxed) == LAID_OUT && self.laid_out() > 0 {
            return Flood::LaidOut;
        }
        if queued < FLOOD {
            return Flood::None;
        }
        match (self.woken.len(), self.spawned.len()) {
            (FLOOD.., _) => Flood::LaidOut,
            (_, FLOOD..) => Flood::Closed,
            _ => Flood::None,
        }
    }

    /// Asks the owner to lay out some of its tasks.
    pub(crate) fn ask(&self) {
        if self.request.0.load(Ordering::Relaxed) != ASKED {
            self.request.0.store(ASKED, Ordering::Relaxed);
        }
    }
}
