//! Sleeps that outlive their runtime, while others come and go: what they say does not depend on it.

use filch_tests::wakers::CountingWaker;
use filch_tests::{LONG, panic_text, paused, runtime, stopped, within};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const GONE: &str = "a timer cannot fire any more: its runtime has shut down";

fn poll<T>(sleep: &mut filch::Sleep<T>) -> Poll<T> {
    Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()))
}

/// A sleep that is registered with a runtime.
fn registered(runtime: &filch::Runtime, duration: Duration) -> filch::Sleep<&'static str> {
    let _entered = runtime.handle().enter();
    let mut sleep = filch::sleep(duration, "slept");
    assert!(poll(&mut sleep).is_pending());
    sleep
}

/// Other runtimes, whose clocks go further, and whose timers fire.
fn others_come_and_go() {
    for _ in 0..20 {
        let others = [stopped(1), stopped(2), runtime(1), runtime(2)];
        let mut sleeps: Vec<_> = others[..2].iter().map(|other| registered(other, YEAR)).collect();
        for (other, sleep) in others.iter().zip(&mut sleeps) {
            other.handle().advance(2 * YEAR);
            assert_eq!(poll(sleep), Poll::Ready("slept"));
        }
    }
}

#[test]
fn a_sleep_that_had_not_fired_never_counts_as_fired() {
    within(LONG, || {
        let runtime = stopped(2);
        let mut sleeps = [5, 7, 9].map(|n| registered(&runtime, n * SECOND));
        let deadlines = sleeps.each_ref().map(filch::Sleep::deadline);
        drop(runtime);
        others_come_and_go();
        for (sleep, deadline) in sleeps.iter_mut().zip(deadlines) {
            assert_eq!((sleep.deadline(), sleep.is_elapsed()), (deadline, false));
            for _ in 0..2 {
                assert_eq!(panic_text(|| poll(sleep)), GONE);
            }
        }
    });
}

#[test]
fn a_sleep_that_had_fired_stays_fired() {
    within(LONG, || {
        let runtime = stopped(2);
        let mut sleeps = [5, 7, 9].map(|n| registered(&runtime, n * SECOND));
        let deadlines = sleeps.each_ref().map(filch::Sleep::deadline);
        runtime.handle().advance(9 * SECOND);
        drop(runtime);
        others_come_and_go();
        let _later = [stopped(1), stopped(2)];
        for (sleep, deadline) in sleeps.iter_mut().zip(deadlines) {
            assert_eq!((sleep.deadline(), sleep.is_elapsed()), (deadline, true));
            assert_eq!(poll(sleep), Poll::Ready("slept"));
            assert_eq!((sleep.deadline(), sleep.is_elapsed()), (deadline, true));
        }
    });
}

/// By the system's clock, the time of a sleep comes also after its runtime has gone.
#[test]
fn a_sleep_whose_time_comes_without_its_runtime_is_ready() {
    within(LONG, || {
        let runtime = runtime(1);
        let mut soon = registered(&runtime, Duration::from_millis(1));
        let mut late = registered(&runtime, YEAR);
        drop(runtime);
        others_come_and_go();
        while Instant::now() < soon.deadline() {}
        assert!(soon.is_elapsed() && !late.is_elapsed());
        assert_eq!(poll(&mut soon), Poll::Ready("slept"));
        assert_eq!(panic_text(|| poll(&mut late)), GONE);
    });
}

#[test]
fn a_sleep_that_is_reset_moves_to_the_runtime_that_polls_it() {
    within(LONG, || {
        let first = stopped(1);
        let mut sleeps = [false, true].map(|fires| {
            let sleep = registered(&first, if fires { SECOND } else { 9 * SECOND });
            (sleep, fires)
        });
        first.handle().advance(SECOND);
        drop(first);
        others_come_and_go();
        let second = paused(1);
        for (sleep, _) in &mut sleeps {
            second.block_on(async {
                let deadline = filch::now() + 3 * SECOND;
                Pin::new(&mut *sleep).reset(deadline);
                assert_eq!((&mut *sleep).await, "slept");
                assert_eq!(filch::now(), deadline);
            });
        }
    });
}

/// Sleeps of earlier runtimes are dropped while later ones have timers in the same places.
#[test]
fn to_drop_old_sleeps_cancels_no_new_ones() {
    within(LONG, || {
        let mut kept = Vec::new();
        for round in 0..50 {
            let runtime = stopped(1);
            let (count, waker) = CountingWaker::new();
            let _entered = runtime.handle().enter();
            let mut new: Vec<_> = (1..=20)
                .map(|n| {
                    let mut sleep = filch::sleep(n * SECOND, "slept");
                    let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                    assert!(poll.is_pending());
                    sleep
                })
                .collect();
            // Some have fired, some were left over.
            kept.clear();
            runtime.handle().advance(10 * SECOND);
            assert_eq!(count.wakes(), 10, "round {round}");
            for sleep in new.drain(..15).skip(5) {
                kept.push(sleep);
            }
            runtime.handle().advance(10 * SECOND);
            assert_eq!(count.wakes(), 20, "round {round}");
        }
    });
}

#[test]
fn runtimes_that_follow_one_another_in_many_threads_keep_their_timers_apart() {
    within(LONG, || {
        std::thread::scope(|threads| {
            let handles: Vec<_> = (0..4_u32)
                .map(|thread| {
                    threads.spawn(move || {
                        let mut kept = Vec::new();
                        for round in 0..100 {
                            let runtime = stopped(1 + (round as usize + thread as usize) % 2);
                            let mut soon = registered(&runtime, (1 + thread) * SECOND);
                            let far = registered(&runtime, 9 * SECOND);
                            runtime.handle().advance((1 + thread) * SECOND);
                            assert_eq!(poll(&mut soon), Poll::Ready("slept"));
                            assert!(!far.is_elapsed());
                            if round % 3 == 0 {
                                kept.push(far);
                            }
                        }
                        for sleep in &mut kept {
                            assert_eq!(panic_text(|| poll(sleep)), GONE);
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
    });
}
