//! A clock for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Clock, nanos};

/// A clock that stands still until it is turned by hand, from any thread.
///
/// Clones show the same time. It may start anywhere, so that a test sees what happens after years
/// of uptime, and near the end of time. Nobody is woken when it is turned: whoever turns it tells
/// those that wait for it.
///
/// ```
/// use std::time::Duration;
/// use filch_timers::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let other = clock.clone();
/// clock.advance(Duration::from_millis(2));
/// assert_eq!(other.now(), 2_000_000);
/// ```
// Ordering, throughout: whoever reads a time sees what happened before it was set (Release with
// Acquire), as one who waits for the time to come expects.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now: Arc<AtomicU64>,
    origin: Instant,
}

impl ManualClock {
    /// A clock that shows 0.
    ///
    /// ```
    /// use filch_timers::{Clock, ManualClock};
    ///
    /// assert_eq!(ManualClock::new().now(), 0);
    /// ```
    pub fn new() -> Self {
        Self::starting_at(0)
    }

    /// A clock that shows `time`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use filch_timers::{Clock, ManualClock, NEVER};
    ///
    /// let clock = ManualClock::starting_at(NEVER - 5);
    /// assert_eq!(clock.deadline_after(Duration::from_nanos(4)), NEVER - 1);
    /// assert_eq!(clock.deadline_after(Duration::from_nanos(6)), NEVER);
    /// ```
    pub fn starting_at(time: u64) -> Self {
        Self::counting_from(Instant::now(), time)
    }

    /// A clock that shows `time`, counted from `origin`: two clocks with one origin mean the same
    /// instant by the same number.
    ///
    /// ```
    /// use filch_timers::{Clock, ManualClock, MonotonicClock};
    ///
    /// let real = MonotonicClock::new();
    /// let clock = ManualClock::counting_from(real.origin(), 5);
    /// assert_eq!(clock.instant_at(5), real.instant_at(5));
    /// ```
    pub fn counting_from(origin: Instant, time: u64) -> Self {
        Self { now: Arc::new(AtomicU64::new(time)), origin }
    }

    /// Turns the clock forward, at most to [`NEVER`](crate::NEVER). Returns the time that it shows
    /// then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use filch_timers::{ManualClock, NEVER};
    ///
    /// let clock = ManualClock::new();
    /// assert_eq!(clock.advance(Duration::from_micros(1)), 1_000);
    /// assert_eq!(clock.advance(Duration::MAX), NEVER);
    /// ```
    pub fn advance(&self, duration: Duration) -> u64 {
        let by = nanos(duration);
        let turn = |now: u64| now.saturating_add(by);
        turn(self.now.update(Ordering::AcqRel, Ordering::Acquire, turn))
    }

    /// Turns the clock to `time`, also backwards.
    ///
    /// ```
    /// use filch_timers::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::starting_at(100);
    /// clock.set(7);
    /// assert_eq!(clock.now(), 7);
    /// ```
    pub fn set(&self, time: u64) {
        self.now.store(time, Ordering::Release);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    fn origin(&self) -> Instant {
        self.origin
    }
}
