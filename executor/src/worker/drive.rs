//! The worker's loop.
//!
//! It serves a worker's own thread and a thread inside `block_on`, which works in the place of a
//! parked worker while its root future waits.

use super::keepers::{LoopKeeper, ThisWorker, WorkerKeeper};
use super::{Core, Search, Worker};
use crate::context;
use crate::idle::{Rest, Seat, Woken};
use crate::runtime::{Handle, Shared};
use crate::share::NAP;
use crate::stats::{Stats, bump};
use crate::sync::{Arc, NAPS};
use crate::task::{LentJoinSlot, Ran, Runnable};
use crate::timers::Ticker;
use filch_timers::NEVER;
use std::cell::Cell;
use std::time::Instant;

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
    let worker = WorkerKeeper { handle };
    let keeper = LoopKeeper { worker, joiner: Cell::new(None) };
    let own = &*shared.workers[seat.index];
    let has_siblings = shared.workers.len() > 1;
    let mut ticker = Ticker::new();
    loop {
        if shared.is_closed() {
            return Stop::Closed;
        }
        ticker.tick(&own.timers);
        if has_siblings && ticker.is_time_for_round(&own.timers) {
            shared.rescue(seat.index, &mut ticker);
        }
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
pub(super) fn run_with_joiners(
    task: Runnable,
    keeper: &LoopKeeper<'_>,
    worker: &Worker,
    ticker: &mut Ticker,
    root: &impl Root,
) {
    let mut next = task;
    let mut lent: Option<LentJoinSlot> = None;
    // The one place where tasks are run by the loop, so that it is inlined.
    loop {
        let is_complete = run(next, keeper, &worker.stats);
        drop(lent.take());
        if !is_complete {
            return;
        }
        let Some((joiner, left)) = keeper.joiner.take() else { return };
        let may_go_on = !root.is_woken() && ticker.passes(&worker.timers);
        let joiner = context::with_core(|core| core.prefer(joiner, may_go_on)).flatten();
        let Some(joiner) = joiner else { return };
        next = joiner;
        lent = Some(left.lend());
    }
}

/// Polls a task once. True: it is complete.
#[inline]
fn run(task: Runnable, keeper: &LoopKeeper<'_>, stats: &Stats) -> bool {
    let handle = keeper.worker.handle;
    let shared = handle.shared();
    if shared.is_closed() {
        // Seen only now: nothing is polled any more, and this task is in no queue.
        handle.cancel(task);
        return false;
    }
    bump(&stats.polls, 1);
    match task.run(keeper) {
        Ran::Idle => false,
        Ran::Woken(task) => {
            context::with_core(|core| core.push_woken(task));
            false
        }
        Ran::Complete => {
            shared.note_finished_if_closed();
            true
        }
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
            retired = core.tempo.retired(Instant::now(), &shared.tempos).is_some();
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
        if timers.next() != NEVER {
            // As a searcher it wakes nobody for a task that it is about to run itself; if it fires
            // several, its search ends with a hand-over.
            context::with_core(Core::start_searching);
        }
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
