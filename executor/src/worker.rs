//! The worker: take a task, poll it, and when there is none, search or sleep.
//!
//! This is what a worker has, and how it picks and searches. Its loop is in `drive`, what it does now and
//! then in `duties`, and what running tasks ask of it in `keepers`.

mod budget;
mod drive;
mod duties;
mod keepers;
#[cfg(all(test, filch_loom))]
pub(crate) mod models;
#[cfg(all(test, not(filch_loom)))]
mod tests;

pub(crate) use budget::Begin;
pub(crate) use drive::{NoRoot, Root, Stop, drive, run_in_place, take_up};
pub(crate) use keepers::WorkerKeeper;

use crate::queue::{Flood, LocalQueue, Stealers};
use crate::registry::{Registrar, Registry};
use crate::rng::Rng;
use crate::runtime::{Backref, Handle};
use crate::share::{Look, Share, Victim};
use crate::stats::{Stats, bump};
use crate::sync::{Arc, Mutant, NAPS, mutated};
use crate::task::{self, Blocks, JoinHandle, Kept, Memory, Runnable, Slot};
use crate::tempo::{Retired, Tempo};
use crate::timers::{self, Lease, TimersAtHand};
use budget::Budget;
use std::future::Future;
use std::time::Instant;

/// What all workers of a runtime may see of one.
pub(crate) struct Worker {
    pub(crate) stealers: Stealers,
    pub(crate) registry: Registry,
    pub(crate) stats: Stats,
    pub(crate) timers: Lease,
}

/// What only the thread that works in a worker's place has.
// As `CachePadded`: cores are allocated one after the other, and written at each poll.
#[repr(align(128))]
pub(crate) struct Core {
    pub(crate) handle: Handle,
    pub(crate) index: usize,
    queue: LocalQueue,
    searching: bool,
    /// Notified, and nothing found since.
    woken_for_nothing: bool,
    share: Share,
    tempo: Tempo,
    rng: Rng,
    pub(crate) blocks: Blocks,
    registrar: Registrar,
    /// Those of this worker, or a sleep would follow three pointers to them.
    timers: TimersAtHand,
    /// For children that are polled in place.
    budget: Budget,
    /// The root that is driven in this worker's place.
    root: Option<std::sync::Arc<dyn timers::Root>>,
}

impl Core {
    pub(crate) fn new(handle: Handle, index: usize, queue: LocalQueue) -> Box<Self> {
        let share = Share::new(handle.shared().workers.len());
        let blocks = Blocks::new(handle.shared().depot.clone());
        let timers = handle.shared().workers[index].timers.at_hand();
        Box::new(Self {
            handle,
            index,
            queue,
            searching: false,
            woken_for_nothing: false,
            share,
            tempo: Tempo::new(),
            rng: Rng::new(index),
            blocks,
            registrar: Registrar::new(),
            timers,
            budget: Budget::new(),
            root: None,
        })
    }

    /// Whether this is a core of the runtime whose shared part is at `address`.
    #[inline]
    pub(crate) fn works_for(&self, address: usize) -> bool {
        Arc::as_ptr(self.handle.shared()).addr() == address
    }

    /// Spawns a task: it is the next to run here, unless somebody takes it or has asked for some.
    #[inline]
    pub(crate) fn spawn<F>(&mut self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let backref = Backref::new(self.handle.shared());
        let (task, handle) = task::new(future, backref, Memory::Blocks(&mut self.blocks));
        self.push_new(task);
        handle
    }

    /// Spawns a task that stays on top, whatever thieves have asked for.
    #[inline]
    pub(crate) fn spawn_on_top<F>(&mut self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let backref = Backref::new(self.handle.shared());
        let (task, handle) = task::new(future, backref, Memory::Blocks(&mut self.blocks));
        self.push_spawned(task);
        handle
    }

