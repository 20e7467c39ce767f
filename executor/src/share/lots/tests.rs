//! When lots are taken, with a clock that is turned by hand.

use super::{ANSWER, Lots, PAUSE, SILENCE, TRIAL, TRUST};
use std::time::{Duration, Instant};

const MICROSECOND: Duration = Duration::from_micros(1);

/// A thief and its victim, which together poll so many tasks in a microsecond.
struct Pair {
    lots: Lots,
    now: Instant,
    polls: u64,
    /// While the thief takes lots.
    together: u64,
    /// While it does not.
    alone: u64,
}

impl Pair {
    fn new(together: u64, alone: u64) -> Self {
        Self { lots: Lots::new(), now: Instant::now(), polls: 0, together, alone }
    }

    fn shares(&mut self) -> bool {
        self.lots.may_share(1, self.polls, self.now)
    }

    /// How long the thief goes on as it does, and whether it takes lots.
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
fn what_was_found_out_about_one_victim_is_not_held_against_another() {
    let mut pair = Pair::new(1, 2);
    pair.spell();
    assert!(!pair.shares());
    assert!(pair.lots.may_share(2, pair.polls, pair.now));
    pair.spell();
    pair.lots.forget();
    assert!(pair.shares(), "nor is anything after a rest");
}

#[test]
fn who_does_not_answer_is_let_be_for_a_while() {
    let (mut lots, start) = (Lots::new(), Instant::now());
    let tick = Duration::from_nanos(1);
    assert!(!lots.awaits_answer(start));
    assert!(lots.may_ask(start));
    assert!(lots.awaits_answer(start + ANSWER - tick) && lots.may_ask(start + ANSWER - tick));
    assert!(!lots.awaits_answer(start + ANSWER) && !lots.may_ask(start + ANSWER));
    assert!(!lots.may_ask(start + SILENCE));
    assert!(lots.may_ask(start + SILENCE + tick));
    lots.took();
    assert!(!lots.awaits_answer(start + SILENCE + tick));
}
