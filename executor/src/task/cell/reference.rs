//! Counted references to a task: its wakers, and those that can abort it.

use super::super::state::Wake;
use super::{Header, Runnable, free, header, schedule};
use crate::context;
use std::mem;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Marks a task cancelled, and schedules it if it is idle.
pub(super) fn cancel(task: NonNull<Header>, header: &Header) {
    if header.state.cancel() == Wake::Schedule {
        // SAFETY: `State` says so.
        unsafe { schedule(task) };
    }
}

/// Counts one more reference: by the task itself out of its reserve.
#[inline]
pub(super) fn add_ref(task: NonNull<Header>, header: &Header) {
    if !context::draws_reference(task.addr()) {
        header.state.add_ref();
    }
}

/// A counted reference.
pub(crate) struct TaskRef(pub(super) NonNull<Header>);

// SAFETY: a reference gives access to the state word and to `schedule` only.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    fn header(&self) -> &Header {
        // SAFETY: the counted reference keeps the task valid (rule 1).
        unsafe { header(self.0) }
    }

    pub(crate) fn cancel(&self) {
        cancel(self.0, self.header());
    }

    /// Marks the task cancelled; if it was idle, the right to run it is the caller's.
    pub(crate) fn cancel_here(&self) -> Option<Runnable> {
        (self.header().state.cancel() == Wake::Schedule).then(|| Runnable(self.0))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        add_ref(self.0, self.header());
        Self(self.0)
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        if !context::returns_reference(self.0.addr()) && self.header().state.drop_ref() {
            // SAFETY: `State` says that nobody else is left; complete without a handle, so the
            // stage is empty.
            unsafe { free(self.0) };
        }
    }
}

/// The registry's knowledge of a task, from [`Keeper::keep`](crate::task::Keeper::keep) to
/// [`Keeper::forget`](crate::task::Keeper::forget).
pub(crate) struct Kept(pub(super) NonNull<Header>);

// SAFETY: as for `TaskRef`.
unsafe impl Send for Kept {}

impl Kept {
    /// The task's address, which is a multiple of 8.
    pub(crate) fn into_raw(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// From what [`into_raw`](Self::into_raw) gave.
    pub(crate) fn from_raw(task: *mut ()) -> Self {
        Self(NonNull::new(task.cast()).expect("a task's address"))
    }

    /// Makes a counted reference.
    ///
    /// # Safety
    ///
    /// The task was not forgotten yet, and is not while this runs.
    pub(crate) unsafe fn reference(&self) -> TaskRef {
        // SAFETY: a task that was not forgotten is not complete, so it is valid (rule 1).
        unsafe { header(self.0) }.state.add_ref();
        TaskRef(self.0)
    }
}

/// One table for all tasks, so that `will_wake` tells wakers apart by their task alone.
static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake_by_val, wake_by_ref, drop_ref);

pub(super) fn raw_waker(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &WAKER)
}

/// Whether this is the waker of a task of ours, so that it runs no code of others.
#[inline]
pub(crate) fn is_of_a_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &WAKER)
}

/// Wakes the task that this is the waker of. The right to run it, if nobody has that yet, is the
/// caller's. `Err`: it is no task of the runtime at the address `home`.
#[inline]
pub(crate) fn wake_here(waker: Waker, home: usize) -> Result<Option<Runnable>, Waker> {
    if !is_of_a_task(&waker) {
        return Err(waker);
    }
    // SAFETY: a waker with this table has data from `raw_waker`.
    let task = unsafe { task_of(waker.data()) };
    // SAFETY: the waker keeps the task valid.
    let header = unsafe { header(task) };
    // SAFETY: as above.
    if unsafe { (header.vtable.home)(task) } != home {
        return Err(waker);
    }
    // Its reference is given up with the wake.
    mem::forget(waker);
    match header.state.wake_by_val() {
        Wake::Schedule => return Ok(Some(Runnable(task))),
        Wake::Nothing => {}
        // SAFETY: `State` says so; complete without a handle, so the stage is empty.
        Wake::Free => unsafe { free(task) },
    }
    Ok(None)
}

/// The task that a waker's data pointer stands for.
///
/// # Safety
///
/// `data` comes from `raw_waker`.
#[inline(always)]
unsafe fn task_of(data: *const ()) -> NonNull<Header> {
    // SAFETY: it was made from a `NonNull`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: the table is only used with data from `raw_waker`.
    let task = unsafe { task_of(data) };
    // SAFETY: the waker that is cloned keeps the task valid.
    add_ref(task, unsafe { header(task) });
    raw_waker(task)
}

unsafe fn wake_by_val(data: *const ()) {
    // SAFETY: the table is only used with data from `raw_waker`.
    let task = unsafe { task_of(data) };
    if context::wakes_itself(task.addr()) {
        // SAFETY: as this function's contract says, the waker's reference is given up.
        return unsafe { drop_ref(data) };
    }
    // SAFETY: the waker keeps the task valid.
    match unsafe { header(task) }.state.wake_by_val() {
        // SAFETY: `State` says so.
        Wake::Schedule => unsafe { schedule(task) },
        Wake::Nothing => {}
        // SAFETY: `State` says so; complete without a handle, so the stage is empty.
        Wake::Free => unsafe { free(task) },
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the table is only used with data from `raw_waker`.
    let task = unsafe { task_of(data) };
    if context::wakes_itself(task.addr()) {
        return;
    }
    // SAFETY: the waker keeps the task valid.
    if unsafe { header(task) }.state.wake_by_ref() == Wake::Schedule {
        // SAFETY: `State` says so.
        unsafe { schedule(task) };
    }
}

unsafe fn drop_ref(data: *const ()) {
    // SAFETY: the table is only used with data from `raw_waker`; the waker's reference becomes a
    // `TaskRef`'s.
    drop(TaskRef(unsafe { task_of(data) }));
}
