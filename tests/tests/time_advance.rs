//! A clock that is turned by hand.

use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, panic_text, runtime, stopped, within};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
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

/// tokio-rs/tokio#3710: not too far when a sleep was polled already.
#[test]
fn advance_moves_the_clock_by_what_it_is_told() {
    within(LONG, || {
        let runtime = stopped(2);
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let start = filch::now();
            let mut polled = filch::sleep(SECOND, ());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut polled).poll(&mut cx).is_pending());
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

/// tokio-rs/tokio#3229: a timer that was moved is dropped at the very time to which it was moved, while
/// it is about to fire there, has fired, or would have where it was before.
#[test]
fn a_sleep_that_was_reset_may_be_dropped_at_either_time() {
    within(LONG, || {
        let times = [1, 2, 63, 64, 65, 4_096, 1 << 20, (1 << 20) + 1, 1 << 40];
        for (old, new) in times.iter().flat_map(|&old| times.map(|new| (old, new))) {
            for dropped_at in [old, new, old.min(new) - 1, old.max(new) + 1] {
                let runtime = stopped(1);
                let handle = runtime.handle();
                let (kept, dropped) = (CountingWaker::new(), CountingWaker::new());
                let entered = handle.enter();
                let start = handle.now();
                let mut sleeps = [&kept, &dropped].map(|(_, waker)| {
                    let mut sleep = filch::sleep_until(start + Duration::from_nanos(old), ());
                    let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(waker));
                    assert!(poll.is_pending());
                    sleep
                });
                drop(entered);
                for sleep in &mut sleeps {
                    Pin::new(sleep).reset(start + Duration::from_nanos(new));
                }
                handle.advance(Duration::from_nanos(dropped_at));
                let [_kept, sleep] = sleeps;
                drop(sleep);
                let fired = u64::from(new <= dropped_at);
                assert_eq!((kept.0.wakes(), dropped.0.wakes()), (fired, fired));
                handle.advance(Duration::from_nanos(2 << 40));
                assert_eq!((kept.0.wakes(), dropped.0.wakes()), (1, fired), "{old} to {new}");
                assert_eq!(dropped.0.wakers(), 1);
            }
        }
    });
}

/// tokio-rs/tokio#8334: with a timer years ahead, short sleeps stalled after twelve days of uptime.
#[test]
fn short_sleeps_end_after_any_uptime_beside_timers_years_ahead() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let sleep_for = |duration| {
            let _entered = handle.enter();
            let (count, waker) = CountingWaker::new();
            let mut sleep = Box::pin(filch::sleep(duration, ()));
            let poll = sleep.as_mut().poll(&mut Context::from_waker(&waker));
            assert_eq!(poll, Poll::Pending);
            (sleep, count)
        };
        let year = Duration::from_secs(365 * 86_400);
        let far: Vec<_> = (0..50).map(|n| sleep_for((50 + n) * year)).collect();
        let nap = Duration::from_millis(333);
        // Nine years in steps that double. The tests of the wheel have far timers in each slot of its levels.
        for bits in 20..58 {
            handle.advance(Duration::from_nanos((1 << bits) - 100));
            let (_sleep, count) = sleep_for(nap);
            handle.advance(nap - NANO);
            assert_eq!(count.wakes(), 0, "early after 2^{bits} ns");
            handle.advance(NANO);
            assert_eq!(count.wakes(), 1, "late after 2^{bits} ns");
        }
        assert!(far.iter().all(|(_, count)| count.wakes() == 0));
        handle.advance(100 * year);
        assert!(far.iter().all(|(_, count)| count.wakes() == 1));
    });
}
