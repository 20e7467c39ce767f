//! A look at the clock every few events, as many as take a given time.
//!
//! To read the clock costs as much as a small task. So who has something to do every so often looks
//! every few polls only: as many as took about [`LOOK_INTERVAL`] the last time, up to a limit.

/// How much time there is between two looks, in nanoseconds, if events are shorter than that and the
/// limit allows it.
pub(crate) const LOOK_INTERVAL: u64 = 50_000;

/// Counts events from one look to the next.
pub(crate) struct Stride {
    /// In how many events the next look is.
    countdown: u32,
    /// How many events there are between two looks.
    length: u32,
    longest: u32,
    /// When the last look was, in nanoseconds of some clock.
    last: u64,
}

impl Stride {
    /// Looks after `first` events, and then every `longest` at the latest.
    pub(crate) const fn new(first: u32, longest: u32) -> Self {
        Self { countdown: first, length: first, longest, last: 0 }
    }

    /// Counts an event that passes without a look; false: it is time for the look first.
    #[inline]
    pub(crate) fn passes(&mut self) -> bool {
        let passes = self.countdown > 1;
        if passes {
            self.countdown -= 1;
        }
        passes
    }

    /// Has the next event wait for a look.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.countdown = 1;
    }

    /// Begins anew after a look at `now`.
    pub(crate) fn begin(&mut self, now: u64) {
        self.length = adapted(self.length, now.saturating_sub(self.last), self.longest);
        self.countdown = self.length;
        self.last = now;
    }
}

/// How many events to let pass before the next look, if `length` of them took so long; at most `longest`.
fn adapted(length: u32, elapsed: u64, longest: u32) -> u32 {
    if elapsed > 2 * LOOK_INTERVAL {
        let shorter = u64::from(length) * LOOK_INTERVAL / elapsed;
        u32::try_from(shorter).unwrap_or(longest).max(1)
    } else if elapsed < LOOK_INTERVAL / 2 {
        (length * 2).min(longest)
    } else {
        length
    }
}

#[cfg(all(test, not(filch_loom)))]
mod tests {
    use super::*;

    const LONGEST: u32 = 31;

    /// The bound in time: one look after the events' length has changed, strides are as short as they
    /// have to be, and stay so.
    #[test]
    fn a_change_of_the_events_length_costs_one_stride() {
        for before in 1..=LONGEST {
            for event in (0..60).map(|bits| 1_u64 << bits) {
                let mut length = before;
                for look in 1..20 {
                    length = adapted(length, u64::from(length).saturating_mul(event), LONGEST);
                    assert!((1..=LONGEST).contains(&length));
                    let is_short = u64::from(length).saturating_mul(event) <= 2 * LOOK_INTERVAL;
                    assert!(is_short || length == 1, "{length} events of {event} ns, look {look}");
                }
            }
        }
    }

    #[test]
    fn short_events_make_the_stride_longer_up_to_its_limit() {
        let next = |&length: &u32| Some(adapted(length, 3_000, LONGEST));
        let lengths: Vec<_> = std::iter::successors(Some(1), next).take(8).collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 31, 31, 31]);
    }

    #[test]
    fn long_events_make_it_as_short_as_the_interval_asks_for() {
        assert_eq!(adapted(31, 31_000_000, LONGEST), 1);
        assert_eq!(adapted(31, 310_000, LONGEST), 5);
        assert_eq!(adapted(1, u64::MAX, LONGEST), 1);
    }

    #[test]
    fn events_of_the_right_length_leave_it() {
        for elapsed in [LOOK_INTERVAL / 2, LOOK_INTERVAL, 2 * LOOK_INTERVAL] {
            assert_eq!(adapted(7, elapsed, LONGEST), 7);
        }
    }

    #[test]
    fn a_look_comes_after_as_many_events_as_the_stride_has() {
        let mut stride = Stride::new(1, LONGEST);
        let mut now = 0;
        for length in [1, 2, 4, 8, 16, 31, 31] {
            assert_eq!((1..).find(|_| !stride.passes()), Some(length));
            assert!(!stride.passes(), "the look is not over");
            now += 1;
            stride.begin(now);
        }
        stride.end();
        assert!(!stride.passes());
    }
}
