//! The scheduler, a future that follows a script, and what is counted about them.

use crate::sync::Mutex;
use crate::task::{AbortHandle, JoinError, JoinHandle, Keeper, Kept, PanicReporter, Ran, Runnable};
use crate::task::{Schedule, Slot};
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// What happened to a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) polls: u32,
    /// Calls of the scheduler. A task that is queued again after its poll does not count.
    pub(super) schedules: u32,
    pub(super) kept: u32,
    pub(super) forgotten: u32,
    pub(super) future_drops: u32,
    pub(super) output_drops: u32,
    pub(super) frees: u32,
}

pub(super) const NOTHING: Counts = Counts {
    polls: 0,
    schedules: 0,
    kept: 0,
    forgotten: 0,
    future_drops: 0,
    output_drops: 0,
    frees: 0,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Idle,
    /// Queued again without a call of the scheduler.
    Woken,
}

/// How a task comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Ready,
    Panics,
    Cancelled,
}

type Step = Box<dyn FnOnce(&mut Context<'_>) -> Poll<Output> + Send>;
/// What something of the test's shall do, once.
pub(super) type Hook = Mutex<Option<Box<dyn FnOnce() + Send>>>;

pub(super) fn set(hook: &Hook, f: impl FnOnce() + Send + 'static) {
    *hook.lock() = Some(Box::new(f));
}

pub(super) fn call(hook: &Hook) {
    let hook = hook.lock().take();
    if let Some(hook) = hook {
        hook();
    }
}

/// What the future, its output, the scheduler and the test know of each other.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) queue: Mutex<Option<Runnable>>,
    pub(super) kept: Mutex<Option<Kept>>,
    pub(super) handle: Mutex<Option<JoinHandle<Output>>>,
    pub(super) on_future_drop: Hook,
    pub(super) on_output_drop: Hook,
    steps: Mutex<VecDeque<Step>>,
    counts: Mutex<Counts>,
    freed: AtomicBool,
    reporter: Option<Arc<PanicReporter>>,
}

/// The only slot that the tasks of a [`Desk`] use.
const SLOT: Slot = Slot { worker: 3, index: 7 };

impl Desk {
    fn count(&self, f: impl FnOnce(&mut Counts)) {
        f(&mut self.counts.lock());
    }

    /// What happened since the last call.
    pub(super) fn did(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock())
    }

    /// What the next poll that has no step yet shall do; without a step it is pending.
    pub(super) fn step(
        &self,
        step: impl FnOnce(&mut Context<'_>) -> Poll<Output> + Send + 'static,
    ) {
        self.steps.lock().push_back(Box::new(step));
    }

    pub(super) fn put(&self, task: Runnable) {
        let mut queue = self.queue.lock();
        if queue.is_some() {
            // Dropping it would run the task that the other one stands for.
            std::mem::forget(task);
            panic!("two `Runnable`s of one task");
        }
        *queue = Some(task);
    }

    pub(super) fn is_scheduled(&self) -> bool {
        self.queue.lock().is_some()
    }

    /// Takes the task out of the queue.
    pub(super) fn take(&self) -> Runnable {
        self.queue.lock().take().expect("the task is not scheduled")
    }

    /// Runs the task, which has to be scheduled.
    pub(super) fn run(&self) -> End {
        match self.take().run(self) {
            Ran::Complete => End::Complete,
            Ran::Idle => End::Idle,
            Ran::Woken(task) => {
                self.put(task);
                End::Woken
            }
        }
    }

    /// Has the next poll give the output.
    pub(super) fn step_ready(self: &Arc<Self>) {
        let own = self.clone();
        self.step(move |_| Poll::Ready(Output(own)));
    }

    /// Runs the task, which has to be scheduled, to its output.
    pub(super) fn complete(self: &Arc<Self>) {
        self.step_ready();
        assert_eq!(self.run(), End::Complete);
    }

    /// Cancels the task, if it is scheduled, with the right to run it.
    pub(super) fn cancel_queued(&self) {
        let task = self.queue.lock().take();
        if let Some(task) = task {
            task.cancel(self);
        }
    }

    /// Cancels the task through its registry entry; gives the right to run it if it was idle.
    #[allow(unsafe_code, reason = "an entry is valid as long as the registry has it")]
    pub(super) fn cancel_kept(&self) -> Option<Runnable> {
        let kept = self.kept.lock();
        // SAFETY: the entry is taken out when the task is forgotten, which needs this lock.
        let task = unsafe { kept.as_ref()?.reference() };
        task.cancel_here()
    }

    /// Runs the task as long as it is scheduled.
    pub(super) fn run_all(&self) {
        let runs = (0..1000).take_while(|_| self.is_scheduled() && self.run() != End::Complete);
        assert!(runs.count() < 1000, "the task is woken for ever");
    }

    pub(super) fn take_handle(&self) -> JoinHandle<Output> {
        self.handle.lock().take().expect("the handle is gone")
    }

    pub(super) fn abort(&self) {
        self.handle.lock().as_ref().expect("the handle is gone").abort();
    }

    pub(super) fn abort_handle(&self) -> AbortHandle {
        self.handle.lock().as_ref().expect("the handle is gone").abort_handle()
    }

    /// The task's word, decoded; the handle has to be there.
    pub(super) fn word(&self) -> String {
        let handle = self.handle.lock();
        let text = format!("{:?}", handle.as_ref().expect("the handle is gone"));
        text.split_once("state: ").expect("a handle shows its task's word").1.to_owned()
    }

    /// Polls the handle, which stays here if it is pending.
    pub(super) fn poll_handle(&self, waker: &Waker) -> Poll<Result<Output, JoinError>> {
        // Outside of the lock: the waker may reach for the handle.
        let mut handle = self.take_handle();
        let poll = poll(&mut handle, waker);
        if poll.is_pending() {
            *self.handle.lock() = Some(handle);
        }
        poll
    }

    /// Takes the result of a task that is over.
    pub(super) fn result(&self) -> Result<Output, JoinError> {
        match self.poll_handle(Waker::noop()) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("the task is not over: {}", self.word()),
        }
    }
}

