//! The runtime as its users hold it.

use super::Builder;
use super::block_on::block_on;
use super::shared::{Backref, Shared};
use super::shutdown::ShutdownReport;
use crate::context;
use crate::stats::Metrics;
use crate::sync::Arc;
use crate::sync::thread;
use crate::task::{self, JoinGroup, JoinHandle, Memory, PanicReporter, Runnable};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

/// An executor with its worker threads.
///
/// Dropping it shuts it down: workers stop after the poll that they are in or about to begin, all
/// futures are dropped, and the drop returns when that is done and every worker's thread has
/// ended. That waits for a task that is inside a poll; [`shutdown_timeout`](Self::shutdown_timeout) bounds the wait. A runtime that is
/// dropped by one of its own tasks, roots or hooks, which cannot wait for itself, shuts down in the
/// background.
///
/// [`run`](crate::run) makes, uses and drops one in a single call.
///
/// ```
/// let runtime = filch::Runtime::new()?;
/// let task = runtime.spawn(async { "spawned" });
/// assert_eq!(runtime.block_on(task).unwrap(), "spawned");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    handle: Handle,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Runtime {
    pub(super) fn assemble(handle: Handle, threads: Vec<thread::JoinHandle<()>>) -> Self {
        Self { handle, threads }
    }

    /// A runtime with the default number of workers.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::build`].
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    /// A builder, for a runtime that differs from the default.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Drives `future` to its end on the calling thread.
    ///
    /// While the future waits, the calling thread takes the place of a worker that is parked, if
    /// there is one, and runs tasks: spawning and awaiting in `future` costs what it costs in a
    /// task. The other side of this: while a task that it runs computes without an `await`, the
    /// future is not polled; and a future that blocks the thread keeps a worker's place from
    /// running tasks. Long computations belong into [`spawn_blocking`](crate::spawn_blocking()).
    ///
    /// The future need not be `Send`, nor `'static`. Any number of threads may call this at a
    /// time.
    ///
    /// # Panics
    ///
    /// * Inside a task or another `block_on`: "block_on() cannot be called from a running event
    ///   loop".
    /// * If the future panics, with its panic.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Spawns a task; see [`spawn`](crate::spawn()).
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Spawns a task that nobody waits for; see [`spawn_detached`](crate::spawn_detached()).
    pub fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.handle.spawn_detached(future);
    }

    /// Spawns a task for each future of an iterator; see [`spawn_many`](crate::spawn_many()).
    pub fn spawn_many<I>(&self, futures: I) -> JoinGroup<<I::Item as Future>::Output>
    where
        I: IntoIterator,
        I::Item: Future + Send + 'static,
        <I::Item as Future>::Output: Send + 'static,
    {
        self.handle.spawn_many(futures)
    }

    /// Runs a closure that blocks; see [`spawn_blocking`](crate::spawn_blocking()).
    #[cfg(feature = "blocking")]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// A handle to this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The runtime's counters.
    ///
    /// ```
    /// let runtime = filch::Builder::new().worker_threads(2).build()?;
    /// runtime.block_on(async { filch::spawn(async {}).await }).unwrap();
    /// let metrics = runtime.metrics();
    /// assert_eq!(metrics.workers.len(), 2);
    /// assert_eq!(metrics.workers.iter().map(|worker| worker.polls).sum::<u64>(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.handle.metrics()
    }

    /// Shuts the runtime down, waiting for at most `timeout`.
    ///
    /// If a task is inside a poll for longer than that, its worker's thread is left behind: it
    /// drops the task and ends when the poll returns. Any `Duration` works; those that reach past
    /// the clock's end wait without a bound.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let runtime = filch::Runtime::new()?;
    /// runtime.spawn(std::future::pending::<()>());
    /// let report = runtime.shutdown_timeout(Duration::from_secs(10));
    /// assert_eq!((report.cancelled, report.still_running), (1, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> ShutdownReport {
        let deadline = Instant::now().checked_add(timeout);
        self.shut_down(deadline)
    }

    /// Begins to shut the runtime down and does not wait at all.
    pub fn shutdown_background(mut self) {
        self.handle.shared().begin_shutdown();
        // Dropping their handles lets the threads end by themselves.
        self.threads.clear();
    }

    fn shut_down(&mut self, deadline: Option<Instant>) -> ShutdownReport {
        let shared = self.handle.shared();
        shared.begin_shutdown();
        if context::works_for(shared) {
            // One of its own tasks drops it, and would wait for itself.
            self.threads.clear();
            return shared.wait_for_shutdown(Some(Instant::now()));
        }
        let report = shared.wait_for_shutdown(deadline);
        for thread in self.threads.drain(..) {
            if report.still_running == 0 {
                // A worker's thread does not panic, for all code of others is called in a net; thread-
                // locals of users aside, whose panics end the process.
                let _ = thread.join();
            }
        }
        report
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.threads.is_empty() || !self.handle.shared().is_closed() {
            self.shut_down(None);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_shared("Runtime", self.handle.shared(), f)
    }
}

