//! The task in memory, and all code that touches it.
//!
//! # Rules of access
//!
//! 1. The memory is valid from `allocate` until `Vtable::free`. `free` is called once, by whoever
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
//! 6. The scheduler handle is never written after `allocate`.
//! 7. No code of others (poll, destructors, wakers) runs while a reference into the task is held
//!    that rule 1 does not keep alive: wakers and outputs are moved out first.

#![allow(unsafe_code, reason = "the one place where tasks are touched; the rules stand above")]

use super::blocks::{self, Blocks};
use super::panic::{Caught, Payload, discard, discard_payload, drop_waker};
use super::state::{Complete, Detach, Drawn, JoinSlot, Pend, Snapshot, State, Wake};
use super::{Keeper, Schedule};
use crate::context::{self, Polled};
use crate::sync::cell::UnsafeCell;
use crate::sync::{Mutant, mutated};
use std::alloc::Layout;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

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
    /// Frees the memory; the stage has to be empty.
    free: unsafe fn(NonNull<Header>),
}

/// Makes a task with the right to run it and the right to its outcome, if possible in one of the
/// blocks, or of this thread's.
#[inline]
pub(super) fn allocate<F, S>(
    future: F,
    scheduler: S,
    kept: Option<&mut Blocks>,
) -> (Runnable, JoinOwner<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    S: Schedule,
{
    let task = blocks::allocate(Layout::new::<Task<F, S>>(), kept).cast::<Task<F, S>>();
    let made = Task {
        header: Header {
            state: State::new(),
            vtable: Task::<F, S>::VTABLE,
            slot: UnsafeCell::new(Slot::NONE),
            join_waker: UnsafeCell::new(MaybeUninit::uninit()),
        },
        scheduler,
        stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
    };
    // SAFETY: the memory was asked for with the layout of just this type, and is nobody's yet.
    unsafe { task.write(made) };
    let task = task.cast::<Header>();
    (Runnable(task), JoinOwner { task, output: PhantomData })
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

/// The right to run a task once.
///
/// Dropping it instead cancels the task, so that no queue that is dropped loses one.
pub(crate) struct Runnable(NonNull<Header>);

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
            fn panic_reporter(&self) -> Option<std::sync::Arc<super::PanicReporter>> {
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

/// The right to the join slot of a complete task, of which nothing is left but that the task is not
/// freed before the right is given up.
///
/// If the joiner runs at once, on the same thread, its handle takes over this right and gives up both
/// in one step; see [`lend`](Self::lend).
pub(crate) struct LeftJoinSlot(NonNull<Header>);

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
#[inline]
fn release_join(task: NonNull<Header>, header: &Header) -> bool {
    // The bit stays until the right is given up.
    let takes = || context::takes_join_slot(task.addr()) || mutated(Mutant::JoinSlotTakenTwice);
    if header.state.load().has_join_waker() && takes() {
        header.state.release_join_and_slot()
    } else {
        header.state.release_join()
    }
}

/// Reports a panic that will never be the outcome of a task.
fn nobody_collects(payload: Payload, keeper: &dyn Keeper) {
    drop(Caught::new(payload, keeper.panic_reporter()));
}

/// Moves the waker out of the join slot.
///
/// # Safety
///
/// The slot holds a waker that is the caller's (rule 4), and nobody takes it a second time.
unsafe fn take_join_waker(header: &Header) -> Waker {
    header.join_waker.with(|slot| {
        // SAFETY: the slot was written, and nobody but the caller may write it now.
        let slot = unsafe { &*slot };
        // SAFETY: there is a waker in it, which by contract is not taken again.
        unsafe { slot.assume_init_read() }
    })
}

/// The right to a task's outcome: what a `JoinHandle` is made of.
pub(crate) struct JoinOwner<T> {
    task: NonNull<Header>,
    output: PhantomData<T>,
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
    pub(super) fn is_of(&self, task: &Runnable) -> bool {
        self.task == task.0
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state().is_complete()
    }

    pub(super) fn state(&self) -> Snapshot {
        self.header().state.load()
    }

    pub(super) fn abort(&self) {
        cancel(self.task, self.header());
    }

    pub(super) fn task_ref(&self) -> TaskRef {
        add_ref(self.task, self.header());
        TaskRef(self.task)
    }

    /// Whether the task is complete; if not, `cx` will be woken when it is.
    #[inline]
    pub(super) fn poll_complete(&mut self, cx: &mut Context<'_>) -> bool {
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
    pub(super) fn into_output(self) -> Option<Outcome<T>> {
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
        if release_join(task, header) {
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
                    if release_join(self.task, header) {
                        // SAFETY: `State` says that nobody else is left; the stage is empty.
                        unsafe { free(self.task) };
                    }
                    return;
                }
            }
        }
    }
}

/// Marks a task cancelled, and schedules it if it is idle.
fn cancel(task: NonNull<Header>, header: &Header) {
    if header.state.cancel() == Wake::Schedule {
        // SAFETY: `State` says so.
        unsafe { schedule(task) };
    }
}

/// Counts one more reference: by the task itself out of its reserve.
#[inline]
fn add_ref(task: NonNull<Header>, header: &Header) {
    if !context::draws_reference(task.addr()) {
        header.state.add_ref();
    }
}

/// A counted reference.
pub(crate) struct TaskRef(NonNull<Header>);

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

/// The registry's knowledge of a task, from [`Keeper::keep`] to [`Keeper::forget`].
pub(crate) struct Kept(NonNull<Header>);

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

fn raw_waker(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &WAKER)
}

/// Whether this is the waker of a task of ours, so that it runs no code of others.
#[inline]
pub(crate) fn is_of_a_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &WAKER)
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
