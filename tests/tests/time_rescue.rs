//! The timers of a worker that is inside a long poll are fired by another one.

use filch::{Handle, Sleep};
use filch_tests::wakers::CountingWaker;
use filch_tests::{Blocker, Counter, Event, LONG, runtime, within};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// Registers a sleep with the current worker; it counts when it fires.
fn armed(duration: Duration) -> (Sleep<()>, Arc<CountingWaker>) {
    let (count, waker) = CountingWaker::new();
    let mut sleep = filch::sleep(duration, ());
    assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
    (sleep, count)
}

/// A task that registers a sleep and then blocks its worker until the sleep has fired.
async fn stick_to(duration: Duration) {
    let (sleep, count) = armed(duration);
    let deadline = sleep.deadline();
    count.wait_for(1);
    assert!(Instant::now() >= deadline, "early");
}

/// Nobody idles, so nobody watches: one worker is in a poll without an end, the other one has work.
#[test]
fn a_worker_with_work_fires_the_timers_of_one_in_a_long_poll() {
    within(LONG, || {
        let runtime = runtime(2);
        let (over, stuck) = (Event::new(), Event::new());
        let (until, begun) = (over.clone(), stuck.clone());
        let hog = runtime.spawn(async move {
            begun.set();
            until.wait();
        });
        stuck.wait();
        let busy = Event::new();
        let (until, begun) = (over.clone(), busy.clone());
        let yields = runtime.spawn(async move {
            begun.set();
            while !until.is_set() {
                filch::yield_now().await;
            }
        });
        busy.wait();
        // Without a worker's place, a root's sleeps go to one worker after the other.
        (0..4).for_each(|_| runtime.block_on(filch::sleep(MILLI, ())));
        over.set();
        runtime.block_on(async { (hog.await.unwrap(), yields.await.unwrap()) });
    });
}

#[test]
fn an_idle_worker_fires_the_timers_of_a_stuck_one() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..300_u32 {
            let duration = MILLI * (round % 3) + Duration::from_micros(50);
            let task = runtime.spawn(stick_to(duration));
            futures_lite::future::block_on(task).unwrap();
        }
    });
}

#[test]
fn each_of_the_other_workers_may_be_stuck() {
    within(LONG, || {
        for workers in [2, 3, 8] {
            let runtime = runtime(workers);
            for _ in 0..20 {
                let tasks: Vec<_> = (1..workers as u32)
                    .map(|n| runtime.spawn(stick_to(MILLI * n + Duration::from_micros(100))))
                    .collect();
                for task in tasks {
                    futures_lite::future::block_on(task).unwrap();
                }
            }
        }
    });
}

/// It watches from its first sleep on, whether its thread or the one that starts it comes first.
#[test]
fn a_worker_that_had_nothing_to_do_since_its_start_watches() {
    within(LONG, || {
        for _ in 0..300 {
            let runtime = runtime(2);
            let task = runtime.spawn(stick_to(MILLI));
            futures_lite::future::block_on(task).unwrap();
        }
    });
}

/// The root waits in a worker's place, which counts as idle.
#[test]
fn a_thread_in_block_on_fires_the_timers_of_a_stuck_worker() {
    within(LONG, || {
        let runtime = runtime(2);
        for _ in 0..50 {
            let task = runtime.spawn(stick_to(2 * MILLI));
            runtime.block_on(task).unwrap();
        }
    });
}

/// The worker that watched the others gets stuck in its turn: the third takes over.
#[test]
fn the_watch_passes_on() {
    within(LONG, || {
        for _ in 0..20 {
            let runtime = runtime(3);
            let handle = runtime.handle().clone();
            let (first, second) = (Counter::new(), Counter::new());
            let (seen_first, seen_second) = (first.clone(), second.clone());
            drop(handle.spawn(stick_until(2 * MILLI, seen_first, second.clone())));
            drop(handle.spawn(stick_until(4 * MILLI, seen_second, first.clone())));
            first.wait_for(1);
            second.wait_for(1);
        }
    });
}

