//! The worker: take a task, poll it, and when there is none, search or sleep.
//!
//! The same loop serves a worker's own thread and a thread inside `block_on`, which works in the
//! place of a parked worker while its root future waits.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::context;
use crate::idle::{Rest, Seat, Woken};
use crate::queue::{FAIRNESS_INTERVAL, LocalQueue, Stealers};
use crate::registry::Registry;
use crate::rng::Rng;
use crate::runtime::{Backref, Handle, Shared};
use crate::share::{Look, NAP, Share};
use crate::stats::{Stats, bump};
use crate::sync::{Arc, NAPS};
use crate::task::{self, Blocks, JoinHandle, Keeper, Kept, PanicReporter, Ran, Runnable, Slot};
use crate::tempo::{Crew, Tempo};
use crate::timers::{Lease, Ticker};
use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::future::Future;
use std::task::Waker;
use std::time::Instant;

/// Every how many picks a worker looks whether it is of use.
const TEMPO_INTERVAL: u32 = 128;

/// What all workers of a runtime may see of one.
pub(crate) struct Worker {
    pub(crate) stealers: Stealers,
    pub(crate) registry: Registry,
    pub(crate) stats: Stats,
    pub(crate) timers: Lease,
}

/// What only the thread that works in a worker's place has.
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
    /// A woken task on its way to [`context::catch_woken`].
    caught: Option<Runnable>,
}

impl Core {
    pub(crate) fn new(handle: Handle, index: usize, queue: LocalQueue) -> Box<Self> {
        let share = Share::new(handle.shared().workers.len());
        Box::new(Self {
            handle,
            index,
            queue,
            searching: false,
            woken_for_nothing: false,
            share,
            tempo: Tempo::new(),
            rng: Rng::new(index),
            blocks: Blocks::new(),
            caught: None,
        })
    }

    /// Whether this is a core of the runtime whose shared part is at `address`.
    #[inline]
    pub(crate) fn works_for(&self, address: usize) -> bool {
        Arc::as_ptr(self.handle.shared()).addr() == address
    }

    /// Spawns a task: it is the next to run here, unless somebody takes it.
    #[inline]
    pub(crate) fn spawn<F>(&mut self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let backref = Backref::new(self.handle.shared());
        let (task, handle) = task::new_in(&mut self.blocks, future, backref);
        self.push_spawned(task);
        handle
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
        if is_meant(&task) && !self.handle.shared().is_closed() {
            return Some(task);
        }
        // It was out of sight for a moment, and this worker does not search.
        self.push_spawned(task);
        None
    }

