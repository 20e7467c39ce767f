//! Clocks for executors, and soon the timer wheel that they drive.
//!
//! This crate is a leaf: no threads, no unsafe code, no dependency.
#![forbid(unsafe_code)]

mod clock;

pub use self::clock::{Clock, ManualClock, MonotonicClock, NEVER};
