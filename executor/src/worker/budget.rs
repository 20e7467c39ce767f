//! How long children may be polled inside the poll of their parent.
//!
//! A tree of joins that nobody takes a part of is one poll of its root, however large it is; and so is
//! a loop of joins, however long. Nothing else would run on this worker meanwhile: no queued task, no
//! timer, no root. So now and then a child is not polled in place but queued. Its parent waits for it as
//! for any task, hence so does the parent of that one, and the worker comes to its other duties.
//!
//! It goes by the time and not by the number of children: for each level of the tree, to leave it and to
//! come back costs as much as some small children, and with it a part of the tree may move to another
//! worker. That is little once in [`PATIENCE`] and nothing once in [`LONGEST`]. Who is sure to wait is a
//! task in the queue of woken ones or in the injector, a timer that is due, or the root. What lies in the
//! queue of spawned tasks may be the tree's own, and others take it from there.

use super::{Core, Worker};
use crate::stats::bump;
use crate::stride::Stride;
use crate::task::Runnable;
use crate::timers::real_time;
use filch_timers::Clock;

/// For how long children are polled in place, if each of them is short, while somebody waits; in
/// nanoseconds.
const PATIENCE: u64 = 2_000_000;

/// The same if nobody is known to wait.
const LONGEST: u64 = 8_000_000;

/// The same if nobody can wait: nothing is queued, and there is no other worker, whose timers this one might
/// have to fire. But the task that joins may have been woken or aborted meanwhile, and learns of that
/// between two polls only.
const LONGEST_ALONE: u64 = 100_000_000;

/// After how many children it looks at the clock at the latest: so many, if short ones are followed by
/// long ones, are polled before that is seen.
const LONGEST_STRIDE: u32 = 127;

/// One worker's way to tell when its other duties are due.
pub(super) struct Budget {
    /// To the next look at the clock.
    stride: Stride,
    /// When the other duties had their turn for the sake of this budget.
    began: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { stride: Stride::new(LONGEST_STRIDE, LONGEST_STRIDE), began: real_time().now() }
    }

    /// Whether a child may be polled at `now`, before the others' turn.
    fn look(&mut self, now: u64, longest: impl FnOnce() -> u64) -> bool {
        self.stride.begin(now);
        let since = now.saturating_sub(self.began);
        let is_over = since >= PATIENCE && since >= longest();
        if is_over {
            self.began = now;
        }
        !is_over
    }
}

/// When a child is to be polled that is next in its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Now,
    /// After the parent has been pending: it is the others' turn.
    Later,
    /// The runtime shuts down.
    Never,
}

impl Core {
    /// The task on top, if it is the one that is meant and may be polled inside the current poll.
    #[inline]
    pub(crate) fn take_in_place(
        &mut self,
        is_meant: impl FnOnce(&Runnable) -> bool,
    ) -> Option<Runnable> {
        if self.may_stay() { self.take_from_top(is_meant) } else { None }
    }

    /// Whether another child may be polled inside the current poll before the others' turn.
    #[inline]
    fn may_stay(&mut self) -> bool {
        self.budget.stride.passes() || self.may_go_on()
    }

    #[cold]
    fn may_go_on(&mut self) -> bool {
        let Self { handle, index, root, budget, .. } = self;
        let longest = || {
            let shared = handle.shared();
            let Worker { stealers, timers, .. } = &*shared.workers[*index];
            let somebody_waits = stealers.has_woken()
                || !shared.injector.is_empty()
                || root.as_ref().is_some_and(|root| root.is_woken())
                || timers.next() <= timers.now();
            let is_alone = stealers.is_empty() && shared.workers.len() == 1;
            match (somebody_waits, is_alone) {
                (true, _) => PATIENCE,
                (false, false) => LONGEST,
                (false, true) => LONGEST_ALONE,
            }
        };
        let may_go_on = budget.look(real_time().now(), longest);
        if !may_go_on {
            self.queue.pick_fairly_next();
        }
        may_go_on
    }

    /// Begins a poll inside the current one.
    #[inline]
    pub(crate) fn begin_in_place(&mut self) -> Begin {
        let shared = self.handle.shared();
        bump(&shared.workers[self.index].stats.polls, 1);
        if shared.is_closed() {
            Begin::Never
        } else if self.may_stay() {
            Begin::Now
        } else {
            Begin::Later
        }
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    /// How many children were allowed, one after the other, each of which takes so long.
    fn allowed(budget: &mut Budget, start: u64, each: u64, longest: u64) -> u32 {
        let mut now = start;
        let mut count = 0;
        loop {
            if !budget.stride.passes() && !budget.look(now, || longest) {
                return count;
            }
            count += 1;
            now += each;
        }
    }

    fn budget() -> (Budget, u64) {
        let budget = Budget::new();
        let start = budget.began;
        (budget, start)
    }

    #[test]
    fn many_short_children_are_allowed() {
        for (longest, expected) in [(PATIENCE, 100_000), (LONGEST, 400_000)] {
            let (mut budget, start) = budget();
            let count = allowed(&mut budget, start, 20, longest);
            assert!((expected..expected + LONGEST_STRIDE).contains(&count), "{count}");
        }
    }

    #[test]
    fn of_long_children_there_is_one_in_between() {
        let (mut budget, start) = budget();
        let each = 10_000_000;
        let first = allowed(&mut budget, start, each, LONGEST);
        assert!(first < LONGEST_STRIDE, "how long they take is not known at first: {first}");
        let next = start + u64::from(first + 1) * each;
        assert_eq!(allowed(&mut budget, next, each, LONGEST), 0);
        assert!(!budget.stride.passes(), "the clock is read before each");
    }
}
