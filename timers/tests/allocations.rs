//! A wheel allocates nothing while it holds no more entries than before. Alone in its process: it counts
//! allocations.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use filch_timers::{Key, NEVER, Wheel};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // The test harness has threads of its own, and allocates while they end.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ENTRIES: u64 = 1_000;

/// Inserts, re-arms, cancels, fires and drains a thousand entries, from one end of time to the other;
/// gives how many allocations that took.
fn allocations_of_a_round(wheel: &mut Wheel<u64>, keys: &mut Vec<Key>) -> u64 {
    let before = ALLOCATIONS.get();
    let start = wheel.now();
    keys.extend((0..ENTRIES).map(|n| wheel.insert(start + (1 << (n % 40)) + n, n)));
    for (n, key) in (0..).zip(&*keys) {
        match n % 8 {
            0 => assert_eq!(wheel.cancel(*key), Some(n)),
            1 => assert!(wheel.reset(*key, start + 7 * n)),
            2 => assert!(wheel.reset(*key, NEVER)),
            _ => {}
        }
    }
    keys.clear();
    wheel.earliest();
    while wheel.advance(start + (1 << 30), 32, |_| ()).more {}
    assert!(wheel.drain().count() > 0, "none was later");
    ALLOCATIONS.get() - before
}

#[test]
fn a_wheel_that_had_as_many_entries_before_allocates_nothing() {
    let (mut wheel, mut keys) = (Wheel::new(0), Vec::with_capacity(ENTRIES as usize));
    assert!(allocations_of_a_round(&mut wheel, &mut keys) > 0, "it had no memory for entries");
    for _ in 0..100 {
        assert_eq!(allocations_of_a_round(&mut wheel, &mut keys), 0);
    }
}

#[test]
fn a_wheel_with_capacity_allocates_nothing_from_the_start() {
    let mut keys = Vec::with_capacity(ENTRIES as usize);
    let mut wheel = Wheel::with_capacity(0, ENTRIES as usize);
    assert_eq!(allocations_of_a_round(&mut wheel, &mut keys), 0);
    wheel.shrink_to(0);
    assert!(allocations_of_a_round(&mut wheel, &mut keys) > 0, "its memory was given back");
}
