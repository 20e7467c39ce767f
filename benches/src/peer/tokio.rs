//! Tokio's multi-thread runtime, without its I/O driver; with its timers where they are measured.
//!
//! Tokio has two sets of timers: one wheel for all workers, behind a lock, and as an alternative that is
//! not stable yet, a wheel for each worker.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::{Peer, Timers};

/// A Tokio runtime, with the alternative timers if so told.
#[derive(Debug)]
pub struct Tokio<const ALTERNATIVE: bool = false>(Runtime);

/// Tokio with its alternative timers.
#[cfg(tokio_unstable)]
pub type TokioAlternative = Tokio<true>;

/// Tokio's join handle, its error turned into a panic.
#[derive(Debug)]
pub struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = Pin::new(&mut self.0).poll(cx);
        outcome.map(|outcome| outcome.expect("the task ended well"))
    }
}

impl<const ALTERNATIVE: bool> Peer for Tokio<ALTERNATIVE> {
    const NAME: &'static str = if ALTERNATIVE { "tokio-alt" } else { "tokio" };
    const PACKAGE: &'static str = "tokio";
    const ONLY_TIMERS: bool = ALTERNATIVE;

    type Join<T: Send + 'static> = Join<T>;
    type Handle = Handle;

    fn start(workers: usize) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(workers).build();
        Self(runtime.expect("a Tokio runtime"))
    }

    fn handle(&self) -> Handle {
        self.0.handle().clone()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F>(future: F) -> Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Join(tokio::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(tokio::spawn(future));
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
        drop(handle.spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn abort<T: Send + 'static>(join: Join<T>) {
        join.0.abort();
    }
}

impl<const ALTERNATIVE: bool> Timers for Tokio<ALTERNATIVE> {
    type Sleep = tokio::time::Sleep;
    type Interval = tokio::time::Interval;

    fn start_with_timers(workers: usize) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers).enable_time();
        #[cfg(tokio_unstable)]
        if ALTERNATIVE {
            builder.enable_alt_timer();
        }
        Self(builder.build().expect("a Tokio runtime"))
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }

    fn sleep_until(deadline: Instant) -> Self::Sleep {
        tokio::time::sleep_until(deadline.into())
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.reset(deadline.into());
    }

    fn interval_at(start: Instant, period: Duration) -> Self::Interval {
        tokio::time::interval_at(start.into(), period)
    }

    async fn tick(interval: &mut Self::Interval) {
        interval.tick().await;
    }

    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send {
        let limited = tokio::time::timeout(duration, future);
        async { limited.await.ok() }
    }
}
