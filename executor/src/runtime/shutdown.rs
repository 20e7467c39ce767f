//! The end of a runtime: every future dropped, every thread gone.
//!
//! 1. `close` sets the flag and unparks everybody. Workers see it between two polls and stop.
//! 2. Every worker that stops cancels what it finds: in its own queues, in those of the others, in
//!    the injector and in the registries. So what one worker that is stuck in a poll leaves behind
//!    is dropped without it.
//! 3. The last worker repeats that until there is nothing left. What it may have to wait for is a
//!    thread that has just woken an idle task and not yet pushed it; the registry shows that
//!    task, and it is the push away from being found.
//! 4. A foreign spawn that comes later sees the flag after its push and empties the injector
//!    itself, so that a handle never waits for a runtime that is gone.

use super::Shared;
use crate::context;
use crate::sync::atomic::fence;
use crate::sync::{Condvar, Mutant, Mutex, mutated, wait_until};
use crate::task::Runnable;
use crate::worker::{Core, WorkerKeeper};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many references to idle tasks the shutdown takes under a registry's lock at a time.
const BATCH: usize = 256;

/// What a shutdown came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that were being polled when the shutdown began and came to their end by themselves.
    pub finished: u64,
    /// Tasks whose futures were dropped by the shutdown.
    pub cancelled: u64,
    /// Workers that were still inside a poll when the time was up, each with one task.
    pub still_running: usize,
}

/// The state of a shutdown.
pub(crate) struct Shutdown {
    /// How many workers have not stopped.
    working: Mutex<usize>,
    all_stopped: Condvar,
    // Only counters, so not `sync`'s.
    finished: AtomicU64,
    cancelled: AtomicU64,
}

impl Shutdown {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            working: Mutex::new(workers),
            all_stopped: Condvar::new(),
            finished: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
        }
    }

    /// A worker that never began counts as stopped.
    pub(super) fn worker_gone(&self) {
        *self.working.lock() -= 1;
        self.all_stopped.notify_all();
    }
}

impl Shared {
    /// Begins the shutdown, if it did not begin before.
    pub(super) fn begin_shutdown(&self) {
        if !self.close() {
            return;
        }
        self.idle.unpark_all();
        self.stop_spare_if_closed();
    }

    /// A place without a thread has nobody else to stop for it.
    pub(super) fn stop_spare_if_closed(&self) {
        if !self.is_closed() {
            return;
        }
        let spare = self.spare.lock().take();
        if let Some((_, core)) = spare {
            self.stop_worker(core);
        }
    }

    /// Waits until every worker has stopped, or until the deadline.
    pub(super) fn wait_for_shutdown(&self, deadline: Option<Instant>) -> ShutdownReport {
        let mut working = self.shutdown.working.lock();
        while *working > 0 {
            match deadline {
                None => self.shutdown.all_stopped.wait(&mut working),
                Some(deadline) => {
                    if wait_until(&self.shutdown.all_stopped, &mut working, deadline) {
                        break;
                    }
                }
            }
        }
        ShutdownReport {
            finished: self.shutdown.finished.load(Ordering::Relaxed),
            cancelled: self.shutdown.cancelled.load(Ordering::Relaxed),
            still_running: *working,
        }
    }

    /// A task came to its end after the shutdown began.
    pub(crate) fn note_finished(&self) {
        self.shutdown.finished.fetch_add(1, Ordering::Relaxed);
    }

    /// Stops the worker with this core: cancels what there is and gives up the core.
    ///
    /// The core is no thread's meanwhile, so what the dropped futures spawn and wake goes through the
    /// injector, which is emptied here.
    pub(crate) fn stop_worker(&self, core: Box<Core>) {
        self.cancel_all(&core);
        let last = {
            let mut working = self.shutdown.working.lock();
            let last = *working == 1;
            if !last {
                *working -= 1;
            }
            last
        };
        if last {
            while self.cancel_all(&core) || self.registered() > 0 {
                if mutated(Mutant::DrainOnce) {
                    break;
                }
                crate::sync::thread::yield_now();
            }
        }
        // Its queues are empty, and only who has the core can push there.
        drop(core);
        if last {
            *self.shutdown.working.lock() = 0;
            self.shutdown.all_stopped.notify_all();
        }
    }

    /// Cancels every task that can be found. True: there was one.
    fn cancel_all(&self, own: &Core) -> bool {
        let mut found = self.cancel_queued(own);
        for worker in &self.workers {
            let mut next = Some(0);
            while let Some(from) = next {
                let (tasks, more) = worker.registry.references(from, BATCH);
                next = more;
                for task in tasks {
                    if let Some(task) = task.cancel_here() {
                        found = true;
                        self.cancel(task);
                    }
                }
            }
        }
        // Dropping futures may have woken and spawned others.
        self.cancel_queued(own) || found
    }

    fn cancel_queued(&self, own: &Core) -> bool {
        // Ordering: pairs with the fence of `push_remote`. The flag was seen set, so its setting
        // happens before this fence, which comes before the look into the injector.
        fence(Ordering::SeqCst);
        let mut found = false;
        loop {
            let task = own
                .drain()
                .or_else(|| self.steal_injected())
                .or_else(|| self.workers.iter().find_map(|worker| worker.stealers.drain()));
            let Some(task) = task else { return found };
            found = true;
            self.cancel(task);
        }
    }

    fn steal_injected(&self) -> Option<Runnable> {
        crate::queue::until_settled(|| self.injector.steal())
    }

    pub(crate) fn cancel(&self, task: Runnable) {
        self.shutdown.cancelled.fetch_add(1, Ordering::Relaxed);
        // Which worker's keeper does not matter: a cancelled task is not kept anew.
        task.cancel(&WorkerKeeper { shared: self, index: 0 });
    }

    /// Cancels what is in the injector of a runtime that shuts down or is gone.
    ///
    /// The destructor of a future that is dropped here may spawn again; what it spawns is found by
    /// the loop that is already on this thread's stack, however long such a chain is.
    #[cold]
    pub(super) fn drain_injector(&self) {
        let Some(_draining) = context::Draining::begin(std::ptr::from_ref(self).addr()) else {
            return;
        };
        while let Some(task) = self.steal_injected() {
            self.cancel(task);
        }
    }
}
