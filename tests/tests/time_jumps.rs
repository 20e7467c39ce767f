//! The clock jumps by hours, as it may do while the machine is suspended: what was due meanwhile fires once,
//! in order, and intervals do about the ticks that they missed what they were told to.

use filch::MissedTickBehavior::{self, Burst, Delay, Skip};
use filch::{Handle, Sleep};
use filch_tests::rng::Rng;
use filch_tests::wakers::{CountingWaker, Hooks};
use filch_tests::{Counter, LONG, stopped, within};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A sleep that is registered, from now on for so long.
fn registered(runtime: &Handle, duration: Duration, waker: &Waker) -> Sleep<()> {
    let _entered = runtime.enter();
    let mut sleep = filch::sleep(duration, ());
    assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(waker)).is_pending());
    sleep
}

#[test]
fn what_was_due_fires_once_in_the_order_of_deadlines() {
    within(LONG, || {
        let runtime = stopped(1);
        let handle = runtime.handle();
        let woken: Arc<Mutex<Vec<(Duration, usize)>>> = Arc::default();
        let mut rng = Rng::new(7);
        // Deadlines that meet, too: those of one instant fire in the order in which they came.
        let durations: Vec<_> = (0..3_000)
            .map(|n| match rng.below(3) {
                0 => MINUTE * (1 + rng.below(12 * 60) as u32),
                1 => Duration::from_nanos(1 + rng.next() % (12 * HOUR.as_nanos() as u64)),
                _ => SECOND * (1 + n % 100),
            })
            .collect();
        let sleeps: Vec<_> = durations
            .iter()
            .enumerate()
            .map(|(number, &duration)| {
                let log = woken.clone();
                let on_wake = Box::new(move || log.lock().push((duration, number)));
                let (_, waker) = Hooks { on_wake, ..Hooks::default() }.into_waker();
                registered(handle, duration, &waker)
            })
            .collect();
        let mut expected: Vec<_> = durations.iter().copied().zip(0..).collect();
        expected.sort();
        for (hours, jump) in [(7, 7 * HOUR), (7, Duration::ZERO), (12, 5 * HOUR), (32, 20 * HOUR)] {
            handle.advance(jump);
            let due = expected.partition_point(|(duration, _)| *duration <= HOUR * hours);
            assert!(*woken.lock() == expected[..due], "after {hours} hours");
        }
        assert_eq!(woken.lock().len(), 3_000);
        drop(sleeps);
    });
}

#[test]
fn what_was_due_fires_once_whichever_worker_has_it() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = stopped(workers);
            let handle = runtime.handle();
            let sleeps: Vec<_> = (1..=400_u32)
                .map(|n| {
                    let (count, waker) = CountingWaker::new();
                    (registered(handle, MINUTE * n, &waker), count)
                })
                .collect();
            handle.advance(3 * HOUR);
            handle.advance(SECOND);
            for (n, (sleep, count)) in (1..).zip(&sleeps) {
                assert_eq!((sleep.is_elapsed(), count.wakes()), (n <= 180, u64::from(n <= 180)));
            }
        }
    });
}

/// The time of a limit and that of the future inside both pass in the jump. The only worker turns the clock
/// itself: another one might poll a task of which the limit has fired, and the sleep is in the next batch.
#[test]
fn tasks_that_slept_through_a_jump_go_on_and_timeouts_ask_their_futures_first() {
    within(LONG, || {
        stopped(1).block_on(async {
            let registered = Counter::new();
            let tasks: Vec<_> = (1..=100_u32)
                .map(|n| {
                    let registered = registered.clone();
                    filch::spawn(async move {
                        let limited = filch::timeout(MINUTE * n, filch::sleep(MINUTE * 50, n));
                        let mut limited = std::pin::pin!(limited);
                        std::future::poll_fn(|cx| {
                            assert!(limited.as_mut().poll(cx).is_pending());
                            Poll::Ready(())
                        })
                        .await;
                        registered.add();
                        limited.await
                    })
                })
                .collect();
            registered.reached(100).await;
            Handle::current().advance(100 * HOUR);
            for (n, task) in (1..).zip(tasks) {
                assert_eq!(task.await.unwrap(), Ok(n), "both were over when the task was polled");
            }
        });
    });
}

/// When the next ticks are due after a jump over five hours and three minutes, in minutes since the
/// start, of an interval of ten; and which of them came at once.
fn ticks_after_a_jump(behavior: MissedTickBehavior) -> Vec<(u64, bool)> {
    let runtime = stopped(1);
    let handle = runtime.handle();
    let _entered = handle.enter();
    let start = handle.now();
    let mut interval = filch::interval_at(start + 10 * MINUTE, 10 * MINUTE);
    interval.set_missed_tick_behavior(behavior);
    let (count, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(interval.poll_tick(&mut cx).is_pending());
    handle.advance(5 * HOUR + 3 * MINUTE);
    assert_eq!(count.wakes(), 1, "once for all ticks");
    let mut ticks = Vec::new();
    // What is due already yields once before; what is not, waits for the clock.
    while ticks.len() < 33 {
        let mut polls = (0..2).map(|_| interval.poll_tick(&mut cx));
        match polls.find_map(|poll| if let Poll::Ready(due) = poll { Some(due) } else { None }) {
            Some(due) => {
                let at_once = due <= handle.now() && handle.now() == start + 303 * MINUTE;
                ticks.push(((due - start).as_secs() / 60, at_once));
            }
            None => handle.advance(MINUTE),
        }
    }
    ticks
}

#[test]
fn intervals_make_up_for_the_ticks_in_a_jump_delay_or_skip_them() {
    within(LONG, || {
        let burst = (1..=33).map(|n| (10 * n, n <= 30)).collect::<Vec<_>>();
        assert_eq!(ticks_after_a_jump(Burst), burst);
        let first = std::iter::once((10, true));
        let delayed = first.clone().chain((1..=32).map(|n| (303 + 10 * n, false)));
        assert_eq!(ticks_after_a_jump(Delay), delayed.collect::<Vec<_>>());
        let skipped = first.chain((1..=32).map(|n| (300 + 10 * n, false)));
        assert_eq!(ticks_after_a_jump(Skip), skipped.collect::<Vec<_>>());
    });
}
