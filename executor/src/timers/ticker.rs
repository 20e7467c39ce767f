//! When a worker looks at its timers between two polls.
//!
//! To read the clock costs as much as a small task, so it is read every few polls only: as many as took
//! about [`LOOK_INTERVAL`](crate::stride::LOOK_INTERVAL) the last time, at most [`LONGEST_STRIDE`]. For
//! a timer whose time passes while its worker has work (an idle one sleeps until then), that bounds how
//! long it goes unseen:
//!
//! * **In polls**: it is fired before the [`LONGEST_STRIDE`]th poll after the one in which its time
//!   passed, whatever these do. If more is due than a batch, the rest follows a batch before each poll.
//! * **In time**, while polls take as long as they did: twice that interval, or until the end of the
//!   poll if one takes longer than that.
//! * **In time, when polls become longer all at once**: as long as what is left of the stride takes,
//!   once; the look at its end finds out. The worst case is thirty-one polls of, say, a millisecond
//!   behind polls of a microsecond. A worker that is idle does not let it come to that: it fires what
//!   is late after eight milliseconds at most (see the module above).
//!
//! A task that polls its own sleep does not shorten this. Its poll compares no clock, except at every
//! eighth ([`BLIND_POLLS`](super::BLIND_POLLS)): if the time passes inside a long poll of the task, the
//! sleep may be pending at the end of it, and the task is polled once more after the worker's look.

use super::WorkerTimers;
use crate::stride::Stride;
use filch_timers::NEVER;
use std::task::Waker;

/// After how many polls it looks at the latest.
const LONGEST_STRIDE: u32 = 31;

/// How long a worker with work may go without a look at the others' timers, in nanoseconds.
const ROUND_INTERVAL: u64 = 4_000_000;

/// One thread's way to fire the timers of the worker in whose place it works.
pub(crate) struct Ticker {
    /// To the next look.
    stride: Stride,
    /// To when it is next asked whether it is time for a round.
    round_stride: Stride,
    last_round: u64,
    /// What is about to be woken; empty between calls.
    due: Vec<Waker>,
}

impl Ticker {
    pub(crate) fn new() -> Self {
        Self {
            stride: Stride::new(1, LONGEST_STRIDE),
            round_stride: Stride::new(LONGEST_STRIDE, LONGEST_STRIDE),
            last_round: 0,
            due: Vec::new(),
        }
    }

    /// Fires what is due, if it is time for a look. Called before each poll.
    #[inline]
    pub(crate) fn tick(&mut self, timers: &WorkerTimers) {
        if !self.passes(timers) {
            self.look(timers);
        }
    }

    /// Counts a poll that follows without [`tick`](Self::tick); false: it is time for a look first.
    #[inline]
    pub(crate) fn passes(&mut self, timers: &WorkerTimers) -> bool {
        if timers.next() == NEVER {
            // When there is one it is looked at right away: how long polls take is not known.
            self.stride.end();
            return true;
        }
        self.stride.passes()
    }

    /// Whether it is time to look at the timers of the other workers, all of which may be inside long
    /// polls. Called before each poll.
    #[inline]
    pub(crate) fn is_time_for_round(&mut self, timers: &WorkerTimers) -> bool {
        !self.round_stride.passes() && self.asks_for_round(timers)
    }

    #[cold]
    fn asks_for_round(&mut self, timers: &WorkerTimers) -> bool {
        // By a virtual clock nobody is late.
        let now = if timers.is_virtual() { 0 } else { timers.now() };
        self.round_stride.begin(now);
        let is_time = now.saturating_sub(self.last_round) >= ROUND_INTERVAL;
        if is_time {
            self.last_round = now;
        }
        is_time
    }

    #[cold]
    fn look(&mut self, timers: &WorkerTimers) {
        if timers.is_virtual() {
            return self.stride.begin(0);
        }
        let now = timers.now();
        self.stride.begin(now);
        let more = timers.next() <= now && timers.fire(now, &mut self.due);
        if more {
            // A batch that left something behind lets one task run before the next batch.
            self.stride.end();
        }
    }

    /// Fires what is due, reading the clock if there are timers. True: something was.
    pub(crate) fn fire_due(&mut self, timers: &WorkerTimers) -> bool {
        let next = timers.next();
        if next == NEVER || timers.is_virtual() {
            return false;
        }
        let now = timers.now();
        if next > now {
            return false;
        }
        timers.fire(now, &mut self.due);
        true
    }

    /// Room for what is about to be woken.
    pub(crate) fn due(&mut self) -> &mut Vec<Waker> {
        &mut self.due
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;
    use crate::sync::Arc;
    use crate::timers::{Lease, Source, Watch, real_time};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// glommio's pull request 44: a burst of timers must not keep the tasks waiting.
    #[test]
    fn a_burst_fires_one_batch_before_each_poll() {
        let timers = Lease::new(Source::System(real_time()), Arc::new(Watch::new()));
        let wakes = std::sync::Arc::<Wakes>::default();
        let deadline = timers.now() + 1;
        for _ in 0..100 {
            timers.insert(deadline, Waker::from(wakes.clone()), true).expect("nothing fired yet");
        }
        while timers.now() < deadline {}
        let mut ticker = Ticker::new();
        for woken in [32, 64, 96, 100, 100] {
            ticker.tick(&timers);
            assert_eq!(wakes.0.load(Ordering::Relaxed), woken);
        }
    }

    /// The bound in polls, from wherever in its stride the worker is.
    #[test]
    fn a_deadline_that_has_passed_is_seen_within_the_longest_stride() {
        let timers = Lease::new(Source::System(real_time()), Arc::new(Watch::new()));
        let mut ticker = Ticker::new();
        let far = timers.now() + 3_600_000_000_000;
        timers.insert(far, Waker::noop().clone(), true).expect("it is not due");
        let mut longest = 0;
        for phase in 0..200 {
            // Polls that take no time.
            (0..3 * LONGEST_STRIDE + phase).for_each(|_| ticker.tick(&timers));
            let wakes = std::sync::Arc::<Wakes>::default();
            let deadline = timers.now() + 1;
            timers.insert(deadline, Waker::from(wakes.clone()), true).expect("it is not due");
            while timers.now() < deadline {}
            let is_seen = |ticker: &mut Ticker| {
                ticker.tick(&timers);
                wakes.0.load(Ordering::Relaxed) == 1
            };
            let polls = (1..=LONGEST_STRIDE).find(|_| is_seen(&mut ticker));
            longest = longest.max(polls.expect("seen within the longest stride"));
        }
        assert!(longest > 1, "the clock was read before each poll");
    }
}
