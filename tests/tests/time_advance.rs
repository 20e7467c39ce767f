//! A clock that is turned by hand.

use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, panic_text, runtime, stopped, within};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

#[test]
fn a_clock_without_auto_advance_moves_only_when_told() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = stopped(workers);
            let handle = runtime.handle();
            let (count, waker) = CountingWaker::new();
            let entered = handle.enter();
            let start = handle.now();
            let mut sleep = filch::sleep(SECOND, ());
            let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
            drop(entered);
            assert_eq!((poll, handle.now()), (Poll::Pending, start));
            handle.advance(SECOND - NANO);
            assert_eq!(count.wakes(), 0, "early");
            handle.advance(NANO);
            assert_eq!(count.wakes(), 1, "not fired when `advance` returned");
            assert_eq!(handle.now() - start, SECOND);
        }
    });
}

#[test]
fn advance_moves_the_clock_by_what_it_is_told() {
    within(LONG, || {
        let runtime = stopped(2);
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let start = filch::now();
            let slept = filch::spawn(filch::sleep(SECOND, ()));
            filch::yield_now().await;
            handle.advance(Duration::from_micros(1));
            assert_eq!(filch::now() - start, Duration::from_micros(1));
            handle.advance(10 * SECOND);
            slept.await.unwrap();
            assert_eq!(filch::now() - start, 10 * SECOND + Duration::from_micros(1));
        });
    });
}

#[test]
fn advance_needs_a_virtual_clock() {
    within(LONG, || {
        let runtime = runtime(1);
        let text = panic_text(|| runtime.handle().advance(SECOND));
        assert!(text.contains("start_paused"), "{text}");
        // Holding the system's clock does nothing.
        let before = runtime.handle().now();
        let hold = runtime.handle().hold_clock();
        assert!(runtime.handle().now() >= before);
        drop(hold);
    });
}

#[test]
fn a_clock_can_be_advanced_to_the_end_of_time() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let (far, near) = (CountingWaker::new(), CountingWaker::new());
        let entered = handle.enter();
        let mut sleeps = [
            (filch::sleep(Duration::MAX, ()), &far),
            (filch::sleep(Duration::from_secs(1 << 33), ()), &near),
        ];
        for (sleep, (_, waker)) in &mut sleeps {
            assert!(Pin::new(sleep).poll(&mut Context::from_waker(waker)).is_pending());
        }
        drop(entered);
        for _ in 0..3 {
            handle.advance(Duration::MAX);
            assert_eq!((far.0.wakes(), near.0.wakes()), (0, 1));
        }
        // What is armed now is due already, or never.
        runtime.block_on(filch::sleep(Duration::ZERO, ()));
    });
}
