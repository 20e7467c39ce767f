//! A sleep ends at its deadline, never before it, and gives its result.

use filch::Interval;
use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, panic_text, paused, runtime, within};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_sleep_gives_its_result() {
    within(LONG, || {
        let text = paused(1).block_on(async { filch::sleep(SECOND, String::from("slept")).await });
        assert_eq!(text, "slept");
    });
}

#[test]
fn a_sleep_on_the_systems_clock_is_never_early() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            runtime.block_on(async {
                let tasks: Vec<_> = (0..200)
                    .map(|n| {
                        filch::spawn(async move {
                            let start = Instant::now();
                            let duration = Duration::from_micros(n * 37);
                            let sleep = filch::sleep(duration, ());
                            let deadline = sleep.deadline();
                            sleep.await;
                            let now = Instant::now();
                            assert!(now >= deadline && now - start >= duration);
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
}

/// libuv's #1068: a clock that is read once a turn makes sleeps short that begin after a long computation.
#[test]
fn what_begins_after_a_long_computation_is_not_early_for_that() {
    let short = Duration::from_millis(2);
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let task = runtime.spawn(async move {
                for _ in 0..10 {
                    let compute = || {
                        let end = Instant::now() + 2 * short;
                        while Instant::now() < end {}
                        Instant::now()
                    };
                    let start = compute();
                    filch::sleep(short, ()).await;
                    assert!(start.elapsed() >= short);
                    // The time of a timeout runs from its first poll, that of this sleep from the call.
                    let (start, sleep) = (compute(), filch::sleep(short, ()));
                    compute();
                    filch::timeout(short, pending::<()>()).await.unwrap_err();
                    assert!(start.elapsed() >= 3 * short);
                    sleep.await;
                    assert!(start.elapsed() >= short);
                }
            });
            futures_lite::future::block_on(task).unwrap();
        }
    });
}

#[test]
fn outside_a_runtime_the_first_poll_panics_and_names_the_place_of_the_call() {
    fn panic_of(future: impl Future) -> String {
        let mut future = pin!(future);
        panic_text(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
    }
    async fn first_tick(mut interval: Interval) -> Instant {
        interval.tick().await
    }
    /// The line of a call, the call, and what the first poll of what it made panics with.
    macro_rules! first_poll {
        ($call:expr) => {
            (line!(), stringify!($call), panic_of($call))
        };
    }
    let soon = Instant::now() + SECOND;
    let cases = [
        first_poll!(filch::sleep(SECOND, ())),
        first_poll!(filch::sleep_until(soon, ())),
        first_poll!(filch::timeout(SECOND, pending::<()>())),
        first_poll!(filch::timeout_at(soon, pending::<()>())),
        first_poll!(first_tick(filch::interval(SECOND))),
        first_poll!(first_tick(filch::interval_at(soon, SECOND))),
    ];
    for (line, call, text) in cases {
        assert!(text.starts_with("no running event loop"), "{call}: {text}");
        assert!(text.contains(&format!("{}:{line}:", file!())), "{call}, line {line}: {text}");
    }
}

#[test]
fn polling_again_after_the_result_panics() {
    within(LONG, || {
        let text = panic_text(|| {
            paused(1).block_on(async {
                let mut sleep = filch::sleep(SECOND, 1);
                assert_eq!((&mut sleep).await, 1);
                sleep.await
            })
        });
        assert!(text.contains("after it had given its result"), "{text}");
    });
}

#[test]
fn a_sleep_made_outside_counts_from_its_first_poll() {
    within(LONG, || {
        let sleep = filch::sleep(SECOND, ());
        let runtime = paused(1);
        runtime.block_on(async {
            filch::sleep(SECOND, ()).await;
            let start = filch::now();
            sleep.await;
            assert_eq!(filch::now() - start, SECOND);
        });
    });
}

#[test]
fn a_sleep_made_inside_counts_from_its_call() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let sleep = filch::sleep(3 * SECOND, ());
            assert_eq!(sleep.deadline(), start + 3 * SECOND);
            filch::sleep(SECOND, ()).await;
            assert!(!sleep.is_elapsed());
            sleep.await;
            assert_eq!(filch::now() - start, 3 * SECOND);
        });
    });
}

/// How often a future has to be polled, and whether it wakes itself in between.
fn polls_until_ready<F: Future>(future: F) -> impl Future<Output = (usize, F::Output)> {
    let mut future = Box::pin(future);
    let mut polls = 0;
    std::future::poll_fn(move |cx| {
        polls += 1;
        future.as_mut().poll(cx).map(|output| (polls, output))
    })
}

#[test]
fn zero_yields_once() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            assert_eq!(polls_until_ready(filch::sleep(Duration::ZERO, 7)).await, (2, 7));
            assert_eq!(polls_until_ready(filch::sleep_until(start, 8)).await, (2, 8));
            assert_eq!(filch::now(), start);
        });
    });
}

#[test]
fn a_sleep_is_polled_twice() {
    within(LONG, || {
        for workers in [1, 2] {
            let slept = paused(workers).block_on(polls_until_ready(filch::sleep(SECOND, ())));
            assert_eq!(slept, (2, ()));
        }
    });
}

#[test]
fn durations_near_the_end_of_time_never_fire_and_do_not_panic() {
    within(LONG, || {
        let runtime = paused(2);
        let runtime = &runtime;
        let far = [
            Duration::MAX,
            Duration::MAX - Duration::from_nanos(1),
            Duration::from_nanos(u64::MAX),
            Duration::from_secs(u64::MAX / 2),
            Duration::from_millis(u64::MAX),
        ];
        let tasks: Vec<_> = far
            .iter()
            .map(|&duration| runtime.spawn(async move { filch::sleep(duration, ()).await }))
            .collect();
        runtime.block_on(filch::sleep(Duration::from_secs(100 * 365 * 86_400), ()));
        assert!(tasks.iter().all(|task| !task.is_finished()));
        let sleep = filch::sleep(Duration::MAX, ());
        assert!(sleep.deadline() > Instant::now() + Duration::from_secs(86_400));
    });
}

#[test]
fn dropping_a_sleep_lets_go_of_its_waker() {
    within(LONG, || {
        let (count, waker) = CountingWaker::new();
        let runtime = paused(1);
        let _entered = runtime.handle().enter();
        let hold = runtime.handle().hold_clock();
        let mut sleep = Box::pin(filch::sleep(SECOND, ()));
        let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
        assert_eq!((poll, count.wakers()), (Poll::Pending, 2));
        drop(sleep);
        assert_eq!(count.wakers(), 1);
        drop(hold);
        assert_eq!(count.wakes(), 0);
    });
}
