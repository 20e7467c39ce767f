//! Whether it pays to take small tasks from a worker: lots of a flood (see `queue::lots`), or batches of
//! tasks that are worth something, but not much.
//!
//! What its loot keeps a thief busy does not tell: a task may take it twice as long as it would take its
//! owner, and it would still be good for both to share. But if the tasks count down one counter, two workers get
//! less done than one. So the thief compares: for [`TRIAL`] it takes tasks, and for [`PAUSE`] it leaves its victim
//! alone, and in both it counts how many the two of them poll. By what was more it goes for a while,
//! longer each time the comparison turns out the same. (A victim that spawns without a pause polls nothing
//! when it is alone.)
//!
//! It does so with one victim at a time, and turns to another one when it would compare anew or when that
//! one has run out of them. Else a thief between two of them would come to the end of no comparison.

#[cfg(all(test, not(filch_loom)))]
mod tests;

use std::time::{Duration, Instant};

/// How long tasks are taken to see what that is worth.
pub(super) const TRIAL: Duration = Duration::from_micros(300);

/// How long the victim is left alone to see what that is worth.
pub(super) const PAUSE: Duration = Duration::from_micros(300);

/// How long the outcome is gone by: at first, and at most.
const TRUST: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(8));

/// What a thief is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It takes tasks and counts.
    Trial,
    /// It has polled so many tasks in a millisecond with its victim, and counts how many that one polls alone.
    Pause { together: u64 },
    /// It goes by the outcome.
    Settled { shares: bool },
}

/// What a thief remembers of its victim.
pub(super) struct Comparison {
    victim: Option<usize>,
    /// Whether the victim had run out of them when it was looked at last.
    ebbed: bool,
    stage: Stage,
    /// When the stage began, and how many tasks the two had polled by then.
    since: Option<(Instant, u64)>,
    trust: Duration,
    /// The last outcome.
    shared: Option<bool>,
}

impl Comparison {
    pub(super) fn new() -> Self {
        Self {
            victim: None,
            ebbed: false,
            stage: Stage::Trial,
            since: None,
            trust: TRUST.0,
            shared: None,
        }
    }

    /// Whether to take tasks from this victim now; the two have polled `polls` tasks in their lives.
    pub(super) fn may_share(&mut self, victim: usize, polls: u64, now: Instant) -> bool {
        if !self.turn_to(victim, now) {
            return false;
        }
        let (since, before) = *self.since.get_or_insert((now, polls));
        if self.is_over(now) {
            let in_a_millisecond = polls.wrapping_sub(before).saturating_mul(1_000_000);
            self.advance(in_a_millisecond / now.duration_since(since).as_nanos().max(1) as u64);
            self.since = Some((now, polls));
        }
        match self.stage {
            Stage::Trial => true,
            Stage::Pause { .. } => false,
            Stage::Settled { shares } => shares,
        }
    }

    /// Whether this is about that victim, from now on.
    fn turn_to(&mut self, victim: usize, now: Instant) -> bool {
        if self.victim == Some(victim) {
            self.ebbed = false;
            return true;
        }
        let is_settled = matches!(self.stage, Stage::Settled { .. });
        let is_free = self.victim.is_none() || self.ebbed || is_settled && self.is_over(now);
        if is_free {
            let Self { trust, shared, .. } = *self;
            *self = Self { victim: Some(victim), trust, shared, ..Self::new() };
        }
        is_free
    }

    /// Whether it is time for the next stage.
    fn is_over(&self, now: Instant) -> bool {
        let length = match self.stage {
            Stage::Trial => TRIAL,
            Stage::Pause { .. } => PAUSE,
            Stage::Settled { .. } => self.trust,
        };
        self.since.is_some_and(|(since, _)| now.duration_since(since) >= length)
    }

    /// This victim has run out of them.
    pub(super) fn ebbed(&mut self, victim: usize) {
        self.ebbed |= self.victim == Some(victim);
    }

    /// Goes on to the next stage; in this one so many tasks were polled in a millisecond.
    fn advance(&mut self, rate: u64) {
        self.stage = match self.stage {
            Stage::Trial => Stage::Pause { together: rate },
            Stage::Pause { together } => {
                let shares = together > rate + rate / 8;
                let same = self.shared.replace(shares) == Some(shares);
                self.trust = if same { (self.trust * 2).min(TRUST.1) } else { TRUST.0 };
                Stage::Settled { shares }
            }
            Stage::Settled { .. } => Stage::Trial,
        };
    }

    /// Something else has happened: the stage begins again.
    pub(super) fn disturb(&mut self) {
        self.since = None;
    }

    /// The thief parks: what comes after that is something else.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }
}
