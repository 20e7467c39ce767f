//! A worker's timers fire whoever works in its place, and whoever registered them.

use filch_tests::{Blocker, Counter, Event, LONG, runtime, stopped, within};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// Sleeps, and asserts that it is not early.
async fn nap(duration: Duration) {
    let start = Instant::now();
    filch::sleep(duration, ()).await;
    assert!(start.elapsed() >= duration, "early");
}

/// The root's thread had the worker's core; its own thread sleeps since before there were timers.
#[test]
fn a_place_that_is_given_back_with_timers_fires_them() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let slept = Counter::new();
            for round in 1..=200_u32 {
                let counter = slept.clone();
                runtime.block_on(async move {
                    drop(filch::spawn(async move {
                        nap(Duration::from_micros(u64::from(round % 5) * 100 + 1)).await;
                        counter.add();
                    }));
                    // Lets the task register.
                    filch::yield_now().await;
                    filch::yield_now().await;
                });
                slept.wait_for(u64::from(round));
            }
        }
    });
}

/// The worker sleeps until a timer of its own when its place is lent.
#[test]
fn a_place_that_is_lent_with_timers_fires_them() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for _ in 0..100 {
                let (begun, slept) = (Event::new(), Event::new());
                let (inside, over) = (begun.clone(), slept.clone());
                drop(runtime.spawn(async move {
                    inside.set();
                    nap(MILLI).await;
                    over.set();
                }));
                begun.wait();
                runtime.block_on(slept.happened());
            }
        }
    });
}

#[test]
fn roots_sleep_with_and_without_a_workers_place() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            std::thread::scope(|threads| {
                let sleepers: Vec<_> = (0..16_u32)
                    .map(|n| {
                        let runtime = &runtime;
                        threads.spawn(move || {
                            for round in 0..20 {
                                runtime
                                    .block_on(nap(Duration::from_micros(100) * ((n + round) % 8)));
                            }
                        })
                    })
                    .collect();
                sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
            });
        }
    });
}

/// All workers are busy when the root registers; one of them, or another one, fires.
#[test]
fn a_root_without_a_place_is_woken_in_time() {
    within(LONG, || {
        let runtime = runtime(2);
        let blockers = [Blocker::new(runtime.handle()), Blocker::new(runtime.handle())];
        let registered = Event::new();
        let told = registered.clone();
        let handle = runtime.handle().clone();
        let root = std::thread::spawn(move || {
            handle.block_on(async {
                let mut sleep = filch::sleep(MILLI, 7);
                told.set();
                (&mut sleep).await
            })
        });
        registered.wait();
        blockers.into_iter().for_each(Blocker::release);
        assert_eq!(root.join().unwrap(), 7);
    });
}

#[test]
fn threads_of_a_foreign_executor_sleep_on_an_entered_runtime() {
    within(LONG, || {
        for workers in [1, 2, 4] {
            let runtime = runtime(workers);
            let handle = runtime.handle();
            std::thread::scope(|threads| {
                let sleepers: Vec<_> = (0..8_u32)
                    .map(|n| {
                        threads.spawn(move || {
                            let _entered = handle.enter();
                            for round in 0..30 {
                                let duration = Duration::from_micros(70) * ((n + round) % 16);
                                futures_lite::future::block_on(nap(duration));
                            }
                        })
                    })
                    .collect();
                sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
            });
        }
    });
}

/// The timers go with the runtime that is entered, not with the one that the thread works for.
#[test]
fn a_sleep_on_an_entered_runtime_goes_to_that_one() {
    within(LONG, || {
        let (worked_for, entered) = (runtime(1), stopped(1));
        let handle = entered.handle().clone();
        worked_for.block_on(async move {
            let mut sleep = filch::sleep_until(handle.now() + LONG, ());
            let mut first = true;
            poll_fn(|cx| {
                if std::mem::take(&mut first) {
                    let _entered = handle.enter();
                    assert!(Pin::new(&mut sleep).poll(cx).is_pending());
                    handle.advance(LONG);
                    return Poll::Pending;
                }
                Pin::new(&mut sleep).poll(cx)
            })
            .await;
        });
    });
}

#[test]
fn a_thousand_runtimes_sleep_and_end() {
    within(LONG, || {
        for round in 0..1_000_u64 {
            let slept = filch::run(async move {
                let task = filch::spawn(filch::sleep(Duration::from_micros(round % 200), round));
                nap(Duration::from_micros(round % 150)).await;
                task.await.unwrap()
            });
            assert_eq!(slept, round);
        }
    });
}