    /// Begins a poll inside the current one; false: not on a runtime that shuts down.
    #[inline]
    pub(crate) fn begin_in_place(&mut self) -> bool {
        let shared = self.handle.shared();
        bump(&shared.workers[self.index].stats.polls, 1);
        !shared.is_closed()
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

    #[inline]
    pub(crate) fn catch(&mut self, task: Runnable) {
        debug_assert!(self.caught.is_none(), "two tasks were woken at once");
        if let Some(other) = self.caught.replace(task) {
            self.push_spawned(other);
        }
    }

    #[inline]
    pub(crate) fn take_caught(&mut self) -> Option<Runnable> {
        self.caught.take()
    }

    /// The task, if it may run now, ahead of all others. Otherwise it goes on top of the queue: the
    /// worker has other duties first.
    #[inline]
    fn prefer(&mut self, task: Runnable, may_go_on: bool) -> Option<Runnable> {
        if !may_go_on || self.is_time_for_tempo() || self.queue.picks_fairly_next() {
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
        if self.is_time_for_tempo() && NAPS {
            self.keep_tempo(Instant::now());
        }
        let own = &self.handle.shared().workers[self.index].stealers;
        let task = self.queue.pick(own, &self.handle.shared().injector);
        if self.queue.picks().is_multiple_of(FAIRNESS_INTERVAL) {
            self.notify_of_batch();
        }
        task
    }

    #[inline]
    fn is_time_for_tempo(&self) -> bool {
        self.queue.picks().is_multiple_of(TEMPO_INTERVAL)
    }

    /// What came out of the injector with the task that is run now was visible to nobody on its way
    /// into this worker's queue: a worker that does not search has to act as its pusher.
    #[cold]
    fn notify_of_batch(&self) {
        if !self.searching && !self.handle.shared().workers[self.index].stealers.is_empty() {
            self.notify();
        }
    }

    /// Looks whether this worker is of use beside the others; if not, gives its tasks away.
    #[cold]
    fn keep_tempo(&mut self, now: Instant) {
        if self.handle.shared().workers.len() == 1 {
            return;
        }
        let (polls, crew) = self.progress();
        let shared = self.handle.shared();
        let queued = shared.workers[self.index].stealers.len();
        let polled = |(_, worker): (usize, &CachePadded<Worker>)| worker.stats.polls();
        let others = || {
            let others =
                shared.workers.iter().enumerate().filter(|(other, _)| *other != self.index);
            others.map(polled).fold(0, u64::wrapping_add)
        };
        if self.tempo.works(now, polls, queued, crew, &shared.tempos, others) {
            while let Some(task) = self.drain() {
                shared.injector.push(task);
            }
            shared.idle.notify_remote();
        }
    }

    /// How many tasks this worker has polled, and who is at work.
    fn progress(&self) -> (u64, Crew) {
        let shared = self.handle.shared();
        let crew = Crew { workers: shared.workers.len(), at_work: shared.idle.at_work() };
        (shared.workers[self.index].stats.polls(), crew)
    }

    /// This thread stops to work in the worker's place, at least for a while.
    pub(crate) fn rest(&mut self) {
        self.stop_searching();
        self.tempo.come_back(&self.handle.shared().tempos);
    }

    /// The timers of the worker in whose place this thread works.
    #[inline]
    pub(crate) fn timers(&self) -> &Lease {
        &self.handle.shared().workers[self.index].timers
    }

    /// Any task of its own queues.
    pub(crate) fn drain(&self) -> Option<Runnable> {
        self.queue.drain()
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
        let retired = self.tempo.is_retired(now, tempos);
        if !retired && let Some(task) = self.queue.take_injected(&self.handle.shared().injector) {
            self.notify_of_batch();
            return Search::Found(task);
        }
        if self.handle.shared().workers.len() == 1
            || !(self.searching || self.handle.shared().idle.start_searching())
        {
            return Search::Nothing { left_work: false };
        }
        self.searching = true;
        self.share.ran_dry(now);
        let left_work = match self.search_others(now, retired) {
            Ok(task) => return Search::Found(task),
            Err(left_work) => left_work,
        };
        if retired {
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
    fn search_others(&mut self, now: Instant, retired: bool) -> Result<Runnable, bool> {
        let mut left_work = false;
        let others = self.handle.shared().workers.len();
        let first = self.rng.below(others);
        let injected = if retired { self.handle.shared().injector.len() } else { 0 };
        for victim in (first..others).chain(0..first).filter(|&victim| victim != self.index) {
            let worker = &self.handle.shared().workers[victim];
            let queued = worker.stealers.len() + injected;
            let look = match (NAPS, queued) {
                (true, _) => self.share.look(victim, queued, worker.stats.polls(), now, retired),
                (false, 0) => Look::Empty,
                (false, _) => Look::Steal,
            };
            match look {
                Look::Empty => {}
                Look::LeaveBe => left_work = true,
                Look::Steal | Look::StealMany => {
                    let many = look == Look::StealMany;
                    let stolen = self.queue.steal_from(&worker.stealers, many);
                    let task =
                        stolen.or_else(|| self.queue.take_injected(&self.handle.shared().injector));
                    if let Some(task) = task {
                        self.note_theft(now);
                        return Ok(task);
                    }
                }
            }
        }
        Err(left_work)
    }

    fn note_theft(&mut self, now: Instant) {
        let own = &self.handle.shared().workers[self.index];
        let taken = 1 + own.stealers.len();
        bump(&own.stats.steals, 1);
        bump(&own.stats.stolen, taken as u64);
        self.share.took(taken, now);
    }
}

/// What a search gave.
enum Search {
    Found(Runnable),
    Nothing { left_work: bool },
}

/// The registry's side of the tasks that one worker runs.
pub(crate) struct WorkerKeeper<'a> {
    pub(crate) handle: &'a Handle,
    pub(crate) index: usize,
}

impl Keeper for WorkerKeeper<'_> {
    fn keep(&self, task: Kept) -> Slot {
        let index = self.handle.shared().workers[self.index].registry.keep(task);
        Slot { worker: self.index as u32, index }
    }

    fn forget(&self, slot: Slot) {
        self.handle.shared().workers[slot.worker as usize].registry.forget(slot.index);
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        Some(self.handle.panics().clone())
    }

    fn wake_joiner(&self, waker: Waker) {
        context::wake_on_top(|| task::wake(waker));
    }
}

/// The same for a worker's loop, which runs joiners itself.
struct LoopKeeper<'a> {
    worker: WorkerKeeper<'a>,
    /// The joiner of the task that has just completed.
    joiner: Cell<Option<Runnable>>,
}

impl Keeper for LoopKeeper<'_> {
    fn keep(&self, task: Kept) -> Slot {
        self.worker.keep(task)
    }

