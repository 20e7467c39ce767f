//! Time as the wheel counts it: nanoseconds since a clock's own start.

mod manual;
mod monotonic;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::manual::ManualClock;
pub use self::monotonic::MonotonicClock;

/// The deadline of what is never due: 2<sup>64</sup> − 1, the value at which the arithmetic of
/// deadlines saturates.
///
/// ```
/// use std::time::Duration;
/// use filch_timers::{Clock, ManualClock, NEVER, Wheel};
///
/// let clock = ManualClock::new();
/// assert_eq!(clock.deadline_after(Duration::MAX), NEVER);
///
/// let mut wheel = Wheel::new(0);
/// wheel.insert(NEVER, "never");
/// assert_eq!(wheel.next_expiry(), None);
/// ```
pub const NEVER: u64 = u64::MAX;

/// A source of time, in nanoseconds since a start of its own.
///
/// 64 bits of nanoseconds last for 584 years; whatever lies further ahead counts as
/// [`NEVER`], whatever lies before the start as 0. No method panics, whatever the argument.
///
/// An implementation says what time it is and which [`Instant`] it counts from; the rest follows.
/// It should not go backwards, but a [`Wheel`](crate::Wheel) copes if it does.
///
/// ```
/// use std::time::{Duration, Instant};
/// use filch_timers::Clock;
///
/// /// Counts whole milliseconds only.
/// struct Coarse(Instant);
///
/// impl Clock for Coarse {
///     fn now(&self) -> u64 {
///         self.0.elapsed().as_millis() as u64 * 1_000_000
///     }
///
///     fn origin(&self) -> Instant {
///         self.0
///     }
/// }
///
/// let start = Instant::now();
/// let clock = Coarse(start);
/// assert_eq!(clock.now() % 1_000_000, 0);
/// assert_eq!(clock.deadline_at(start + Duration::from_millis(5)), 5_000_000);
/// ```
pub trait Clock {
    /// The time, in nanoseconds since the start. Rounded down if the clock is coarser, so that
    /// nothing that waits for a time is let go before it.
    fn now(&self) -> u64;

    /// The instant that counts as 0. Always the same for one clock.
    fn origin(&self) -> Instant;

    /// The time so long from now; [`NEVER`] if that is more than 64 bits of nanoseconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use filch_timers::{Clock, ManualClock, NEVER};
    ///
    /// let clock = ManualClock::starting_at(1_000);
    /// assert_eq!(clock.deadline_after(Duration::from_nanos(5)), 1_005);
    /// assert_eq!(clock.deadline_after(Duration::MAX), NEVER);
    /// ```
    fn deadline_after(&self, duration: Duration) -> u64 {
        self.now().saturating_add(nanos(duration))
    }

    /// The time at which `instant` is; 0 if that is before the start, [`NEVER`] if it is too far
    /// ahead.
    ///
    /// ```
    /// use std::time::Duration;
    /// use filch_timers::{Clock, ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// assert_eq!(clock.deadline_at(clock.origin() + Duration::from_micros(3)), 3_000);
    /// # let before = clock.origin().checked_sub(Duration::from_nanos(1));
    /// # assert_eq!(before.map_or(0, |before| clock.deadline_at(before)), 0);
    /// ```
    fn deadline_at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin()))
    }

    /// The instant at which the clock shows `time`.
    ///
    /// If the platform's [`Instant`] does not reach so far, the result is one that it does reach,
    /// at least half as far from [`origin`](Self::origin). On Linux and macOS it reaches even
    /// [`NEVER`].
    ///
    /// ```
    /// use filch_timers::{Clock, ManualClock, NEVER};
    ///
    /// let clock = ManualClock::new();
    /// assert_eq!(clock.deadline_at(clock.instant_at(1_234)), 1_234);
    /// assert!(clock.instant_at(NEVER) > clock.instant_at(1_234));
    /// ```
    fn instant_at(&self, time: u64) -> Instant {
        instant_after(self.origin(), Duration::from_nanos(time))
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn origin(&self) -> Instant {
        (**self).origin()
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn origin(&self) -> Instant {
        (**self).origin()
    }
}

/// The nanoseconds of a duration; [`NEVER`] if they do not fit.
///
/// ```
/// use std::time::Duration;
/// use filch_timers::{NEVER, nanos};
///
/// assert_eq!(nanos(Duration::from_micros(3)), 3_000);
/// assert_eq!(nanos(Duration::MAX), NEVER);
/// ```
#[inline]
pub fn nanos(duration: Duration) -> u64 {
    // Not `as_nanos`, whose 128 bits cost a multiplication more on the path of every `now`.
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

/// `origin + duration`, or less if that overflows.
fn instant_after(origin: Instant, mut duration: Duration) -> Instant {
    loop {
        match origin.checked_add(duration) {
            Some(instant) => return instant,
            None => duration /= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_saturate() {
        assert_eq!(nanos(Duration::ZERO), 0);
        assert_eq!(nanos(Duration::from_nanos(NEVER - 1)), NEVER - 1);
        assert_eq!(nanos(Duration::from_nanos(NEVER)), NEVER);
        assert_eq!(nanos(Duration::from_nanos(NEVER) + Duration::from_nanos(1)), NEVER);
        assert_eq!(nanos(Duration::from_secs(NEVER)), NEVER);
        assert_eq!(nanos(Duration::MAX), NEVER);
    }

    #[test]
    fn an_instant_out_of_reach_is_replaced_by_one_that_is_far_ahead() {
        let origin = Instant::now();
        let century = Duration::from_secs(100 * 365 * 86_400);
        assert!(origin.checked_add(Duration::MAX).is_none(), "the test needs an overflow");
        assert!(instant_after(origin, Duration::MAX) > origin + century);
        assert_eq!(instant_after(origin, century), origin + century);
    }
}
