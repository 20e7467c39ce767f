//! The task in memory, and all code that touches it.
//!
//! # Rules of access
//!
//! 1. The memory is valid from `place` until `Vtable::free`. `free` is called once, by whoever
//!    [`State`] tells that it gave up the last right: while the task is not complete the scheduler
//!    side has one (as a [`Runnable`], a running worker, or the registry for an idle task); the
//!    handle and every counted reference are one each.
//! 2. The *stage* holds the future until a run drops it, and may be accessed only by the run:
//!    there is one `Runnable` at a time (the wake that raises the count from zero makes it, a run
//!    that ends `Idle` destroys it), and it travels through queues that publish with Release and
//!    take with Acquire.
//! 3. With `COMPLETE`, the stage belongs to the handle; it holds an output if `OUTPUT` is set.
//! 4. The *join slot* belongs to the handle until the task is complete; while `JOIN_WAKER` is set the
//!    handle may only compare the waker in it, and has to clear the bit to do more. If the bit was
//!    set when the task completed, the slot is the completing worker's.
//! 5. The *registry slot* is written and read by the run only (rule 2).
//! 6. The scheduler handle is never written after `place`.
//! 7. No code of others (poll, destructors, wakers) runs while a reference into the task is held
//!    that rule 1 does not keep alive: wakers and outputs are moved out first.

#![allow(unsafe_code, reason = "the one place where tasks are touched; the rules stand above")]

mod handle;
mod reference;
mod run;

pub(crate) use handle::{JoinOwner, LeftJoinSlot, LentJoinSlot};
pub(crate) use reference::{Kept, TaskRef, is_of_a_task, wake_here};
pub(crate) use run::{Ran, Runnable};

use super::blocks::{self, Memory};
use super::panic::{Caught, Payload, discard};
use super::state::State;
use super::{Keeper, Schedule};
use crate::sync::cell::UnsafeCell;
use run::nobody_collects;
use std::alloc::Layout;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// Where the registry keeps a task: the worker, and the place among those of this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) worker: u32,
    pub(crate) index: u32,
}

impl Slot {
    /// The task was never idle, so the registry does not know it.
    const NONE: Self = Self { worker: u32::MAX, index: 0 };
}

/// What a task gives: its value, or the panic that took its place.
type Outcome<T> = Result<T, Box<Caught>>;

/// The part of a task that does not depend on its future.
struct Header {
    state: State,
    vtable: &'static Vtable,
    slot: UnsafeCell<Slot>,
    join_waker: UnsafeCell<MaybeUninit<Waker>>,
}

/// A task. `repr(C)`: a pointer to it is a pointer to its header.
#[repr(C)]
struct Task<F: Future, S> {
    header: Header,
    scheduler: S,
    stage: UnsafeCell<Stage<F>>,
}

union Stage<F: Future> {
    future: ManuallyDrop<F>,
    outcome: ManuallyDrop<Outcome<F::Output>>,
}

/// A task costs 56 bytes besides what its future or output takes beyond a word: the header's 40,
/// the scheduler's word and the stage's. With the word that glibc's malloc keeps of a block that
/// is 64 bytes, one cache line: one byte more, and every parked task takes the next size of block,
/// and a steal moves a second line. An alignment above 16 would leave malloc's fast path.
#[cfg(not(filch_loom))]
const _: () = {
    type Smallest = Task<std::future::Ready<()>, *const ()>;
    assert!(size_of::<Header>() <= 40);
    assert!(size_of::<Smallest>() <= 56);
    assert!(align_of::<Smallest>() <= 16);
};

/// The operations that depend on the future's type. All take a pointer that is valid by rule 1.
struct Vtable {
    /// Polls the future. Once ready (or panicked) it is dropped and its outcome in the stage.
    /// For the run only.
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>, &dyn Keeper) -> Poll<()>,
    /// Drops the future. True: its destructor panicked and the stage holds that as the outcome.
    /// For the run only.
    cancel: unsafe fn(NonNull<Header>, &dyn Keeper) -> bool,
    /// Drops the outcome; gives back what its destructor panicked with. For the owner of the stage.
    drop_outcome: unsafe fn(NonNull<Header>) -> Result<(), Payload>,
    /// Moves the outcome to the place given. For the owner of the stage.
    take_outcome: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Queues the task. For whoever a wake told to schedule.
    schedule: unsafe fn(NonNull<Header>),
    /// The scheduler's [`home`](Schedule::home).
    home: unsafe fn(NonNull<Header>) -> usize,
    /// Frees the memory; the stage has to be empty.
    free: unsafe fn(NonNull<Header>),
}

