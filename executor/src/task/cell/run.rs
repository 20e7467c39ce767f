//! The run of a task: polls, and its end.

use super::super::panic::{Caught, Payload};
use super::super::state::{Complete, Drawn, Pend};
use super::super::{Keeper, PanicReporter};
use super::handle::{LeftJoinSlot, take_join_waker};
use super::reference::{Kept, raw_waker};
use super::{Header, Slot, free, header};
use crate::context::{self, Polled};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{Context, Waker};

/// The right to run a task once.
///
/// Dropping it instead cancels the task, so that no queue that is dropped loses one.
pub(crate) struct Runnable(pub(super) NonNull<Header>);

// SAFETY: the future and its output are `Send` (see `allocate`), the rest is made for sharing.
unsafe impl Send for Runnable {}

/// What became of a task that was run.
#[must_use]
pub(crate) enum Ran {
    /// It is over.
    Complete,
    /// It is idle until somebody wakes it.
    Idle,
    /// It was woken during the poll, and wants to be queued behind the others.
    Woken(Runnable),
}

impl Runnable {
    /// Polls the task, or drops its future if it was cancelled.
    #[inline]
    pub(crate) fn run(self, keeper: &impl Keeper) -> Ran {
        let task = ManuallyDrop::new(self).0;
        // SAFETY: the right to run keeps the task valid until it is complete.
        let header = unsafe { header(task) };
        if header.state.start_run().is_cancelled() {
            // SAFETY: this is the run, and the task is not complete, so the future is there.
            let outcome = unsafe { (header.vtable.cancel)(task, keeper) };
            complete(task, outcome, 0, keeper);
            return Ran::Complete;
        }
        // SAFETY: `RawWaker`'s contract is kept by the functions of `WAKER`; the waker is not
        // dropped, so it may borrow the run's right instead of counting a reference.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(task)) });
        let scope = context::enter_task(task.addr());
        // SAFETY: this is the run, and the task is not complete, so the future is there.
        let poll = unsafe { (header.vtable.poll)(task, &mut Context::from_waker(&waker), keeper) };
        let Polled { woke_itself, drawn } = scope.leave();
        if poll.is_ready() {
            complete(task, true, drawn, keeper);
            return Ran::Complete;
        }
        if woke_itself || header.state.is_woken_again() {
            header.state.settle(drawn);
            return Ran::Woken(Self(task));
        }
        header.slot.with_mut(|slot| {
            // SAFETY: the registry slot is the run's (rule 5).
            let slot = unsafe { &mut *slot };
            if *slot == Slot::NONE {
                *slot = keeper.keep(Kept(task));
                debug_assert_ne!(*slot, Slot::NONE, "a keeper that does not keep");
            }
        });
        match header.state.pend(drawn) {
            Pend::Idle => Ran::Idle,
            Pend::Reschedule => Ran::Woken(Self(task)),
        }
    }

    /// Drops the task's future instead of polling it.
    pub(crate) fn cancel(self, keeper: &impl Keeper) {
        // SAFETY: the right to run keeps the task valid.
        unsafe { header(self.0) }.state.cancel_owned();
        let ran = self.run(keeper);
        debug_assert!(matches!(ran, Ran::Complete), "a cancelled task was polled");
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        /// Stands in for a scheduler that never knew the task.
        struct Nobody;
        impl Keeper for Nobody {
            fn keep(&self, _: Kept) -> Slot {
                unreachable!("a cancelled task does not become idle")
            }
            fn forget(&self, _: Slot) {
                unreachable!("the registry does not know the task")
            }
            fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
                None
            }
        }
        // SAFETY: the right to run keeps the task valid.
        let header = unsafe { header(self.0) };
        // SAFETY: the registry slot is the run's (rule 5).
        let kept = header.slot.with(|slot| unsafe { *slot } != Slot::NONE);
        // A task that the registry knows has to be run to be forgotten there; every scheduler
        // drains its queues before it goes. Leaking it would be wrong, freeing it unsound.
        debug_assert!(!kept, "a registered task was dropped from a queue");
        if !kept {
            Self(self.0).cancel(&Nobody);
        }
    }
}

/// Completes a task whose future is gone; `outcome` says whether the stage holds something, `drawn`
/// what the run took from the reserve of references.
fn complete(task: NonNull<Header>, outcome: bool, drawn: Drawn, keeper: &dyn Keeper) {
    // SAFETY: the run's right lasts until `State::complete` or `complete_unjoined` says otherwise.
    let header = unsafe { header(task) };
    header.slot.with(|slot| {
        // SAFETY: the registry slot is the run's (rule 5).
        let slot = unsafe { *slot };
        if slot != Slot::NONE {
            keeper.forget(slot);
        }
    });
    match header.state.complete(outcome, drawn) {
        Complete::Done => {}
        Complete::WakeJoiner => {
            // SAFETY: the bit was set when the task completed: slot and waker are ours (rule 4).
            let waker = unsafe { take_join_waker(header) };
            keeper.wake_joiner(waker, LeftJoinSlot(task));
        }
        Complete::NobodyJoins => {
            if outcome {
                // SAFETY: the run still owns the stage, and the outcome is there.
                let dropped = unsafe { (header.vtable.drop_outcome)(task) };
                if let Err(payload) = dropped {
                    nobody_collects(payload, keeper);
                }
            }
            if header.state.complete_unjoined(drawn) {
                // SAFETY: `State` says that nobody else is left; the stage is empty.
                unsafe { free(task) };
            }
        }
    }
}

/// Reports a panic that will never be the outcome of a task.
pub(super) fn nobody_collects(payload: Payload, keeper: &dyn Keeper) {
    drop(Caught::new(payload, keeper.panic_reporter()));
}
