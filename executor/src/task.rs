//! Tasks: spawned futures, from their birth to the hand-over of their output.
//!
//! | type | the right that it stands for |
//! |---|---|
//! | [`Runnable`] | to run the task once; exists exactly while the task is scheduled |
//! | `Waker` | to schedule the task when it is idle |
//! | [`JoinHandle`] | to take the output |
//! | [`JoinGroup`] | to take the outputs of many tasks |
//! | [`AbortHandle`] | to have the future dropped |
//! | [`Kept`] | to find the idle task at shutdown |
//!
//! A task is one allocation: a header, the handle to its scheduler and the *stage*, which holds
//! first the future and then the output. [`state`] documents the word that says who may touch
//! what; [`cell`] is the only place that does.

mod blocks;
mod cell;
mod error;
mod group;
mod id;
mod join;
mod panic;
mod state;

#[cfg(all(test, filch_loom))]
mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub(crate) use blocks::{Blocks, Depot, Memory};
pub(crate) use cell::{
    JoinOwner, Kept, LeftJoinSlot, LentJoinSlot, Ran, Runnable, Slot, TaskRef, is_of_a_task,
    wake_here,
};
pub use error::JoinError;
pub use group::{JoinGroup, JoinOutputs};
pub use id::TaskId;
pub use join::{AbortHandle, JoinHandle};
pub(crate) use panic::{
    Hook as PanicHook, PanicReporter, discard, discard_payload, drop_waker, wake,
};

pub(crate) use state::{Drawn, RESERVE};

use std::future::Future;
use std::sync::Arc;
use std::task::Waker;

/// What a task asks of its scheduler, from whichever thread wakes it.
///
/// The handle is cloned out of the task before the call: as soon as the `Runnable` is visible to
/// others the task may be run to its end and freed.
pub(crate) trait Schedule: Clone + Send + Sync + 'static {
    /// Queues a task that was woken.
    fn schedule(self, task: Runnable);
    /// The address of the runtime whose workers may run the task without asking; 0: none's.
    fn home(&self) -> usize {
        0
    }
}

/// What a running task asks of the worker that runs it.
pub(crate) trait Keeper {
    /// Remembers a task that is about to become idle for the first time.
    fn keep(&self, task: Kept) -> Slot;
    /// Forgets a task that is about to complete; no use of its [`Kept`] may follow.
    fn forget(&self, slot: Slot);
    /// Who hears of panics that nobody collects.
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>>;
    /// Wakes who waits for a task that has just completed, when all else is done.
    fn wake_joiner(&self, waker: Waker, left: LeftJoinSlot) {
        drop(left);
        wake(waker);
    }
}

/// Makes a task, scheduled for the first time, and its handle.
#[inline]
pub(crate) fn new<F, S>(
    future: F,
    scheduler: S,
    memory: Memory<'_>,
) -> (Runnable, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let (runnable, owner) = cell::allocate(future, scheduler, memory);
    (runnable, JoinHandle::new(owner, TaskId::next()))
}

/// Makes a task without a handle, scheduled for the first time.
#[inline]
pub(crate) fn new_detached<F, S>(future: F, scheduler: S, memory: Memory<'_>) -> Runnable
where
    F: Future<Output = ()> + Send + 'static,
    S: Schedule,
{
    cell::allocate_detached(future, scheduler, memory)
}

/// Makes a task, scheduled for the first time, for a [`JoinGroup`].
#[inline]
pub(crate) fn new_member<F, S>(
    future: F,
    scheduler: S,
    memory: Memory<'_>,
) -> (Runnable, JoinOwner<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    cell::allocate(future, scheduler, memory)
}
