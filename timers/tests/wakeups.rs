//! How often a worker that sleeps until the next expiry wakes up.

use filch_timers::{Key, NEVER, Wheel};

const SECOND: u64 = 1_000_000_000;

/// Sleeps until nothing is left; returns when it woke up, and what fired then.
fn sleep_through(wheel: &mut Wheel<u32>) -> Vec<(u64, Vec<u32>)> {
    let mut wakeups = Vec::new();
    while let Some(next) = wheel.next_expiry() {
        assert!(next > wheel.now(), "a bound in the past is a busy loop");
        let mut fired = Vec::new();
        while wheel.advance(next, 32, |expired| fired.push(expired.value)).more {}
        wakeups.push((next, fired));
    }
    wakeups
}

// tokio#853: a wake-up at the start of each slot that a lone timer came through.
#[test]
fn a_lone_timer_costs_one_wake_up_however_far_ahead() {
    for start in [0, 12_345, (1 << 36) - 1] {
        for bits in 1..63 {
            let mut wheel = Wheel::new(start);
            wheel.insert(start + (1 << bits) + 5, 1);
            wheel.insert(NEVER, 2);
            assert_eq!(sleep_through(&mut wheel), [(start + (1 << bits) + 5, vec![1])]);
        }
    }
}

#[test]
fn each_of_many_timers_costs_one_wake_up() {
    let mut wheel = Wheel::new(0);
    let mut deadlines: Vec<u64> = (1..2_000_u64).map(|number| number * number * 65_537).collect();
    for (number, &deadline) in deadlines.iter().enumerate() {
        wheel.insert(deadline, number as u32);
    }
    deadlines.sort_unstable();
    let wakeups: Vec<u64> = sleep_through(&mut wheel).into_iter().map(|(time, _)| time).collect();
    assert_eq!(wakeups, deadlines);
}

#[test]
fn a_worker_that_asks_for_the_earliest_wakes_up_for_nothing_cancelled() {
    let mut wheel = Wheel::new(0);
    let keys: Vec<Key> = (0..1_000)
        .map(|number| wheel.insert(30 * SECOND + u64::from(number) * 777, number))
        .collect();
    for key in &keys[..900] {
        wheel.cancel(*key);
        assert!(wheel.next_expiry() >= Some(30 * SECOND));
    }
    assert_eq!(wheel.earliest(), Some(30 * SECOND + 900 * 777));
    let wakeups = sleep_through(&mut wheel);
    assert!(wakeups.iter().all(|(_, fired)| fired.len() == 1), "{wakeups:?}");
    assert_eq!(wakeups.len(), 100);
}

#[test]
fn what_was_cancelled_costs_one_wake_up_a_level_at_most() {
    let mut wheel = Wheel::new(0);
    let keys: Vec<Key> = (0..1_000)
        .map(|number| wheel.insert(30 * SECOND + u64::from(number) * 777, number))
        .collect();
    for key in &keys[..900] {
        wheel.cancel(*key);
    }
    let wakeups = sleep_through(&mut wheel);
    let needless = wakeups.iter().filter(|(_, fired)| fired.is_empty()).count();
    assert!((1..=10).contains(&needless), "{needless} wake-ups for nothing");
    assert_eq!(wakeups.len() - needless, 100);
}
