//! Two workers without threads: a model says which of its threads works in whose place, and at what.

use crate::context::{self, Driving};
use crate::idle::Seat;
use crate::runtime::{Backref, Builder, Handle};
use crate::stats::bump;
use crate::sync::Arc;
use crate::sync::thread;
use crate::task::{self, JoinHandle, Runnable};
use crate::timers::Ticker;
use crate::worker::drive::{drive, run_with_joiners};
use crate::worker::keepers::{LoopKeeper, WorkerKeeper};
use crate::worker::{Core, NoRoot, Root, Search, Stop};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

/// A worker's place, and what works there.
pub(crate) struct Place {
    handle: Handle,
    seat: Arc<Seat<Box<Core>>>,
    core: Box<Core>,
}

/// The places of a runtime's two workers, both at work.
pub(crate) fn two_places() -> [Place; 2] {
    let (handle, cores) = Builder::new().worker_threads(2).assemble(false).unwrap();
    let places = cores.into_iter().map(|(seat, core)| {
        handle.shared().idle.begin(&seat, || false);
        Place { handle: handle.clone(), seat, core }
    });
    places.collect::<Vec<_>>().try_into().ok().unwrap()
}

impl Place {
    /// Has this thread work here for as long as `work` takes.
    pub(crate) fn occupy<R>(self, work: impl FnOnce(&Occupant) -> R) -> R {
        let Self { handle, seat, core } = self;
        let _driving = Driving::begin();
        let _entered = context::enter(handle.clone(), false);
        context::put_core(core);
        let result = work(&Occupant { handle, seat });
        drop(context::take_core());
        result
    }

    /// The same on a thread of its own.
    pub(crate) fn occupy_elsewhere(
        self,
        work: impl FnOnce(&Occupant) + Send + 'static,
    ) -> thread::JoinHandle<()> {
        thread::Builder::new().spawn(move || self.occupy(work)).unwrap()
    }

    /// Puts a task into the injector, and tells nobody.
    pub(crate) fn inject<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let shared = self.handle.shared();
        let (task, handle) = task::new(future, Backref::new(shared), task::Memory::Thread(None));
        shared.injector.push(task);
        handle
    }
}

/// The thread that works in a place.
pub(crate) struct Occupant {
    handle: Handle,
    seat: Arc<Seat<Box<Core>>>,
}

impl Occupant {
    fn with_core<R>(f: impl FnOnce(&mut Core) -> R) -> R {
        context::with_core(f).unwrap()
    }

    /// Polls a task as a worker's loop does, and if it completes, who waited for it.
    fn run(&self, task: Runnable) {
        let worker = WorkerKeeper { handle: &self.handle };
        let keeper = LoopKeeper { worker, joiner: Cell::new(None) };
        let own = &self.handle.shared().workers[self.seat.index];
        run_with_joiners(task, &keeper, own, &mut Ticker::new(), &NoRoot);
    }

    /// A worker's own loop, until it has polled so many tasks.
    pub(crate) fn drive(&self, polls: u64) {
        let worker = &self.handle.shared().workers[self.seat.index];
        let last = worker.stats.polls() + polls;
        let stop = drive(&self.handle, &self.seat, &mut Until(|| worker.stats.polls() == last));
        assert_eq!(stop, Stop::RootReady);
    }

    /// What a worker that has run dry does, if it finds a task: polls that.
    pub(crate) fn search_and_run(&self) {
        let search = Self::with_core(|core| {
            let search = core.search();
            core.stop_searching();
            search
        });
        if let Search::Found(task) = search {
            self.run(task);
        }
    }

    /// Takes a task from the other worker, if there is one, and polls it.
    pub(crate) fn steal_and_run(&self) {
        let stolen = Self::with_core(|core| core.search_others(Instant::now(), None));
        if let Ok(task) = stolen {
            self.run(task);
        }
    }

    /// Polls what is queued here until nothing is.
    pub(crate) fn work_off(&self) {
        while let Some(task) = Self::with_core(Core::pick) {
            self.run(task);
        }
    }

    /// Drives a future as a root: while that is pending, this worker has its other tasks.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        crate::model::block_on(poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            if polled.is_pending() {
                self.work_off();
            }
            polled
        }))
    }

    /// Works until this worker is about to find out that it is to retire, if the other one is at work
    /// then, too: what this gives has it look.
    pub(crate) fn prepare_to_retire(&self) -> impl FnOnce() {
        let work = |since: Instant| {
            Self::with_core(|core| core.keep_tempo(since));
            // Both get something done in the meantime.
            for worker in &self.handle.shared().workers {
                bump(&worker.stats.polls, 8);
            }
            since + Duration::from_micros(200)
        };
        let end = work(work(Instant::now()));
        move || {
            Self::with_core(|core| core.keep_tempo(end));
        }
    }
}

/// A root that is ready once something is so; on this thread, as nobody wakes it.
struct Until<F>(F);

impl<F: Fn() -> bool> Root for Until<F> {
    fn poll_if_woken(&mut self) -> bool {
        self.is_woken()
    }
    fn is_woken(&self) -> bool {
        (self.0)()
    }
}
