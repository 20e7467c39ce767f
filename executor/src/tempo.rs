//! Whether a second worker makes the first one faster or slower.
//!
//! Tasks that pass small messages through a shared channel cost several times as much once they run on two
//! cores: every operation waits for the other core's cache line. Two workers then get less done
//! than one. What a thief's loot keeps it busy says nothing about that, but the clock does: a
//! worker knows how many tasks it polls and how long that takes.
//!
//! * A worker that is the only one at work publishes what a poll costs it: the *solo cost*.
//! * A thief compares what a poll costs it beside the others. If that is so much more that all of
//!   them together poll fewer tasks than one did, it *retires*: it gives its tasks to the injector and
//!   naps, for longer each time the comparison turns out the same.
//! * If nobody has worked alone lately, the thief retires for [`EXPERIMENT`] to find out. That costs
//!   a few hundred microseconds now and then, less often each time the answer is that two are
//!   better.
//!
//! Only polls below [`SMALL_POLL`] are judged so. A retired worker goes on watching the others: what
//! is queued behind a poll that takes long it takes, as any thief does (see `share`).

use std::time::{Duration, Instant};

/// Polls that cost more, in nanoseconds, are never worse on two workers.
const SMALL_POLL: u64 = 1_500;

/// How long a worker retires to let another one work alone.
const EXPERIMENT: Duration = Duration::from_micros(300);

/// How long a worker retires after it was in the way: at first, and at most.
const PENALTY: (Duration, Duration) = (Duration::from_millis(8), Duration::from_millis(64));

/// How long until the next experiment after one that ended well: at first, and at most.
const TRUST: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(800));

/// One worker's view.
pub(crate) struct Tempo {
    /// Since when, from which count of polls on, and whether alone.
    window: Option<(Instant, u64, bool)>,
    penalty: Duration,
    trust: Duration,
    trusted_until: Option<Instant>,
    retired_until: Option<Instant>,
}

/// What a worker concludes at the end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Continue,
    /// It worked alone: this is the solo cost, in nanoseconds.
    Solo(u64),
    /// Give the tasks away and retire.
    Retire {
        /// The solo cost that is known is too old.
        forget_solo: bool,
    },
}

impl Tempo {
    pub(crate) fn new() -> Self {
        Self {
            window: None,
            penalty: PENALTY.0,
            trust: TRUST.0,
            trusted_until: None,
            retired_until: None,
        }
    }

    /// Ends a window and begins the next; `at_work` workers are, this one included.
    ///
    /// `solo` is the solo cost that is known, 0 if none is; `thief`: this worker took what it works
    /// on from another.
    pub(crate) fn tick(
        &mut self,
        now: Instant,
        polls: u64,
        at_work: usize,
        thief: bool,
        solo: u64,
    ) -> Verdict {
        let alone = at_work <= 1;
        let window = self.window.replace((now, polls, alone));
        let Some((since, polls_before, was_alone)) = window else { return Verdict::Continue };
        let polled = polls.wrapping_sub(polls_before);
        if alone != was_alone || polled == 0 {
            return Verdict::Continue;
        }
        let cost = now.duration_since(since).as_nanos() as u64 / polled;
        if alone {
            return Verdict::Solo(cost.max(1));
        }
        if !thief || cost > SMALL_POLL || self.trusted_until.is_some_and(|until| now < until) {
            return Verdict::Continue;
        }
        self.judge(now, cost, at_work as u64, solo)
    }

    fn judge(&mut self, now: Instant, cost: u64, at_work: u64, solo: u64) -> Verdict {
        if solo == 0 || self.trusted_until.take().is_some() {
            self.retired_until = Some(now + EXPERIMENT);
            return Verdict::Retire { forget_solo: true };
        }
        if cost > solo * at_work {
            self.retired_until = Some(now + self.penalty);
            self.penalty = (self.penalty * 2).min(PENALTY.1);
            self.trust = TRUST.0;
            return Verdict::Retire { forget_solo: false };
        }
        self.trusted_until = Some(now + self.trust);
        self.trust = (self.trust * 2).min(TRUST.1);
        self.penalty = PENALTY.0;
        Verdict::Continue
    }

    /// The worker is out of work: the time until it has some again is not to be counted.
    pub(crate) fn pause(&mut self) {
        self.window = None;
    }

    /// Whether the worker stays away from work that others get done.
    pub(crate) fn is_retired(&self, now: Instant) -> bool {
        self.retired_until.is_some_and(|until| now < until)
    }

    /// Nobody else is at work: there is nobody to be in the way of.
    pub(crate) fn come_back(&mut self) {
        self.retired_until = None;
    }
}
