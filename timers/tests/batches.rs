//! Batches are bounded, can be resumed, and lose nothing.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::Pair;
use filch_timers::Wheel;

const MS: u64 = 1_000_000;

// glommio#44: a slot drained at one go keeps everything else waiting.
#[test]
fn a_million_timers_of_one_instant_fire_in_batches_in_order_of_arming() {
    const COUNT: u32 = 1_000_000;
    const LIMIT: usize = 32;
    let mut wheel = Wheel::new(0);
    for number in 0..COUNT {
        wheel.insert(30_000 * MS, number);
    }
    let mut next = 0;
    let mut calls = 0;
    loop {
        let advance = wheel.advance(30_001 * MS, LIMIT, |expired| {
            assert_eq!(expired.value, next);
            next += 1;
        });
        calls += 1;
        assert!(advance.fired <= LIMIT);
        assert_eq!(advance.moved, 0, "one instant fires from where it is");
        if !advance.more {
            break;
        }
    }
    assert_eq!((next, calls), (COUNT, COUNT.div_ceil(LIMIT as u32)));
}

#[test]
fn a_batch_does_bounded_work_however_many_wait_to_be_spread_out() {
    const COUNT: u64 = 50_000;
    for limit in [1, 2, 32] {
        let mut wheel = Wheel::new(0);
        for number in 0..COUNT {
            // One for each nanosecond, in disorder.
            wheel.insert(60_000 * MS + number * 7_919 % COUNT, number);
        }
        // The slot of a second is spread out before the first of its entries is due.
        let mut moved = 0;
        loop {
            let advance = wheel.advance(60_000 * MS - 1, limit, |_| panic!("early"));
            assert!(advance.fired == 0 && advance.moved <= 8 * limit, "{advance:?}");
            if advance.moved == 0 {
                break;
            }
            moved += advance.moved as u64;
            assert!(moved < COUNT * 11);
        }
        assert!(moved >= COUNT, "{moved} of {COUNT} were moved in time");
        let mut fired = 0;
        loop {
            let advance = wheel.advance(60_000 * MS + COUNT / 2, limit, |_| fired += 1);
            assert!(advance.fired <= limit && advance.moved <= 8 * limit, "{advance:?}");
            if !advance.more {
                break;
            }
        }
        assert_eq!(fired, COUNT / 2 + 1);
    }
}

#[test]
fn a_batch_of_none_tells_whether_anything_is_due() {
    let mut pair = Pair::new(0);
    assert!(!pair.advance(5, 0));
    pair.insert(10);
    assert!(!pair.advance(9, 0));
    assert!(pair.advance(10, 0));
    assert!(pair.advance(11, 0));
    assert_eq!(pair.wheel.len(), 1);
    pair.cancel(0);
    assert!(!pair.advance(11, 0));
}

/// While a slot is being spread out, entries of its time are inserted, re-armed and cancelled.
#[test]
fn between_batches_anything_may_be_armed_and_cancelled() {
    for limit in 1..5 {
        let mut pair = Pair::new(0);
        let start = 5_000 * MS;
        for number in 0..300 {
            pair.insert(start + number * 37 % 200 * 500);
        }
        let mut round = 0;
        while pair.advance(start + 60_000, limit) {
            round += 1;
            // Before, at and after what fires, and in the part that is not due yet.
            for ahead in [0, 20_000, 60_000, 60_001, 90_000] {
                if round % 7 == 0 {
                    pair.insert(start + ahead);
                }
            }
            pair.cancel(round * 13 % pair.timers());
            pair.reset(round * 29 % pair.timers(), start + round as u64 * 1_009 % 99_000);
            assert!(round < 20_000, "there is no end");
        }
        pair.check_earliest();
        pair.check_deadlines();
        pair.advance_fully(start + MS, limit);
        pair.drain();
    }
}

#[test]
fn a_sink_that_panics_loses_only_what_it_was_given() {
    let mut wheel = Wheel::new(0);
    for number in 0..10 {
        wheel.insert(100 + number / 5, number);
    }
    let mut fired = Vec::new();
    while !wheel.is_empty() {
        let result = catch_unwind(AssertUnwindSafe(|| {
            wheel.advance(200, 100, |expired| {
                fired.push(expired.value);
                assert!(expired.value % 3 != 0, "as every third does");
            })
        }));
        assert_eq!(result.is_err(), !wheel.is_empty() || fired.last() == Some(&9));
    }
    assert_eq!(fired, (0..10).collect::<Vec<_>>());
    assert_eq!(wheel.next_expiry(), None);
}

/// Counts drops, and is not to be dropped while `inside` the wheel.
struct Guarded {
    inside: Rc<Cell<bool>>,
    drops: Rc<Cell<usize>>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        assert!(!self.inside.get(), "dropped inside of the wheel");
        self.drops.set(self.drops.get() + 1);
    }
}

// tokio#8552: a waker dropped under the lock owned a timer, whose drop took the lock.
#[test]
fn values_are_handed_out_and_never_dropped_inside() {
    let inside = Rc::new(Cell::new(false));
    let drops = Rc::new(Cell::new(0));
    let new = || Guarded { inside: inside.clone(), drops: drops.clone() };
    let mut wheel = Wheel::new(0);
    let keys: Vec<_> = (0..100).map(|number| wheel.insert(number * MS, new())).collect();

    inside.set(true);
    let mut out = Vec::with_capacity(100);
    while wheel.advance(30 * MS, 4, |expired| out.push(expired.value)).more {}
    assert_eq!(out.len(), 31);
    for key in &keys[..50] {
        out.extend(wheel.cancel(*key));
        assert!(wheel.cancel(*key).is_none());
    }
    for key in &keys[50..60] {
        assert!(wheel.reset(*key, 80 * MS));
    }
    out.extend(wheel.drain().take(10));
    // What a drain leaves it does not drop.
    drop(wheel.drain());
    wheel.shrink_to(0);
    assert_eq!((out.len(), wheel.len()), (60, 40));
    inside.set(false);

    assert_eq!(drops.get(), 0);
    drop(out);
    assert_eq!(drops.get(), 60);
    drop(wheel);
    assert_eq!(drops.get(), 100);
}
