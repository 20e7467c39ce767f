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

/// All timers there are. Part `n` holds 2<sup>n</sup> of them, so that the parts never move.
static TABLE: [OnceLock<Part>; 32] = [const { OnceLock::new() }; 32];

type Part = Box<[OnceLock<CachePadded<WorkerTimers>>]>;

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

fn part_of(number: u32) -> (usize, usize) {
    let part = number.ilog2();
    (part as usize, (number - (1 << part)) as usize)
}

/// Makes the timers of a number that was never leased.
fn make(number: u32, is_virtual: bool) {
    let (part, place) = part_of(number);
    let empty = || (0..1_usize << part).map(|_| OnceLock::new()).collect();
    let clock = (!is_virtual).then(real_time);
    TABLE[part].get_or_init(empty)[place].get_or_init(|| WorkerTimers::new(clock, number).into());
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
        let timers = TimersRef(number).get();
        timers.open(source.now(), watch);
        Self { timers, source }
    }

    /// The clock of the runtime.
    #[inline]
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// What a sleep keeps.
    #[inline]
    pub(crate) fn reference(&self) -> TimersRef {
        TimersRef(self.timers.number)
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

/// Names timers, of whatever runtime, or of none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimersRef(u32);

impl TimersRef {
    #[inline]
    fn get(&self) -> &'static WorkerTimers {
        let (part, place) = part_of(self.0);
        let timers = TABLE[part].get().and_then(|part| part[place].get());
        timers.expect("a number that was leased")
    }
}

impl Deref for TimersRef {
    type Target = WorkerTimers;

    #[inline]
    fn deref(&self) -> &WorkerTimers {
        self.get()
    }
}
