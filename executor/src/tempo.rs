//! Whether a second worker makes the first one faster or slower.
//!
//! Tasks that pass small messages through a shared channel cost several times as much once they
//! run on two cores: every operation waits for the other core's cache line. Two workers then get
//! less done than one. What a thief's loot keeps it busy says nothing about that, but the clock
//! does: a worker knows how many tasks it polls and how long that takes.
//!
//! * A worker that is the only one at work, or the only one that gets anywhere, publishes what a
//!   poll costs it: the *solo cost*.
//! * A worker beside others compares what a poll costs it. If that is so much more that all of them
//!   together poll fewer tasks than one did, it *retires*: it gives its tasks to the injector and
//!   naps, for longer each time the comparison turns out the same. One always stays, and so does
//!   who has more than [`LUGGAGE`] tasks to give away.
//! * More workers than the machine has processors cannot work at a time, only disturb each other: of
//!   those beyond, each retires as if it had been found to be in the way.
//! * If nobody has worked alone lately, a worker retires for [`EXPERIMENT`] to find out. That costs
//!   a few hundred microseconds now and then, less often each time the answer is that two are
//!   better. So does one that seems to be in the way for the first time: the solo cost may be that of
//!   other tasks, and the time that its polls took, an interrupt's. It retires for longer if it is in the
//!   way by the solo cost that was found out just then.
//!
//! Only polls below [`SMALL_POLL`] are judged so. What is counted is time in which the worker had
//! work, in several pieces if it ran dry in between. A retired worker goes on watching the others:
//! what would wait long behind their polls it takes (see `share`), so to retire in error costs
//! little. It takes it sooner in an experiment, of which it is not known yet whether it is in the way.

#[cfg(all(test, not(filch_loom)))]
mod tests;

// Not `sync`'s atomics, as these order nothing.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Polls that cost more, in nanoseconds, are never worse on two workers: no task that runs so long
/// spends most of it on a line of memory that another core has.
const SMALL_POLL: u64 = 50_000;

/// What has to be counted before it says something. The time is several times what an interrupt takes.
const ENOUGH_TIME: Duration = Duration::from_micros(100);
const FEW_POLLS: u64 = 8;

/// With more tasks than this a worker does not retire: they would all have to be moved.
const LUGGAGE: usize = 32;

/// How long a worker retires to let another one work alone.
const EXPERIMENT: Duration = Duration::from_micros(300);

/// How long a worker retires after it was in the way: at first, and at most.
const PENALTY: (Duration, Duration) = (Duration::from_millis(8), Duration::from_millis(64));

/// How long until the next experiment after one that ended well: at first, and at most.
const TRUST: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(800));

/// What the workers of a runtime tell each other.
pub(crate) struct Tempos {
    /// How many threads the machine runs at a time.
    pub(crate) processors: usize,
    /// What a poll costs a worker that is the only one at work, in nanoseconds; 0: not known.
    solo_cost: AtomicU64,
    /// How many workers are retired.
    retired: AtomicU64,
}

impl Tempos {
    pub(crate) fn new(processors: usize) -> Self {
        Self { processors, solo_cost: AtomicU64::new(0), retired: AtomicU64::new(0) }
    }

    /// One more retires, unless it would be the last of `workers`.
    fn retire(&self, workers: u64) -> bool {
        let retire = |retired| (retired + 1 < workers).then_some(retired + 1);
        // Ordering: Relaxed, here and below: these numbers are advice.
        self.retired.try_update(Ordering::Relaxed, Ordering::Relaxed, retire).is_ok()
    }

    fn come_back(&self) {
        self.retired.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many workers there are, and how many of them are neither parked nor nap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    pub(crate) workers: usize,
    pub(crate) at_work: usize,
}

/// Why a worker has retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retired {
    /// To find out how fast another one is alone.
    ToFindOut,
    /// It was in the way, or there are more workers than processors.
    InTheWay,
}

/// Polls, and the time they took.
#[derive(Clone, Copy, Default)]
struct Sample {
    polls: u64,
    time: Duration,
    alone: bool,
}

impl Sample {
    fn is_enough(&self) -> bool {
        self.time >= ENOUGH_TIME && self.polls >= FEW_POLLS
    }

    /// Nanoseconds a poll, at least 1.
    fn cost(&self) -> u64 {
        (self.time.as_nanos() as u64 / self.polls.max(1)).max(1)
    }
}

/// One worker's view.
pub(crate) struct Tempo {
    /// The piece of work under way: since when, from which count of polls on, and whether alone.
    piece: Option<(Instant, u64, bool)>,
    sample: Sample,
    /// How many tasks the others had polled when the sample before this one was complete.
    others: Option<u64>,
    penalty: Duration,
    trust: Duration,
    trusted_until: Option<Instant>,
    /// Whether the comparison that the trust rests on is to be repeated once it has passed.
    outdated: bool,
    /// Whether the solo cost was found out since the last judgement, while this worker had retired.
    compares: bool,
    retired: Option<(Retired, Instant)>,
}

