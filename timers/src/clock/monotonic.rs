//! The clock of the system.

use std::time::Instant;

use super::{Clock, nanos};

/// The clock that [`Instant`] reads, counted from when this value was made.
///
/// Its resolution is that of [`Instant`], one nanosecond on Linux. It does not go backwards.
/// Whether it goes on while the machine is suspended depends on the platform, as with [`Instant`]:
/// on Linux and macOS it does not, on Windows it does.
///
/// Copies count from the same instant.
///
/// ```
/// use std::time::Duration;
/// use filch_timers::{Clock, MonotonicClock};
///
/// let clock = MonotonicClock::new();
/// let deadline = clock.deadline_after(Duration::from_micros(10));
/// while clock.now() < deadline {}
/// assert!(clock.origin().elapsed() >= Duration::from_micros(10));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    origin: Instant,
}

impl MonotonicClock {
    /// A clock that starts now.
    ///
    /// ```
    /// use filch_timers::{Clock, MonotonicClock};
    ///
    /// let clock = MonotonicClock::new();
    /// let earlier = clock.now();
    /// assert!(clock.now() >= earlier);
    /// ```
    pub fn new() -> Self {
        Self::counting_from(Instant::now())
    }

    /// A clock that counts from `origin`. Until then it shows 0.
    ///
    /// ```
    /// use filch_timers::{Clock, MonotonicClock};
    ///
    /// let start = std::time::Instant::now();
    /// let clock = MonotonicClock::counting_from(start);
    /// assert_eq!(clock.origin(), start);
    /// ```
    pub const fn counting_from(origin: Instant) -> Self {
        Self { origin }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    #[inline]
    fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    fn origin(&self) -> Instant {
        self.origin
    }
}