    /// Spawns a task that nobody waits for, as [`spawn`](Self::spawn) does.
    #[inline]
    pub(crate) fn spawn_detached<F>(&mut self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let backref = Backref::new(self.handle.shared());
        let task = task::new_detached(future, backref, Memory::Blocks(&mut self.blocks));
        self.push_new(task);
    }

    /// Queues a task that was spawned just now.
    #[inline]
    pub(crate) fn push_new(&mut self, task: Runnable) {
        self.queue.push_new(task);
        self.notify();
    }

    /// Queues a task on top.
    #[inline]
    pub(crate) fn push_spawned(&mut self, task: Runnable) {
        self.queue.push_spawned(task);
        self.notify();
    }

    /// The task on top, if it is the one that is meant.
    #[inline]
    pub(crate) fn take_from_top(
        &mut self,
        is_meant: impl FnOnce(&Runnable) -> bool,
    ) -> Option<Runnable> {
        let task = self.queue.take_spawned()?;
        if (is_meant(&task) || mutated(Mutant::ClaimUnmeant)) && !self.handle.shared().is_closed() {
            return Some(task);
        }
        // It was out of sight for a moment, and this worker does not search.
        self.push_spawned(task);
        None
    }

    /// Whether the runtime has no other worker.
    pub(crate) fn is_alone(&mut self) -> bool {
        self.handle.shared().workers.len() == 1
    }

    /// Queues a task behind the others.
    #[inline]
    pub(crate) fn push_woken(&mut self, task: Runnable) {
        self.queue.push_woken(task);
        self.notify();
    }

    /// Queues a task that the running one has woken.
    #[inline]
    pub(crate) fn push_successor(&mut self, task: Runnable) {
        self.queue.push_successor(task);
        self.notify();
    }

    /// The task, if it may run now, ahead of all others. Otherwise it goes on top of the queue: the
    /// worker has other duties first.
    #[inline]
    fn prefer(&mut self, task: Runnable, may_go_on: bool) -> Option<Runnable> {
        if !may_go_on || self.queue.picks_fairly_next() {
            self.push_spawned(task);
            return None;
        }
        self.queue.count_pick();
        Some(task)
    }

    #[inline]
    fn notify(&self) {
        // With one worker there is nobody to tell.
        if self.handle.shared().workers.len() > 1 {
            self.handle.shared().idle.notify_local();
        }
    }

    #[inline]
    fn pick(&mut self) -> Option<Runnable> {
        if self.queue.picks_fairly_next() {
            return self.pick_fairly();
        }
        self.queue.pick(&self.handle.shared().injector)
    }

    /// This thread begins to work in the worker's place, beside its root.
    pub(crate) fn begin(&mut self, root: std::sync::Arc<dyn timers::Root>) {
        self.root = Some(root);
    }

    /// This thread stops to work in the worker's place, at least for a while.
    pub(crate) fn rest(&mut self) {
        self.root = None;
        self.stop_searching();
        self.tempo.come_back(&self.handle.shared().tempos);
    }

    /// Enters a task in this worker's registry.
    #[inline]
    pub(crate) fn keep(&mut self, task: Kept) -> Slot {
        let registry = &self.handle.shared().workers[self.index].registry;
        Slot { worker: self.index as u32, index: self.registrar.keep(registry, task) }
    }

