//! filch.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use filch::{Builder, Handle, JoinHandle, Runtime, WorkerMetrics};

use super::{Peer, Timers};
use crate::counters::{Counters, NAMES};

/// A filch runtime.
#[derive(Debug)]
pub struct Filch(Runtime);

/// filch's join handle, its error turned into a panic.
#[derive(Debug)]
pub struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = Pin::new(&mut self.0).poll(cx);
        outcome.map(|outcome| outcome.expect("the task ended well"))
    }
}

impl Peer for Filch {
    const NAME: &'static str = "filch";
    const PACKAGE: &'static str = "filch";

    type Join<T: Send + 'static> = Join<T>;
    type Handle = Handle;

    fn start(workers: usize) -> Self {
        let runtime = Builder::new().worker_threads(workers).build();
        Self(runtime.expect("a filch runtime"))
    }

    fn handle(&self) -> Handle {
        self.0.handle().clone()
    }

    fn counters(&self) -> Option<Counters> {
        let mut sums = [0; NAMES.len()];
        for worker in self.0.metrics().workers {
            let WorkerMetrics { polls, steals, stolen_tasks, parks, naps, wakes, .. } = worker;
            let counts = [polls, steals, stolen_tasks, parks, naps, wakes, worker.needless_wakes];
            sums = std::array::from_fn(|index| sums[index] + counts[index]);
        }
        Some(Counters(sums))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(filch::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        filch::spawn_detached(future);
    }

    fn spawn_on<F>(handle: &Handle, future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(handle.spawn(future))
    }

    fn spawn_detached_on<F>(handle: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        handle.spawn_detached(future);
    }

    fn join<A, B>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> + Send
    where
        A: Future<Output: Send> + Send,
        B: Future<Output: Send + 'static> + Send + 'static,
    {
        filch::join(a, b)
    }

    fn join_all<F>(futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> + Send
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        filch::join_all(futures)
    }

    async fn spawn_many<I>(futures: I) -> Vec<<I::Item as Future>::Output>
    where
        I: Iterator<Item: Future<Output: Send + 'static> + Send + 'static> + Send,
    {
        let outputs = filch::spawn_many(futures).await;
        outputs.map(|output| output.expect("the task ended well")).collect()
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        filch::yield_now()
    }

    fn abort<T: Send + 'static>(join: Join<T>) {
        join.0.abort();
    }
}

impl Timers for Filch {
    type Sleep = filch::Sleep<()>;
    type Interval = filch::Interval;

    fn start_with_timers(workers: usize) -> Self {
        Self::start(workers)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        filch::sleep(duration, ())
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        filch::sleep_until(deadline, ())
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.reset(deadline);
    }

    fn interval_at(start: Instant, period: Duration) -> Self::Interval {
        filch::interval_at(start, period)
    }

    async fn tick(interval: &mut Self::Interval) {
        interval.tick().await;
    }

    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send {
        let limited = filch::timeout(duration, future);
        async { limited.await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{in_task, spawn};

    #[test]
    fn counters_sum_up_the_workers() {
        let peer = Filch::start(2);
        let before = peer.counters().expect("it counts");
        assert_eq!(in_task(&peer, spawn::join_batches::<Filch>(1, 1_000)), 1_000);
        let after = peer.counters().expect("it counts");
        let each = after.per_operation_since(before, 1_000);
        // A poll each, and some of the task that spawned them.
        assert!((1.0..2.1).contains(&each[0]), "polls: {}", each[0]);
    }
}