impl Tempo {
    pub(crate) fn new() -> Self {
        Self {
            piece: None,
            sample: Sample::default(),
            others: None,
            penalty: PENALTY.0,
            trust: TRUST.0,
            trusted_until: None,
            outdated: false,
            compares: false,
            retired: None,
        }
    }

    /// The worker has work and has polled `polls` times in its life, all `others` so often together;
    /// `queued` tasks are its own. True: it has just retired, and has to give them away.
    pub(crate) fn works(
        &mut self,
        now: Instant,
        polls: u64,
        queued: usize,
        crew: Crew,
        all: &Tempos,
        others: impl FnOnce() -> u64,
    ) -> bool {
        if self.retired(now, all).is_some() {
            // It has work that it could not leave to others.
            return false;
        }
        let alone = crew.at_work <= 1;
        self.end_piece(now, polls, alone);
        self.piece = Some((now, polls, alone));
        if !self.sample.is_enough() {
            return false;
        }
        let sample = std::mem::take(&mut self.sample);
        if alone {
            all.solo_cost.store(sample.cost(), Ordering::Relaxed);
            return false;
        }
        let too_many = crew.at_work > all.processors;
        if sample.cost() > SMALL_POLL || queued > LUGGAGE || self.is_trusted(now) && !too_many {
            self.others = None;
            return false;
        }
        // One that is inside a long poll, or that has not begun, is at work and does none.
        let others = others();
        match self.others.replace(others) {
            None => return false,
            Some(before) if before == others => {
                all.solo_cost.store(sample.cost(), Ordering::Relaxed);
                return false;
            }
            Some(_) => {}
        }
        let retires = self.judge(now, sample.cost(), crew, all);
        if retires {
            self.piece = None;
        }
        retires
    }

    /// The worker is out of work: the time until it has some again is not to be counted.
    pub(crate) fn runs_dry(&mut self, now: Instant, polls: u64, crew: Crew) {
        self.end_piece(now, polls, crew.at_work <= 1);
    }

    fn end_piece(&mut self, now: Instant, polls: u64, alone: bool) {
        let Some((since, polls_before, was_alone)) = self.piece.take() else { return };
        if alone != was_alone {
            return;
        }
        if self.sample.alone != alone {
            self.sample = Sample { alone, ..Sample::default() };
        }
        self.sample.polls += polls.wrapping_sub(polls_before);
        self.sample.time += now.duration_since(since);
    }

    fn judge(&mut self, now: Instant, cost: u64, crew: Crew, all: &Tempos) -> bool {
        let at_work = crew.at_work as u64;
        let is_worse = |solo: u64| cost > solo * at_work;
        // What a poll cost when somebody happened to be alone may have been other tasks' polls.
        let doubts =
            !std::mem::take(&mut self.compares) && is_worse(all.solo_cost.load(Ordering::Relaxed));
        if std::mem::take(&mut self.outdated) || doubts {
            all.solo_cost.store(0, Ordering::Relaxed);
        }
        let solo = all.solo_cost.load(Ordering::Relaxed);
        let (retires, why, time) = match solo {
            _ if crew.at_work > all.processors => (true, Retired::InTheWay, self.penalty),
            0 => (true, Retired::ToFindOut, EXPERIMENT),
            solo => (is_worse(solo), Retired::InTheWay, self.penalty),
        };
        if !retires {
            self.trust(now);
            self.penalty = PENALTY.0;
            return false;
        }
        if !all.retire(crew.workers as u64) {
            return false;
        }
        self.compares = true;
        self.retired = Some((why, now + time));
        match solo {
            0 if crew.at_work > all.processors => self.penalty = self.longer_penalty(),
            0 if crew.at_work == 2 => self.trusted_until = None,
            // With more than two at work nobody may become alone: this is not repeated soon.
            0 => self.trust(now),
            _ => {
                self.penalty = self.longer_penalty();
                self.trust = TRUST.0;
            }
        }
        true
    }

    fn longer_penalty(&self) -> Duration {
        (self.penalty * 2).min(PENALTY.1)
    }

    fn is_trusted(&self, now: Instant) -> bool {
        self.trusted_until.is_some_and(|until| now < until)
    }

    fn trust(&mut self, now: Instant) {
        self.trusted_until = Some(now + self.trust);
        self.outdated = true;
        self.trust = (self.trust * 2).min(TRUST.1);
    }

    /// Whether the worker stays away from work that others get done, and why.
    pub(crate) fn retired(&mut self, now: Instant, all: &Tempos) -> Option<Retired> {
        match self.retired {
            Some((why, until)) if now < until => Some(why),
            _ => {
                self.come_back(all);
                None
            }
        }
    }

    /// It is retired no longer.
    pub(crate) fn come_back(&mut self, all: &Tempos) {
        if self.retired.take().is_some() {
            all.come_back();
        }
    }
}
