//! A coroutine makes one allocation, when it is made. Alone in its process: it counts them all.

use filch::coroutine::{Co, Coroutine, Step};
use filch_tests::allocations::{self, Counting};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations::during(|| black_box(Box::new(1))).0, 1);
    assert_eq!(allocations::during(|| black_box(1)).0, 0);
}

#[test]
fn one_allocation_to_make_a_coroutine_and_none_to_send() {
    let make = || Coroutine::new(async |co: Co<u64, u64>| while co.suspend(1).await.is_some() {});
    // Also the first time on a thread, and with many alive.
    let (made, mut coroutines) = allocations::during(|| [make(), make(), make()]);
    assert_eq!(made, 3);
    let (sending, ()) = allocations::during(|| {
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
    assert_eq!(allocations::during(|| Coroutine::from_future(async { 1 }).send(None)).0, 1);
    let make = || Coroutine::new(async |co: Co<u8, ()>| co.suspend(1).await).erase();
    assert_eq!(allocations::during(|| make().send(None)).0, 1);
}

#[test]
fn a_coroutine_in_a_coroutine_makes_one_allocation_more() {
    let (count, sum) = allocations::during(|| {
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
