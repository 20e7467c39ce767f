//! The floor: the same cases, from the same source, on an executor that has nothing to share.
//!
//! One thread, ordinary cells and counts, a vector and a queue. No atomics, no thieves, no wakes from outside;
//! panics are not caught, and nobody counts, measures or takes turns. What a case costs here it costs everywhere: its
//! futures and channels, and their memory. So whoever is close to it has little left to gain, and where a
//! peer is close to it, nobody can be several times faster than that peer.
//!
//! It keeps no memory of tasks, so a runtime that does can be faster than it.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;

use crate::cases::{channel, fork, join, matmul, ring, root, spawn, wake};
use crate::child::Child;
use crate::peer::Peer;
use crate::probe::{Contestant, ProbeInfo, Run, Scale, Setup};
use crate::results::Measured;

/// Name in tables and options.
pub(crate) const NAME: &str = "bare";

type Case = fn(&Bare, Scale) -> Run;

/// All that stay on one thread. That is what makes [`Bare`] sound.
const CASES: [(&str, Case); 18] = [
    ("spawn_join_batch", spawn::join_batch),
    ("spawn_many_join", spawn::many_join),
    ("spawn_detached", spawn::detached),
    ("spawn_await_one", spawn::await_one),
    ("chained_spawn", spawn::chained),
    (root::BATCH.0, root::join_batch),
    (root::ONE.0, root::await_one),
    ("yield", wake::yields),
    ("ping_pong", wake::ping_pong),
    ("ring", ring::words),
    ("ring_channel", ring::channels),
    ("channel", channel::bounded),
    ("skynet", fork::skynet),
    ("fib", fork::fib),
    ("skynet_join", join::skynet),
    ("fib_join", join::fib),
    ("nqueens", fork::nqueens),
    ("matmul", matmul::matmul),
];

/// The bare executor, in the cases that it can run.
#[derive(Debug)]
pub(super) struct Floor {
    probes: Vec<ProbeInfo>,
}

impl Floor {
    pub(super) fn new(probes: &[ProbeInfo]) -> Self {
        Self { probes: probes.to_vec() }
    }
}

fn case(name: &str) -> Option<Case> {
    CASES.iter().find(|(one, _)| *one == name).map(|(_, case)| *case)
}

/// One run of the case of this name, without a warm-up.
pub(crate) fn run_once(name: &str, scale: Scale) -> Option<Run> {
    case(name).map(|run| run(&Bare, scale))
}

impl Contestant for Floor {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> String {
        "(one thread)".into()
    }

    fn is_reference(&self) -> bool {
        true
    }

    fn probes(&self) -> Vec<ProbeInfo> {
        self.probes.clone()
    }

    fn takes_part(&self, probe: &ProbeInfo) -> bool {
        case(probe.name).is_some()
    }

    fn measure(&self, probe: usize, setup: &Setup) -> Measured {
        let run = case(self.probes[probe].name).expect("it takes part");
        let measure = || {
            run(&Bare, setup.scale.tenth());
            run(&Bare, setup.scale)
        };
        // As a worker would: to glibc, memory is one thing on the main thread, and another on the rest.
        let measured = thread::scope(|scope| scope.spawn(measure).join());
        measured.unwrap_or_else(|panic| resume_unwind(panic)).figures().into()
    }

    fn memory(&self, _child: &Child) -> f64 {
        unreachable!("it has no guards")
    }
}

thread_local! {
    static READY: Ready = const {
        Ready { spawned: RefCell::new(Vec::new()), woken: RefCell::new(VecDeque::new()) }
    };
}

/// The tasks that wait for their polls.
struct Ready {
    /// Last in, first out.
    spawned: RefCell<Vec<Rc<dyn Runnable>>>,
    /// First in, first out, and before the others: who is woken may be about to end.
    woken: RefCell<VecDeque<Rc<dyn Runnable>>>,
}

impl Ready {
    fn pick(&self) -> Option<Rc<dyn Runnable>> {
        let woken = self.woken.borrow_mut().pop_front();
        woken.or_else(|| self.spawned.borrow_mut().pop())
    }
}

trait Runnable {
    /// Polls it once.
    fn run(self: Rc<Self>);
}

trait Joinable<T> {
    fn poll_output(&self, cx: &mut Context<'_>) -> Poll<T>;
    fn abort(&self);
}

struct Task<F: Future> {
    is_queued: Cell<bool>,
    joiner: Cell<Option<Waker>>,
    stage: RefCell<Stage<F>>,
}

enum Stage<F: Future> {
    Pending(F),
    Ready(F::Output),
    Over,
}

impl<F: Future + 'static> Runnable for Task<F> {
    fn run(self: Rc<Self>) {
        self.is_queued.set(false);
        let mut stage = self.stage.borrow_mut();
        let Stage::Pending(future) = &mut *stage else { return };
        // SAFETY: the future is in a cell of an `Rc` that gives it out nowhere else, and only dropped in its
        // place, by the assignments to `stage`.
        let future = unsafe { Pin::new_unchecked(future) };
        let waker = waker(self.clone());
        if let Poll::Ready(output) = future.poll(&mut Context::from_waker(&waker)) {
            *stage = Stage::Ready(output);
            drop(stage);
            if let Some(joiner) = self.joiner.take() {
                joiner.wake();
            }
        }
    }
}

