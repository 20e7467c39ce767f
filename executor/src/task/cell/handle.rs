//! The handle's side of a task: its output, and the join slot.

use super::super::panic::{discard_payload, drop_waker};
use super::super::state::{Detach, JoinSlot, Snapshot};
use super::reference::{TaskRef, add_ref, cancel};
use super::{Header, Outcome, Runnable, free, header};
use crate::context;
use crate::sync::{Mutant, mutated};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::task::{Context, Waker};

/// The right to the join slot of a complete task, of which nothing is left but that the task is not
/// freed before the right is given up.
///
/// If the joiner runs at once, on the same thread, its handle takes over this right and gives up both
/// in one step; see [`lend`](Self::lend).
pub(crate) struct LeftJoinSlot(pub(super) NonNull<Header>);

impl LeftJoinSlot {
    /// Lends it until the guard is dropped: to be called before the joiner runs on this thread.
    #[inline]
    pub(crate) fn lend(self) -> LentJoinSlot {
        context::lend_join_slot(self.0.addr());
        LentJoinSlot(Some(self))
    }
}

/// The time in which a task's handle may take over the right to the join slot, if that is given up on
/// this thread.
pub(crate) struct LentJoinSlot(Option<LeftJoinSlot>);

impl Drop for LentJoinSlot {
    #[inline]
    fn drop(&mut self) {
        let right = self.0.take();
        if !context::is_join_slot_left() {
            // The handle had it, and the task may be gone.
            mem::forget(right);
        }
    }
}

impl Drop for LeftJoinSlot {
    fn drop(&mut self) {
        // SAFETY: this right keeps the task valid.
        if unsafe { header(self.0) }.state.release_join_slot() {
            // SAFETY: `State` says that nobody else is left. The handle has emptied the stage.
            unsafe { free(self.0) };
        }
    }
}

/// Gives up the handle's right to a complete task whose output is gone, and with it the right to the
/// join slot, if that is this thread's to give up. True: the caller has to free the task.
///
/// # Safety
///
/// The caller has that right. It may touch the task afterwards only to free it.
// Not by reference: an argument would have to be valid until the end, when the task may be gone.
#[inline]
unsafe fn release_join(task: NonNull<Header>) -> bool {
    // SAFETY: the caller's right keeps the task valid until it is given up, in the last step.
    let header = unsafe { header(task) };
    // The bit stays until the right is given up.
    let takes = || context::takes_join_slot(task.addr()) || mutated(Mutant::JoinSlotTakenTwice);
    if header.state.load().has_join_waker() && takes() {
        header.state.release_join_and_slot()
    } else {
        header.state.release_join()
    }
}

/// Moves the waker out of the join slot.
///
/// # Safety
///
/// The slot holds a waker that is the caller's (rule 4), and nobody takes it a second time.
pub(super) unsafe fn take_join_waker(header: &Header) -> Waker {
    header.join_waker.with(|slot| {
        // SAFETY: the slot was written, and nobody but the caller may write it now.
        let slot = unsafe { &*slot };
        // SAFETY: there is a waker in it, which by contract is not taken again.
        unsafe { slot.assume_init_read() }
    })
}

/// The right to a task's outcome: what a `JoinHandle` is made of.
pub(crate) struct JoinOwner<T> {
    pub(super) task: NonNull<Header>,
    pub(super) output: PhantomData<T>,
}

// SAFETY: only the output goes from thread to thread by way of the handle, and it is `Send`.
unsafe impl<T: Send> Send for JoinOwner<T> {}
// SAFETY: a shared handle gives no access to the output.
unsafe impl<T: Send> Sync for JoinOwner<T> {}

