//! A timeout gives the future its time, and no more.

use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, panic_text, paused, within};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_future_that_is_ready_in_time_gives_its_output() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let slept = filch::timeout(2 * SECOND, filch::sleep(SECOND, 5)).await;
            assert_eq!(slept, Ok(5));
            assert_eq!(filch::now() - start, SECOND);
        });
    });
}

#[test]
fn a_future_that_is_too_slow_gives_elapsed_at_the_deadline() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let error = filch::timeout(SECOND, pending::<()>()).await.unwrap_err();
            assert_eq!(filch::now() - start, SECOND);
            assert_eq!(error.to_string(), "deadline has elapsed");
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);

            let deadline = filch::now() + 2 * SECOND;
            assert!(filch::timeout_at(deadline, pending::<()>()).await.is_err());
            assert_eq!(filch::now(), deadline);
        });
    });
}

#[test]
fn the_future_goes_first_when_both_are_ready() {
    within(LONG, || {
        paused(1).block_on(async {
            let both = filch::timeout(SECOND, filch::sleep(SECOND, "the future")).await;
            assert_eq!(both, Ok("the future"));
        });
    });
}

/// Without a runtime there is neither a wheel nor a clock, and the future does not miss them.
#[test]
fn a_future_that_is_ready_at_once_needs_no_timer() {
    let limited = pin!(filch::timeout(SECOND, ready(3)));
    let poll = limited.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Ok(3)));
    let limited = pin!(filch::timeout_at(std::time::Instant::now(), ready(3)));
    assert_eq!(limited.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(3)));
}

#[test]
fn outside_a_runtime_a_pending_future_panics() {
    let mut limited = pin!(filch::timeout(SECOND, pending::<()>()));
    let text = panic_text(|| {
        let _ = limited.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
    assert!(text.starts_with("no running event loop"), "{text}");
    assert!(text.contains(file!()), "{text}");
}

#[test]
fn the_time_runs_from_the_first_poll() {
    within(LONG, || {
        paused(1).block_on(async {
            let limited = filch::timeout(SECOND, pending::<()>());
            filch::sleep(5 * SECOND, ()).await;
            let start = filch::now();
            assert!(limited.await.is_err());
            assert_eq!(filch::now() - start, SECOND);
        });
    });
}

#[test]
fn zero_gives_the_future_two_polls() {
    within(LONG, || {
        paused(1).block_on(async {
            let polls = Cell::new(0);
            let future = poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            });
            assert!(filch::timeout(Duration::ZERO, future).await.is_err());
            assert_eq!(polls.get(), 2);
            assert_eq!(filch::timeout(Duration::ZERO, filch::yield_now()).await, Ok(()));
        });
    });
}

/// tokio-rs/tokio#2408 and many more.
#[test]
fn durations_up_to_the_longest_are_no_limit_and_no_panic() {
    within(LONG, || {
        paused(1).block_on(async {
            let nano = Duration::from_nanos(1);
            let limits =
                [Duration::MAX, Duration::MAX - nano, Duration::from_nanos(u64::MAX) - nano];
            for limit in limits {
                assert_eq!(filch::timeout(limit, filch::sleep(SECOND, 1)).await, Ok(1));
            }
        });
    });
}

/// tokio-rs/tokio#8550, #8552: a timer that is not needed any more keeps no waker.
#[test]
fn the_waker_is_let_go_when_the_future_is_ready() {
    within(LONG, || {
        let runtime = paused(1);
        let _entered = runtime.handle().enter();
        let _hold = runtime.handle().hold_clock();
        let (count, waker) = CountingWaker::new();
        let mut limited = Box::pin(filch::timeout(SECOND, filch::yield_now()));
        let mut cx = Context::from_waker(&waker);
        assert!(limited.as_mut().poll(&mut cx).is_pending());
        assert_eq!(count.wakers(), 2);
        assert_eq!(limited.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
        drop(limited);
        assert_eq!(count.wakers(), 1);
    });
}

#[test]
fn timeouts_nest() {
    within(LONG, || {
        paused(2).block_on(async {
            let inner = filch::timeout(3 * SECOND, pending::<()>());
            assert!(filch::timeout(SECOND, inner).await.is_err());
            let inner = filch::timeout(SECOND, pending::<()>());
            assert!(filch::timeout(3 * SECOND, inner).await.unwrap().is_err());
        });
    });
}
