//! Keys stay stale for ever, and memory is used again or given back.

mod common;

use common::Pair;
use filch_timers::{NEVER, Wheel};

// compio: a slab without generations let a stale timer complete a later one.
#[test]
fn a_key_of_an_index_that_was_used_a_hundred_thousand_times_since_names_nothing() {
    let mut wheel = Wheel::new(0);
    let mut stale = Vec::new();
    for number in 0..100_000_u64 {
        let key = wheel.insert(number + 10, number);
        match number % 3 {
            0 => assert_eq!(wheel.cancel(key), Some(number)),
            1 => assert_eq!(wheel.drain().collect::<Vec<_>>(), [number]),
            _ => assert_eq!(wheel.advance(number + 10, 1, |_| ()).fired, 1),
        }
        stale.push(key);
    }
    let alive = wheel.insert(NEVER, 7);
    assert!(wheel.capacity() < 10, "the same index was used again and again");
    for key in stale {
        assert_eq!(wheel.cancel(key), None);
        assert!(!wheel.reset(key, 0));
        assert_eq!((wheel.get(key), wheel.deadline(key)), (None, None));
        assert_eq!(wheel.get_mut(key), None);
    }
    assert_eq!(wheel.get(alive), Some(&7));
}

// Netty#2541, tokio#8252: cancelled timers stayed until they would have been due.
#[test]
fn churn_takes_no_more_memory_than_what_is_alive() {
    const ALIVE: usize = 1_000;
    let mut wheel = Wheel::with_capacity(0, ALIVE);
    let capacity = wheel.capacity();
    let mut keys: Vec<_> = (0..ALIVE as u64).map(|n| wheel.insert(30 << 30, n)).collect();
    for round in 0..100_000 {
        let place = round * 31 % ALIVE;
        let value = wheel.cancel(keys[place]).unwrap();
        let deadline = (30 << 30) + round as u64 * 1_000;
        assert!(!wheel.advance(round as u64 * 1_000, 8, |_| panic!("early")).more);
        keys[place] = wheel.insert(deadline, value);
    }
    assert_eq!((wheel.len(), wheel.capacity()), (ALIVE, capacity));
}

#[test]
fn the_memory_of_a_peak_is_given_back() {
    let mut wheel = Wheel::new(0);
    let keys: Vec<_> = (0..100_000).map(|number| wheel.insert(1 << 40, number)).collect();
    for key in &keys[1_000..] {
        wheel.cancel(*key);
    }
    wheel.shrink_to(2_000);
    assert!((2_000..4_000).contains(&wheel.capacity()), "{}", wheel.capacity());
    assert_eq!(wheel.drain().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
    wheel.shrink_to(0);
    assert_eq!(wheel.capacity(), 0);

    // Indices begin again, keys do not.
    let again: Vec<_> = (0..100_000).map(|number| wheel.insert(1 << 40, number)).collect();
    for key in keys {
        assert_eq!(wheel.cancel(key), None);
    }
    for (number, key) in again.into_iter().enumerate() {
        assert_eq!(wheel.cancel(key), Some(number));
    }
}

#[test]
fn what_a_long_lived_entry_keeps_is_given_back_once_it_has_gone() {
    let mut wheel = Wheel::new(0);
    let mut keys: Vec<_> = (0..10_000).map(|number| wheel.insert(1 << 40, number)).collect();
    let last = keys.pop().unwrap();
    for key in keys {
        wheel.cancel(key);
    }
    wheel.shrink_to(0);
    assert!(wheel.capacity() >= 10_000, "its place is the last one");
    for number in 0..50 {
        wheel.insert(1 << 41, number);
    }
    wheel.cancel(last);
    wheel.shrink_to(0);
    assert!(wheel.capacity() < 100, "the others took places at the front: {}", wheel.capacity());
    assert_eq!(wheel.len(), 50);
}

#[test]
fn an_entry_inserted_between_batches_of_a_drain_is_drained_too() {
    let mut pair = Pair::new(0);
    for number in 0..100 {
        pair.insert(number);
    }
    pair.drain_some(50);
    pair.insert(3);
    pair.insert(NEVER);
    pair.drain_some(20);
    pair.drain();
}
