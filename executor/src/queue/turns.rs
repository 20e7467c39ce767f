//! How often a woken task goes before spawned ones.
//!
//! Which order is better depends on what the woken task does in its poll. If it ends, it had better do so at once:
//! what it was woken for is still in the cache, and so is its memory, which the next task can have. (A thousand
//! tasks that each ask a task of their own for something and end with the answer.) If it waits again, it had
//! better find more at a time. (Ten thousand that all send to one.) Nobody knows that before, so it is
//! tried: every so many picks a woken task goes first; half as many if it ended, else twice as many. (One from
//! outside that has not run before counts as one that waits again.)

#[cfg(all(test, not(filch_loom)))]
mod tests;

/// The least number of picks from one woken task to the next that goes first: every other one.
const SHORTEST: u32 = 2;

/// The greatest. The [far ends](super::FAIRNESS_INTERVAL) come round more often.
const LONGEST: u32 = 256;

pub(super) struct Turns {
    /// Every how many picks a woken task goes first, while there are spawned ones.
    interval: u32,
    /// How many picks there are before the next. None is left, too, while one is on trial.
    picks_left: u32,
    /// Whether the task that was picked last went first.
    on_trial: bool,
    /// Whether a task that had waited has ended since.
    ended: bool,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { interval: LONGEST, picks_left: LONGEST, on_trial: false, ended: false }
    }

    /// Whether there is something to do before a spawned task is picked.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.picks_left == 0
    }

    /// Counts a pick of a spawned task. None is due.
    #[inline]
    pub(super) fn count_pick(&mut self) {
        self.picks_left -= 1;
    }

    /// A task that had waited has ended.
    #[inline]
    pub(super) fn note_end(&mut self) {
        self.ended = true;
    }

    /// Whether a woken task should go first now, and not just be judged.
    pub(super) fn begin(&mut self) -> bool {
        let is_new = !self.on_trial;
        self.judge();
        self.picks_left = self.interval - 1;
        is_new
    }

    /// One does.
    pub(super) fn begin_trial(&mut self) {
        *self = Self { picks_left: 0, on_trial: true, ended: false, ..*self };
    }

    /// The task that was picked last has had its poll.
    pub(super) fn judge(&mut self) {
        if std::mem::take(&mut self.on_trial) {
            self.interval = match self.ended {
                true => (self.interval / 2).max(SHORTEST),
                false => (self.interval * 2).min(LONGEST),
            };
            self.picks_left = self.interval - 1;
        }
    }
}
