//! What was written before `wake` is visible to the next poll, also when the task was scheduled
//! already; and no wake-up is lost.

use filch::Runtime;
use filch_tests::{LONG, runtime, within};
use futures_lite::future::block_on;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Waker};

/// The two flags that two threads set, each before it wakes, and the task's waker.
#[derive(Default)]
struct Flags {
    flags: [AtomicBool; 2],
    waker: Mutex<Option<Waker>>,
}

/// rust#128920, tokio#7622: `wake` on a task that is scheduled already has to publish, too. With one
/// that does not, the last poll sees only one of the flags and no other poll comes.
#[test]
fn each_of_two_wakers_publishes_what_it_wrote() {
    const ROUNDS: u32 = 20_000;
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            let (shared, start) = (Mutex::new(Arc::<Flags>::default()), Barrier::new(3));
            filch_tests::threads::scope(|threads| {
                for mine in 0..2 {
                    let (shared, start) = (&shared, &start);
                    threads.spawn(move || {
                        for _ in 0..ROUNDS {
                            start.wait();
                            let flags = shared.lock().clone();
                            let waker = flags.waker.lock().clone().unwrap();
                            flags.flags[mine].store(true, Relaxed);
                            waker.wake_by_ref();
                            start.wait();
                        }
                    });
                }
                for _ in 0..ROUNDS {
                    let flags = Arc::<Flags>::default();
                    *shared.lock() = flags.clone();
                    let task = spawn_watcher(&runtime, flags);
                    start.wait();
                    block_on(task).unwrap();
                    start.wait();
                }
            });
        });
    }
}

/// Spawns a task that ends when it sees both flags, and waits until it is pending.
fn spawn_watcher(runtime: &Runtime, flags: Arc<Flags>) -> filch::JoinHandle<()> {
    let watched = flags.clone();
    let task = runtime.spawn(poll_fn(move |cx| {
        if watched.flags.iter().all(|flag| flag.load(Relaxed)) {
            return Poll::Ready(());
        }
        let mut waker = watched.waker.lock();
        waker.get_or_insert_with(|| cx.waker().clone());
        Poll::Pending
    }));
    while flags.waker.lock().is_none() {
        std::thread::yield_now();
    }
    task
}

/// A thread that writes and wakes, over and over; the task must see each number in the end.
#[test]
fn a_number_written_before_each_wake_is_seen_in_the_end() {
    const NUMBERS: u64 = 100_000;
    within(LONG, || {
        let runtime = runtime(2);
        let (number, seen) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (sender, receiver) = std::sync::mpsc::channel();
        let (written, read) = (number.clone(), seen.clone());
        let mut sender = Some(sender);
        let task = runtime.spawn(poll_fn(move |cx| {
            if let Some(sender) = sender.take() {
                sender.send(cx.waker().clone()).unwrap();
            }
            let now = written.load(Relaxed);
            read.store(now, Relaxed);
            if now == NUMBERS { Poll::Ready(()) } else { Poll::Pending }
        }));
        let waker = receiver.recv().unwrap();
        for next in 1..=NUMBERS {
            number.store(next, Relaxed);
            waker.wake_by_ref();
            // Now and then wait until it is seen: a wake-up that got lost would hang here.
            while next % 64 == 0 && seen.load(Relaxed) < next {
                std::hint::spin_loop();
            }
        }
        block_on(task).unwrap();
    });
}

const ITERATIONS: u32 = if cfg!(debug_assertions) { 50_000 } else { 100_000 };

/// tokio#1768: the notifier saw somebody search who was just about to park.
fn spawn_and_join_from_outside(workers: usize) {
    within(2 * LONG, || {
        let runtime = runtime(workers);
        for number in 0..ITERATIONS {
            assert_eq!(block_on(runtime.spawn(async move { number })).unwrap(), number);
        }
    });
}

#[test]
fn no_spawn_from_outside_is_lost_on_one_worker() {
    spawn_and_join_from_outside(1);
}

#[test]
fn no_spawn_from_outside_is_lost_on_two_workers() {
    spawn_and_join_from_outside(2);
}

/// The same from roots, which take a worker's place and give it back.
#[test]
fn no_spawn_is_lost_while_roots_come_and_go() {
    within(2 * LONG, || {
        let runtime = runtime(2);
        filch_tests::threads::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    for number in 0..ITERATIONS / 5 {
                        let got = match number % 3 {
                            0 => runtime.block_on(async { filch::spawn(async { 1 }).await }),
                            1 => runtime.block_on(runtime.spawn(async { 1 })),
                            _ => block_on(runtime.spawn(async { 1 })),
                        };
                        assert_eq!(got.unwrap(), 1);
                    }
                });
            }
        });
    });
}

/// Bursts of one with pauses of all lengths, so that the spawn meets workers that spin, nap, are
/// about to park, and are parked.
#[test]
fn no_spawn_after_a_pause_is_lost() {
    within(2 * LONG, || {
        let runtime = runtime(2);
        for round in 0..ITERATIONS / 2 {
            let task = runtime.spawn(async move { round });
            assert_eq!(block_on(task).unwrap(), round);
            for _ in 0..(round % 400) * 5 {
                std::hint::spin_loop();
            }
        }
    });
}
