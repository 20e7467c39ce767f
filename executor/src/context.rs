//! What a thread knows about the runtime that it works for.
//!
//! Two thread-locals: [`RUN`], for the task that is being polled, has no destructor and so costs
//! one instruction to reach, also while the thread is being torn down. [`CONTEXT`] holds the
//! worker's [`Core`], while the thread has one, and the handles that were entered.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::runtime::{Handle, NoRuntime, Shared};
use crate::sync::{Arc, local};
use crate::task::{self, Drawn, RESERVE, Runnable};
use crate::timers::TimersRef;
use crate::unwind;
use crate::worker::{self, Core};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::time::Instant;

/// What the current poll is about.
struct Run {
    /// The address of the task that is being polled; 0: none.
    task: Cell<usize>,
    /// Whether the task woke itself since its poll began.
    woke_itself: Cell<bool>,
    /// How many references to the task were drawn from its reserve since its poll began.
    drawn: Cell<Drawn>,
    /// How many handles were entered by users since the poll (or the work of this thread) began.
    overrides: Cell<usize>,
    /// Where tasks go that are woken just now.
    woken: Cell<Place>,
    /// The address of the complete task whose join slot is lent to its handle; 0: none.
    join_slot: Cell<usize>,
    /// How many tasks are being run inside each other's polls.
    depth: Cell<usize>,
    /// The address of the runtime that waits for this thread although it has no core; 0: none.
    awaited_by: Cell<usize>,
    /// How many tasks are being cancelled inside each other's destructors, and which wait for that;
    /// see [`cancel_in_turn`].
    refusals: Cell<usize>,
    refused: ManuallyDrop<RefCell<Vec<(Handle, Runnable)>>>,
}

/// Where a woken task goes.
#[derive(Clone, Copy)]
enum Place {
    /// Behind the others, but for the first that a task wakes.
    Behind,
    /// On top of the queue.
    OnTop,
    /// To the caller of [`catch_woken`].
    Caught,
}

struct Context {
    core: RefCell<Option<Box<Core>>>,
    /// The handles entered on this thread, each with its guard's number, the last one on top.
    entered: RefCell<Vec<(u64, Handle)>>,
    /// How many guards were made.
    guards: Cell<u64>,
    /// How many timers were registered with workers that are not this thread's.
    foreign_timers: Cell<usize>,
    /// Whether a root future or a worker's loop is on this thread's stack.
    driving: Cell<bool>,
}

