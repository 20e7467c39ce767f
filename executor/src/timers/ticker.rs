//! When a worker looks at its timers between two polls.
//!
//! To read the clock costs as much as a small task, so it is read every few polls only: as many as took
//! about [`LOOK_INTERVAL`] the last time, at most [`LONGEST_STRIDE`]. For a timer whose time passes
//! while its worker has work (an idle one sleeps until then), that bounds how long it goes unseen:
//!
//! * **In polls**: it is fired before the [`LONGEST_STRIDE`]th poll after the one in which its time
//!   passed, whatever these do. If more is due than a batch, the rest follows a batch before each poll.
//! * **In time**, while polls take as long as they did: twice [`LOOK_INTERVAL`], or until the end of the
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
use filch_timers::NEVER;
use std::task::Waker;

/// How long a worker with work may go without a look at the clock, in nanoseconds, if polls are
/// shorter than that.
const LOOK_INTERVAL: u64 = 50_000;

/// After how many polls it looks at the latest.
const LONGEST_STRIDE: u32 = 31;

/// How long a worker with work may go without a look at the others' timers, in nanoseconds.
const ROUND_INTERVAL: u64 = 4_000_000;

/// One thread's way to fire the timers of the worker in whose place it works.
pub(crate) struct Ticker {
    /// In how many polls the next look is.
    countdown: u32,
    /// How many polls there are between two looks.
    stride: u32,
    last: u64,
    /// In how many polls it is asked whether it is time for a round; as for the looks.
    round_countdown: u32,
    round_stride: u32,
    round_asked: u64,
    last_round: u64,
    /// What is about to be woken; empty between calls.
    due: Vec<Waker>,
}

impl Ticker {
    pub(crate) fn new() -> Self {
        Self {
            countdown: 1,
            stride: 1,
            last: 0,
            round_countdown: LONGEST_STRIDE,
            round_stride: LONGEST_STRIDE,
            round_asked: 0,
            last_round: 0,
            due: Vec::new(),
        }
    }

    /// Fires what is due, if it is time for a look. Called before each poll.
    #[inline]
    pub(crate) fn tick(&mut self, timers: &WorkerTimers) {
        if timers.next() == NEVER {
            // When there is one it is looked at right away: how long polls take is not known.
            self.countdown = 1;
            return;
        }
        self.countdown -= 1;
        if self.countdown == 0 {
            self.look(timers);
        }
    }

    /// Counts a poll that follows without [`tick`](Self::tick); false: it is time for a look first.
    #[inline]
    pub(crate) fn passes(&mut self, timers: &WorkerTimers) -> bool {
        if timers.next() == NEVER {
            self.countdown = 1;
            return true;
        }
        let passes = self.countdown > 1;
        if passes {
            self.countdown -= 1;
        }
        passes
    }

    /// Whether it is time to look at the timers of the other workers, all of which may be inside long
    /// polls. Called before each poll.
    #[inline]
    pub(crate) fn is_time_for_round(&mut self, timers: &WorkerTimers) -> bool {
        self.round_countdown -= 1;
        self.round_countdown == 0 && self.asks_for_round(timers)
    }

    #[cold]
    fn asks_for_round(&mut self, timers: &WorkerTimers) -> bool {
        if timers.is_virtual() {
            self.round_countdown = LONGEST_STRIDE;
            return false;
        }
        let now = timers.now();
        self.round_stride =
            adapted(self.round_stride, now.saturating_sub(self.round_asked), LONGEST_STRIDE);
        self.round_countdown = self.round_stride;
        self.round_asked = now;
        let is_time = now.saturating_sub(self.last_round) >= ROUND_INTERVAL;
        if is_time {
            self.last_round = now;
        }
        is_time
    }

    #[cold]
    fn look(&mut self, timers: &WorkerTimers) {
        if timers.is_virtual() {
            self.countdown = LONGEST_STRIDE;
            return;
        }
        let now = timers.now();
        let elapsed = now.saturating_sub(self.last);
        self.last = now;
        self.stride = adapted(self.stride, elapsed, LONGEST_STRIDE);
        let more = timers.next() <= now && timers.fire(now, &mut self.due);
        // A batch that left something behind lets one task run before the next batch.
        self.countdown = if more { 1 } else { self.stride };
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

/// How many polls to let pass before the next look, if `stride` of them took so long; at most `longest`.
pub(crate) fn adapted(stride: u32, elapsed: u64, longest: u32) -> u32 {
    if elapsed > 2 * LOOK_INTERVAL {
        let shorter = u64::from(stride) * LOOK_INTERVAL / elapsed;
        u32::try_from(shorter).unwrap_or(longest).max(1)
    } else if elapsed < LOOK_INTERVAL / 2 {
        (stride * 2).min(longest)
    } else {
        stride
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

    /// The bound in time: one look after the polls' length has changed, strides are as short as they
    /// have to be, and stay so.
    #[test]
    fn a_change_of_the_polls_length_costs_one_stride() {
        for before in 1..=LONGEST_STRIDE {
            for poll in (0..60).map(|bits| 1_u64 << bits) {
                let mut stride = before;
                for look in 1..20 {
                    stride =
                        adapted(stride, u64::from(stride).saturating_mul(poll), LONGEST_STRIDE);
                    assert!((1..=LONGEST_STRIDE).contains(&stride));
                    let is_short = u64::from(stride).saturating_mul(poll) <= 2 * LOOK_INTERVAL;
                    assert!(is_short || stride == 1, "{stride} polls of {poll} ns, look {look}");
                }
            }
        }
    }

    #[test]
    fn short_polls_make_the_stride_longer_up_to_its_limit() {
        let strides: Vec<_> =
            std::iter::successors(Some(1), |&stride| Some(adapted(stride, 3_000, LONGEST_STRIDE)))
                .take(8)
                .collect();
        assert_eq!(strides, [1, 2, 4, 8, 16, 31, 31, 31]);
    }

    #[test]
    fn long_polls_make_it_as_short_as_the_interval_asks_for() {
        assert_eq!(adapted(31, 31_000_000, LONGEST_STRIDE), 1);
        assert_eq!(adapted(31, 310_000, LONGEST_STRIDE), 5);
        assert_eq!(adapted(1, u64::MAX, LONGEST_STRIDE), 1);
    }

    #[test]
    fn polls_of_the_right_length_leave_it() {
        for elapsed in [LOOK_INTERVAL / 2, LOOK_INTERVAL, 2 * LOOK_INTERVAL] {
            assert_eq!(adapted(7, elapsed, LONGEST_STRIDE), 7);
        }
    }
}