/// A reference to a runtime, for spawning from anywhere.
///
/// It does not keep the runtime running: once that is shut down, what is spawned resolves as
/// cancelled.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    /// Apart from `Shared`, so that a waker never drops the user's hook.
    panics: std::sync::Arc<PanicReporter>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, panics: PanicReporter) -> Self {
        Self { shared, panics: std::sync::Arc::new(panics) }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn panics(&self) -> &std::sync::Arc<PanicReporter> {
        &self.panics
    }

    /// The runtime that this thread works for or has entered.
    ///
    /// # Panics
    ///
    /// If there is none: "no running event loop".
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime that this thread works for or has entered.
    ///
    /// # Errors
    ///
    /// If there is none.
    ///
    /// ```
    /// let error = filch::Handle::try_current().unwrap_err();
    /// assert!(error.to_string().starts_with("no running event loop"));
    /// filch::run(async { assert!(filch::Handle::try_current().is_ok()) });
    /// ```
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::current()
    }

    /// Spawns a task; see [`spawn`](crate::spawn()).
    ///
    /// May be called on any thread. On a runtime that shuts down or is gone the future is dropped
    /// and the handle resolves as cancelled: mostly before this returns; by the shutdown, if this is
    /// called by a worker of that runtime or in the very moment in which the shutdown begins.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (task, handle) = task::new(future, Backref::new(&self.shared), self.memory());
        self.push(task);
        handle
    }

    /// Spawns a task that nobody waits for; see [`spawn_detached`](crate::spawn_detached()).
    ///
    /// May be called on any thread. On a runtime that shuts down or is gone the future is dropped, as with
    /// [`spawn`](Self::spawn).
    ///
    /// ```
    /// let runtime = filch::Runtime::new()?;
    /// let (says, said) = std::sync::mpsc::channel();
    /// runtime.handle().spawn_detached(async move { says.send("done").unwrap() });
    /// assert_eq!(said.recv(), Ok("done"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.push(task::new_detached(future, Backref::new(&self.shared), self.memory()));
    }

    /// Spawns a task for each future of an iterator; see [`spawn_many`](crate::spawn_many()).
    ///
    /// May be called on any thread. On a runtime that shuts down or is gone, and for the tasks that
    /// come after the shutdown has begun, it is as with [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// If the iterator panics, with its panic; the tasks that were spawned until then are detached.
    ///
    /// ```
    /// let runtime = filch::Runtime::new()?;
    /// let group = runtime.handle().spawn_many((0..3).map(|n| async move { n }));
    /// let outputs = runtime.block_on(group).map(Result::unwrap);
    /// assert_eq!(outputs.collect::<Vec<_>>(), [0, 1, 2]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_many<I>(&self, futures: I) -> JoinGroup<<I::Item as Future>::Output>
    where
        I: IntoIterator,
        I::Item: Future + Send + 'static,
        <I::Item as Future>::Output: Send + 'static,
    {
        crate::spawn::many::spawn_on(self, futures)
    }

    /// Where a task that this handle spawns has its memory from.
    #[inline]
    pub(crate) fn memory(&self) -> Memory<'_> {
        Memory::Thread(Some(&self.shared.depot))
    }

    /// Queues a task that was just spawned.
    #[inline]
    pub(crate) fn push(&self, task: Runnable) {
        if let Some(task) = context::push_spawned(&self.shared, task) {
            self.push_foreign(task);
        }
    }

    /// Runs a closure that blocks; see [`spawn_blocking`](crate::spawn_blocking()).
    #[cfg(feature = "blocking")]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        crate::spawn::blocking(self, f)
    }

    /// Drives `future` to its end on the calling thread; see [`Runtime::block_on`].
    ///
    /// On a runtime that shuts down or is gone, the future still runs, but no tasks do.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(self, future)
    }

    /// Makes this runtime the current one of this thread, for [`spawn`](crate::spawn()) and
    /// [`Handle::current`], until the guard is dropped.
    ///
    /// # Panics
    ///
    /// The guard's drop panics if a guard that was made later is still there.
    ///
    /// ```
    /// let runtime = filch::Runtime::new()?;
    /// let task = {
    ///     let _guard = runtime.handle().enter();
    ///     filch::spawn(async { 1 })
    /// };
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _entered: context::enter(self.clone(), true), _handle: self }
    }

    /// The time by this runtime's clock: the system's, unless the runtime was built with
    /// [`Builder::start_paused`].
    ///
    /// May be called on any thread, also after the runtime is gone.
    ///
    /// ```
    /// let runtime = filch::Builder::new().start_paused(true).auto_advance(false).build()?;
    /// let before = runtime.handle().now();
    /// assert_eq!(runtime.handle().now(), before);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn now(&self) -> Instant {
        self.shared.source().instant()
    }

    /// The runtime's counters.
    pub fn metrics(&self) -> Metrics {
        let shared = &self.shared;
        let workers = shared.workers.iter();
        Metrics {
            workers: workers.map(|worker| worker.stats.read(worker.stealers.len())).collect(),
            injected: shared.injector.len(),
            registered_tasks: shared.registered(),
            parked_workers: shared.idle.parked(),
            unhandled_panics: self.panics.unhandled(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_shared("Handle", &self.shared, f)
    }
}

fn fmt_shared(name: &str, shared: &Shared, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("workers", &shared.workers.len())
        .field("idle", &shared.idle)
        .field("closed", &shared.is_closed())
        .finish_non_exhaustive()
}

/// Keeps a runtime current on this thread; see [`Handle::enter`].
#[must_use = "the runtime is the current one only as long as the guard lives"]
pub struct EnterGuard<'a> {
    _entered: context::Entered,
    _handle: &'a Handle,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// This thread works for no runtime and has entered none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no running event loop: call this inside filch::run or a task, or enter a runtime's handle",
        )
    }
}

impl Error for NoRuntime {}
