//! Every place at which an arithmetic of levels can go wrong, one after another.

mod common;

use common::Pair;
use filch_timers::{NEVER, Wheel};

/// Where clocks start: around each power of 64, in the middle, and at the end of time.
fn starts() -> impl Iterator<Item = u64> {
    let powers = (0..11).map(|level| 1_u64 << (6 * level));
    powers.flat_map(|power| [power - 1, power, power + 1]).chain([
        0x0123_4567_89ab_cdef,
        NEVER / 2,
        NEVER - 65,
        NEVER - 3,
        NEVER - 2,
        NEVER - 1,
        NEVER,
    ])
}

/// Deadlines around the start of the next slot of each level, and so far ahead.
fn deadlines(start: u64) -> Vec<u64> {
    let mut deadlines = Vec::new();
    for level in 0..11 {
        let width = 1_u64 << (6 * level);
        let next = (start / width * width).saturating_add(width);
        for time in
            [next, start.saturating_add(width), start.saturating_add(width.saturating_mul(63))]
        {
            deadlines.extend([time.saturating_sub(1), time, time.saturating_add(1)]);
        }
    }
    deadlines.push(start);
    deadlines
}

/// Far timers hid near ones once `elapsed` came near a power of two: tokio#8334.
fn insert_far(pair: &mut Pair) {
    for deadline in [NEVER - 1, NEVER, pair.now().saturating_add(1 << 62)] {
        pair.insert(deadline);
    }
}

#[test]
fn a_timer_at_any_boundary_fires_at_its_nanosecond() {
    for start in starts() {
        for deadline in deadlines(start) {
            let mut pair = Pair::new(start);
            insert_far(&mut pair);
            pair.insert(deadline);
            // The model checks what fires at each of these times, and the bound before and after.
            pair.advance_fully(deadline.saturating_sub(1), 1);
            pair.advance_fully(deadline, 1);
            pair.advance_fully(deadline.saturating_add(1), 1);
            pair.drain();
        }
    }
}

/// A timer in each slot that a level has, all the way round: as one fires, another one is armed for a
/// turn of the level later. Where far timers share slots with near ones, whoever is in the slot of the
/// present hides what is due before: tokio#8334.
#[test]
fn far_timers_in_all_slots_of_a_level_hide_nothing_near() {
    for (start, level) in
        [0, 12_345, (1 << 36) - 1].into_iter().flat_map(|s| (1..10).map(move |l| (s, l)))
    {
        let width = 1_u64 << (6 * level);
        let turn = width.saturating_mul(64);
        let mut pair = Pair::new(start);
        for slot in 0..64 {
            pair.insert((start + width / 2).saturating_add(slot * width));
        }
        for _ in 0..130 {
            let far = pair.earliest().expect("a turn of them");
            for near in [1, 2 + far.saturating_sub(pair.now()) / 2] {
                let near = pair.now().saturating_add(near).min(NEVER - 1);
                pair.insert(near);
                pair.advance_fully(near - 1, 1);
                pair.advance_fully(near, 1);
            }
            pair.advance_fully(far, 1);
            pair.insert(far.saturating_add(turn));
        }
        pair.drain();
    }
}

#[test]
fn timers_at_all_boundaries_fire_in_order_from_one_to_the_next() {
    for start in starts() {
        for limit in [1, 3, usize::MAX] {
            let mut pair = Pair::new(start);
            insert_far(&mut pair);
            for deadline in deadlines(start) {
                pair.insert(deadline);
            }
            while let Some(next) = pair.earliest() {
                pair.advance_fully(next, limit);
            }
            pair.drain();
        }
    }
}

#[test]
fn a_jump_over_any_distance_fires_what_it_passed() {
    for start in starts() {
        for target in deadlines(start) {
            let mut pair = Pair::new(start);
            insert_far(&mut pair);
            for deadline in deadlines(start) {
                pair.insert(deadline);
            }
            pair.advance_fully(target, 5);
            pair.insert(target);
            pair.insert(target.saturating_add(1));
            pair.advance_fully(NEVER, 5);
            pair.drain();
        }
    }
}

#[test]
fn a_timer_is_re_armed_from_any_boundary_to_any_other() {
    for start in [0, (1 << 30) - 1, 1 << 36, NEVER - (1 << 40)] {
        let mut pair = Pair::new(start);
        insert_far(&mut pair);
        let moving = pair.timers();
        pair.insert(start);
        for from in deadlines(start) {
            for to in deadlines(start) {
                pair.reset(moving, from);
                pair.reset(moving, to);
            }
        }
        pair.advance_fully(NEVER, 1);
        pair.drain();
    }
}

// tokio#3619: the clock went backwards.
#[test]
fn time_that_goes_backwards_stands_still() {
    let mut pair = Pair::new(1_000_000);
    pair.insert(1_000_500);
    pair.insert(900_000);
    pair.advance_fully(500_000, 1);
    assert_eq!((pair.wheel.now(), pair.wheel.len()), (1_000_000, 1));
    pair.advance_fully(1_000_499, 1);
    pair.advance_fully(3, 1);
    assert_eq!((pair.wheel.now(), pair.wheel.len()), (1_000_499, 1));
    pair.advance_fully(1_000_500, 1);
    pair.drain();
}

#[test]
fn never_does_not_come() {
    let mut wheel = Wheel::new(NEVER);
    let never = wheel.insert(NEVER, "never");
    let last = wheel.insert(NEVER - 1, "at the last moment");
    let mut fired = Vec::new();
    assert!(!wheel.advance(NEVER, 10, |expired| fired.push(expired.value)).more);
    assert_eq!(fired, ["at the last moment"]);
    assert_eq!((wheel.next_expiry(), wheel.earliest(), wheel.len()), (None, None, 1));

    assert_eq!(wheel.cancel(last), None);
    assert!(wheel.reset(never, 0), "what never comes can be re-armed");
    assert_eq!(wheel.next_expiry(), Some(NEVER - 1));
    assert!(wheel.reset(never, NEVER), "and put off again");
    assert_eq!(wheel.next_expiry(), None);
    assert_eq!(wheel.cancel(never), Some("never"));
}
