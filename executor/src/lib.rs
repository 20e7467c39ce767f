//! A multi-threaded work-stealing executor.
//!
//! ```
//! let total = filch::run(async {
//!     let tasks: Vec<_> = (1..=10).map(|n| filch::spawn(async move { n })).collect();
//!     let mut total = 0;
//!     for task in tasks {
//!         total += task.await.unwrap();
//!     }
//!     total
//! });
//! assert_eq!(total, 55);
//! ```

mod context;
mod idle;
#[cfg(all(test, filch_loom))]
mod model;
mod park;
mod queue;
mod registry;
mod rng;
mod runtime;
mod share;
mod spawn;
mod stats;
mod sync;
mod task;
mod worker;

pub use runtime::{Builder, EnterGuard, Handle, NoRuntime, Runtime, ShutdownReport, run};
#[cfg(feature = "blocking")]
pub use spawn::spawn_blocking;
pub use spawn::{YieldNow, spawn, yield_now};
pub use stats::{Metrics, WorkerMetrics};
pub use task::{AbortHandle, JoinError, JoinHandle, TaskId};
