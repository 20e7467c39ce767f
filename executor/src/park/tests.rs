//! The token, and what ends a wait.

use super::Parker;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn state(parker: &Parker) -> String {
    format!("{parker:?}")
}

/// Waits until another thread blocks in the parker.
fn wait_until_parked(parker: &Parker) {
    while state(parker) != "Parker(parked)" {
        std::thread::yield_now();
    }
}

/// Longer than any test lasts that does not fail.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn an_unpark_before_the_park_is_kept() {
    let parker = Parker::new();
    assert_eq!(state(&parker), "Parker(empty)");
    parker.unpark();
    assert_eq!(state(&parker), "Parker(notified)");
    parker.park();
    assert_eq!(state(&parker), "Parker(empty)");
    parker.unpark();
    let deadline = far_away();
    parker.park_until(Some(deadline));
    assert!(Instant::now() < deadline, "the token was not taken");
    assert_eq!(state(&parker), "Parker(empty)");
}

#[test]
fn many_unparks_leave_one_token() {
    let parker = Parker::new();
    (0..3).for_each(|_| parker.unpark());
    parker.park();
    let deadline = Instant::now() + Duration::from_millis(1);
    parker.park_until(Some(deadline));
    assert!(Instant::now() >= deadline, "there was a second token");
}

#[test]
fn a_deadline_ends_the_park_and_leaves_nothing_behind() {
    let parker = Parker::new();
    for _ in 0..3 {
        let deadline = Instant::now() + Duration::from_millis(2);
        parker.park_until(Some(deadline));
        assert!(Instant::now() >= deadline);
        assert_eq!(state(&parker), "Parker(empty)");
    }
    parker.unpark();
    assert_eq!(state(&parker), "Parker(notified)");
    parker.park();
}

#[test]
fn a_deadline_in_the_past_does_not_block() {
    let parker = Parker::new();
    let past = Instant::now();
    parker.park_until(Some(past));
    parker.park_until(past.checked_sub(Duration::from_secs(1)).or(Some(past)));
    assert_eq!(state(&parker), "Parker(empty)");
}

#[test]
fn a_deadline_in_the_past_still_takes_the_token() {
    let parker = Parker::new();
    let past = Instant::now();
    parker.unpark();
    parker.park_until(Some(past));
    assert_eq!(state(&parker), "Parker(empty)");
}

#[test]
fn an_unpark_ends_a_park_without_deadline() {
    let parker = Parker::new();
    std::thread::scope(|scope| {
        scope.spawn(|| parker.park());
        wait_until_parked(&parker);
        parker.unpark();
    });
    assert_eq!(state(&parker), "Parker(empty)");
}

#[test]
fn an_unpark_ends_a_park_long_before_its_deadline() {
    let parker = Parker::new();
    let deadline = far_away();
    std::thread::scope(|scope| {
        scope.spawn(|| parker.park_until(Some(deadline)));
        wait_until_parked(&parker);
        parker.unpark();
    });
    assert!(Instant::now() < deadline);
    assert_eq!(state(&parker), "Parker(empty)");
}

#[test]
fn an_unpark_is_not_lost_after_parks_that_timed_out() {
    const ROUNDS: u32 = 500;
    let parker = Parker::new();
    let round = AtomicU32::new(0);
    let answered = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for next in 1..=ROUNDS {
                round.store(next, Ordering::Relaxed);
                parker.unpark();
                while answered.load(Ordering::Relaxed) != next {
                    std::thread::yield_now();
                }
            }
        });
        for next in 1..=ROUNDS {
            // Deadlines before, during and after the unpark; and then, if that did not come yet,
            // only the token ends the wait.
            let wait = Duration::from_micros(u64::from(next % 50));
            parker.park_until(Some(Instant::now() + wait));
            while round.load(Ordering::Relaxed) != next {
                parker.park();
            }
            answered.store(next, Ordering::Relaxed);
        }
    });
}

#[test]
fn two_threads_pass_the_turn_to_and_fro() {
    const TURNS: u32 = 1000;
    let parkers = [Parker::new(), Parker::new()];
    let turn = AtomicU32::new(0);
    let play = |own: u32| {
        for next in (own..TURNS).step_by(2) {
            while turn.load(Ordering::Relaxed) != next {
                parkers[own as usize].park();
            }
            turn.store(next + 1, Ordering::Relaxed);
            parkers[1 - own as usize].unpark();
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| play(0));
        play(1);
        other.join().expect("no panic");
    });
    assert_eq!(turn.into_inner(), TURNS);
}
