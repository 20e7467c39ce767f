//! Sleeps inside of futures that poll as they like.

use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, paused, runtime, stopped, within};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// tokio-rs/tokio#7883: a combinator that polls until something is ready never lets the worker fire.
#[test]
fn a_sleep_that_is_polled_in_a_loop_ends_without_its_worker() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let polls = runtime.spawn(poll_fn(|cx| {
                let mut sleep = pin!(filch::sleep(2 * MILLI, ()));
                let mut polls = 1;
                while sleep.as_mut().poll(cx).is_pending() {
                    polls += 1;
                }
                assert!(sleep.is_elapsed());
                Poll::Ready(polls)
            }));
            assert!(futures_lite::future::block_on(polls).unwrap() > 1);
        }
    });
}

/// The same among others that are polled in step with whoever looks at the clock only now and then.
#[test]
fn a_sleep_that_is_polled_in_a_loop_with_others_ends_without_its_worker() {
    within(LONG, || {
        let runtime = runtime(1);
        let places = (1..=9).flat_map(|count| (0..count).map(move |place| (count, place)));
        for (count, place) in places {
            runtime.block_on(poll_fn(|cx| {
                let far = || filch::sleep(Duration::from_secs(3_600), ());
                let mut sleeps: Vec<_> = (0..count).map(|_| far()).collect();
                sleeps[place] = filch::sleep(Duration::from_micros(200), ());
                let mut ready = 0;
                while ready == 0 {
                    for sleep in &mut sleeps {
                        ready += usize::from(Pin::new(sleep).poll(cx).is_ready());
                    }
                }
                assert!(sleeps[place].is_elapsed());
                Poll::Ready(())
            }));
        }
    });
}

/// The same with the wakers of another executor, a new one at each poll.
#[test]
fn a_sleep_that_is_polled_with_ever_new_wakers_keeps_none_of_the_old() {
    within(LONG, || {
        let runtime = runtime(1);
        runtime.block_on(async {
            let mut sleep = pin!(filch::sleep(2 * MILLI, ()));
            let mut last = CountingWaker::new();
            loop {
                let poll = sleep.as_mut().poll(&mut Context::from_waker(&last.1));
                if poll.is_ready() {
                    break;
                }
                let (old, waker) = std::mem::replace(&mut last, CountingWaker::new());
                assert!(
                    sleep.as_mut().poll(&mut Context::from_waker(&last.1)).is_ready()
                        || old.wakers() == 1
                );
                drop(waker);
                if sleep.is_elapsed() {
                    break;
                }
            }
            assert!(sleep.is_elapsed());
        });
    });
}

/// Polls all, in turn, until one is ready.
async fn first<const N: usize>(
    mut futures: [Pin<Box<dyn Future<Output = usize> + Send>>; N],
) -> usize {
    poll_fn(|cx| {
        futures
            .iter_mut()
            .map(|future| future.as_mut().poll(cx))
            .find(Poll::is_ready)
            .unwrap_or(Poll::Pending)
    })
    .await
}

#[test]
fn of_several_sleeps_the_earliest_wins() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            runtime.block_on(async {
                for shift in 0..5 {
                    let start = filch::now();
                    let sleeps = std::array::from_fn::<_, 5, _>(|n| {
                        let rank = (n + shift) % 5;
                        Box::pin(filch::sleep(MILLI * (rank as u32 + 1), rank)) as Pin<Box<_>>
                    });
                    assert_eq!(first(sleeps.map(|sleep| sleep as _)).await, 0);
                    assert_eq!(filch::now() - start, MILLI);
                }
            });
        }
    });
}

/// A `select!` loop: a sleep that lives on while other branches win.
#[test]
fn a_sleep_that_is_borrowed_by_many_polls_goes_on() {
    within(LONG, || {
        paused(2).block_on(async {
            let start = filch::now();
            let mut long = pin!(filch::sleep(1_000 * MILLI, ()));
            let mut rounds = 0;
            while filch::timeout(7 * MILLI, long.as_mut()).await.is_err() {
                rounds += 1;
            }
            assert_eq!(rounds, 142);
            assert_eq!(filch::now() - start, 1_000 * MILLI);
        });
    });
}

/// The task that registered the sleep hands it to another one, which another worker runs.
#[test]
fn a_sleep_goes_from_task_to_task() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = paused(workers);
            runtime.block_on(async {
                for round in 0..200 {
                    let duration = Duration::from_micros(round * 3);
                    let start = filch::now();
                    let mut sleep = Box::pin(filch::sleep(duration, round));
                    let polled = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
                    if polled.is_pending() {
                        let other = filch::spawn(filch::timeout(Duration::MAX, sleep));
                        assert_eq!(other.await.unwrap(), Ok(round));
                    }
                    assert!(filch::now() - start >= duration);
                }
            });
        }
    });
}

/// tokio-rs/tokio#8252: a timer that is given up leaves nothing behind, at whatever moment.
#[test]
fn sleeps_that_are_dropped_at_any_moment_leave_no_waker() {
    within(LONG, || {
        let runtime = stopped(2);
        let handle = runtime.handle();
        let (count, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        for polls in 0..3 {
            for advanced in [false, true] {
                let _entered = handle.enter();
                let mut sleep = filch::sleep(MILLI, ());
                for _ in 0..polls {
                    assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
                }
                if advanced {
                    handle.advance(MILLI);
                }
                drop(sleep);
                handle.advance(MILLI);
                assert_eq!(count.wakers(), 1, "{polls} polls, {advanced}");
            }
        }
        assert_eq!(count.wakes(), 2);
    });
}

/// tokio-rs/tokio#3619: a timer whose deadline was before the wheel's time when it was registered.
#[test]
fn a_deadline_before_the_runtime_itself_is_due() {
    within(LONG, || {
        let long_ago = Instant::now();
        std::thread::yield_now();
        let runtime = runtime(1);
        assert_eq!(runtime.block_on(filch::sleep_until(long_ago, 1)), 1);
        let before = long_ago.checked_sub(Duration::from_secs(1)).unwrap_or(long_ago);
        assert_eq!(runtime.block_on(filch::sleep_until(before, 2)), 2);
        let mut poll = pin!(filch::sleep_until(long_ago, 3));
        let _entered = runtime.handle().enter();
        while poll.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    });
}
