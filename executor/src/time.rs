//! Waiting for time to pass, as futures.

mod sleep;
mod timer;

pub use sleep::{Sleep, sleep, sleep_until};

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
