//! async-executor: the executor of smol, in its fastest form.
//!
//! A `static` executor needs no reference count to reach, and `StaticExecutor` keeps no list of
//! its tasks. It outlives its worker threads, so a task must have ended before the peer is
//! dropped; every case and guard sees to that.

use std::future::Future;
use std::thread::{self, JoinHandle};

use async_executor::{StaticExecutor, Task};
use futures_channel::oneshot;
use futures_lite::future;

use super::Peer;

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
    fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(|| {
            let _ = future::block_on(EXECUTOR.run(stopped));
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
        let workers = (0..workers).map(|_| Worker::start()).collect();
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
}