    /// Takes a task out of the registry that it was entered in.
    #[inline]
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.queue.note_end();
        let registry = &self.handle.shared().workers[slot.worker as usize].registry;
        if slot.worker as usize == self.index {
            self.registrar.forget(registry, slot.index);
        } else {
            registry.forget(slot.index);
        }
    }

    /// The timers of the worker in whose place this thread works.
    #[inline]
    pub(crate) fn timers(&self) -> &TimersAtHand {
        &self.timers
    }

    /// Any task of its own queues.
    pub(crate) fn drain(&mut self) -> Option<Runnable> {
        self.queue.drain()
    }

    /// Begins to search, unless this worker does, or enough others do.
    pub(crate) fn start_searching(&mut self) -> bool {
        let shared = self.handle.shared();
        self.searching =
            self.searching || shared.workers.len() > 1 && shared.idle.start_searching();
        self.searching
    }

    /// Ends the search, if this worker searches; see `idle.md`, H.
    #[inline]
    pub(crate) fn stop_searching(&mut self) {
        if self.searching {
            self.searching = false;
            self.handle.shared().idle.stop_searching(|| self.handle.shared().work_visible());
        }
    }

    /// Looks for work of others. The task comes with the duty to run it.
    fn search(&mut self) -> Search {
        let now = Instant::now();
        let (polls, crew) = self.progress();
        self.tempo.runs_dry(now, polls, crew);
        let tempos = &self.handle.shared().tempos;
        if crew.at_work <= 1 {
            self.tempo.come_back(tempos);
        }
        let retired = self.tempo.retired(now, tempos);
        if retired.is_none()
            && let Some(task) = self.queue.take_injected(&self.handle.shared().injector)
        {
            self.notify_of_batch();
            return Search::Found(task);
        }
        if !self.start_searching() {
            return Search::Nothing { left_work: false };
        }
        self.share.ran_dry(now);
        let left_work = match self.search_others(now, retired) {
            Ok(task) => return Search::Found(task),
            Err(left_work) => left_work,
        };
        if retired.is_some() {
            return Search::Nothing {
                left_work: left_work || !self.handle.shared().injector.is_empty(),
            };
        }
        match self.queue.take_injected(&self.handle.shared().injector) {
            Some(task) => Search::Found(task),
            None => Search::Nothing { left_work },
        }
    }

    /// Takes work from another worker; else tells whether it left any there.
    ///
    /// A retired worker takes only what would wait long, also from the injector.
    fn search_others(&mut self, now: Instant, retired: Option<Retired>) -> Result<Runnable, bool> {
        let mut left_work = false;
        let others = self.handle.shared().workers.len();
        let first = self.rng.below(others);
        let injected = if retired.is_some() { self.handle.shared().injector.len() } else { 0 };
        let own = self.index;
        let own_polls = self.handle.shared().workers[own].stats.polls();
        for victim in (first..others).chain(0..first).filter(|&victim| victim != own) {
            let worker = &self.handle.shared().workers[victim];
            let queued = worker.stealers.len() + injected;
            let look = match (NAPS, queued) {
                (true, _) => {
                    let polls = worker.stats.polls();
                    let flood =
                        if retired.is_some() { Flood::None } else { worker.stealers.flood(queued) };
                    let polls_of_both = polls.wrapping_add(own_polls);
                    let seen = Victim { index: victim, queued, flood, polls, polls_of_both };
                    self.share.look(seen, now, retired)
                }
                (false, 0) => Look::Empty,
                (false, _) => Look::Steal,
            };
            match look {
                Look::Empty => {}
                Look::LeaveBe => left_work = true,
                Look::Ask => {
                    worker.stealers.ask();
                    left_work = true;
                }
                Look::StealLot => {
                    if let Some(task) = self.queue.steal_lot(&worker.stealers) {
                        self.note_theft();
                        self.share.took_lot();
                        return Ok(task);
                    }
                }
                Look::Steal | Look::StealMany => {
                    let many = look == Look::StealMany;
                    let stolen = self.queue.steal_from(&worker.stealers, many);
                    let task =
                        stolen.or_else(|| self.queue.take_injected(&self.handle.shared().injector));
                    if let Some(task) = task {
                        let taken = self.note_theft();
                        self.share.took(taken, now);
                        return Ok(task);
                    }
                }
            }
        }
        Err(left_work)
    }

    /// Counts what it has just stolen.
    fn note_theft(&self) -> usize {
        let own = &self.handle.shared().workers[self.index];
        let taken = 1 + own.stealers.len();
        bump(&own.stats.steals, 1);
        bump(&own.stats.stolen, taken as u64);
        taken
    }
}

/// What a search gave.
enum Search {
    Found(Runnable),
    Nothing { left_work: bool },
}
