//! The end of a runtime with sleepers, and sleepers that outlive it.

use filch_tests::probe::{Ending, Probe, Script};
use filch_tests::wakers::CountingWaker;
use filch_tests::{Event, LONG, panic_text, paused, runtime, stopped, within};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const GONE: &str = "a timer cannot fire any more: its runtime has shut down";

#[test]
fn a_shutdown_drops_the_sleepers() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let tasks: Vec<_> = (0..1_000)
                .map(|n| {
                    let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
                    let task = runtime.spawn(async move {
                        let _probe = probe;
                        filch::sleep(SECOND * (3_600 + n), ()).await;
                    });
                    (task, counts)
                })
                .collect();
            let report = runtime.shutdown_timeout(LONG);
            assert_eq!((report.cancelled, report.still_running), (1_000, 0));
            for (task, counts) in tasks {
                assert_eq!(counts.future_drops.get(), 1);
                assert!(futures_lite::future::block_on(task).unwrap_err().is_cancelled());
            }
        }
    });
}

/// tokio-rs/tokio#8570: to end the timers by turning the wheel to the end of time takes for ever.
#[test]
fn a_shutdown_with_many_far_timers_of_foreign_threads_is_quick() {
    within(LONG, || {
        let runtime = runtime(2);
        let (count, waker) = CountingWaker::new();
        let mut sleeps = Vec::new();
        for n in 0..100_000_u32 {
            let _entered = runtime.handle().enter();
            let mut sleep = filch::sleep(SECOND * 3_600 + Duration::from_micros(37) * n, ());
            assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
            sleeps.push(sleep);
        }
        drop(runtime);
        assert_eq!((count.wakes(), count.wakers()), (100_000, 1));
    });
}

/// Who waits for a timer of a runtime that is gone hears of it.
#[test]
fn a_foreign_thread_that_sleeps_is_told_of_the_shutdown() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let handle = runtime.handle().clone();
            let registered = Event::new();
            let told = registered.clone();
            let thread = std::thread::spawn(move || {
                let _entered = handle.enter();
                let mut sleep = filch::sleep(3_600 * SECOND, ());
                panic_text(|| {
                    futures_lite::future::block_on(std::future::poll_fn(|cx| {
                        let poll = Pin::new(&mut sleep).poll(cx);
                        told.set();
                        poll
                    }));
                })
            });
            registered.wait();
            drop(runtime);
            assert_eq!(thread.join().unwrap(), GONE);
        }
    });
}

#[test]
fn a_root_that_sleeps_is_told_of_the_shutdown() {
    within(LONG, || {
        for workers in [1, 2] {
            for _ in 0..50 {
                let runtime = runtime(workers);
                let handle = runtime.handle().clone();
                let begun = Event::new();
                let inside = begun.clone();
                let root = std::thread::spawn(move || {
                    panic_text(|| {
                        handle.block_on(async {
                            inside.set();
                            filch::sleep(3_600 * SECOND, ()).await;
                        });
                    })
                });
                begun.wait();
                drop(runtime);
                assert_eq!(root.join().unwrap(), GONE);
            }
        }
    });
}

#[test]
fn a_first_poll_after_the_shutdown_panics() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        drop(runtime);
        let text = panic_text(|| handle.block_on(filch::sleep(SECOND, ())));
        assert_eq!(text, GONE);
        // What needs no timer goes on.
        let limited = filch::timeout(SECOND, std::future::ready(1));
        assert_eq!(handle.block_on(limited), Ok(1));
    });
}

/// A sleep that has fired before the shutdown is over, and so is one whose time has come since.
#[test]
fn a_sleep_whose_time_had_come_is_ready_after_the_shutdown() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle().clone();
        let (_, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let entered = handle.enter();
        let mut fired = filch::sleep(SECOND, "fired");
        let mut due = filch::sleep(2 * SECOND, "due");
        let mut far = filch::sleep(9 * SECOND, "far");
        for sleep in [&mut fired, &mut due, &mut far] {
            assert!(Pin::new(sleep).poll(&mut cx).is_pending());
        }
        drop(entered);
        handle.advance(SECOND);
        drop(runtime);
        handle.advance(SECOND);
        assert_eq!(Pin::new(&mut fired).poll(&mut cx), Poll::Ready("fired"));
        assert_eq!(Pin::new(&mut due).poll(&mut cx), Poll::Ready("due"));
        assert_eq!(panic_text(|| Pin::new(&mut far).poll(&mut cx)), GONE);
    });
}

/// A sleep that outlives its runtime keeps memory, but not the runtime's threads or hooks.
#[test]
fn a_sleep_that_is_kept_keeps_no_runtime() {
    within(LONG, || {
        let alive = Arc::new(());
        let seen: Weak<()> = Arc::downgrade(&alive);
        let runtime = filch::Runtime::builder()
            .worker_threads(2)
            .on_thread_stop(move || {
                let _ = &alive;
            })
            .build()
            .unwrap();
        let sleep = runtime.block_on(async {
            let mut sleep = filch::sleep(3_600 * SECOND, ());
            std::future::poll_fn(|cx| {
                assert!(Pin::new(&mut sleep).poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            (sleep,)
        });
        drop(runtime);
        assert_eq!(seen.strong_count(), 0);
        assert!(sleep.0.deadline() > std::time::Instant::now());
        drop(sleep);
    });
}

/// A destructor that sleeps while its runtime shuts down panics, and the shutdown goes on.
#[test]
fn a_destructor_that_polls_a_sleep_during_the_shutdown_does_not_hang_it() {
    struct Sleepy;
    impl Drop for Sleepy {
        fn drop(&mut self) {
            let mut sleep = pin!(filch::sleep(SECOND, ()));
            let (_, waker) = CountingWaker::new();
            // Registers, as the timers are closed last, or panics: both must end.
            let _ = filch_tests::caught(|| sleep.as_mut().poll(&mut Context::from_waker(&waker)));
        }
    }
    within(LONG, || {
        for runtime in [runtime(1), runtime(2), paused(2)] {
            for _ in 0..20 {
                let sleepy = Sleepy;
                drop(runtime.spawn(async move {
                    let _sleepy = sleepy;
                    filch::sleep(Duration::MAX, ()).await;
                }));
            }
            drop(runtime);
        }
    });
}