/// Makes a task with the right to run it and the right to its outcome.
#[inline]
pub(super) fn allocate<F, S>(
    future: F,
    scheduler: S,
    memory: Memory<'_>,
) -> (Runnable, JoinOwner<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let task = place(State::new(), future, scheduler, memory);
    (Runnable(task), JoinOwner { task, output: PhantomData })
}

/// The same without a right to the outcome.
#[inline]
pub(super) fn allocate_detached<F, S>(future: F, scheduler: S, memory: Memory<'_>) -> Runnable
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    Runnable(place(State::new_detached(), future, scheduler, memory))
}

/// Makes a task. The rights that its state counts are the caller's.
#[inline]
fn place<F, S>(state: State, future: F, scheduler: S, memory: Memory<'_>) -> NonNull<Header>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let task = blocks::allocate(Layout::new::<Task<F, S>>(), memory).cast::<Task<F, S>>();
    let made = Task {
        header: Header {
            state,
            vtable: Task::<F, S>::VTABLE,
            slot: UnsafeCell::new(Slot::NONE),
            join_waker: UnsafeCell::new(MaybeUninit::uninit()),
        },
        scheduler,
        stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
    };
    // SAFETY: the memory was asked for with the layout of just this type, and is nobody's yet.
    unsafe { task.write(made) };
    task.cast()
}

