//! The life of a worker's timers, from one runtime to the next.

use super::{Inner, Watch, WorkerTimers, lease};
use crate::sync::{Arc, ShortMutexGuard};
use crate::task::wake;
use std::mem;
use std::task::Waker;

/// Where timers stand on their way from one runtime to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A runtime's.
    Open,
    /// A runtime's that has shut down. Timers that had not fired stay, so that the sleeps which hold
    /// their keys can tell, but their wakers are gone.
    Closed,
    /// No runtime's any more, but of some timers the sleeps are still there.
    Released,
    /// Empty, for the next runtime.
    Vacant,
}

impl WorkerTimers {
    /// Begins to be a runtime's, whose clock shows `start`.
    pub(super) fn open(&self, start: u64, watch: Arc<Watch>) {
        let mut inner = self.inner.lock();
        debug_assert_eq!(inner.phase, Phase::Vacant, "timers {} have a runtime", self.number);
        inner.wheel.restart(start);
        inner.watch = Some(watch);
        inner.asked = 0;
        inner.phase = Phase::Open;
    }

    /// Refuses timers from now on, and wakes whoever waits for one, to hear that it will not fire.
    pub(crate) fn close(&self) {
        let wakers: Vec<_> = {
            let mut inner = self.inner.lock();
            if inner.phase != Phase::Open {
                return;
            }
            inner.phase = Phase::Closed;
            inner.sleeper = None;
            self.publish(&inner);
            let nobody = || Waker::noop().clone();
            inner.wheel.values_mut().map(|waker| mem::replace(waker, nobody())).collect()
        };
        wakers.into_iter().for_each(wake);
    }

    /// Wakes all that is due at the time that the wheel shows. For a caller who has no lease: by now
    /// the timers may be those of another runtime, for which no other time would do.
    #[cold]
    pub(super) fn fire_overdue(&self) {
        let mut due = Vec::new();
        loop {
            let inner = self.inner.lock();
            let now = inner.wheel.now();
            if !self.fire_locked(inner, now, &mut due) {
                return;
            }
        }
    }

    /// Ceases to be a runtime's.
    #[cfg_attr(filch_loom, expect(dead_code, reason = "models lease no timers again"))]
    pub(super) fn release(&self) {
        self.close();
        let mut inner = self.inner.lock();
        inner.phase = Phase::Released;
        (inner.sleeper, inner.watch) = (None, None);
        self.vacate_if_empty(inner);
    }

    /// Gives released timers to the next runtime, unless sleeps refer to some of them.
    #[cold]
    pub(super) fn vacate_if_empty(&self, mut inner: ShortMutexGuard<'_, Inner>) {
        if !inner.wheel.is_empty() {
            return;
        }
        inner.phase = Phase::Vacant;
        inner.wheel.shrink_to(0);
        drop(inner);
        lease::vacate(self);
    }
}
