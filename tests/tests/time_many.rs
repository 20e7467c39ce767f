//! Many timers, and timers beside a flood of other work.

use filch::Sleep;
use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, paused, runtime, within};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

const SLEEPERS: usize = 10_000;

/// That many tasks sleep until one moment; gives how many of them began before it.
async fn sleep_until_one_moment(deadline: Instant) -> usize {
    let sleeper = |number: usize| async move {
        let mut sleep = filch::sleep_until(deadline, number);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx))).await;
        let in_time = filch::now() < deadline;
        assert!(first.is_pending(), "even what is due gives the others a turn");
        assert_eq!(sleep.await, number);
        (in_time, filch::now())
    };
    let tasks: Vec<_> = (0..SLEEPERS).map(|number| filch::spawn(sleeper(number))).collect();
    let mut count = 0;
    for task in tasks {
        let (in_time, end) = task.await.unwrap();
        assert!(end >= deadline, "early");
        count += usize::from(in_time);
    }
    count
}

#[test]
fn ten_thousand_sleeps_end_at_one_instant() {
    within(LONG, || {
        for workers in [1, 2] {
            paused(workers).block_on(async {
                let deadline = filch::now() + 30 * MILLI;
                assert_eq!(sleep_until_one_moment(deadline).await, SLEEPERS);
                assert_eq!(filch::now(), deadline, "{workers} workers");
            });
        }
    });
}

#[test]
fn ten_thousand_sleeps_until_one_moment_are_not_early() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            // Until there is time enough for all of them to enter a wheel.
            let in_time = |exponent| {
                let deadline = Instant::now() + 30 * MILLI * 2_u32.pow(exponent);
                runtime.block_on(sleep_until_one_moment(deadline))
            };
            assert!((0..10).any(|exponent| in_time(exponent) == SLEEPERS));
        }
    });
}

#[test]
fn sleeps_wake_in_the_order_of_their_deadlines() {
    within(LONG, || {
        paused(1).block_on(async {
            let woken = Arc::new(AtomicU64::new(0));
            let mut tasks = Vec::new();
            for n in 0..2_000_u64 {
                // A permutation: 2000 and 1237 have no common factor.
                let rank = n * 1237 % 2_000;
                let woken = woken.clone();
                tasks.push(filch::spawn(async move {
                    filch::sleep(MILLI * rank as u32 + MILLI, ()).await;
                    assert_eq!(woken.fetch_add(1, Ordering::Relaxed), rank);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

/// tokio-rs/tokio#5223: tasks that yield for ever starve the timers.
#[test]
fn a_flood_of_yields_starves_no_timer() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..100 {
                let stop = stop.clone();
                drop(runtime.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        filch::yield_now().await;
                    }
                }));
            }
            let slept = runtime.spawn(async {
                let start = Instant::now();
                for _ in 0..50 {
                    filch::sleep(MILLI, ()).await;
                }
                start.elapsed()
            });
            let took = futures_lite::future::block_on(slept).unwrap();
            stop.store(true, Ordering::Relaxed);
            assert!(took >= 50 * MILLI);
            assert!(took < Duration::from_secs(20), "{took:?} for fifty sleeps of a millisecond");
        }
    });
}

/// A sleep whose time passes inside a poll of its own task, which looks at it too early and again at
/// the end: the end need not see it, but few polls of others later the worker does.
#[test]
fn a_deadline_that_passes_inside_a_long_poll_is_seen_few_polls_later() {
    /// The worker looks at the clock every so many polls at least.
    const STRIDE: u64 = 31;
    const OTHERS: u64 = 20;
    within(LONG, || {
        let runtime = runtime(1);
        let (polls, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        for _ in 0..OTHERS {
            let (polls, stop) = (polls.clone(), stop.clone());
            drop(runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    polls.fetch_add(1, Ordering::Relaxed);
                    filch::yield_now().await;
                }
            }));
        }
        // While there are no timers the worker counts no polls, and looks at the first one at once.
        drop(runtime.spawn(filch::sleep(LONG * 60, ())));
        let waits = runtime.spawn(async move {
            let mut latest = 0;
            for round in 0..500 {
                // The worker finds out how short the polls are, and is somewhere in its stride.
                for _ in 0..60 + round % 23 {
                    filch::yield_now().await;
                }
                let mut sleep = filch::sleep(MILLI / 10, ());
                let mut before = None;
                poll_fn(|cx| {
                    let poll = Pin::new(&mut sleep).poll(cx);
                    if before.is_some() || poll.is_ready() {
                        return poll;
                    }
                    while Instant::now() < sleep.deadline() {}
                    before = Some(polls.load(Ordering::Relaxed));
                    Pin::new(&mut sleep).poll(cx)
                })
                .await;
                let before = before.expect("it is not over when it begins");
                let waited = polls.load(Ordering::Relaxed) - before;
                // The worker looks, and then it is the turn of all others that were woken before.
                assert!(waited <= STRIDE + OTHERS, "{waited} polls late in round {round}");
                latest = latest.max(waited);
            }
            stop.store(true, Ordering::Relaxed);
            latest
        });
        let latest = futures_lite::future::block_on(waits).unwrap();
        assert!(latest > OTHERS, "the clock was read before each poll: {latest} polls");
    });
}

