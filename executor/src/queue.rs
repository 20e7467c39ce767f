//! The queues between a spawn or a wake and the worker.
//!
//! A worker has three deques, all open to thieves ([or not](deque), if it is the only one):
//!
//! * `spawned`, last in first out: what its tasks spawn, the joiners of tasks that completed, and
//!   now and then a successor. Running a tree of tasks depth first keeps its live part as small as
//!   one path; first come first served would unfold the whole tree before it finishes a leaf (and
//!   cost gigabytes).
//! * `woken`, first in first out: what its tasks wake, yields, and what comes from outside.
//! * `laid_out`, first in first out, and empty but in a flood: some of the spawned ones, of a worker that is
//!   flooded with them, and what thieves took of those ([`lots`]).
//!
//! A **successor** is the first task that a running one wakes, if nothing is in `spawned`. It goes there, so it
//! is the next to run, although others may have been woken before; only what the running one goes on to
//! spawn, and its joiner, come first. It finds in the cache what it was woken for, and what the two
//! exchange piles up to larger portions. (Sixteen tasks at one channel of a hundred places exchange
//! forty messages in a poll, and eight if all of them take turns.) After [`LONGEST_STREAK`] successors
//! in a row it is the turn of the others. If there are no others it goes to `woken`, out of which a last
//! task is taken with one barrier less.
//!
//! While there are spawned tasks, a woken one goes first only now and then; how often depends on whether such
//! tasks end then ([`turns`]).
//!
//! Depth first starves whoever waits at the bottom or in the other deque, so every
//! [`FAIRNESS_INTERVAL`]th pick is made from the far ends, in turn: the oldest woken, the injector,
//! the oldest spawned (if none is, the injector again).
//!
//! Tasks from threads that are not workers enter through the one [`Injector`].

mod deque;
mod lots;
#[cfg(all(test, not(filch_loom)))]
mod tests;
mod turns;

pub(crate) use lots::Flood;

use crate::sync::deque::{Injector, Steal, Stealer, Worker};
use crate::task::Runnable;
use crate::unwind;
use deque::{Deque, Order, Visible};
use lots::Request;
use std::cell::Cell;
use turns::Turns;

/// Every how many picks a worker looks at the far ends of its queues and at the injector.
///
/// A task that is runnable on a worker waits at most `3 * FAIRNESS_INTERVAL * (n + 1)` polls of
/// that worker, where `n` is the number of tasks that were ahead of it in its queue. A task from
/// outside may wait so twice: with what was ahead of it in the injector, and then, since a worker
/// takes several at a time, with what that worker had been woken for. Where a flood of spawned tasks is laid
/// out for thieves, what lies there and what does not have their turns by turns: a spawned task may wait twice as
/// long, and some six hundred younger ones may be ahead of it, too (what is left of two lots, and a batch).
///
/// The children that joins poll inside of a poll are a part of it. While something is queued, or if there
/// are other workers, they make it 2 ms longer (8 ms if nobody is seen to wait), or as long as some
/// children; then the next pick is made from the far ends.
pub(crate) const FAIRNESS_INTERVAL: u32 = 31;

/// How many successors run in a row while others wait that were woken before them.
///
/// Tokio does so with its LIFO slot, and as often. Here thieves can take it, too.
const LONGEST_STREAK: u32 = 3;

/// How many tasks a thief takes at most at a time.
const STEAL_LIMIT: usize = 32;

/// The owner's side of a worker's deques.
pub(crate) struct LocalQueue {
    spawned: Deque,
    woken: Deque,
    laid_out: Worker<Runnable>,
    /// Whether there may be something in `laid_out`: cheaper than a look at that.
    has_laid_out: Cell<bool>,
    /// How many times it wanted a lot of another's.
    lots: u32,
    request: Request,
    /// How many tasks it has laid out of the lot that it was asked for, as they were spawned.
    laid: usize,
    /// What `picks_left` was at the last spawn since it was asked; else more than it is.
    spawned_at: u32,
    /// How many picks there are before the next from the far ends.
    picks_left: u32,
    /// How many of those there were.
    rounds: u32,
    /// What `picks_left` was when a task of this round last woke another; else more than it is.
    woke_at: u32,
    /// How many successors went on top since a pick found nothing in `spawned`.
    streak: u32,
    turns: Turns,
}

