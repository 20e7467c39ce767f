//! When tasks are taken, with a clock that is turned by hand.

use super::{Comparison, PAUSE, TRIAL, TRUST};
use std::time::{Duration, Instant};

const MICROSECOND: Duration = Duration::from_micros(1);

/// A thief and its victim, which together poll so many tasks in a microsecond.
struct Pair {
    comparison: Comparison,
    now: Instant,
    polls: u64,
    /// While the thief takes tasks.
    together: u64,
    /// While it does not.
    alone: u64,
}

impl Pair {
    fn new(together: u64, alone: u64) -> Self {
        Self { comparison: Comparison::new(), now: Instant::now(), polls: 0, together, alone }
    }

    fn shares(&mut self) -> bool {
        self.comparison.may_share(1, self.polls, self.now)
    }

    /// How long the thief goes on as it does, and whether it takes tasks.
    fn spell(&mut self) -> (bool, Duration) {
        let (shares, begin) = (self.shares(), self.now);
        while self.shares() == shares {
            self.now += MICROSECOND;
            self.polls += if shares { self.together } else { self.alone };
        }
        (shares, self.now - begin)
    }
}

#[test]
fn where_two_get_more_done_the_thief_shares_and_compares_ever_less_often() {
    let mut pair = Pair::new(3, 2);
    assert_eq!(pair.spell(), (true, TRIAL));
    for trust in [TRUST.0, TRUST.0 * 2, TRUST.0 * 4, TRUST.1, TRUST.1] {
        assert_eq!(pair.spell(), (false, PAUSE));
        assert_eq!(pair.spell(), (true, trust + TRIAL));
    }
}

#[test]
fn where_one_gets_as_much_done_the_thief_leaves_it_alone_and_tries_ever_less_often() {
    let mut pair = Pair::new(2, 2);
    for trust in [TRUST.0, TRUST.0 * 2, TRUST.0 * 4, TRUST.1, TRUST.1] {
        assert_eq!(pair.spell(), (true, TRIAL));
        assert_eq!(pair.spell(), (false, PAUSE + trust));
    }
}

#[test]
fn a_victim_that_polls_nothing_meanwhile_is_helped() {
    let mut pair = Pair::new(1, 0);
    assert_eq!(pair.spell(), (true, TRIAL));
    assert_eq!(pair.spell(), (false, PAUSE));
    assert_eq!(pair.spell(), (true, TRUST.0 + TRIAL));
}

#[test]
fn when_the_outcome_changes_it_is_trusted_no_longer_than_at_first() {
    let mut pair = Pair::new(3, 2);
    for _ in 0..9 {
        pair.spell();
    }
    pair.together = 1;
    assert_eq!(pair.spell(), (false, PAUSE));
    let (shares, _) = pair.spell();
    assert!(shares, "what it measured before still counts");
    assert_eq!(pair.spell(), (false, PAUSE + TRUST.0));
}

#[test]
fn a_thief_with_several_victims_compares_with_one_at_a_time() {
    let (mut pair, mut shared, mut left) = (Pair::new(1, 2), 0, 0);
    for victim in [1, 2, 3].into_iter().cycle().take(300_000) {
        let shares = pair.comparison.may_share(victim, pair.polls, pair.now);
        *(if shares { &mut shared } else { &mut left }) += 1;
        pair.now += MICROSECOND / 3;
        pair.polls += if shares { pair.together } else { pair.alone };
    }
    assert!(shared * 10 < left, "it shared {shared} times and let be {left} times");
}

#[test]
fn a_thief_turns_to_another_victim_when_the_outcome_is_trusted_no_longer() {
    let mut pair = Pair::new(3, 2);
    assert_eq!([pair.spell(), pair.spell()], [(true, TRIAL), (false, PAUSE)]);
    assert!(pair.shares() && !pair.comparison.may_share(2, 0, pair.now));
    pair.now += TRUST.0;
    assert!(pair.comparison.may_share(2, 0, pair.now));
    assert!(!pair.shares());
}

#[test]
fn a_thief_turns_to_another_victim_when_the_first_has_run_out() {
    let mut pair = Pair::new(1, 2);
    pair.spell();
    pair.comparison.ebbed(2);
    assert!(!pair.comparison.may_share(2, pair.polls, pair.now), "that was another's");
    pair.comparison.ebbed(1);
    assert!(!pair.shares(), "it goes on where it was if there are tasks again");
    pair.comparison.ebbed(1);
    assert!(pair.comparison.may_share(2, pair.polls, pair.now));
    assert!(!pair.shares());
}

#[test]
fn nothing_is_held_against_anybody_after_a_rest() {
    let mut pair = Pair::new(1, 2);
    pair.spell();
    assert!(!pair.shares());
    pair.comparison.forget();
    assert!(pair.shares());
}

#[test]
fn what_was_disturbed_is_measured_anew() {
    let mut pair = Pair::new(3, 2);
    assert!(pair.shares());
    pair.now += TRIAL / 2;
    pair.comparison.disturb();
    assert_eq!(pair.spell(), (true, TRIAL));
    assert!(!pair.shares());
    pair.now += PAUSE / 2;
    pair.polls += 1_000_000;
    pair.comparison.disturb();
    assert_eq!(pair.spell(), (false, PAUSE));
    assert_eq!(pair.spell(), (true, TRUST.0 + TRIAL), "without what was polled then");
}
