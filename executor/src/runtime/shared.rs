//! What the workers of a runtime share, and how tasks refer to it.

#![allow(unsafe_code, reason = "tasks refer to their runtime without counting; argued below")]

use super::shutdown::Shutdown;
use crate::context;
use crate::idle::{Idle, Seat};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::deque::Injector;
use crate::sync::{Arc, Mutant, Mutex, mutated};
use crate::task::{Depot, Runnable, Schedule};
use crate::tempo::Tempos;
use crate::timers::{Source, Watch};
use crate::worker::{Core, Worker};
use crossbeam_utils::CachePadded;

/// A core with the seat that it belongs to.
pub(crate) type SeatedCore = (Arc<Seat<Box<Core>>>, Box<Core>);

/// What all threads of a runtime, and all its handles, refer to.
///
/// On a worker, a spawn, a wake, a poll or a completion writes only to that worker's own part (its
/// deques, registry and counters), and to the rest when the worker changes between work, search
/// and sleep, or tells another one.
///
/// Nothing in it is the user's, so whoever drops the last reference runs none of the user's code.
pub(crate) struct Shared {
    pub(crate) workers: Box<[CachePadded<Worker>]>,
    pub(crate) injector: CachePadded<Injector<Runnable>>,
    pub(crate) idle: Idle<Box<Core>>,
    /// The core of a place that has no thread of its own: that of the thread that called `run`.
    pub(crate) spare: Mutex<Option<SeatedCore>>,
    pub(crate) tempos: CachePadded<Tempos>,
    /// The memory of tasks that one worker frees and another one needs.
    pub(crate) depot: std::sync::Arc<Depot>,
    /// Who looks after the timers of workers that do not.
    watch: Arc<Watch>,
    source: Source,
    closed: AtomicBool,
    pub(crate) shutdown: Shutdown,
}

impl Shared {
    pub(crate) fn new(
        workers: Box<[CachePadded<Worker>]>,
        watch: Arc<Watch>,
        source: Source,
    ) -> Self {
        let count = workers.len();
        Self {
            workers,
            injector: CachePadded::new(Injector::new()),
            idle: Idle::new(count),
            spare: Mutex::new(None),
            tempos: CachePadded::new(Tempos::new(num_cpus::get())),
            depot: std::sync::Arc::new(Depot::new()),
            watch,
            source,
            closed: AtomicBool::new(false),
            shutdown: Shutdown::new(count),
        }
    }

    #[inline]
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    #[inline]
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether the runtime shuts down.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: Relaxed. Those that must not miss it look again after a fence or a lock.
        self.closed.load(Ordering::Relaxed)
    }

    /// Begins the shutdown. False: it began before.
    pub(super) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Whether any queue holds a task.
    pub(crate) fn work_visible(&self) -> bool {
        !self.injector.is_empty() || self.workers.iter().any(|worker| !worker.stealers.is_empty())
    }

    /// Queues a task from a thread that is not a worker of this runtime.
    pub(crate) fn push_remote(&self, task: Runnable) {
        self.injector.push(task);
        self.idle.notify_remote();
    }

    /// Gives a core to its own thread, which may have begun to sleep without it.
    pub(super) fn give_core(&self, seat: &Arc<Seat<Box<Core>>>, core: Box<Core>) {
        self.idle.give_back(seat, core, false, || self.work_visible());
        // The thread did not find itself parked then.
        self.lay_to_rest(seat);
        if self.is_closed() && !mutated(Mutant::ForgetLentWorker) {
            // Nor did it have a core to stop when it was told.
            seat.parker.unpark();
        }
    }

    /// Gives up the core of a worker whose thread could not be started.
    pub(super) fn give_up_worker(&self, core: Box<Core>) {
        drop(core);
        self.shutdown.worker_gone();
    }

    /// How many tasks the registries know.
    pub(crate) fn registered(&self) -> usize {
        self.workers.iter().map(|worker| worker.registry.len()).sum()
    }
}

/// A task's reference to its runtime: not counted, so that spawns share no line of memory.
///
/// It may be followed only where the runtime is known to be alive:
///
/// 1. A runtime's shutdown ends only when its registries and queues are empty, and no worker holds
///    a task. Until then the thread that performs it holds the `Shared`. No worker ends otherwise:
///    its loop does not unwind (see `unwind`).
/// 2. A task that was just woken from idle is in a registry and not in a queue; it leaves the
///    registry only when a run completes it, and the right to run it is with whoever woke it.
///
/// So whoever has just been told to schedule a task may follow its reference, *until it has pushed
/// the task*. To touch the runtime after that (to notify), it takes a counted reference before.
/// (async-executor 1.14.0 did without, and wrote to freed memory: smol-rs/async-executor#163.)
#[derive(Clone, Copy)]
pub(crate) struct Backref(*const Shared);

// SAFETY: it is followed as the type's documentation says only; `Shared` is `Sync`.
unsafe impl Send for Backref {}
// SAFETY: as above.
unsafe impl Sync for Backref {}

impl Schedule for Backref {
    #[inline]
    fn schedule(self, task: Runnable) {
        // A worker of the same runtime needs no reference: its core has one.
        if let Some(task) = context::push_woken(self.0.addr(), task) {
            self.schedule_remotely(task);
        }
    }

    #[inline]
    fn home(&self) -> usize {
        self.0.addr()
    }
}

impl Backref {
    /// What a task keeps of its runtime.
    #[inline]
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::as_ptr(shared))
    }

    #[cold]
    fn schedule_remotely(self, task: Runnable) {
        let shared = self.0;
        // SAFETY: the pointer comes from an `Arc`, and the `Shared` is alive: `task` was idle and
        // registered, and is not pushed yet (1 and 2).
        unsafe { Arc::increment_strong_count(shared) };
        // SAFETY: the count that was just added is this `Arc`'s.
        let shared = unsafe { Arc::from_raw(shared) };
        // No look whether the runtime closed: the last worker waits for what the registry shows.
        shared.push_remote(task);
    }
}
