//! What a thread knows about the runtime that it works for.
//!
//! Two thread-locals: [`RUN`], for the task that is being polled, has no destructor and so costs
//! one instruction to reach, also while the thread is being torn down. [`CONTEXT`] holds the
//! worker's [`Core`], while the thread has one, and the handles that were entered.

use crate::runtime::{Handle, NoRuntime, Shared};
use crate::sync::{Arc, local};
use crate::task::Runnable;
use crate::worker::Core;
use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;

/// What the current poll is about.
struct Run {
    /// The address of the task that is being polled; 0: none.
    task: Cell<usize>,
    /// Whether the task woke itself since its poll began.
    woke_itself: Cell<bool>,
    /// Whether a completed task's joiner is being woken.
    joining: Cell<bool>,
}

struct Context {
    core: RefCell<Option<Box<Core>>>,
    /// The handles entered on this thread, the last one on top.
    entered: RefCell<Vec<Handle>>,
    /// How many of them were entered by users while the thread was a worker's.
    overrides: Cell<usize>,
    /// Whether a root future or a worker's loop is on this thread's stack.
    driving: Cell<bool>,
}

local! {
    static RUN: Run = Run {
        task: Cell::new(0),
        woke_itself: Cell::new(false),
        joining: Cell::new(false),
    };
    static CONTEXT: Context = Context {
        core: RefCell::new(None),
        entered: RefCell::new(Vec::new()),
        overrides: Cell::new(0),
        driving: Cell::new(false),
    };
}

/// The time in which a task is being polled on this thread.
pub(crate) struct TaskScope {
    outer_task: usize,
    outer_woke_itself: bool,
}

/// Marks the task at `address` as the one being polled.
#[inline]
pub(crate) fn enter_task(address: NonZeroUsize) -> TaskScope {
    RUN.with(|run| TaskScope {
        outer_task: run.task.replace(address.get()),
        outer_woke_itself: run.woke_itself.replace(false),
    })
}

impl TaskScope {
    /// Ends the scope and tells whether the task woke itself in it.
    #[inline]
    pub(crate) fn leave(self) -> bool {
        RUN.with(|run| {
            run.task.set(self.outer_task);
            run.woke_itself.replace(self.outer_woke_itself)
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

/// Runs `wake`, which wakes the joiner of a task that just completed.
#[inline]
pub(crate) fn while_joining(wake: impl FnOnce()) {
    RUN.with(|run| run.joining.set(true));
    wake();
    RUN.with(|run| run.joining.set(false));
}

/// Gives a woken task to this thread's core, if the thread works for the runtime at `shared`.
#[inline]
pub(crate) fn push_woken(shared: usize, task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    // The thread-local may be gone: a wake from another one's destructor goes the foreign way.
    let _ = CONTEXT.try_with(|context| {
        let Ok(mut core) = context.core.try_borrow_mut() else { return };
        if let Some(core) = core.as_mut().filter(|core| core.works_for(shared)) {
            if let Some(task) = task.take() {
                if RUN.with(|run| run.joining.get()) {
                    core.push_spawned(task);
                } else {
                    core.push_woken(task);
                }
            }
        }
    });
    task
}

/// Gives a spawned task to this thread's core, if the thread works for the runtime.
#[inline]
pub(crate) fn push_spawned(shared: &Arc<Shared>, task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    let _ = CONTEXT.try_with(|context| {
        let Ok(mut core) = context.core.try_borrow_mut() else { return };
        if let Some(core) = core.as_mut().filter(|core| Arc::ptr_eq(&core.shared, shared)) {
            if let Some(task) = task.take() {
                core.push_spawned(task);
            }
        }
    });
    task
}

/// Whether this thread works for the runtime.
pub(crate) fn works_for(shared: &Arc<Shared>) -> bool {
    with_core(|core| Arc::ptr_eq(&core.shared, shared)).unwrap_or(false)
}

/// Spawns through this thread's core; gives the future back if there is none.
#[inline]
pub(crate) fn spawn_local<F, R>(future: F, spawn: impl FnOnce(&mut Core, F) -> R) -> Result<R, F> {
    let mut future = Some(future);
    let spawned = CONTEXT.try_with(|context| {
        if context.overrides.get() > 0 {
            return None;
        }
        let mut core = context.core.try_borrow_mut().ok()?;
        Some(spawn(core.as_mut()?, future.take()?))
    });
    match (spawned, future) {
        (Ok(Some(spawned)), _) => Ok(spawned),
        (_, Some(future)) => Err(future),
        (_, None) => unreachable!("the future is taken only to be spawned"),
    }
}

/// Runs `f` on this thread's core, if it has one. `f` must not run code of others.
#[inline]
pub(crate) fn with_core<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    CONTEXT.with(|context| context.core.borrow_mut().as_deref_mut().map(f))
}

/// Gives this thread a core; it must have none.
pub(crate) fn put_core(core: Box<Core>) {
    let before = CONTEXT.with(|context| context.core.borrow_mut().replace(core));
    debug_assert!(before.is_none(), "a thread with two cores");
}

/// Takes this thread's core away.
pub(crate) fn take_core() -> Option<Box<Core>> {
    CONTEXT.with(|context| context.core.borrow_mut().take())
}

/// The runtime that `spawn` would use on this thread.
pub(crate) fn current() -> Result<Handle, NoRuntime> {
    let handle = CONTEXT.try_with(|context| context.entered.borrow().last().cloned());
    handle.ok().flatten().ok_or(NoRuntime)
}

/// Makes `handle` this thread's current one until the guard is dropped.
pub(crate) fn enter(handle: Handle, by_user: bool) -> Entered {
    CONTEXT.with(|context| {
        context.entered.borrow_mut().push(handle);
        let overrides = by_user && context.driving.get();
        context.overrides.set(context.overrides.get() + usize::from(overrides));
        Entered {
            depth: context.entered.borrow().len(),
            overrides,
            thread_bound: std::marker::PhantomData,
        }
    })
}

/// The time in which a handle is the current one.
pub(crate) struct Entered {
    depth: usize,
    overrides: bool,
    /// The guard has to be dropped where it was made.
    thread_bound: std::marker::PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = CONTEXT.try_with(|context| {
            let top = context.entered.borrow().len();
            if top != self.depth && !std::thread::panicking() {
                panic!("`EnterGuard`s dropped out of order: drop the one made last first");
            }
            let left = context.entered.borrow_mut().pop();
            context.overrides.set(context.overrides.get() - usize::from(self.overrides));
            // Outside of the borrow: this may be the last handle of a runtime.
            drop(left);
        });
    }
}

/// The time in which this thread drives a root future or a worker's loop.
pub(crate) struct Driving(());

impl Driving {
    /// Begins it; `None`: the thread drives already.
    pub(crate) fn begin() -> Option<Self> {
        CONTEXT.with(|context| (!context.driving.replace(true)).then_some(Self(())))
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        let _ = CONTEXT.try_with(|context| context.driving.set(false));
    }
}