impl<F, S> Task<F, S>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    const VTABLE: &'static Vtable = &Vtable {
        poll: Self::poll,
        cancel: Self::cancel,
        drop_outcome: Self::drop_outcome,
        take_outcome: Self::take_outcome,
        schedule: Self::schedule,
        home: Self::home,
        free: Self::free,
    };

    /// The stage of a task.
    ///
    /// # Safety
    ///
    /// `task` points to a valid `Task<F, S>`.
    #[inline(always)]
    unsafe fn stage<'a>(task: NonNull<Header>) -> &'a UnsafeCell<Stage<F>> {
        // SAFETY: by contract the pointer is valid for the whole type and made from one to it.
        unsafe { &task.cast::<Self>().as_ref().stage }
    }

    unsafe fn poll(task: NonNull<Header>, cx: &mut Context<'_>, keeper: &dyn Keeper) -> Poll<()> {
        // SAFETY: the caller passes a valid task of this type.
        let stage = unsafe { Self::stage(task) };
        let result = stage.with_mut(|stage| {
            catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: the run owns the stage (rule 2).
                let stage = unsafe { &mut *stage };
                // SAFETY: it holds the future, as the caller says.
                let future: &mut F = unsafe { &mut stage.future };
                // SAFETY: the future is never moved until it is dropped in place: the task does
                // not move and `drop_future` drops it where it stands.
                unsafe { Pin::new_unchecked(future) }.poll(cx)
            }))
        });
        let mut outcome = match result {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(Caught::new(payload, keeper.panic_reporter())),
        };
        // SAFETY: the run owns the stage and the future was not dropped yet.
        if let Err(payload) = unsafe { Self::drop_future(task) } {
            // The first panic is the task's outcome; a value gives way to the destructor's panic.
            match outcome {
                Err(_) => nobody_collects(payload, keeper),
                Ok(output) => {
                    outcome = Err(Caught::new(payload, keeper.panic_reporter()));
                    if let Err(payload) = discard(output) {
                        nobody_collects(payload, keeper);
                    }
                }
            }
        }
        // SAFETY: the run owns the stage, which is empty now.
        unsafe { Self::put_outcome(task, outcome) };
        Poll::Ready(())
    }

    unsafe fn cancel(task: NonNull<Header>, keeper: &dyn Keeper) -> bool {
        // SAFETY: the caller is the run, and the future was not dropped yet.
        let result = unsafe { Self::drop_future(task) };
        let Err(payload) = result else { return false };
        let caught = Caught::new(payload, keeper.panic_reporter());
        // SAFETY: the run owns the stage, which is empty now.
        unsafe { Self::put_outcome(task, Err(caught)) };
        true
    }

    /// Drops the future in place.
    ///
    /// # Safety
    ///
    /// The caller is the run and the stage holds the future; afterwards it is empty.
    unsafe fn drop_future(task: NonNull<Header>) -> Result<(), Payload> {
        // SAFETY: the caller passes a valid task of this type.
        let stage = unsafe { Self::stage(task) };
        stage.with_mut(|stage| {
            catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: by contract nobody else touches the stage.
                let stage = unsafe { &mut *stage };
                // SAFETY: by contract it holds the future.
                let future: &mut ManuallyDrop<F> = unsafe { &mut stage.future };
                // SAFETY: it is dropped once: every caller goes on to complete the task.
                unsafe { ManuallyDrop::drop(future) }
            }))
        })
    }

    /// Writes the outcome.
    ///
    /// # Safety
    ///
    /// The caller is the run and the stage is empty.
    unsafe fn put_outcome(task: NonNull<Header>, outcome: Outcome<F::Output>) {
        // SAFETY: the caller passes a valid task of this type.
        let stage = unsafe { Self::stage(task) };
        stage.with_mut(|stage| {
            // Not `stage.write(Stage { .. })`: that would put a value as large as the future on the
            // worker's stack.
            // SAFETY: the pointer is valid for the whole stage.
            let place = unsafe { &raw mut (*stage).outcome };
            // SAFETY: by contract the stage is the caller's and holds nothing to be dropped.
            unsafe { place.write(ManuallyDrop::new(outcome)) }
        });
    }

    /// Reads the outcome out of the stage.
    ///
    /// # Safety
    ///
    /// The caller owns the stage, which holds an outcome; afterwards it is empty.
    unsafe fn read_outcome(task: NonNull<Header>) -> Outcome<F::Output> {
        // SAFETY: the caller passes a valid task of this type.
        let stage = unsafe { Self::stage(task) };
        stage.with_mut(|stage| {
            // SAFETY: by contract nobody else touches the stage.
            let stage = unsafe { &mut *stage };
            // SAFETY: by contract it holds an outcome.
            let outcome: &mut ManuallyDrop<Outcome<F::Output>> = unsafe { &mut stage.outcome };
            // SAFETY: by contract it is not read again.
            unsafe { ManuallyDrop::take(outcome) }
        })
    }

    unsafe fn drop_outcome(task: NonNull<Header>) -> Result<(), Payload> {
        // SAFETY: the caller owns the stage and there is an outcome in it.
        let outcome = unsafe { Self::read_outcome(task) };
        discard(outcome)
    }

    unsafe fn take_outcome(task: NonNull<Header>, place: NonNull<()>) {
        // SAFETY: the caller owns the stage and there is an outcome in it.
        let outcome = unsafe { Self::read_outcome(task) };
        // SAFETY: the caller gives a place for a value of just this type.
        unsafe { place.cast::<Outcome<F::Output>>().write(outcome) };
    }

    unsafe fn schedule(task: NonNull<Header>) {
        // SAFETY: the caller has the right to make the `Runnable`, which keeps the task valid.
        let scheduler = unsafe { task.cast::<Self>().as_ref().scheduler.clone() };
        scheduler.schedule(Runnable(task));
    }

    unsafe fn home(task: NonNull<Header>) -> usize {
        // SAFETY: the caller passes a valid task of this type, whose scheduler is never written.
        unsafe { task.cast::<Self>().as_ref() }.scheduler.home()
    }

    unsafe fn free(task: NonNull<Header>) {
        // In a model, these accesses are checked against all earlier ones; elsewhere they are
        // nothing.
        // SAFETY: the caller is the last that may touch the task.
        unsafe { Self::stage(task) }.with_mut(|_| ());
        // SAFETY: as above.
        let header = unsafe { header(task) };
        header.slot.with_mut(|_| ());
        header.join_waker.with_mut(|_| ());
        let task = task.cast::<Self>();
        // SAFETY: the caller has given up the last right, so the task is its own. The stage and the
        // join slot have no destructor of their own.
        unsafe { task.drop_in_place() };
        // SAFETY: `allocate` got it for this layout.
        unsafe { blocks::free(task.cast(), Layout::new::<Self>()) };
    }
}

/// The header of a task.
///
/// # Safety
///
/// The caller holds one of the rights of rule 1 for as long as it uses the reference.
#[inline(always)]
unsafe fn header<'a>(task: NonNull<Header>) -> &'a Header {
    // SAFETY: by contract the task is valid.
    unsafe { task.as_ref() }
}

/// Frees the task's memory.
///
/// # Safety
///
/// `State` has told the caller to, and the stage is empty.
#[inline]
unsafe fn free(task: NonNull<Header>) {
    // SAFETY: the caller is the last that may touch the task.
    let free = unsafe { header(task) }.vtable.free;
    // SAFETY: as the contract says.
    unsafe { free(task) }
}

/// Queues a task.
///
/// # Safety
///
/// A wake has told the caller to schedule; the right to run passes on with this.
#[inline]
unsafe fn schedule(task: NonNull<Header>) {
    // SAFETY: the right to run keeps the task valid.
    let schedule = unsafe { header(task) }.vtable.schedule;
    // SAFETY: as the contract says.
    unsafe { schedule(task) }
}
