//! What a runtime must offer to take part, and the adapter of each.

pub mod async_executor;
#[cfg(feature = "filch")]
pub mod filch;
pub mod tokio;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::counters::Counters;

/// A multi-threaded executor under test.
///
/// The functions without `self` act on the runtime that the calling task belongs to, the way a
/// user of that runtime would write it. Only one instance is alive at a time.
pub trait Peer: Sized + 'static {
    /// Name in tables and options.
    const NAME: &'static str;
    /// Name of the package in the lock file.
    const PACKAGE: &'static str;
    /// Whether it takes part only where timers are measured.
    const ONLY_TIMERS: bool = false;

    /// Resolves to the output of a task; panics when the task did.
    type Join<T: Send + 'static>: Future<Output = T> + Send + Unpin + 'static;
    /// Spawns from threads that are none of the runtime's.
    type Handle: Clone + Send + Sync + 'static;

    /// Starts a runtime with this many worker threads. Its drop ends and joins them.
    fn start(workers: usize) -> Self;

    /// A handle for other threads.
    fn handle(&self) -> Self::Handle;

    /// What it has counted since its start, if it counts.
    fn counters(&self) -> Option<Counters> {
        None
    }

    /// Drives `future` on the calling thread, which [`start`](Self::start) did not start.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns a task from a task, or from within [`block_on`](Self::block_on).
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// [`spawn`](Self::spawn) without the join handle.
    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Spawns a task from any thread.
    fn spawn_on<F>(handle: &Self::Handle, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// [`spawn_on`](Self::spawn_on) without the join handle.
    fn spawn_detached_on<F>(handle: &Self::Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Runs two futures, `b` where another worker can take it, and gives both outputs.
    ///
    /// A runtime without a structured join spawns `b`, does `a` meanwhile and awaits the handle.
    fn join<A, B>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> + Send
    where
        A: Future<Output: Send> + Send,
        B: Future<Output: Send + 'static> + Send + 'static,
    {
        async {
            let b = Self::spawn(b);
            (a.await, b.await)
        }
    }

    /// [`join`](Self::join) for any number of futures.
    fn join_all<F>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> + Send
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        async {
            let mut futures = futures.into_iter();
            let Some(first) = futures.next() else { return Vec::new() };
            let children: Vec<_> = futures.map(Self::spawn).collect();
            let mut outputs = vec![first.await];
            for child in children {
                outputs.push(child.await);
            }
            outputs
        }
    }

    /// Spawns a task for each future, then awaits them all; the outputs come in the futures' order.
    ///
    /// As fast as the runtime offers it; the default awaits one handle after the other.
    fn spawn_many<I>(futures: I) -> impl Future<Output = Vec<<I::Item as Future>::Output>> + Send
    where
        I: Iterator<Item: Future<Output: Send + 'static> + Send + 'static> + Send,
    {
        async {
            let tasks: Vec<_> = futures.map(Self::spawn).collect();
            let mut outputs = Vec::with_capacity(tasks.len());
            for task in tasks {
                outputs.push(task.await);
            }
            outputs
        }
    }

    /// Lets other tasks run first.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Has the future of a task dropped, soon.
    fn abort<T: Send + 'static>(join: Self::Join<T>);
}

/// A peer with its timers.
pub trait Timers: Peer {
    /// Ready once its time has come.
    type Sleep: Future<Output = ()> + Send + 'static;
    /// Has its time come again and again; what was missed, it makes up for at once.
    type Interval: Send + 'static;

    /// [`start`](Peer::start), with whatever it needs for timers.
    fn start_with_timers(workers: usize) -> Self;

    /// Sleeps for so long from now on.
    fn sleep(duration: Duration) -> Self::Sleep;

    /// Sleeps until then.
    fn sleep_until(deadline: Instant) -> Self::Sleep;

    /// Gives a sleep another deadline, in its place.
    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant);

    /// An interval that ticks then for the first time.
    fn interval_at(start: Instant, period: Duration) -> Self::Interval;

    /// Waits for the next tick.
    fn tick(interval: &mut Self::Interval) -> impl Future<Output = ()> + Send;

    /// Drives `future` for at most `duration`; `None`: the time was over.
    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send;
}
