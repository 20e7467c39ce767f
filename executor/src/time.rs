//! Waiting for time to pass, as futures.

mod interval;
mod sleep;
mod timeout;
mod timer;

pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

use crate::context;
use std::time::Instant;

/// The time by the clock of the current runtime; outside a runtime, by the system's.
///
/// The same as [`Instant::now`], but on a runtime that was built with
/// [`Builder::start_paused`](crate::Builder::start_paused).
///
/// ```
/// let start = filch::now();
/// filch::run(async move { assert!(filch::now() >= start) });
/// ```
pub fn now() -> Instant {
    context::now().unwrap_or_else(|_| Instant::now())
}