impl Keeper for Desk {
    fn keep(&self, task: Kept) -> Slot {
        self.count(|counts| counts.kept += 1);
        assert!(self.kept.lock().replace(task).is_none(), "a task was kept twice");
        SLOT
    }
    fn forget(&self, slot: Slot) {
        self.count(|counts| counts.forgotten += 1);
        assert_eq!(slot, SLOT);
        assert!(self.kept.lock().take().is_some(), "a task was forgotten twice");
    }
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
        self.reporter.clone()
    }
}

/// The scheduler; the last clone goes with the task's memory.
#[derive(Clone)]
struct OneSlot(Arc<Memory>);

struct Memory(Arc<Desk>);

impl Schedule for OneSlot {
    fn schedule(self, task: Runnable) {
        self.0.0.count(|counts| counts.schedules += 1);
        self.0.0.put(task);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.count(|counts| counts.frees += 1);
        assert!(!self.0.freed.swap(true, Ordering::Relaxed), "the task was freed twice");
    }
}

/// A future that does what its desk says.
struct Probe(Arc<Desk>);

impl Future for Probe {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.0.count(|counts| counts.polls += 1);
        let step = self.0.steps.lock().pop_front();
        step.map_or(Poll::Pending, |step| step(cx))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.count(|counts| counts.future_drops += 1);
        call(&self.0.on_future_drop);
    }
}

/// What a [`Probe`] gives.
pub(super) struct Output(pub(super) Arc<Desk>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.count(|counts| counts.output_drops += 1);
        call(&self.0.on_output_drop);
    }
}

/// Polls a handle.
pub(super) fn poll(
    handle: &mut JoinHandle<Output>,
    waker: &Waker,
) -> Poll<Result<Output, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

/// A task with its desk; asserts in the end that the task is freed.
pub(super) struct Rig(pub(super) Arc<Desk>);

impl Rig {
    /// A task that was never polled, scheduled by its spawner.
    pub(super) fn new() -> Self {
        Self::reporting(None)
    }

    /// As `new`, with somebody who hears of panics.
    pub(super) fn reporting(reporter: Option<Arc<PanicReporter>>) -> Self {
        let desk = Arc::new(Desk { reporter, ..Desk::default() });
        let scheduler = OneSlot(Arc::new(Memory(desk.clone())));
        let (task, handle) =
            crate::task::new(Probe(desk.clone()), scheduler, crate::task::Memory::Thread(None));
        desk.put(task);
        *desk.handle.lock() = Some(handle);
        Self(desk)
    }

    /// Polls the task once, which leaves it idle, and gives its waker.
    pub(super) fn poll_for_waker(&self) -> Waker {
        let mailbox = Arc::new(Mutex::new(None));
        let own = mailbox.clone();
        self.step(move |cx| {
            *own.lock() = Some(cx.waker().clone());
            Poll::Pending
        });
        assert_eq!(self.run(), End::Idle);
        let waker = mailbox.lock().take();
        waker.expect("the step was not the next")
    }
}

impl Deref for Rig {
    type Target = Arc<Desk>;
    fn deref(&self) -> &Arc<Desk> {
        &self.0
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whatever is wrong, another panic would only hide it.
            std::mem::forget((self.queue.lock().take(), self.handle.lock().take()));
            return;
        }
        self.cancel_queued();
        let idle = self.cancel_kept();
        idle.into_iter().for_each(|task| self.put(task));
        self.cancel_queued();
        let handle = self.handle.lock().take();
        drop(handle);
        let steps = std::mem::take(&mut *self.steps.lock());
        drop(steps);
        assert!(self.freed.load(Ordering::Relaxed), "the task leaked");
    }
}
