//! A sleep can be given another deadline at any time, from anywhere.

use filch::{Runtime, Sleep};
use filch_tests::wakers::CountingWaker;
use filch_tests::{Event, LONG, panic_text, paused, runtime, stopped, within};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Registers a sleep with the current runtime.
async fn register<T>(sleep: &mut Sleep<T>) {
    poll_fn(|cx| {
        assert!(Pin::new(&mut *sleep).poll(cx).is_pending(), "elapsed already");
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_sleep_is_reset_earlier_and_later_before_and_after_it_is_registered() {
    within(LONG, || {
        paused(1).block_on(async {
            for registered in [false, true] {
                for seconds in [1, 2, 3, 3600] {
                    let start = filch::now();
                    let mut sleep = filch::sleep(2 * SECOND, seconds);
                    if registered {
                        register(&mut sleep).await;
                    }
                    Pin::new(&mut sleep).reset(start + seconds * SECOND);
                    assert_eq!(sleep.deadline(), start + seconds * SECOND);
                    assert_eq!(sleep.await, seconds);
                    assert_eq!(filch::now() - start, seconds * SECOND, "{registered}");
                }
            }
        });
    });
}

#[test]
fn a_sleep_that_has_elapsed_and_was_not_polled_can_be_reset() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let mut sleep = filch::sleep(SECOND, "later");
            register(&mut sleep).await;
            filch::sleep(2 * SECOND, ()).await;
            assert!(sleep.is_elapsed());
            Pin::new(&mut sleep).reset(start + 5 * SECOND);
            assert!(!sleep.is_elapsed());
            assert_eq!(sleep.await, "later");
            assert_eq!(filch::now() - start, 5 * SECOND);
        });
    });
}

#[test]
fn a_sleep_that_has_given_its_result_needs_another_one() {
    within(LONG, || {
        paused(1).block_on(async {
            let start = filch::now();
            let mut sleep = pin!(filch::sleep(SECOND, 1));
            assert_eq!(sleep.as_mut().await, 1);
            let text = panic_text(|| sleep.as_mut().reset(start + 2 * SECOND));
            assert!(text.contains("reset_with"), "{text}");
            assert_eq!(sleep.as_mut().reset_with(start + 4 * SECOND, 2), None);
            assert_eq!(sleep.as_mut().reset_with(start + 3 * SECOND, 3), Some(2));
            assert_eq!(sleep.await, 3);
            assert_eq!(filch::now() - start, 3 * SECOND);
        });
    });
}

/// tokio-rs/tokio#2290: a reset to the past has to wake a task that waits already.
#[test]
fn a_reset_to_the_past_wakes_the_task_that_waits() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = stopped(workers);
            let (count, waker) = CountingWaker::new();
            let _entered = runtime.handle().enter();
            runtime.handle().advance(10 * SECOND);
            let mut sleep = filch::sleep(SECOND, ());
            let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
            Pin::new(&mut sleep).reset(runtime.handle().now() - 5 * SECOND);
            count.wait_for(1);
            let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
            assert_eq!(poll, Poll::Ready(()));
        }
    });
}

/// A sleep of an hour that a worker has registered.
fn registered_by_a_worker(runtime: &Runtime, waker: &Waker) -> Sleep<()> {
    let waker = waker.clone();
    let registered = runtime.spawn(async move {
        let mut sleep = filch::sleep(3_600 * SECOND, ());
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        [sleep]
    });
    let [sleep] = futures_lite::future::block_on(registered).unwrap();
    sleep
}

/// tokio-rs/tokio#2290, by the system's clock: all workers sleep, until a deadline that is far away.
#[test]
fn a_reset_to_the_past_unparks_the_worker() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for round in 0..200 {
                let (count, waker) = CountingWaker::new();
                let mut sleep = registered_by_a_worker(&runtime, &waker);
                while runtime.metrics().parked_workers < workers {
                    std::thread::yield_now();
                }
                let past = if round % 2 == 0 { Duration::ZERO } else { SECOND };
                Pin::new(&mut sleep).reset(Instant::now() - past);
                count.wait_for(1);
                let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert_eq!((poll, count.wakes()), (Poll::Ready(()), 1));
            }
        }
    });
}

/// The worker that has the timer is parked until a deadline that is far away, or about to be.
#[test]
fn a_reset_on_another_thread_reaches_the_parked_worker() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for _ in 0..200 {
                let (count, waker) = CountingWaker::new();
                let mut sleep = registered_by_a_worker(&runtime, &waker);
                let soon = Instant::now() + Duration::from_micros(300);
                Pin::new(&mut sleep).reset(soon);
                count.wait_for(1);
                assert!(Instant::now() >= soon);
            }
        }
    });
}

/// tokio-rs/tokio#8169: a reset on another runtime's thread leaves the timer where it is.
#[test]
fn a_reset_on_another_runtime_keeps_the_clock_that_the_sleep_goes_by() {
    within(LONG, || {
        let (home, other) = (stopped(1), paused(1));
        let (count, waker) = CountingWaker::new();
        let mut sleep = {
            let _entered = home.handle().enter();
            let mut sleep = filch::sleep(SECOND, "home");
            assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
            sleep
        };
        let deadline = home.handle().now() + 2 * SECOND;
        let (mut sleep,) = other.block_on(async move {
            Pin::new(&mut sleep).reset(deadline);
            filch::sleep(3600 * SECOND, ()).await;
            (sleep,)
        });
        home.handle().advance(2 * SECOND - Duration::from_nanos(1));
        assert_eq!(count.wakes(), 0);
        home.handle().advance(Duration::from_nanos(1));
        assert_eq!(count.wakes(), 1);
        let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll, Poll::Ready("home"));
    });
}

/// Resets and fires meet in every order: the task is woken, once it is reset to a time that comes.
#[test]
fn resets_of_a_sleep_against_its_firing_lose_no_wake() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..500_u32 {
            let (count, waker) = CountingWaker::new();
            let mut sleep = filch::sleep(Duration::from_micros(60), ());
            {
                let _entered = runtime.handle().enter();
                let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert!(poll.is_pending());
            }
            let start = Event::new();
            let go = start.clone();
            let resetter = std::thread::spawn(move || {
                go.wait();
                Pin::new(&mut sleep).reset(Instant::now() + Duration::from_micros(100));
                sleep
            });
            for _ in 0..round % 64 {
                std::thread::yield_now();
            }
            start.set();
            let mut sleep = resetter.join().unwrap();
            // Either it fired before it was reset, or it fires now; a fresh poll settles it.
            let _entered = runtime.handle().enter();
            let mut cx = Context::from_waker(&waker);
            loop {
                let before = count.wakes();
                if Pin::new(&mut sleep).poll(&mut cx).is_ready() {
                    break;
                }
                // It is armed, so its wake is still to come.
                count.wait_for(before + 1);
            }
        }
    });
}