/// Blocks a worker until its own timer and the other one have fired.
async fn stick_until(duration: Duration, own: Counter, other: Counter) {
    let (_sleep, count) = armed(duration);
    count.wait_for(1);
    own.add();
    other.wait_for(1);
}

/// A timer that is registered while the other workers have long been asleep.
#[test]
fn a_late_registration_is_told_to_the_watchman() {
    within(LONG, || {
        let runtime = runtime(2);
        for duration in [Duration::from_secs(3600), 30 * MILLI, 12 * MILLI, MILLI] {
            let go = Event::new();
            let until = go.clone();
            let task = runtime.spawn(async move {
                let (_far, _) = armed(duration);
                until.wait();
                stick_to(MILLI).await;
            });
            while runtime.metrics().parked_workers == 0 {
                std::thread::yield_now();
            }
            go.set();
            futures_lite::future::block_on(task).unwrap();
        }
    });
}

/// What is woken runs although the worker on which it slept is stuck.
#[test]
fn tasks_that_slept_on_a_stuck_worker_go_on() {
    within(LONG, || {
        let runtime = runtime(2);
        for _ in 0..20 {
            let slept = Counter::new();
            let seen = slept.clone();
            let task = runtime.spawn(async move {
                let handle = Handle::current();
                for n in 0..100_u32 {
                    let slept = seen.clone();
                    drop(handle.spawn(async move {
                        filch::sleep(MILLI + Duration::from_micros(20) * n, ()).await;
                        slept.add();
                    }));
                }
                filch::yield_now().await;
                seen.wait_for(100);
            });
            futures_lite::future::block_on(task).unwrap();
            assert_eq!(slept.get(), 100);
        }
    });
}

/// How late a rescue is, by the measure of what the documentation allows: 8 ms and a wake-up.
#[test]
fn a_rescue_is_not_much_later_than_it_may_be() {
    within(LONG, || {
        let runtime = runtime(2);
        let mut late: Vec<_> = (0..20)
            .map(|_| {
                let task = runtime.spawn(async {
                    let (sleep, count) = armed(3 * MILLI);
                    count.wait_for(1);
                    Instant::now() - sleep.deadline()
                });
                futures_lite::future::block_on(task).unwrap()
            })
            .collect();
        late.sort();
        assert!(late[10] < Duration::from_millis(100), "{late:?}");
    });
}

/// With all workers stuck nobody is there to fire; what is due is fired when one comes back.
#[test]
fn timers_that_nobody_could_fire_are_fired_when_a_worker_is_free() {
    within(LONG, || {
        let runtime = runtime(2);
        let blockers = [Blocker::new(runtime.handle()), Blocker::new(runtime.handle())];
        let _entered = runtime.handle().enter();
        let sleeps: Vec<_> = (0..8).map(|_| armed(MILLI)).collect();
        let [first, second] = blockers;
        first.release();
        sleeps.iter().for_each(|(_, count)| count.wait_for(1));
        second.release();
    });
}

/// The only worker with work is inside of one poll, in which it polls children, and nothing is queued there.
#[test]
fn a_worker_that_polls_children_in_place_fires_the_timers_of_a_stuck_one() {
    within(LONG, || {
        let runtime = runtime(2);
        let (begun, fired) = (Event::new(), Event::new());
        let child = |n: u32| {
            let (begun, fired) = (begun.clone(), fired.clone());
            async move {
                match n {
                    // The other worker takes the last child, and with it what is left in the queue.
                    0 => begun.wait(),
                    CHILDREN => {
                        let (_sleep, count) = armed(MILLI);
                        begun.set();
                        count.wait_for(1);
                        fired.set();
                    }
                    _ if !fired.is_set() => spin(MILLI / 10),
                    _ => return true,
                }
                false
            }
        };
        let family = filch::join_all((0..=CHILDREN).map(child).collect::<Vec<_>>());
        let after = futures_lite::future::block_on(runtime.spawn(family)).unwrap();
        assert!(after.contains(&true), "not before the end of the poll");
    });
}

/// So many children that there is time for a rescue: two seconds.
const CHILDREN: u32 = 20_000;

fn spin(duration: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < duration {
        std::hint::spin_loop();
    }
}
