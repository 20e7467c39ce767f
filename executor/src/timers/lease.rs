//! Whose timers these are: memory that goes from one runtime to the next.
//!
//! A sleep may outlive its runtime, and looks at its timer even then. To count the sleeps, with an
//! `Arc`, would take two read-modify-writes of a line for each of them that all workers share, and
//! a pointer in each. So timers are never freed. They stand in a table; a runtime *leases* as many
//! as it has workers, and a sleep names them by their number.
//!
//! What a runtime gives back is leased again, once it is empty: timers that had not fired when the runtime
//! shut down stay until their sleeps are dropped. So a key is either that of a timer of this very
//! lease, or has fired; and as keys are never used again, one of an earlier lease is never mistaken
//! for one of a later. There are as many timers as workers were alive at a time, of 17 KiB each
//! when they are vacant; and those besides that a sleep of a runtime which is gone keeps for itself.

#[cfg(test)]
mod tests;

use super::{Source, Watch, WorkerTimers, real_time};
use crate::sync::{Arc, Mutex};
use crossbeam_utils::CachePadded;
use filch_timers::Clock;
use std::ops::Deref;
use std::sync::OnceLock;

/// How many timers are found by their number alone: as many as most programs have workers.
const FEW: usize = 128;

/// The first of all timers.
static FIRST: [Entry; FEW] = [const { OnceLock::new() }; FEW];

/// The others. Part `n` holds 2<sup>n</sup> of them, so that the parts never move.
static PARTS: [OnceLock<Box<[Entry]>>; 32] = [const { OnceLock::new() }; 32];

type Entry = OnceLock<CachePadded<WorkerTimers>>;

/// The numbers of those that no runtime has.
static VACANT: Mutex<Vacant> =
    Mutex::new(Vacant { real: Vec::new(), turned: Vec::new(), fresh: 1 });

struct Vacant {
    /// With the system's clock.
    real: Vec<u32>,
    /// With virtual clocks.
    turned: Vec<u32>,
    /// The least number that was never leased. They begin with one.
    fresh: u32,
}

impl Vacant {
    fn of_kind(&mut self, is_virtual: bool) -> &mut Vec<u32> {
        if is_virtual { &mut self.turned } else { &mut self.real }
    }
}

/// The place in the table that a number names.
#[inline]
fn entry(number: u32) -> &'static Entry {
    FIRST.get(number as usize).unwrap_or_else(|| entry_in_part(number))
}

#[cold]
fn entry_in_part(number: u32) -> &'static Entry {
    let part = number.ilog2() as usize;
    let empty = || (0..1_usize << part).map(|_| OnceLock::new()).collect();
    &PARTS[part].get_or_init(empty)[number as usize - (1 << part)]
}

/// Makes the timers of a number that was never leased.
fn make(number: u32, is_virtual: bool) {
    let clock = (!is_virtual).then(real_time);
    entry(number).get_or_init(|| WorkerTimers::new(clock, number).into());
}

/// Has these timers, which are empty, leased again.
pub(super) fn vacate(timers: &WorkerTimers) {
    VACANT.lock().of_kind(timers.is_virtual()).push(timers.number);
}

/// The right of one runtime's worker to its timers.
pub(crate) struct Lease {
    timers: &'static WorkerTimers,
    source: Source,
}

impl Lease {
    pub(crate) fn new(source: Source, watch: Arc<Watch>) -> Self {
        let is_virtual = source.is_virtual();
        let number = {
            let mut vacant = VACANT.lock();
            vacant.of_kind(is_virtual).pop().unwrap_or_else(|| {
                let number = vacant.fresh;
                vacant.fresh = number.checked_add(1).expect("fewer than 2^32 workers");
                make(number, is_virtual);
                number
            })
        };
        let TimersAtHand(timers) = TimersRef(number).at_hand();
        timers.open(source.now(), watch);
        Self { timers, source }
    }

    /// The clock of the runtime.
    #[inline]
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The timers, without the right to them.
    #[inline]
    pub(crate) fn at_hand(&self) -> TimersAtHand {
        TimersAtHand(self.timers)
    }
}

impl Deref for Lease {
    type Target = WorkerTimers;

    #[inline]
    fn deref(&self) -> &WorkerTimers {
        self.timers
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.timers.release();
    }
}

/// Timers that need not be looked up.
#[derive(Clone)]
pub(crate) struct TimersAtHand(&'static WorkerTimers);

impl TimersAtHand {
    /// What a sleep keeps.
    #[inline]
    pub(crate) fn reference(&self) -> TimersRef {
        TimersRef(self.0.number)
    }
}

impl Deref for TimersAtHand {
    type Target = WorkerTimers;

    #[inline]
    fn deref(&self) -> &WorkerTimers {
        self.0
    }
}

/// Names timers, of whatever runtime, or of none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimersRef(u32);

impl TimersRef {
    #[inline]
    fn at_hand(&self) -> TimersAtHand {
        TimersAtHand(entry(self.0).get().expect("a number that was leased"))
    }
}

impl Deref for TimersRef {
    type Target = WorkerTimers;

    #[inline]
    fn deref(&self) -> &WorkerTimers {
        self.at_hand().0
    }
}
