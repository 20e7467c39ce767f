//! Clocks never panic, never round up, and saturate at both ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use filch_timers::{Clock, ManualClock, MonotonicClock, NEVER};

/// The latest `Instant` there is, to the nanosecond or nearly so.
fn latest_instant() -> Instant {
    let mut latest = Instant::now();
    let mut step = Duration::MAX;
    while step > Duration::ZERO {
        match latest.checked_add(step) {
            Some(later) => latest = later,
            None => step /= 2,
        }
    }
    latest
}

fn earliest_instant() -> Instant {
    let mut earliest = Instant::now();
    let mut step = Duration::MAX;
    while step > Duration::ZERO {
        match earliest.checked_sub(step) {
            Some(earlier) => earliest = earlier,
            None => step /= 2,
        }
    }
    earliest
}

// tokio#2408, #3551, #4494, #6634, #8385: overflow of `now + duration`.
#[test]
fn any_duration_and_any_instant_is_a_deadline() {
    for start in [0, 1, 1 << 63, NEVER - 1, NEVER] {
        let clock = ManualClock::starting_at(start);
        assert_eq!(clock.deadline_after(Duration::ZERO), start);
        assert_eq!(clock.deadline_after(Duration::MAX), NEVER);
        assert_eq!(clock.deadline_after(Duration::from_nanos(NEVER - start)), NEVER);
        assert_eq!(clock.deadline_at(earliest_instant()), 0);
        assert_eq!(clock.deadline_at(latest_instant()), NEVER);
        assert_eq!(clock.deadline_at(clock.origin()), 0);
    }
    let clock = MonotonicClock::new();
    assert_eq!(clock.deadline_after(Duration::MAX), NEVER);
    assert_eq!(clock.deadline_at(latest_instant()), NEVER);
}

#[test]
fn an_instant_comes_back_as_the_time_that_it_was_made_from() {
    let clock = ManualClock::new();
    for bits in 0..64 {
        for time in [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
            assert_eq!(clock.deadline_at(clock.instant_at(time)), time);
        }
    }
    assert_eq!(clock.deadline_at(clock.instant_at(NEVER)), NEVER);
}

#[test]
fn a_deadline_has_come_no_earlier_than_the_instant_that_it_stands_for() {
    let clock = MonotonicClock::new();
    let instant = Instant::now() + Duration::from_micros(200);
    let deadline = clock.deadline_at(instant);
    while clock.now() < deadline {
        std::hint::spin_loop();
    }
    assert!(Instant::now() >= instant);
}

#[test]
fn a_manual_clock_stops_at_the_end_of_time() {
    let clock = ManualClock::starting_at(NEVER - 10);
    assert_eq!(clock.advance(Duration::from_nanos(9)), NEVER - 1);
    assert_eq!(clock.advance(Duration::from_nanos(9)), NEVER);
    assert_eq!(clock.advance(Duration::MAX), NEVER);
    assert_eq!(clock.now(), NEVER);
}

#[test]
fn turns_of_a_manual_clock_from_several_threads_add_up() {
    const TURNS: u32 = 1_000;
    let clock = ManualClock::new();
    let threads: Vec<_> = (1..=4)
        .map(|nanos| {
            let clock = clock.clone();
            thread::spawn(move || {
                for _ in 0..TURNS {
                    clock.advance(Duration::from_nanos(nanos));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(clock.now(), u64::from(TURNS) * (1 + 2 + 3 + 4));
}

#[test]
fn a_clock_behind_a_reference_is_the_same_clock() {
    fn reading(clock: impl Clock) -> (u64, Instant) {
        (clock.now(), clock.origin())
    }
    let clock = ManualClock::starting_at(5);
    let expected = (5, clock.origin());
    let shared: Arc<dyn Clock + Send + Sync> = Arc::new(clock.clone());
    assert_eq!(reading(&clock), expected);
    assert_eq!(reading(shared), expected);
}
