//! A worker's timers fire whoever works in its place, and whoever registered them.

use filch::Runtime;
use filch_tests::wakers::CountingWaker;
use filch_tests::{Blocker, Counter, Event, LONG, process, runtime, stopped, watch, within};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
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

/// A runtime whose workers' threads begin when they are told to, a root having taken a worker's place.
fn late_runtime(workers: usize) -> (Runtime, Arc<AtomicBool>) {
    let begin = Arc::new(AtomicBool::new(false));
    let told = begin.clone();
    let mut builder = Runtime::builder();
    builder.worker_threads(workers).thread_name("late").on_thread_start(move || {
        // Not blocked, so that a thread that sleeps has begun.
        while !told.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    });
    let runtime = builder.build().unwrap();
    watch(runtime.handle());
    (runtime, begin)
}

/// The root sleeps in the place of a worker whose thread begins only then: that one must not be told of
/// timers in the root's stead.
#[test]
#[cfg(target_os = "linux")]
fn a_thread_that_begins_late_takes_no_timers_from_who_sleeps_in_its_place() {
    within(LONG, || {
        for _ in 0..50 {
            let (runtime, begin) = late_runtime(1);
            let (handle, over) = (runtime.handle().clone(), Event::new());
            let until = over.clone();
            let root = std::thread::spawn(move || handle.block_on(until.happened()));
            let parked = || runtime.metrics().parked_workers == 1;
            let asleep = |name: &str| {
                process::thread_states()
                    .iter()
                    .any(|state| state.starts_with(name) && state.contains(": S"))
            };
            while !parked() {
                std::thread::yield_now();
            }
            begin.store(true, Ordering::Relaxed);
            while !asleep("late-0") {
                std::thread::yield_now();
            }
            // A foreign thread's timer goes to the only worker.
            let entered = runtime.handle().enter();
            futures_lite::future::block_on(nap(MILLI));
            drop(entered);
            over.set();
            root.join().unwrap();
        }
    });
}

/// The worker's thread begins while a root registers a timer in its place, and gets stuck: the thread
/// must not become the watchman, who leaves out the timers of its own place.
#[test]
fn a_thread_that_begins_late_does_not_watch_in_place_of_a_worker_that_sleeps() {
    within(LONG, || {
        for round in 0..2_000_u32 {
            let (runtime, begin) = late_runtime(2);
            runtime.block_on(async move {
                begin.store(true, Ordering::Relaxed);
                // Other steps of the threads' way to sleep meet the registration each time.
                for _ in 0..round % 512 {
                    std::hint::spin_loop();
                }
                let (count, waker) = CountingWaker::new();
                let mut sleep = filch::sleep(MILLI / 10, ());
                assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
                count.wait_for(1);
            });
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
