//! What a thread knows about the runtime that it works for.
//!
//! Two thread-locals: [`RUN`], for the task that is being polled and the worker's [`Core`], while the
//! thread has one, has no destructor and so costs one instruction to reach, also while the thread is
//! being torn down. [`CONTEXT`] holds the handles that were entered.

mod entered;
mod poll;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub(crate) use entered::{Driving, Entered, current, enter, now, owns, timers};
pub(crate) use poll::{
    Polled, draws_reference, enter_task, is_join_slot_left, lend_join_slot, may_nest, nested,
    returns_reference, takes_join_slot, wakes_itself,
};

use crate::runtime::{Handle, Shared};
use crate::sync::{Arc, local};
use crate::task::{self, Runnable};
use crate::unwind;
use crate::worker::{self, Core};
use entered::{has_entered, has_overrides};
use poll::{Place, RUN};
use std::any::Any;
use std::cell::{Cell, RefCell};

/// What lasts longer than a poll.
struct Context {
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
    static CONTEXT: Context = Context {
        entered: RefCell::new(Vec::new()),
        guards: Cell::new(0),
        foreign_timers: Cell::new(0),
        driving: Cell::new(false),
    };
}

/// Runs `wake`, and puts the task of this thread's runtime that it wakes on top of the queue.
#[inline]
pub(crate) fn wake_on_top(wake: impl FnOnce()) {
    let outer = RUN.with(|run| run.woken.replace(Place::OnTop));
    wake();
    RUN.with(|run| run.woken.set(outer));
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
    let push = |core: &mut Core, task| {
        let (place, in_task) = RUN.with(|run| (run.woken.get(), run.task.get() != 0));
        match place {
            Place::Behind if in_task => core.push_successor(task),
            Place::Behind => core.push_woken(task),
            Place::OnTop => core.push_spawned(task),
        }
    };
    give(task, |core| core.works_for(shared), push).err()
}

/// Gives a spawned task to this thread's core, if the thread works for the runtime.
#[inline]
pub(crate) fn push_spawned(shared: &Arc<Shared>, task: Runnable) -> Option<Runnable> {
    give(task, |core| Arc::ptr_eq(core.handle.shared(), shared), Core::push_new).err()
}

/// Whether this thread works for the runtime, or is [without its core](without_core): then it cannot
/// wait for it.
pub(crate) fn works_for(shared: &Arc<Shared>) -> bool {
    let is_its = |handle: &Handle| Arc::ptr_eq(handle.shared(), shared);
    RUN.with(|run| {
        let own = match run.core.try_borrow() {
            Ok(core) => core.as_ref().is_some_and(|core| is_its(&core.handle)),
            // In the middle of a queue's operation, which has called somebody's deferred closure.
            Err(_) => has_entered(is_its),
        };
        own || run.awaited_by.get() == address_of(shared)
    })
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
    give(future, |_| true, spawn)
}

/// Gives a value to this thread's core, if it has one that is meant and not being used just now;
/// else gives it back.
#[inline]
fn give<T, R>(
    value: T,
    is_meant: impl FnOnce(&Core) -> bool,
    f: impl FnOnce(&mut Core, T) -> R,
) -> Result<R, T> {
    let mut value = Some(value);
    let give =
        |core: &mut Core| if is_meant(core) { value.take().map(|v| f(core, v)) } else { None };
    match (try_with_core(give).flatten(), value) {
        (Some(result), _) => Ok(result),
        (None, Some(value)) => Err(value),
        (None, None) => unreachable!("the value is taken only to be given"),
    }
}

/// Runs `f` on this thread's core, if it has one. `f` must not run code of others.
#[inline]
pub(crate) fn with_core<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    RUN.try_with(|run| run.core.borrow_mut().as_deref_mut().map(f)).ok().flatten()
}

/// The same, but not if the core is being used just now.
#[inline]
pub(crate) fn try_with_core<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    RUN.try_with(|run| run.core.try_borrow_mut().ok()?.as_deref_mut().map(f)).ok().flatten()
}

/// Gives this thread a core; it must have none.
pub(crate) fn put_core(core: Box<Core>) {
    let before = RUN.with(|run| run.core.borrow_mut().replace(core));
    if before.is_some() {
        // To drop it would be to lose its tasks.
        unwind::abort("a thread with two workers' cores");
    }
}

/// Takes this thread's core away.
pub(crate) fn take_core() -> Option<Box<Core>> {
    RUN.with(|run| run.core.borrow_mut().take())
}
