//! When a thief asks, with a clock that is turned by hand.

use super::{ANSWER, Asked, SILENCE};
use std::time::{Duration, Instant};

#[test]
fn who_does_not_answer_is_let_be_for_a_while() {
    let (mut asked, start) = (Asked::default(), Instant::now());
    let tick = Duration::from_nanos(1);
    assert!(!asked.awaits_answer(start));
    assert!(asked.may_ask(1, start));
    assert!(asked.awaits_answer(start + ANSWER - tick) && asked.may_ask(1, start + ANSWER - tick));
    assert!(!asked.awaits_answer(start + ANSWER) && !asked.may_ask(1, start + ANSWER));
    assert!(!asked.may_ask(1, start + SILENCE));
    assert!(asked.may_ask(1, start + SILENCE + tick));
    asked.took();
    assert!(!asked.awaits_answer(start + SILENCE + tick));
}

#[test]
fn another_victim_need_not_wait_for_that() {
    let (mut asked, start) = (Asked::default(), Instant::now());
    assert!(asked.may_ask(1, start));
    assert!(!asked.may_ask(1, start + ANSWER));
    assert!(asked.may_ask(2, start + ANSWER));
    assert!(asked.awaits_answer(start + ANSWER));
}
