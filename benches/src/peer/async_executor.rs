//! async-executor: the executor of smol, in its fastest form.
//!
//! A `static` executor needs no reference count to reach, and `StaticExecutor` keeps no list of
//! its tasks. It outlives its worker threads, so a task must have ended before the peer is
//! dropped; every case and guard sees to that.
//!
//! Its timers are async-io's. Where they are measured, workers wait in async-io's `block_on`, as smol's
//! do, so that one of them drives the reactor. async-io's own thread, once started, stays.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_executor::{StaticExecutor, Task};
use async_io::Timer;
use futures_channel::oneshot;
use futures_lite::{StreamExt, future};

use super::{Peer, Timers};

static EXECUTOR: StaticExecutor = StaticExecutor::new();

/// Worker threads that run the static executor, each under futures-lite's `block_on`.
#[derive(Debug)]
pub struct AsyncExecutor {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    /// Its drop ends the thread. The executor looks at it once every 200 tasks.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(with_timers: bool) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let run = EXECUTOR.run(stopped);
            let _ = if with_timers { async_io::block_on(run) } else { future::block_on(run) };
        });
        Self { stop, thread }
    }
}

impl Drop for AsyncExecutor {
    fn drop(&mut self) {
        for Worker { stop, thread } in self.workers.drain(..) {
            drop(stop);
            // A worker that panicked has failed its measurement already.
            let _ = thread.join();
        }
    }
}

impl Peer for AsyncExecutor {
    const NAME: &'static str = "async-executor";
    const PACKAGE: &'static str = "async-executor";

    type Join<T: Send + 'static> = Task<T>;
    type Handle = &'static StaticExecutor;

    fn start(workers: usize) -> Self {
        let workers = (0..workers).map(|_| Worker::start(false)).collect();
        Self { workers }
    }

    fn handle(&self) -> Self::Handle {
        &EXECUTOR
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        future::block_on(future)
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        EXECUTOR.spawn(future).detach();
    }

    fn spawn_on<F>(handle: &Self::Handle, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(future)
    }

    fn spawn_detached_on<F>(handle: &Self::Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        handle.spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    fn abort<T: Send + 'static>(join: Task<T>) {
        drop(join);
    }
}

/// async-io's timer, without what it gives.
#[derive(Debug)]
pub struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Timers for AsyncExecutor {
    type Sleep = Sleep;
    type Interval = Timer;

    fn start_with_timers(workers: usize) -> Self {
        let workers = (0..workers).map(|_| Worker::start(true)).collect();
        Self { workers }
    }

    fn sleep(duration: Duration) -> Sleep {
        Sleep(Timer::after(duration))
    }

    fn sleep_until(deadline: Instant) -> Sleep {
        Sleep(Timer::at(deadline))
    }

    fn reset(mut sleep: Pin<&mut Sleep>, deadline: Instant) {
        sleep.0.set_at(deadline);
    }

    fn interval_at(start: Instant, period: Duration) -> Timer {
        Timer::interval_at(start, period)
    }

    async fn tick(interval: &mut Timer) {
        interval.next().await;
    }

    fn timeout<F: Future + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send {
        // As async-io's documentation shows it.
        future::or(async { Some(future.await) }, async move {
            Timer::after(duration).await;
            None
        })
    }
}