/// The thieves' side.
pub(crate) struct Stealers {
    spawned: Visible,
    woken: Visible,
    laid_out: Stealer<Runnable>,
    request: Request,
}

impl LocalQueue {
    /// `is_alone`: there will be no thieves.
    pub(crate) fn new(is_alone: bool) -> (Self, Stealers) {
        let deque = if is_alone { Deque::ordinary } else { Deque::stealing };
        let (spawned, spawned_seen) = deque(Order::NewestFirst);
        let (woken, woken_seen) = deque(Order::OldestFirst);
        let (laid_out, request) = (Worker::new_fifo(), Request::new());
        let stealers = Stealers {
            spawned: spawned_seen,
            woken: woken_seen,
            laid_out: laid_out.stealer(),
            request: request.clone(),
        };
        let queue = Self {
            spawned,
            woken,
            laid_out,
            has_laid_out: Cell::new(false),
            lots: 0,
            request,
            laid: 0,
            spawned_at: FAIRNESS_INTERVAL,
            picks_left: FAIRNESS_INTERVAL - 1,
            rounds: 0,
            woke_at: FAIRNESS_INTERVAL,
            streak: 0,
            turns: Turns::new(),
        };
        (queue, stealers)
    }

    /// Puts a task on top: it is the next to run.
    #[inline]
    pub(crate) fn push_spawned(&mut self, task: Runnable) {
        unwind::never(|| self.spawned.push(task));
    }

    /// Puts a task on top that was spawned just now, unless a thief has asked for some.
    #[inline]
    pub(crate) fn push_new(&mut self, task: Runnable) {
        unwind::never(|| match self.request.is_open() {
            true => self.lay_out_new(task),
            false => self.spawned.push(task),
        });
    }

    /// Puts a task behind the others.
    #[inline]
    pub(crate) fn push_woken(&mut self, task: Runnable) {
        unwind::never(|| self.woken.push(task));
    }

    /// Puts a task that the running one has woken on top, if it is its successor, else behind the
    /// others.
    #[inline]
    pub(crate) fn push_successor(&mut self, task: Runnable) {
        let is_first = self.woke_at != self.picks_left;
        self.woke_at = self.picks_left;
        if is_first
            && self.streak < LONGEST_STREAK
            && !self.woken.is_empty()
            && self.spawned.is_empty()
        {
            self.streak += 1;
            return self.push_spawned(task);
        }
        self.push_woken(task);
    }

    /// The task on top.
    #[inline]
    pub(crate) fn take_spawned(&mut self) -> Option<Runnable> {
        unwind::never(|| self.spawned.pop())
    }

    /// The next task to run.
    #[inline]
    pub(crate) fn pick(&mut self, injector: &Injector<Runnable>) -> Option<Runnable> {
        if self.picks_fairly_next() {
            return self.pick_fairly(injector);
        }
        self.picks_left -= 1;
        self.pick_next()
    }

    #[inline]
    fn pick_next(&mut self) -> Option<Runnable> {
        if self.turns.is_due() { self.pick_in_turn() } else { self.pick_spawned() }
    }

    /// The next task to run: a woken one, if it is on trial.
    #[inline(never)]
    fn pick_in_turn(&mut self) -> Option<Runnable> {
        if self.turns.begin()
            && !self.spawned.is_empty()
            && let Some(task) = self.woken.pop()
        {
            self.turns.begin_trial();
            return Some(task);
        }
        self.pick_spawned()
    }

    /// The next task to run, a spawned one if there is any. No turn is due.
    #[inline]
    fn pick_spawned(&mut self) -> Option<Runnable> {
        if let Some(task) = self.spawned.pop() {
            self.turns.count_pick();
            return Some(task);
        }
        self.streak = 0;
        self.take_laid_out().or_else(|| self.woken.pop())
    }

    /// A task that was pending once has ended here.
    #[inline]
    pub(crate) fn note_end(&mut self) {
        self.turns.note_end();
    }

    /// Counts a task as picked that was in no queue. Not if the next pick [looks at the far
    /// ends](Self::picks_fairly_next).
    #[inline]
    pub(crate) fn count_pick(&mut self) {
        self.picks_left -= 1;
    }

