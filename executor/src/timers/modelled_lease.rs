//! The same for models, in which nothing may outlive an execution: sleeps are counted.

use super::{Source, Watch, WorkerTimers, real_time};
use crate::sync::Arc;
use filch_timers::Clock;
use std::ops::Deref;

/// Nobody leases them again.
pub(super) fn vacate(_timers: &WorkerTimers) {}

/// Its end does nothing, as nobody leases the timers again: so models do not have to explore it.
pub(crate) struct Lease {
    timers: Arc<WorkerTimers>,
    source: Source,
}

impl Lease {
    pub(crate) fn new(source: Source, watch: Arc<Watch>) -> Self {
        let clock = (!source.is_virtual()).then(real_time);
        let timers = Arc::new(WorkerTimers::new(clock, 0));
        timers.open(source.now(), watch);
        Self { timers, source }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn at_hand(&self) -> TimersAtHand {
        TimersRef(self.timers.clone())
    }
}

impl Deref for Lease {
    type Target = WorkerTimers;

    fn deref(&self) -> &WorkerTimers {
        &self.timers
    }
}

pub(crate) use TimersRef as TimersAtHand;

#[derive(Clone)]
pub(crate) struct TimersRef(Arc<WorkerTimers>);

impl TimersRef {
    pub(crate) fn reference(&self) -> Self {
        self.clone()
    }
}

impl PartialEq for TimersRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for TimersRef {
    type Target = WorkerTimers;

    fn deref(&self) -> &WorkerTimers {
        &self.0
    }
}
