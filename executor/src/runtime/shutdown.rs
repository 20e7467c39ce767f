//! The end of a runtime: every future dropped, every thread gone.
//!
//! 1. `close` sets the flag and unparks everybody. Workers see it between two polls and stop.
//! 2. Every worker that stops cancels what it finds: in the queues of all, in the injector and in
//!    the registries. So what one worker that is stuck in a poll leaves behind is dropped without
//!    it.
//! 3. The last worker repeats that until there is nothing left, and says under a lock that it is
//!    over. What it may have to wait for is a thread that has just woken an idle task and not yet
//!    pushed it: the registry shows that task, so the waking thread owes the shutdown nothing, and
//!    drops nothing.
//!    Before that it closes the timers: those of the tasks are gone, and whoever else waits for
//!    one is woken, to be told that it will not fire.
//! 4. A foreign spawn that sees the flag cancels its own task, on its own thread. One that was
//!    overtaken by the closing between its look and its push looks again: if the shutdown is over,
//!    it empties the injector itself; if not, the last worker's look comes after its push.

use super::handle::Handle;
use super::shared::Shared;
use crate::context::{self, Driving};
use crate::sync::atomic::fence;
use crate::sync::{Condvar, Mutant, Mutex, mutated, wait_until};
use crate::task::Runnable;
use crate::unwind;
use crate::worker::{Core, WorkerKeeper};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many references to idle tasks the shutdown takes under a registry's lock at a time.
const BATCH: usize = 256;

/// What a shutdown came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that came to their end by themselves after the shutdown began: they were being polled
    /// then, or a worker was about to.
    pub finished: u64,
    /// Tasks whose futures the runtime dropped because of the shutdown.
    pub cancelled: u64,
    /// Workers that had not stopped when the time was up: each is inside the poll of a task, or in
    /// the destructor of a future. 0 if the shutdown is complete.
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

    /// Whether all workers have stopped. What was pushed before a `false` is found by the last.
    fn is_over(&self) -> bool {
        *self.working.lock() == 0
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
            // The destructors called here see what they would see on a worker's own thread.
            let _driving = Driving::begin();
            let handle = core.handle.clone();
            let _entered = context::enter(handle.clone(), false);
            handle.stop_worker(core);
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

    /// A task came to its end by itself: maybe after the shutdown began.
    #[inline]
    pub(crate) fn note_finished_if_closed(&self) {
        if self.is_closed() {
            self.shutdown.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn steal_injected(&self) -> Option<Runnable> {
        crate::queue::until_settled(|| self.injector.steal())
    }
}

impl Handle {
    /// Stops the worker with this core: cancels what there is and gives up the core.
    ///
    /// The core is no thread's meanwhile, so what the dropped futures spawn is cancelled at once,
    /// and what they wake goes through the injector, which is emptied here.
    pub(crate) fn stop_worker(&self, mut core: Box<Core>) {
        unwind::never(|| {
            // Only who has the core can push there.
            while let Some(task) = core.drain() {
                self.cancel(task);
            }
            self.cancel_all();
            drop(core);
            self.leave();
        });
    }

    /// Counts this worker as stopped. The last one goes only when nothing is left.
    fn leave(&self) {
        let shared = self.shared();
        let mut timers_closed = false;
        loop {
            {
                let mut working = shared.shutdown.working.lock();
                if *working > 1 {
                    *working -= 1;
                    return;
                }
                // Ordering: pairs with the fence of `push_remote`. The closing happens before this
                // fence, so a spawn that did not see it has pushed before the look that follows.
                fence(Ordering::SeqCst);
                let nothing_left = shared.injector.is_empty() && shared.registered() == 0;
                if timers_closed && (nothing_left || mutated(Mutant::DrainOnce)) {
                    *working = 0;
                    shared.shutdown.all_stopped.notify_all();
                    return;
                }
            }
            if !timers_closed {
                shared.workers.iter().for_each(|worker| worker.timers.close());
                timers_closed = true;
            } else if !self.cancel_all() {
                crate::sync::thread::yield_now();
            }
        }
    }

    /// Cancels every task that can be found. True: there was one.
    fn cancel_all(&self) -> bool {
        let mut found = self.cancel_queued();
        // Each worker that stops looks at all, so what is empty has to cost little. A task that was
        // entered unseen is found by the worker that entered it, at the latest.
        for worker in self.shared().workers.iter().filter(|worker| worker.registry.len() > 0) {
            let mut next = Some(0_u32);
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
        // Dropping futures may have woken others.
        self.cancel_queued() || found
    }

    fn cancel_queued(&self) -> bool {
        let shared = self.shared();
        let mut cancelled = 0_u64;
        loop {
            let before = cancelled;
            let mut cancel = |task| {
                cancelled += 1;
                self.cancel(task);
            };
            while let Some(task) = shared.steal_injected() {
                cancel(task);
            }
            for worker in shared.workers.iter().filter(|worker| !worker.stealers.is_empty()) {
                while let Some(task) = worker.stealers.drain() {
                    cancel(task);
                }
            }
            // Dropping futures may have woken others.
            if cancelled == before {
                return cancelled > 0;
            }
        }
    }

    /// Cancels a task of this runtime, whose closing is the reason.
    pub(crate) fn cancel(&self, task: Runnable) {
        let shared = self.shared();
        shared.shutdown.cancelled.fetch_add(1, Ordering::Relaxed);
        task.cancel(&WorkerKeeper { handle: self });
    }

    /// Queues a task that was spawned by a thread that is not a worker of this runtime.
    pub(super) fn push_foreign(&self, task: Runnable) {
        let shared = self.shared();
        if shared.is_closed() {
            return context::cancel_in_turn(self, task);
        }
        shared.push_remote(task);
        // `push_remote` has a full barrier after the push, as `leave` has one after the closing:
        // either this sees the closing, or the last worker sees the task.
        let overtaken = shared.is_closed() && !mutated(Mutant::SpawnWithoutRecheck);
        if overtaken && shared.shutdown.is_over() {
            while let Some(task) = shared.steal_injected() {
                context::cancel_in_turn(self, task);
            }
        }
    }
}
