//! What time it is for a runtime.

use crate::sync::Arc;
use crate::timers::VirtualTime;
use filch_timers::{Clock, MonotonicClock, NEVER};
use std::time::Instant;

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
