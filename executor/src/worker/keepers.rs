//! What running tasks ask of their worker.

use super::Core;
use crate::context;
use crate::runtime::{Backref, Handle};
use crate::task::{self, Keeper, Kept, LeftJoinSlot, PanicReporter, Runnable, Schedule, Slot};
use std::cell::Cell;
use std::task::Waker;

/// The registry's side of the tasks that one worker runs.
pub(crate) struct WorkerKeeper<'a> {
    pub(crate) handle: &'a Handle,
}

impl Keeper for WorkerKeeper<'_> {
    fn keep(&self, task: Kept) -> Slot {
        ThisWorker.keep(task)
    }

    fn forget(&self, slot: Slot) {
        let shared = self.handle.shared();
        let forgotten = context::try_with_core(|core| {
            let is_ours = core.works_for(Backref::new(shared).home());
            is_ours.then(|| core.forget(slot))
        });
        // A worker that stops has given up its core.
        if forgotten.flatten().is_none() {
            shared.workers[slot.worker as usize].registry.forget(slot.index);
        }
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        Some(self.handle.panics().clone())
    }

    fn wake_joiner(&self, waker: Waker, left: LeftJoinSlot) {
        ThisWorker.wake_joiner(waker, left);
    }
}

/// The same for a worker's loop, which runs joiners itself.
pub(super) struct LoopKeeper<'a> {
    pub(super) worker: WorkerKeeper<'a>,
    /// The joiner of the task that has just completed, and what is left of that task.
    pub(super) joiner: Cell<Option<(Runnable, LeftJoinSlot)>>,
}

impl Keeper for LoopKeeper<'_> {
    fn keep(&self, task: Kept) -> Slot {
        self.worker.keep(task)
    }

    fn forget(&self, slot: Slot) {
        self.worker.forget(slot);
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        self.worker.panic_reporter()
    }

    fn wake_joiner(&self, waker: Waker, left: LeftJoinSlot) {
        match task::wake_here(waker, Backref::new(self.worker.handle.shared()).home()) {
            Ok(joiner) => self.joiner.set(joiner.map(|joiner| (joiner, left))),
            Err(waker) => self.worker.wake_joiner(waker, left),
        }
    }
}

/// The same as [`WorkerKeeper`] for the worker of this thread, found when it is needed.
pub(super) struct ThisWorker;

impl ThisWorker {
    fn with<R>(f: impl FnOnce(&mut Core) -> R) -> R {
        context::with_core(f).expect("a worker keeps its core during a poll")
    }
}

impl Keeper for ThisWorker {
    fn keep(&self, task: Kept) -> Slot {
        Self::with(|core| core.keep(task))
    }

    fn forget(&self, slot: Slot) {
        Self::with(|core| core.forget(slot));
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        Self::with(|core| Some(core.handle.panics().clone()))
    }

    fn wake_joiner(&self, waker: Waker, left: LeftJoinSlot) {
        drop(left);
        context::wake_on_top(|| task::wake(waker));
    }
}