impl<T> JoinOwner<T> {
    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the handle's right keeps the task valid (rule 1).
        unsafe { header(self.task) }
    }

    #[inline]
    pub(in crate::task) fn is_of(&self, task: &Runnable) -> bool {
        self.task == task.0
    }

    pub(in crate::task) fn is_finished(&self) -> bool {
        self.state().is_complete()
    }

    pub(in crate::task) fn state(&self) -> Snapshot {
        self.header().state.load()
    }

    pub(in crate::task) fn abort(&self) {
        cancel(self.task, self.header());
    }

    pub(in crate::task) fn task_ref(&self) -> TaskRef {
        add_ref(self.task, self.header());
        TaskRef(self.task)
    }

    /// Whether the task is complete; if not, `cx` will be woken when it is.
    #[inline]
    pub(in crate::task) fn poll_complete(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.state();
        if now.is_complete() {
            return true;
        }
        self.register(now, cx)
    }

    fn register(&mut self, now: Snapshot, cx: &mut Context<'_>) -> bool {
        let header = self.header();
        if now.has_join_waker() && self.will_wake(cx.waker()) {
            return false;
        }
        let waker = cx.waker().clone();
        let old = match header.state.claim_join_slot() {
            JoinSlot::Complete => {
                drop_waker(Some(waker));
                return true;
            }
            JoinSlot::Free => None,
            // SAFETY: the task was not complete when this handle cleared the bit (rule 4).
            JoinSlot::Reclaimed => Some(unsafe { take_join_waker(header) }),
        };
        header.join_waker.with_mut(|slot| {
            // SAFETY: with `JOIN_WAKER` unset the slot is the handle's, and it is empty (rule 4).
            unsafe { (*slot).write(waker) };
        });
        let pending = header.state.offer_join_waker();
        let unused = (!pending).then(|| {
            // SAFETY: the task completed while the bit was unset: the slot is still the handle's.
            unsafe { take_join_waker(header) }
        });
        drop_waker(old);
        drop_waker(unused);
        !pending
    }

    /// Whether the waker in the slot does what `waker` does.
    fn will_wake(&self, waker: &Waker) -> bool {
        self.header().join_waker.with(|slot| {
            // SAFETY: the bit was seen set and only this handle makes the slot writable, which it
            // does not do here. The completing worker may move the waker out by copying it, which
            // leaves the slot's bytes as they are (rule 4).
            let slot = unsafe { &*slot };
            // SAFETY: the slot was written before the bit was set. `ManuallyDrop` has the layout
            // of what it holds; only the waker's two pointers are read.
            let registered = unsafe { &*slot.as_ptr().cast::<ManuallyDrop<Waker>>() };
            (registered.data(), registered.vtable()) == (waker.data(), waker.vtable())
        })
    }

    /// The outcome of a complete task; `None`: cancelled.
    #[inline]
    pub(in crate::task) fn into_output(self) -> Option<Outcome<T>> {
        let task = ManuallyDrop::new(self).task;
        // SAFETY: the handle's right keeps the task valid until `release_join`.
        let header = unsafe { header(task) };
        let now = header.state.load();
        debug_assert!(now.is_complete(), "output of a task that is {now:?}");
        let outcome = now.has_output().then(|| {
            let mut place = MaybeUninit::<Outcome<T>>::uninit();
            // SAFETY: complete with an output: the stage is the handle's (rule 3), and `T` is the
            // task's output, since `allocate` made both.
            unsafe { (header.vtable.take_outcome)(task, NonNull::from(&mut place).cast()) };
            // SAFETY: `take_outcome` wrote it.
            unsafe { place.assume_init() }
        });
        // SAFETY: the handle's right is this function's, and is not used again.
        if unsafe { release_join(task) } {
            // SAFETY: `State` says that nobody else is left; the stage is empty.
            unsafe { free(task) };
        }
        outcome
    }
}

impl<T> Drop for JoinOwner<T> {
    #[inline]
    fn drop(&mut self) {
        let header = self.header();
        loop {
            match header.state.detach() {
                Detach::Detached => return,
                Detach::TakeWaker => {
                    // SAFETY: the task was not complete when this handle cleared the bit (rule 4).
                    let waker = unsafe { take_join_waker(header) };
                    drop_waker(Some(waker));
                }
                Detach::Complete { output } => {
                    if output {
                        // SAFETY: complete with an output: the stage is the handle's (rule 3).
                        let dropped = unsafe { (header.vtable.drop_outcome)(self.task) };
                        // Nobody can be told: the task's runtime may be gone.
                        dropped.unwrap_or_else(discard_payload);
                    }
                    // SAFETY: the handle's right ends here.
                    if unsafe { release_join(self.task) } {
                        // SAFETY: `State` says that nobody else is left; the stage is empty.
                        unsafe { free(self.task) };
                    }
                    return;
                }
            }
        }
    }
}