local! {
    static RUN: Run = Run {
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
    static CONTEXT: Context = Context {
        core: RefCell::new(None),
        entered: RefCell::new(Vec::new()),
        guards: Cell::new(0),
        foreign_timers: Cell::new(0),
        driving: Cell::new(false),
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

/// Runs `wake`, and puts the task of this thread's runtime that it wakes on top of the queue.
#[inline]
pub(crate) fn wake_on_top(wake: impl FnOnce()) {
    let outer = RUN.with(|run| run.woken.replace(Place::OnTop));
    wake();
    RUN.with(|run| run.woken.set(outer));
}

/// Runs `wake`, which runs no code of others and wakes at most one task, and gives that to the
/// caller if it is of this thread's runtime.
#[inline]
pub(crate) fn catch_woken(wake: impl FnOnce()) -> Option<Runnable> {
    let outer = RUN.with(|run| run.woken.replace(Place::Caught));
    wake();
    RUN.with(|run| run.woken.set(outer));
    with_core(Core::take_caught).flatten()
}

/// Runs the task on top of this worker's queue as a part of the current poll, if it is the one that
/// is meant, at most `deepest` are run inside each other, and it is not the turn of other tasks.
#[inline]
pub(crate) fn run_from_top(deepest: usize, is_meant: impl FnOnce(&Runnable) -> bool) {
    let depth = RUN.with(|run| run.depth.get());
    if depth >= deepest {
        return;
    }
    if let Some(task) = with_core(|core| core.take_in_place(is_meant)).flatten() {
        RUN.with(|run| run.depth.set(depth + 1));
        // All code of users in it is called in nets, so it comes back here.
        worker::run_in_place(task);
        RUN.with(|run| run.depth.set(depth));
    }
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

/// Drops a value of a user's type; a panic in its destructor is one that nobody collects.
pub(crate) fn discard<T>(value: T) {
    task::discard(value).unwrap_or_else(report);
}

/// Reports a panic that nobody collects to this thread's runtime.
pub(crate) fn report(panic: Box<dyn Any + Send>) {
    match with_core(|core| core.handle.panics().clone()) {
        Some(reporter) => reporter.report(panic),
        None => task::discard_payload(panic),
    }
}

/// How many tasks may be cancelled inside each other's destructors.
const DEEPEST_REFUSAL: usize = 64;

/// Cancels a task of a runtime that shuts down or is gone.
///
/// The destructor of its future may spawn on such a runtime again: that task is cancelled inside the
/// destructor, and so on. A chain of such destructors that is longer than [`DEEPEST_REFUSAL`] goes
/// on when the deepest of these is done, so that it needs no more stack, however long it is and
/// however many runtimes it goes through.
#[cold]
pub(crate) fn cancel_in_turn(handle: &Handle, task: Runnable) {
    RUN.with(|run| {
        let depth = run.refusals.get();
        if depth == DEEPEST_REFUSAL {
            return run.refused.borrow_mut().push((handle.clone(), task));
        }
        run.refusals.set(depth + 1);
        // All code of users in it is called in nets, so it comes back here.
        handle.cancel(task);
        if depth + 1 == DEEPEST_REFUSAL {
            let pop = || run.refused.borrow_mut().pop();
            while let Some((handle, task)) = pop() {
                handle.cancel(task);
            }
            // There is no destructor that would free it.
            run.refused.take();
        }
        run.refusals.set(depth);
    });
}

/// Gives a woken task to this thread's core, if the thread works for the runtime at `shared`.
#[inline]
pub(crate) fn push_woken(shared: usize, task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    // The thread-local may be gone: a wake from another one's destructor goes the foreign way.
    try_with_core(|core| {
        if core.works_for(shared)
            && let Some(task) = task.take()
        {
            let (place, in_task) = RUN.with(|run| (run.woken.get(), run.task.get() != 0));
            match place {
                Place::Behind if in_task => core.push_successor(task),
                Place::Behind => core.push_woken(task),
                Place::OnTop => core.push_spawned(task),
                Place::Caught => core.catch(task),
            }
        }
    });
    task
}

/// Gives a spawned task to this thread's core, if the thread works for the runtime.
#[inline]
pub(crate) fn push_spawned(shared: &Arc<Shared>, task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    try_with_core(|core| {
        if Arc::ptr_eq(core.handle.shared(), shared)
            && let Some(task) = task.take()
        {
            core.push_spawned(task);
        }
    });
    task
}

/// Whether this thread works for the runtime, or is [without its core](without_core): then it cannot
/// wait for it.
pub(crate) fn works_for(shared: &Arc<Shared>) -> bool {
    let own = CONTEXT.try_with(|context| match context.core.try_borrow() {
        Ok(core) => core.as_ref().is_some_and(|core| Arc::ptr_eq(core.handle.shared(), shared)),
        // In the middle of a queue's operation, which has called somebody's deferred closure.
        Err(_) => {
            context.entered.borrow().iter().any(|(_, handle)| Arc::ptr_eq(handle.shared(), shared))
        }
    });
    own.unwrap_or(false) || RUN.with(|run| run.awaited_by.get() == address_of(shared))
}

/// Runs `f`, which may call code of others, on a thread in a worker's place that has no core just now.
pub(crate) fn without_core(shared: &Shared, f: impl FnOnce()) {
    let outer = RUN.with(|run| run.awaited_by.replace(address_of(shared)));
    f();
    RUN.with(|run| run.awaited_by.set(outer));
}

fn address_of(shared: &Shared) -> usize {
    std::ptr::from_ref(shared).addr()
}

/// Spawns through this thread's core; gives the future back if there is none.
#[inline]
pub(crate) fn spawn_local<F, R>(future: F, spawn: impl FnOnce(&mut Core, F) -> R) -> Result<R, F> {
    if has_overrides() {
        return Err(future);
    }
    let mut future = Some(future);
    let spawned = try_with_core(|core| future.take().map(|future| spawn(core, future))).flatten();
    match (spawned, future) {
        (Some(spawned), _) => Ok(spawned),
        (None, Some(future)) => Err(future),
        (None, None) => unreachable!("the future is taken only to be spawned"),
    }
}

/// Runs `f` on this thread's core, if it has one. `f` must not run code of others.
#[inline]
pub(crate) fn with_core<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    // A thread whose thread-locals are gone has none.
    CONTEXT.try_with(|context| context.core.borrow_mut().as_deref_mut().map(f)).ok().flatten()
}

/// The same, but not if the core is being used just now.
#[inline]
pub(crate) fn try_with_core<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    let with = |context: &Context| context.core.try_borrow_mut().ok()?.as_deref_mut().map(f);
    CONTEXT.try_with(with).ok().flatten()
}

/// Gives this thread a core; it must have none.
pub(crate) fn put_core(core: Box<Core>) {
    let before = CONTEXT.with(|context| context.core.borrow_mut().replace(core));
    if before.is_some() {
        // To drop it would be to lose its tasks.
        unwind::abort("a thread with two workers' cores");
    }
}

/// Takes this thread's core away.
pub(crate) fn take_core() -> Option<Box<Core>> {
    CONTEXT.with(|context| context.core.borrow_mut().take())
}

/// Whether the user has entered another runtime's handle in this poll.
#[inline]
fn has_overrides() -> bool {
    RUN.with(|run| run.overrides.get()) > 0
}

/// The runtime that `spawn` would use on this thread.
pub(crate) fn current() -> Result<Handle, NoRuntime> {
    if !has_overrides()
        && let Some(handle) = try_with_core(|core| core.handle.clone())
    {
        return Ok(handle);
    }
    let top = |context: &Context| context.entered.borrow().last().map(|(_, handle)| handle.clone());
    CONTEXT.try_with(top).ok().flatten().ok_or(NoRuntime)
}

/// The time on the clock of the runtime that `spawn` would use on this thread.
#[inline]
pub(crate) fn now() -> Result<Instant, NoRuntime> {
    if !has_overrides()
        && let Some(now) = with_core(|core| core.timers().source().instant())
    {
        return Ok(now);
    }
    Ok(current()?.shared().source().instant())
}

/// Where a timer that is registered on this thread goes, and whether that worker's place is this
/// thread's.
#[inline]
pub(crate) fn timers() -> Result<(TimersRef, bool), NoRuntime> {
    if !has_overrides()
        && let Some(timers) = with_core(|core| core.timers().reference())
    {
        return Ok((timers, true));
    }
    let handle = current()?;
    let workers = &handle.shared().workers;
    let turn = CONTEXT.try_with(|context| {
        let turn = context.foreign_timers.get().wrapping_add(1);
        context.foreign_timers.set(turn);
        // Short-lived threads begin with different workers.
        turn.wrapping_add(std::ptr::from_ref(context).addr() >> 12)
    });
    let timers = workers[turn.unwrap_or(0) % workers.len()].timers.reference();
    let own = owns(&timers);
    Ok((timers, own))
}

/// Whether this thread works in the place of the worker with these timers.
#[inline]
pub(crate) fn owns(timers: &TimersRef) -> bool {
    with_core(|core| core.timers().reference() == *timers).unwrap_or(false)
}

/// Makes `handle` this thread's current one until the guard is dropped.
///
/// `by_user`: beside the work that this thread does for a runtime; else it is for that work.
pub(crate) fn enter(handle: Handle, by_user: bool) -> Entered {
    let number = CONTEXT.with(|context| {
        let number = context.guards.get() + 1;
        context.guards.set(number);
        context.entered.borrow_mut().push((number, handle));
        number
    });
    RUN.with(|run| {
        let before = run.overrides.replace(0);
        run.overrides.set(if by_user { before + 1 } else { 0 });
        let restored = (!by_user).then_some(before);
        Entered { number, restored, thread_bound: std::marker::PhantomData }
    })
}

/// The time in which a handle is the current one.
pub(crate) struct Entered {
    number: u64,
    /// How many overrides there were before; `None`: the guard is one itself.
    restored: Option<usize>,
    /// The guard has to be dropped where it was made.
    thread_bound: std::marker::PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUN.with(|run| {
            let now = run.overrides.get();
            run.overrides.set(self.restored.unwrap_or(now.saturating_sub(1)));
        });
        let on_top = CONTEXT.try_with(|context| {
            let mut entered = context.entered.borrow_mut();
            let Some(place) = entered.iter().position(|(number, _)| *number == self.number) else {
                return true;
            };
            let on_top = place + 1 == entered.len();
            // What is still on top of the runtime's own entry are guards that the root forgot.
            let end = if self.restored.is_some() { entered.len() } else { place + 1 };
            let left: Vec<_> = entered.drain(place..end).collect();
            // Outside of the borrow: this may be the last handle of a runtime.
            drop(entered);
            drop(left);
            on_top || self.restored.is_some()
        });
        if on_top.is_ok_and(|on_top| !on_top) && !std::thread::panicking() {
            panic!("`EnterGuard`s dropped out of order: drop the one made last first");
        }
    }
}

/// The time in which this thread drives a root future or a worker's loop.
pub(crate) struct Driving {
    /// How deep the thread is in destructors outside.
    refusals: usize,
}

impl Driving {
    /// Begins it; `None`: the thread drives already.
    pub(crate) fn begin() -> Option<Self> {
        let begins = CONTEXT.with(|context| !context.driving.replace(true));
        begins.then(|| Self { refusals: RUN.with(|run| run.refusals.replace(0)) })
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        RUN.with(|run| run.refusals.set(self.refusals));
        let _ = CONTEXT.try_with(|context| context.driving.set(false));
    }
}