    fn forget(&self, slot: Slot) {
        self.worker.forget(slot);
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        self.worker.panic_reporter()
    }

    fn wake_joiner(&self, waker: Waker) {
        if task::is_of_a_task(&waker) {
            self.joiner.set(context::catch_woken(|| task::wake(waker)));
        } else {
            self.worker.wake_joiner(waker);
        }
    }
}

/// The future that a `block_on` drives beside the tasks.
pub(crate) trait Root {
    /// Polls the future if it was woken. True: it is ready.
    fn poll_if_woken(&mut self) -> bool;
    /// Whether it was woken, without a promise.
    fn is_woken(&self) -> bool;
}

/// A worker's own thread has no root.
pub(crate) struct NoRoot;

impl Root for NoRoot {
    fn poll_if_woken(&mut self) -> bool {
        false
    }
    fn is_woken(&self) -> bool {
        false
    }
}

/// Why a thread stopped to work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The root is ready.
    RootReady,
    /// The runtime shuts down.
    Closed,
    /// The core is lent to another thread.
    Lent,
}

/// Works in the place of the core that this thread has, until something stops it.
///
/// Afterwards the thread still has the core, except after [`Stop::Lent`].
pub(crate) fn drive(handle: &Handle, seat: &Arc<Seat<Box<Core>>>, root: &mut impl Root) -> Stop {
    let shared = handle.shared();
    let worker = WorkerKeeper { handle, index: seat.index };
    let keeper = LoopKeeper { worker, joiner: Cell::new(None) };
    let own = &*shared.workers[seat.index];
    let mut ticker = Ticker::new();
    loop {
        if shared.is_closed() {
            return Stop::Closed;
        }
        ticker.tick(&own.timers);
        if root.is_woken() {
            context::with_core(Core::stop_searching);
            if root.poll_if_woken() {
                return Stop::RootReady;
            }
        }
        let task = context::with_core(|core| {
            let task = core.pick()?;
            core.stop_searching();
            Some(task)
        });
        if let Some(Some(task)) = task {
            run_with_joiners(task, &keeper, own, &mut ticker, root);
            continue;
        }
        match find_or_sleep(shared, seat, root, &mut ticker) {
            Found::Task(task) => run_with_joiners(task, &keeper, own, &mut ticker, root),
            Found::LookAgain => {}
            Found::Lent => return Stop::Lent,
        }
    }
}

/// Polls a task once, and if it completes, who waited for it, and so on.
///
/// A joiner needs no queue: no code of others runs between its wake and its poll, so it is never
/// there to be stolen.
#[inline]
fn run_with_joiners(
    task: Runnable,
    keeper: &LoopKeeper<'_>,
    worker: &Worker,
    ticker: &mut Ticker,
    root: &impl Root,
) {
    let mut next = Some(task);
    while let Some(task) = next {
        run(task, keeper, &worker.stats);
        let Some(joiner) = keeper.joiner.take() else { return };
        let may_go_on = !root.is_woken() && ticker.passes(&worker.timers);
        next = context::with_core(|core| core.prefer(joiner, may_go_on)).flatten();
    }
}

/// Polls a task once.
#[inline]
fn run(task: Runnable, keeper: &LoopKeeper<'_>, stats: &Stats) {
    let handle = keeper.worker.handle;
    let shared = handle.shared();
    if shared.is_closed() {
        // Seen only now: nothing is polled any more, and this task is in no queue.
        return handle.cancel(task);
    }
    bump(&stats.polls, 1);
    match task.run(keeper) {
        Ran::Idle => {}
        Ran::Woken(task) => {
            context::with_core(|core| core.push_woken(task));
        }
        Ran::Complete => shared.note_finished_if_closed(),
    }
}

/// Polls a task once inside the poll of another.
pub(crate) fn run_in_place(task: Runnable) {
    context::with_core(|core| bump(&core.handle.shared().workers[core.index].stats.polls, 1));
    match task.run(&ThisWorker) {
        Ran::Idle => {}
        Ran::Woken(task) => {
            context::with_core(|core| core.push_woken(task));
        }
        Ran::Complete => {
            context::with_core(|core| core.handle.shared().note_finished_if_closed());
        }
    }
}

/// The same as [`WorkerKeeper`] for the worker of this thread, found when it is needed.
struct ThisWorker;

impl ThisWorker {
    fn with<R>(f: impl FnOnce(WorkerKeeper<'_>) -> R) -> R {
        context::with_core(|core| f(WorkerKeeper { handle: &core.handle, index: core.index }))
            .expect("a worker keeps its core during a poll")
    }
}

impl Keeper for ThisWorker {
    fn keep(&self, task: Kept) -> Slot {
        Self::with(|keeper| keeper.keep(task))
    }

