//! When a thief asks a flooded worker for a lot (see `queue::lots`).

#[cfg(all(test, not(filch_loom)))]
mod tests;

use std::time::{Duration, Instant};

/// How long an owner has time to answer. It does so at its next push, or after 31 polls.
pub(super) const ANSWER: Duration = Duration::from_micros(20);

/// How long one that has not answered is not asked again.
const SILENCE: Duration = Duration::from_micros(100);

/// Which victim a thief has asked, and when.
#[derive(Default)]
pub(super) struct Asked(Option<(usize, Instant)>);

impl Asked {
    /// Whether to ask this victim, or to wait for its answer.
    pub(super) fn may_ask(&mut self, victim: usize, now: Instant) -> bool {
        let is_other = self.0.is_none_or(|(asked, _)| asked != victim);
        if is_other {
            self.0 = Some((victim, now));
        }
        let may_ask = self.awaits_answer(now);
        if self.0.is_some_and(|(_, since)| now.duration_since(since) >= SILENCE) {
            self.0 = None;
        }
        may_ask
    }

    /// Whether an answer is awaited.
    pub(super) fn awaits_answer(&self, now: Instant) -> bool {
        self.0.is_some_and(|(_, since)| now.duration_since(since) < ANSWER)
    }

    /// A lot was taken.
    pub(super) fn took(&mut self) {
        self.0 = None;
    }
}
