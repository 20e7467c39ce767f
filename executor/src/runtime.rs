//! The runtime: workers from their start to their end, and the ways in.

mod block_on;
mod builder;
mod handle;
mod shared;
mod shutdown;

#[cfg(all(test, filch_loom))]
mod models;

pub use builder::Builder;
pub use handle::{EnterGuard, Handle, NoRuntime, Runtime};
pub(crate) use shared::{Backref, Shared};
pub use shutdown::ShutdownReport;

use std::future::Future;

/// Drives a future to its end on a runtime of its own, and gives what the future gives.
///
/// The counterpart of Python's `asyncio.run`: it builds a runtime with the default number of
/// workers (the calling thread is one of them), runs `future` on the calling thread and the tasks
/// that it spawns on all, and shuts the runtime down. When it returns, every task has been
/// dropped, those that were not over as cancelled, and every thread it started has ended.
///
/// The future need not be `Send`, nor `'static`.
///
/// # Panics
///
/// * Inside a runtime: "run() cannot be called from a running event loop".
/// * If the future panics, with its panic, after the shutdown.
/// * If the system will not start a thread, or `FILCH_WORKER_THREADS` is not a number from 1 on;
///   [`Builder::build`] gives these as errors.
///
/// ```
/// let answer = filch::run(async {
///     let tasks: Vec<_> = (0..10).map(|n| filch::spawn(async move { n * n })).collect();
///     let mut sum = 0;
///     for task in tasks {
///         sum += task.await.unwrap();
///     }
///     sum
/// });
/// assert_eq!(answer, 285);
/// ```
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    block_on::refuse_nested("run()");
    let runtime = match Builder::new().build_for_caller() {
        Ok(runtime) => runtime,
        Err(error) => panic!("run() cannot start a runtime: {error}"),
    };
    runtime.block_on(future)
}
