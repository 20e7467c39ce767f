//! A runtime with one free worker, and places to abort from.

use filch::{AbortHandle, Handle, JoinHandle, Runtime};
use filch_tests::event::{Action, barrier};
use filch_tests::probe::{Counts, Ending, Output, Probe, Script};
use filch_tests::{Blocker, Event, LONG, runtime, within};
use futures_lite::future::block_on;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::ThreadId;

/// Where `abort` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    ForeignThread,
    OtherWorker,
    DestructorOnOtherWorker,
    OtherRuntime,
}

const SOURCES: [Source; 4] = [
    Source::ForeignThread,
    Source::OtherWorker,
    Source::DestructorOnOtherWorker,
    Source::OtherRuntime,
];

/// A place that does what it is sent, one thing at a time.
struct Place {
    actions: Option<Sender<Action>>,
    done: Receiver<()>,
    /// Kept as long as the place is used.
    _other: Option<Runtime>,
}

struct DoOnDrop(Option<Action>);

impl Drop for DoOnDrop {
    fn drop(&mut self) {
        self.0.take().expect("one action")();
    }
}

impl Place {
    /// On a runtime of two workers; one of them is free afterwards.
    fn new(source: Source, handle: &Handle) -> Self {
        let (actions, receiver) = channel::<Action>();
        let (acknowledge, done) = channel();
        let entered = Event::new();
        let inside = entered.clone();
        let serve = move || {
            inside.set();
            for action in receiver {
                match source {
                    Source::DestructorOnOtherWorker => drop(DoOnDrop(Some(action))),
                    _ => action(),
                }
                acknowledge.send(()).unwrap();
            }
        };
        let mut other = None;
        match source {
            Source::ForeignThread => drop(std::thread::spawn(serve)),
            Source::OtherRuntime => {
                drop(other.insert(runtime(1)).spawn(async move { serve() }));
            }
            _ => drop(handle.spawn(async move { serve() })),
        }
        entered.wait();
        Self { actions: Some(actions), done, _other: other }
    }

    fn run(&self, action: impl FnOnce() + Send + 'static) {
        self.actions.as_ref().unwrap().send(Box::new(action)).unwrap();
        self.done.recv().unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Ends the loop, before the runtime is dropped that it may be running on.
        self.actions = None;
        while self.done.recv().is_ok() {}
    }
}

/// A runtime with one free worker, and a place to abort from.
pub(crate) struct Stage {
    place: Place,
    /// Where the task runs.
    worker: ThreadId,
    /// Keeps the second worker busy, unless the place does.
    _held: Option<Blocker>,
    pub(crate) runtime: Runtime,
}

impl Stage {
    fn new(source: Source) -> Self {
        let runtime = runtime(2);
        let place = Place::new(source, runtime.handle());
        let foreign = matches!(source, Source::ForeignThread | Source::OtherRuntime);
        let held = foreign.then(|| Blocker::new(runtime.handle()));
        let (sender, receiver) = channel();
        drop(runtime.spawn(async move { sender.send(std::thread::current().id()) }));
        let worker = receiver.recv().unwrap();
        Self { runtime, place, worker, _held: held }
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Aborts from the place, and returns when that is done.
    pub(crate) fn abort(&self, abort: &AbortHandle) {
        let abort = abort.clone();
        self.place.run(move || abort.abort());
    }

    /// Spawns a task that is pending for ever, and waits until it is idle.
    pub(crate) fn idle(&self) -> (JoinHandle<Output>, Arc<Counts>) {
        let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
        let task = self.runtime.spawn(probe);
        counts.polls.wait_for(1);
        barrier(self.handle());
        (task, counts)
    }

    /// Asserts that the task is cancelled after so many polls, and that the worker dropped it.
    pub(crate) fn assert_cancelled(&self, task: JoinHandle<Output>, counts: &Counts, polls: u64) {
        let id = task.id();
        let error = block_on(task).err().expect("cancelled");
        assert!(error.is_cancelled() && error.id() == id);
        self.assert_dropped(counts, polls);
    }

    pub(crate) fn assert_dropped(&self, counts: &Counts, polls: u64) {
        assert_eq!((counts.polls.get(), counts.future_drops.get()), (polls, 1));
        assert_eq!(counts.dropped_on(), Some(self.worker), "dropped on another thread");
        assert_eq!(counts.outputs.get(), 0);
    }
}

/// Runs the test once for each place to abort from.
pub(crate) fn from_everywhere(test: impl Fn(&Stage)) {
    for source in SOURCES {
        within(LONG, || test(&Stage::new(source)));
    }
}

/// A task that runs `first` on the free worker and then keeps it until the sender is dropped.
pub(crate) fn hold_worker_after(
    stage: &Stage,
    first: impl FnOnce() + Send + 'static,
) -> Sender<()> {
    let (release, wait) = channel::<()>();
    let entered = Event::new();
    let inside = entered.clone();
    drop(stage.runtime.spawn(async move {
        first();
        inside.set();
        let _ = wait.recv();
    }));
    entered.wait();
    release
}
