//! What time it is for a runtime.

use crate::sync::Arc;
use crate::timers::VirtualTime;
use filch_timers::{Clock, MonotonicClock, NEVER};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How far before its first use real time begins, so that deadlines which have passed are told
/// apart: 2<sup>50</sup> ns, thirteen days.
const PAST: Duration = Duration::from_nanos(1 << 50);

/// The system's clock. All runtimes count time from its origin, also those whose time is virtual:
/// so a number means the same instant to each of them, whoever made the sleep that keeps it.
#[inline]
pub(crate) fn real_time() -> MonotonicClock {
    static CLOCK: OnceLock<MonotonicClock> = OnceLock::new();
    *CLOCK.get_or_init(|| {
        let now = Instant::now();
        // Where the system's clock has not run for so long, it may have no earlier time to give.
        MonotonicClock::counting_from(now.checked_sub(PAST).unwrap_or(now))
    })
}

/// The clock that a runtime goes by. Clones show the same time.
#[derive(Clone)]
pub(crate) enum Source {
    /// The system's.
    System(MonotonicClock),
    /// One that is turned.
    Virtual(Arc<VirtualTime>),
}

impl Clock for Source {
    #[inline]
    fn now(&self) -> u64 {
        match self {
            Self::System(clock) => clock.now(),
            Self::Virtual(time) => time.clock().now(),
        }
    }

    fn origin(&self) -> Instant {
        match self {
            Self::System(clock) => clock.origin(),
            Self::Virtual(time) => time.clock().origin(),
        }
    }
}

impl Source {
    /// Whether nobody fires a timer but who turns the clock.
    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Self::Virtual(_))
    }

    /// The present.
    #[inline]
    pub(crate) fn instant(&self) -> Instant {
        match self {
            // Without the way there and back through nanoseconds.
            Self::System(_) => Instant::now(),
            Self::Virtual(time) => time.clock().instant_at(time.clock().now()),
        }
    }

    /// Until when a thread has to sleep for this clock to show `time`; `None` is until it is told.
    pub(crate) fn wake_up(&self, time: u64) -> Option<Instant> {
        match self {
            Self::System(clock) if time != NEVER => Some(clock.instant_at(time)),
            Self::System(_) | Self::Virtual(_) => None,
        }
    }
}
