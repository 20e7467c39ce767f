//! What a worker counts about itself.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// One worker's counters. Written by the thread that works in its place, read by anyone.
///
/// Not `sync`'s atomics: they order nothing, and each would multiply the states of a model.
#[derive(Default)]
pub(crate) struct Stats(CachePadded<Counters>);

/// See [`WorkerMetrics`].
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) polls: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) stolen: AtomicU64,
    pub(crate) parks: AtomicU64,
    pub(crate) naps: AtomicU64,
    pub(crate) wakes: AtomicU64,
    pub(crate) needless_wakes: AtomicU64,
}

impl std::ops::Deref for Stats {
    type Target = Counters;
    fn deref(&self) -> &Counters {
        &self.0
    }
}

/// Adds to a counter that only this thread writes.
#[inline]
pub(crate) fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, queued: usize) -> WorkerMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WorkerMetrics {
            polls: read(&self.polls),
            steals: read(&self.steals),
            stolen_tasks: read(&self.stolen),
            parks: read(&self.parks),
            naps: read(&self.naps),
            wakes: read(&self.wakes),
            needless_wakes: read(&self.needless_wakes),
            queued,
        }
    }
}

/// A runtime's counters, as [`Runtime::metrics`](crate::Runtime::metrics) reads them.
///
/// The counts are of different moments, a little apart.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// One entry a worker.
    pub workers: Vec<WorkerMetrics>,
    /// Tasks that wait in the injector, where spawns and wakes from other threads enter.
    pub injected: usize,
    /// Tasks that were idle at least once and are not over.
    pub registered_tasks: usize,
    /// Workers that are parked.
    pub parked_workers: usize,
    /// Panics that no handle collected.
    pub unhandled_panics: u64,
}

/// One worker's counters, since its runtime was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Tasks polled.
    pub polls: u64,
    /// Times that it stole from another worker.
    pub steals: u64,
    /// Tasks that it took in doing so.
    pub stolen_tasks: u64,
    /// Times that it went to sleep until notified.
    pub parks: u64,
    /// Times that it slept for a moment between two looks at the others.
    pub naps: u64,
    /// Times that it was notified of work.
    pub wakes: u64,
    /// Of these, the times that it found none and went to sleep again.
    pub needless_wakes: u64,
    /// Tasks in its queues now.
    pub queued: usize,
}