impl<F: Future> Joinable<F::Output> for Task<F> {
    fn poll_output(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut stage = self.stage.borrow_mut();
        if let Stage::Pending(_) = *stage {
            self.joiner.set(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Ready(output) => Poll::Ready(output),
            _ => panic!("the task was aborted, or polled after its end"),
        }
    }

    fn abort(&self) {
        *self.stage.borrow_mut() = Stage::Over;
    }
}

/// What a waker of the task consists of.
fn raw_waker<F: Future + 'static>(task: Rc<Task<F>>) -> RawWaker {
    let vtable =
        &const { RawWakerVTable::new(clone::<F>, wake::<F>, wake_by_ref::<F>, forget::<F>) };
    RawWaker::new(Rc::into_raw(task).cast(), vtable)
}

fn waker<F: Future + 'static>(task: Rc<Task<F>>) -> Waker {
    // SAFETY: each of the four functions does to one reference count what its name says, and is given the data
    // of a waker with its table, which came from `into_raw` of the same type. They are not for several
    // threads, and are not called by several: `CASES` has only cases that make none.
    unsafe { Waker::from_raw(raw_waker(task)) }
}

/// # Safety
/// `data` must be that of a waker of a `Task<F>`, which gives its count away.
unsafe fn take<F: Future>(data: *const ()) -> Rc<Task<F>> {
    // SAFETY: as the caller promises, it came from `into_raw` of this type, and the count is ours.
    unsafe { Rc::from_raw(data.cast()) }
}

/// # Safety
/// `data` must be that of a waker of a `Task<F>`, which keeps its count.
unsafe fn share<F: Future>(data: *const ()) -> Rc<Task<F>> {
    // SAFETY: as the caller promises; the waker's count keeps the task alive.
    unsafe { Rc::<Task<F>>::increment_strong_count(data.cast()) };
    // SAFETY: as the caller promises; the count is the one just added.
    unsafe { take(data) }
}

unsafe fn clone<F: Future + 'static>(data: *const ()) -> RawWaker {
    // SAFETY: a waker calls this with its data.
    raw_waker(unsafe { share::<F>(data) })
}

unsafe fn wake<F: Future + 'static>(data: *const ()) {
    // SAFETY: a waker calls this with its data, and is gone after it.
    let task = unsafe { take::<F>(data) };
    if !task.is_queued.replace(true) {
        READY.with(|ready| ready.woken.borrow_mut().push_back(task));
    }
}

unsafe fn wake_by_ref<F: Future + 'static>(data: *const ()) {
    // SAFETY: a waker calls this with its data.
    let task = unsafe { share::<F>(data) };
    if !task.is_queued.replace(true) {
        READY.with(|ready| ready.woken.borrow_mut().push_back(task));
    }
}

unsafe fn forget<F: Future + 'static>(data: *const ()) {
    // SAFETY: a waker that is dropped calls this with its data.
    drop(unsafe { take::<F>(data) });
}

/// The thread that has it is the executor.
struct Bare;

struct Join<T>(Rc<dyn Joinable<T>>);

// SAFETY: what the cases spawn has to be `Send`, and so what they await. `CASES` has only those that make
// no threads: none is there that a handle could be sent to.
unsafe impl<T> Send for Join<T> {}

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.poll_output(cx)
    }
}

/// The waker of the root.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn spawn_task<F: Future + 'static>(future: F) -> Rc<Task<F>> {
    let stage = RefCell::new(Stage::Pending(future));
    let task = Rc::new(Task { is_queued: Cell::new(true), joiner: Cell::new(None), stage });
    READY.with(|ready| ready.spawned.borrow_mut().push(task.clone()));
    task
}

impl Peer for Bare {
    const NAME: &'static str = NAME;
    const PACKAGE: &'static str = "filch-benches";

    type Join<T: Send + 'static> = Join<T>;
    type Handle = ();

    /// It has one worker, whatever is wanted.
    fn start(_workers: usize) -> Self {
        Self
    }

    fn handle(&self) {}

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if flag.0.load(Ordering::Relaxed) {
                flag.0.store(false, Ordering::Relaxed);
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    return output;
                }
            }
            match READY.with(Ready::pick) {
                Some(task) => task.run(),
                None => assert!(flag.0.load(Ordering::Relaxed), "everything waits"),
            }
        }
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(spawn_task(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(spawn_task(future));
    }

    fn spawn_on<F>((): &(), future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Self::spawn(future)
    }

    fn spawn_detached_on<F>((): &(), future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::spawn_detached(future);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        futures_lite::future::yield_now()
    }

    fn abort<T: Send + 'static>(join: Join<T>) {
        join.0.abort();
    }
}
