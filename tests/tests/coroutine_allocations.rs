//! A coroutine makes one allocation, when it is made. Alone in its process: it counts them all.
#![allow(unsafe_code, reason = "an allocator that counts")]

use filch::coroutine::{Co, Coroutine, Step};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

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

/// How many allocations `body` makes on this thread.
fn allocations<T>(body: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let result = body();
    (ALLOCATIONS.get() - before, result)
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| black_box(Box::new(1))).0, 1);
    assert_eq!(allocations(|| black_box(1)).0, 0);
}

#[test]
fn one_allocation_to_make_a_coroutine_and_none_to_send() {
    let make = || Coroutine::new(async |co: Co<u64, u64>| while co.suspend(1).await.is_some() {});
    // Also the first time on a thread, and with many alive.
    let (made, mut coroutines) = allocations(|| [make(), make(), make()]);
    assert_eq!(made, 3);
    let (sending, ()) = allocations(|| {
        for coroutine in &mut coroutines {
            assert_eq!(coroutine.send(None), Ok(Step::Yielded(1)));
            for n in 0..100 {
                assert_eq!(coroutine.send(Some(n)), Ok(Step::Yielded(1)));
            }
            assert_eq!(coroutine.send(None), Ok(Step::Complete(())));
        }
    });
    assert_eq!(sending, 0);
}

#[test]
fn a_coroutine_of_a_future_and_an_erased_one_make_one_allocation() {
    assert_eq!(allocations(|| Coroutine::from_future(async { 1 }).send(None)).0, 1);
    let make = || Coroutine::new(async |co: Co<u8, ()>| co.suspend(1).await).erase();
    assert_eq!(allocations(|| make().send(None)).0, 1);
}

#[test]
fn a_coroutine_in_a_coroutine_makes_one_allocation_more() {
    let (count, sum) = allocations(|| {
        let mut outer = Coroutine::new(async |co: Co<u32, ()>| {
            let mut inner = Coroutine::new(async |co: Co<u32, ()>| {
                for n in 0..10 {
                    co.suspend(n).await;
                }
            });
            while let Ok(Step::Yielded(n)) = inner.send(None) {
                co.suspend(n).await;
            }
        });
        let mut sum = 0;
        while let Ok(Step::Yielded(n)) = outer.send(None) {
            sum += n;
        }
        sum
    });
    assert_eq!((count, sum), (2, 45));
}
