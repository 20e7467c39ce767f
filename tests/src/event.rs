//! Waiting for something to happen, on a thread or in a task.

use crate::watchdog::{LONG, lock};
use filch::Handle;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Counts up; threads and tasks wait for a count.
#[derive(Clone, Default)]
pub struct Counter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    count: u64,
    waiting: Vec<Waker>,
}

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more; gives the new count.
    pub fn add(&self) -> u64 {
        let (count, waiting) = {
            let mut state = lock(&self.0.state);
            state.count += 1;
            self.0.bell.notify_all();
            (state.count, std::mem::take(&mut state.waiting))
        };
        waiting.into_iter().for_each(Waker::wake);
        count
    }

    /// The count.
    pub fn get(&self) -> u64 {
        lock(&self.0.state).count
    }

    /// Blocks until the count is at least `count`.
    ///
    /// # Panics
    ///
    /// If it is not for [`LONG`].
    #[track_caller]
    pub fn wait_for(&self, count: u64) {
        let state = lock(&self.0.state);
        let wait = self.0.bell.wait_timeout_while(state, LONG, |state| state.count < count);
        let state = wait.unwrap_or_else(PoisonError::into_inner).0;
        assert!(state.count >= count, "counted {} in {LONG:?}, not {count}", state.count);
    }

    /// Waits in a task until the count is at least `count`.
    pub async fn reached(&self, count: u64) {
        poll_fn(|cx| {
            let mut state = lock(&self.0.state);
            if state.count >= count {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            if !state.waiting.iter().any(|other| other.will_wake(&waker)) {
                state.waiting.push(waker);
            }
            Poll::Pending
        })
        .await;
    }
}

/// Something that happens once.
#[derive(Clone, Default)]
pub struct Event(Counter);

impl Event {
    /// An event that did not happen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets it happen.
    pub fn set(&self) {
        self.0.add();
    }

    /// Whether it happened.
    pub fn is_set(&self) -> bool {
        self.0.get() > 0
    }

    /// Blocks until it happens.
    ///
    /// # Panics
    ///
    /// If it does not for [`LONG`].
    #[track_caller]
    pub fn wait(&self) {
        self.0.wait_for(1);
    }

    /// Waits for it in a task.
    pub async fn happened(&self) {
        self.0.reached(1).await;
    }
}

/// Something to be done once, on whichever thread.
pub type Action = Box<dyn FnOnce() + Send>;

/// A task that keeps a worker inside a poll.
pub struct Blocker {
    release: Event,
    last: Arc<Mutex<Option<Action>>>,
}

impl Blocker {
    /// Waits until a worker is inside the poll.
    pub fn new(handle: &Handle) -> Self {
        let (entered, release) = (Event::new(), Event::new());
        let last = Arc::new(Mutex::new(None::<Action>));
        let blocker = Self { release: release.clone(), last: last.clone() };
        let inside = entered.clone();
        drop(handle.spawn(async move {
            inside.set();
            release.wait();
            let last = lock(&last).take();
            if let Some(last) = last {
                last();
            }
        }));
        entered.wait();
        blocker
    }

    /// Lets the worker go.
    pub fn release(self) {}

    /// Lets the worker go, and has it call `last` before anything else.
    pub fn release_after(self, last: impl FnOnce() + Send + 'static) {
        *lock(&self.last) = Some(Box::new(last));
    }
}

impl Drop for Blocker {
    fn drop(&mut self) {
        self.release.set();
    }
}

/// Waits until tasks spawned now have run on a runtime whose other workers are held: what its one
/// free worker was doing is over then.
pub fn barrier(handle: &Handle) {
    let done = Event::new();
    let inside = done.clone();
    drop(handle.spawn(async move { inside.set() }));
    done.wait();
}

/// Is pending for ever, and keeps `kept` until it is dropped.
pub async fn keep_for_ever<T>(kept: T) {
    pending::<()>().await;
    drop(kept);
}

/// Spawns until a spawn is refused, since the runtime shuts down; gives the number of spawns.
///
/// # Panics
///
/// Never in practice: after 2⁶⁴ spawns.
pub fn wait_until_closed(handle: &Handle) -> u64 {
    (1..).find(|_| handle.spawn(async {}).is_finished()).expect("an end")
}
