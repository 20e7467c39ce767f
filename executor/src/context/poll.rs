//! What this thread knows about the poll that it is in.

use crate::runtime::Handle;
use crate::sync::local;
use crate::task::{Drawn, RESERVE, Runnable};
use crate::worker::Core;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;

/// What the current poll is about.
pub(super) struct Run {
    /// The worker's core, while this thread has it. Never dropped: who works gives it up.
    pub(super) core: ManuallyDrop<RefCell<Option<Box<Core>>>>,
    /// The address of the task that is being polled; 0: none.
    pub(super) task: Cell<usize>,
    /// Whether the task woke itself since its poll began.
    pub(super) woke_itself: Cell<bool>,
    /// How many references to the task were drawn from its reserve since its poll began.
    pub(super) drawn: Cell<Drawn>,
    /// How many handles were entered by users since the poll (or the work of this thread) began.
    pub(super) overrides: Cell<usize>,
    /// Where tasks go that are woken just now.
    pub(super) woken: Cell<Place>,
    /// The address of the complete task whose join slot is lent to its handle; 0: none.
    pub(super) join_slot: Cell<usize>,
    /// How many tasks are being run inside each other's polls.
    pub(super) depth: Cell<usize>,
    /// The address of the runtime that waits for this thread although it has no core; 0: none.
    pub(super) awaited_by: Cell<usize>,
    /// How many tasks are being cancelled inside each other's destructors, and which wait for that;
    /// see [`cancel_in_turn`](super::cancel_in_turn).
    pub(super) refusals: Cell<usize>,
    pub(super) refused: ManuallyDrop<RefCell<Vec<(Handle, Runnable)>>>,
}

/// Where a woken task goes.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Behind the others, but for the first that a task wakes.
    Behind,
    /// On top of the queue.
    OnTop,
}

local! {
    pub(super) static RUN: Run = Run {
        core: ManuallyDrop::new(RefCell::new(None)),
        task: Cell::new(0),
        woke_itself: Cell::new(false),
        drawn: Cell::new(0),
        overrides: Cell::new(0),
        woken: Cell::new(Place::Behind),
        join_slot: Cell::new(0),
        depth: Cell::new(0),
        awaited_by: Cell::new(0),
        refusals: Cell::new(0),
        refused: ManuallyDrop::new(RefCell::new(Vec::new())),
    };
}

/// The time in which a task is being polled on this thread.
pub(crate) struct TaskScope {
    outer_task: usize,
    outer_woke_itself: bool,
    outer_drawn: Drawn,
    outer_overrides: usize,
}

/// Marks the task at `address` as the one being polled.
#[inline]
pub(crate) fn enter_task(address: NonZeroUsize) -> TaskScope {
    RUN.with(|run| TaskScope {
        outer_task: run.task.replace(address.get()),
        outer_woke_itself: run.woke_itself.replace(false),
        outer_drawn: run.drawn.replace(0),
        // What a root has entered on this thread is not its tasks' business.
        outer_overrides: run.overrides.replace(0),
    })
}

/// What a task did to itself while it was polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Polled {
    pub(crate) woke_itself: bool,
    /// How many references it drew from its reserve.
    pub(crate) drawn: Drawn,
}

impl TaskScope {
    /// Ends the scope and tells what the task did in it.
    #[inline]
    pub(crate) fn leave(self) -> Polled {
        RUN.with(|run| {
            run.task.set(self.outer_task);
            run.overrides.set(self.outer_overrides);
            Polled {
                woke_itself: run.woke_itself.replace(self.outer_woke_itself),
                drawn: run.drawn.replace(self.outer_drawn),
            }
        })
    }
}

/// Notes a wake of the task that is being polled right here; false: it is another task.
///
/// Such a wake needs no atomic operation: it happens before the next poll by program order, and
/// the queue carries that to another worker.
#[inline]
pub(crate) fn wakes_itself(address: NonZeroUsize) -> bool {
    let itself = RUN.try_with(|run| {
        let itself = run.task.get() == address.get();
        if itself {
            run.woke_itself.set(true);
        }
        itself
    });
    itself.unwrap_or(false)
}

/// Takes a reference to the task out of its reserve; false: the task is not the one that is being
/// polled right here, or its reserve is empty.
#[inline]
pub(crate) fn draws_reference(address: NonZeroUsize) -> bool {
    let drawn = RUN.try_with(|run| {
        let draws = run.task.get() == address.get() && run.drawn.get() < RESERVE;
        if draws {
            run.drawn.set(run.drawn.get() + 1);
        }
        draws
    });
    drawn.unwrap_or(false)
}

/// Puts a reference to the task back into its reserve; false: the task is not the one that is being
/// polled right here, or its reserve is twice as large as it should be.
#[inline]
pub(crate) fn returns_reference(address: NonZeroUsize) -> bool {
    let returned = RUN.try_with(|run| {
        let returns = run.task.get() == address.get() && run.drawn.get() > -RESERVE;
        if returns {
            run.drawn.set(run.drawn.get() - 1);
        }
        returns
    });
    returned.unwrap_or(false)
}

/// Lends the right to the join slot of the complete task at `address` to its handle, if that is
/// given up on this thread.
#[inline]
pub(crate) fn lend_join_slot(address: NonZeroUsize) {
    RUN.with(|run| run.join_slot.set(address.get()));
}

/// Takes over the right that was lent; false: it is not that of this task, or somebody has it.
#[inline]
pub(crate) fn takes_join_slot(address: NonZeroUsize) -> bool {
    let taken = RUN.try_with(|run| {
        let takes = run.join_slot.get() == address.get();
        if takes {
            run.join_slot.set(0);
        }
        takes
    });
    taken.unwrap_or(false)
}

/// Ends the lending; true: the right is still there.
#[inline]
pub(crate) fn is_join_slot_left() -> bool {
    RUN.with(|run| run.join_slot.replace(0)) != 0
}

/// Whether less than `deepest` children are being run inside each other's polls.
#[inline]
pub(crate) fn may_nest(deepest: usize) -> bool {
    RUN.with(|run| run.depth.get()) < deepest
}

/// Runs `poll`, which is that of a child inside its parent's, and does not unwind.
#[inline]
pub(crate) fn nested<R>(poll: impl FnOnce() -> R) -> R {
    let depth = RUN.with(|run| run.depth.replace(run.depth.get() + 1));
    let result = poll();
    RUN.with(|run| run.depth.set(depth));
    result
}