    fn forget(&self, slot: Slot) {
        Self::with(|keeper| keeper.forget(slot));
    }

    fn panic_reporter(&self) -> Option<std::sync::Arc<PanicReporter>> {
        Self::with(|keeper| keeper.panic_reporter())
    }

    fn wake_joiner(&self, waker: Waker) {
        context::wake_on_top(|| task::wake(waker));
    }
}

/// What a worker without work came to.
enum Found {
    Task(Runnable),
    LookAgain,
    Lent,
}

/// The way of a worker that has run dry: search, nap, park.
#[cold]
fn find_or_sleep(
    shared: &Arc<Shared>,
    seat: &Arc<Seat<Box<Core>>>,
    root: &impl Root,
    ticker: &mut Ticker,
) -> Found {
    let timers = &shared.workers[seat.index].timers;
    let mut spin_end = None;
    loop {
        let search = context::with_core(|core| {
            let search = core.search();
            if matches!(search, Search::Found(_)) {
                core.stop_searching();
                core.woken_for_nothing = false;
                let now = Instant::now();
                core.share.found_work(now);
                core.keep_tempo(now);
            }
            search
        });
        let left_work = match search.expect("a worker has a core") {
            Search::Found(task) => return Found::Task(task),
            Search::Nothing { left_work } => left_work,
        };
        if shared.is_closed() || root.is_woken() {
            return Found::LookAgain;
        }
        if ticker.fire_due(timers) || shared.rescue(seat.index, ticker) {
            return Found::LookAgain;
        }
        let now = Instant::now();
        let patience = || context::with_core(|core| core.share.patience(now)).unwrap_or_default();
        // A virtual clock waits for all workers to sleep.
        let spins = NAPS && !shared.source().is_virtual();
        if spins && now < *spin_end.get_or_insert_with(|| now + patience()) {
            // The thread that will bring work may be waiting for this processor.
            std::thread::yield_now();
            continue;
        }
        return match nap(shared, seat, left_work) {
            true => Found::LookAgain,
            false => sleep(shared, seat, root, ticker),
        };
    }
}

/// Sleeps for a moment, if that is better than to park.
fn nap(shared: &Shared, seat: &Arc<Seat<Box<Core>>>, left_work: bool) -> bool {
    let Worker { stats, timers, .. } = &*shared.workers[seat.index];
    let mut retired = false;
    let wanted = NAPS
        && context::with_core(|core| {
            retired = core.tempo.is_retired(Instant::now(), &shared.tempos);
            let at_work = shared.idle.parked() + 1 < shared.workers.len();
            let stays = at_work && !shared.source().is_virtual();
            core.searching && core.share.should_nap(left_work, stays)
        })
        .unwrap_or(false);
    let injected = || !retired && !shared.injector.is_empty();
    let end = || {
        let nap = Instant::now() + NAP;
        timers.source().wake_up(timers.next()).map_or(nap, |timer| timer.min(nap))
    };
    let napped = wanted && shared.idle.nap(seat, end(), injected);
    if napped {
        bump(&stats.naps, 1);
    }
    napped
}

/// Parks this thread until there is something to do.
fn sleep(
    shared: &Arc<Shared>,
    seat: &Arc<Seat<Box<Core>>>,
    root: &impl Root,
    ticker: &mut Ticker,
) -> Found {
    let Worker { stats, timers, .. } = &*shared.workers[seat.index];
    let mut core = context::take_core().expect("a worker has a core");
    let searching = std::mem::replace(&mut core.searching, false);
    core.share.forget_looks();
    core.tempo.come_back(&shared.tempos);
    bump(&stats.parks, 1);
    bump(&stats.needless_wakes, u64::from(core.woken_for_nothing));
    let rest = || if root.is_woken() { Rest::Over } else { shared.rest(seat) };
    let woken = shared.idle.park(seat, core, searching, || shared.work_visible(), rest);
    let is_lent = !take_up(woken, stats);
    if !is_lent {
        ticker.fire_due(timers);
    }
    shared.leave_watch(seat);
    if is_lent { Found::Lent } else { Found::LookAgain }
}

/// Makes the core of a worker that was woken this thread's. False: it is lent.
pub(crate) fn take_up(woken: Woken<Box<Core>>, stats: &Stats) -> bool {
    match woken {
        Woken::Notified(mut core) => {
            bump(&stats.wakes, 1);
            core.searching = true;
            core.woken_for_nothing = true;
            context::put_core(core);
        }
        Woken::Otherwise(mut core) => {
            core.woken_for_nothing = false;
            context::put_core(core);
        }
        Woken::Lent => return false,
    }
    true
}