    /// How many picks looked at the far ends: a clock that costs nothing.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Whether the next pick looks there.
    #[inline]
    pub(crate) fn picks_fairly_next(&self) -> bool {
        self.picks_left == 0
    }

    /// Has the next pick look there.
    pub(crate) fn pick_fairly_next(&mut self) {
        self.picks_left = 0;
    }

    /// Counts a pick that looked there, whether it did or not.
    pub(crate) fn begin_round(&mut self) {
        self.finish_lot();
        self.picks_left = FAIRNESS_INTERVAL - 1;
        self.woke_at = FAIRNESS_INTERVAL;
        self.spawned_at = FAIRNESS_INTERVAL;
        self.rounds = self.rounds.wrapping_add(1);
    }

    /// A task that has waited long, if there is one.
    #[cold]
    fn pick_fairly(&mut self, injector: &Injector<Runnable>) -> Option<Runnable> {
        self.begin_round();
        self.turns.judge();
        if self.request.is_open() {
            self.lay_out();
        }
        self.spawned.shrink();
        self.woken.shrink();
        let task = match self.rounds % 3 {
            0 => self.woken.pop(),
            1 => self.take_injected(injector),
            _ => self.take_old_spawned().or_else(|| self.take_injected(injector)),
        };
        task.or_else(|| self.pick_next())
    }

    /// One of the oldest spawned tasks: by turns of those that are laid out, and of the others.
    fn take_old_spawned(&mut self) -> Option<Runnable> {
        match self.rounds.is_multiple_of(2) {
            true => self.take_laid_out().or_else(|| self.spawned.pop_oldest()),
            false => self.spawned.pop_oldest().or_else(|| self.take_laid_out()),
        }
    }

    /// Takes a batch from the injector, and one of them to run.
    pub(crate) fn take_injected(&mut self, injector: &Injector<Runnable>) -> Option<Runnable> {
        if injector.is_empty() { None } else { self.woken.take_from(injector) }
    }

    /// Takes work from another worker: one spawned task, which may be the root of a tree, or up to
    /// half of its woken ones. `many`: up to half of the spawned ones, too.
    pub(crate) fn steal_from(&self, victim: &Stealers, many: bool) -> Option<Runnable> {
        let (woken, _) = self.woken.shared()?;
        let oldest = victim.oldest()?;
        let steal = || match many {
            true => oldest.steal_batch_with_limit_and_pop(woken, STEAL_LIMIT),
            false => oldest.steal(),
        };
        if !oldest.is_empty()
            && let Some(task) = until_settled(steal)
        {
            return Some(task);
        }
        let oldest_woken = victim.woken.stealer().filter(|oldest| !oldest.is_empty())?;
        until_settled(|| oldest_woken.steal_batch_with_limit_and_pop(woken, STEAL_LIMIT))
    }

    /// Any task, for a worker that drops them all.
    pub(crate) fn drain(&mut self) -> Option<Runnable> {
        self.spawned.pop().or_else(|| self.take_laid_out()).or_else(|| self.woken.pop())
    }
}

impl Stealers {
    /// How many tasks are queued.
    pub(crate) fn len(&self) -> usize {
        self.spawned.len() + self.laid_out() + self.woken.len()
    }

    /// Whether there are tasks that were woken, or came from the injector.
    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spawned.is_empty() && self.woken.is_empty() && self.laid_out() == 0
    }

    /// Any task, for a worker that drops them all. None of an only worker's, which does that itself.
    pub(crate) fn drain(&self) -> Option<Runnable> {
        let steal = |from: &Stealer<Runnable>| until_settled(|| from.steal());
        let laid_out = if self.laid_out() > 0 { steal(&self.laid_out) } else { None };
        let mut both = [&self.spawned, &self.woken].into_iter().filter_map(Visible::stealer);
        laid_out.or_else(|| both.find_map(steal))
    }
}

/// Tries again as long as the attempt collided with somebody else's.
///
/// `Retry` means that another thread made progress, except in one case: an injector's pusher that
/// was suspended between claiming its place and filling it makes thieves wait in crossbeam's own
/// loop, which yields to the system.
pub(crate) fn until_settled(mut attempt: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => crate::sync::thread::yield_retry(),
        }
    }
}
