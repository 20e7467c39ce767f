//! How long children may be polled inside the poll of their parent.
//!
//! A tree of joins that nobody takes a part of is one poll of its root, however large it is; and so is
//! a loop of joins, however long. Nothing else would run on this worker meanwhile: no queued task, no
//! timer, no root. So now and then a child is not polled in place but queued. Its parent waits for it as
//! for any task, hence so does the parent of that one, and the worker comes to its other duties.
//!
//! It goes by the time and not by the number of children: for each level of the tree, to leave it and to
//! come back costs about what a small child costs. That is nothing once in [`LONGEST`], and much every
//! few small children.

use super::Core;
use crate::stats::bump;
use crate::task::Runnable;
use crate::timers::{LONGEST_STRIDE, adapted};
use std::time::{Duration, Instant};

/// For how long children are polled in place, if each of them is short.
const LONGEST: Duration = Duration::from_micros(500);

/// One worker's way to tell when its other duties are due.
pub(super) struct Budget {
    /// In how many children the next look at the clock is.
    countdown: u32,
    /// How many children there are between two looks.
    stride: u32,
    looked: Instant,
    /// When the other duties had their turn for the sake of this budget.
    began: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { countdown: LONGEST_STRIDE, stride: LONGEST_STRIDE, looked: now, began: now }
    }

    /// Counts a child that is about to be polled; false: it is the others' turn.
    #[inline]
    pub(super) fn allows_another(&mut self) -> bool {
        self.countdown -= 1;
        self.countdown > 0 || self.look(Instant::now())
    }

    #[cold]
    fn look(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.looked).as_nanos();
        self.stride = adapted(self.stride, u64::try_from(elapsed).unwrap_or(u64::MAX));
        self.countdown = self.stride;
        self.looked = now;
        let is_over = now.saturating_duration_since(self.began) >= LONGEST;
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
        let task = self.take_from_top(is_meant)?;
        if self.may_stay() {
            return Some(task);
        }
        self.push_spawned(task);
        None
    }

    /// Whether another child may be polled inside the current poll before the others' turn.
    #[inline]
    fn may_stay(&mut self) -> bool {
        let may_stay = self.budget.allows_another();
        if !may_stay {
            self.queue.pick_fairly_next();
        }
        may_stay
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
    fn allowed(budget: &mut Budget, start: Instant, each: Duration) -> u32 {
        let mut now = start;
        let mut count = 0;
        loop {
            budget.countdown -= 1;
            if budget.countdown == 0 && !budget.look(now) {
                return count;
            }
            count += 1;
            now += each;
        }
    }

    fn budget() -> (Budget, Instant) {
        let budget = Budget::new();
        let start = budget.began;
        (budget, start)
    }

    #[test]
    fn many_short_children_are_allowed() {
        let (mut budget, start) = budget();
        let count = allowed(&mut budget, start, Duration::from_nanos(20));
        assert!((25_000..25_000 + LONGEST_STRIDE).contains(&count), "{count}");
    }

    #[test]
    fn of_long_children_there_is_one_in_between() {
        let (mut budget, start) = budget();
        let each = Duration::from_millis(10);
        let first = allowed(&mut budget, start, each);
        assert!(first < LONGEST_STRIDE, "how long they take is not known at first: {first}");
        let start = budget.looked + each;
        assert_eq!(allowed(&mut budget, start, each), 0);
        assert_eq!(budget.stride, 1);
    }
}