/// tokio-rs/tokio#7883: who polls its timers inside of one poll of its task would wait for ever.
#[test]
fn polls_of_a_timer_without_end_fire_what_is_due_at_every_eighth() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn(async {
            let mut far = filch::sleep(LONG * 60, ());
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..100 {
                let (fired, waker) = CountingWaker::new();
                let mut sleep = filch::sleep(MILLI / 10, ());
                assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
                assert!(Pin::new(&mut far).poll(&mut cx).is_pending());
                while Instant::now() < sleep.deadline() {}
                assert_eq!(fired.wakes(), 0, "the worker is in this poll");
                let polls = (1..=8).find(|_| {
                    assert!(Pin::new(&mut far).poll(&mut cx).is_pending());
                    fired.wakes() > 0
                });
                assert!(polls.is_some(), "eight polls of another timer fired nothing");
            }
        });
        futures_lite::future::block_on(task).unwrap();
    });
}

/// glommio's pull request 44: a million timers on one tick must not keep everybody else waiting. By
/// the system's clock: who turns a virtual one fires everything before anybody else has a turn.
#[test]
fn a_flood_of_timers_that_are_due_leaves_a_task_its_turn_after_each_batch() {
    /// A worker fires so many at most before it polls a task.
    const BATCH: u64 = 32;
    const SLEEPS: u64 = 5_000;
    within(LONG, || {
        // No other worker, which would help to fire them.
        let runtime = runtime(1);
        let task = runtime.spawn(async {
            let (fired, waker) = CountingWaker::new();
            let deadline = Instant::now() + 10 * MILLI;
            let armed = |_| {
                let mut sleep = filch::sleep_until(deadline, ());
                assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
                sleep
            };
            let sleeps: Vec<Sleep<()>> = (0..SLEEPS).map(armed).collect();
            // Their time passes within this very poll, in which the worker cannot fire them.
            while Instant::now() <= deadline {}
            let (mut seen, mut polls) = (fired.wakes(), 0);
            assert_eq!(seen, 0);
            while seen < SLEEPS {
                filch::yield_now().await;
                let wakes = fired.wakes();
                assert!(wakes - seen <= BATCH, "{} before poll {polls}", wakes - seen);
                (seen, polls) = (wakes, polls + 1);
            }
            drop(sleeps);
            polls
        });
        // On a thread of its own: a batch more would be fired before each poll of another task.
        let polls = futures_lite::future::block_on(task).unwrap();
        assert!(polls >= SLEEPS / BATCH, "{polls} polls while {SLEEPS} timers fired");
    });
}

#[test]
fn a_million_sleeps_over_a_virtual_day() {
    within(LONG, || {
        let count = match (cfg!(any(filch_asan, filch_tsan)), cfg!(debug_assertions)) {
            (true, _) => 10_000,
            (false, true) => 100_000,
            (false, false) => 1_000_000,
        };
        for workers in [1, 2] {
            let runtime = paused(workers);
            let elapsed = runtime.block_on(async {
                let start = filch::now();
                let tasks: Vec<_> = (0..count)
                    .map(|n: u64| {
                        filch::spawn(async move {
                            let duration =
                                Duration::from_micros(n * 2_654_435_761 % 86_400_000_000);
                            filch::sleep(duration, ()).await;
                            assert!(filch::now() - start >= duration);
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                filch::now() - start
            });
            assert!(elapsed < Duration::from_secs(86_400), "{elapsed:?}");
        }
    });
}
