//! The virtual clock: it stands while anything can happen, and then jumps to what happens next.

use filch_tests::wakers::CountingWaker;
use filch_tests::{Counter, Event, LONG, paused, stopped, within};
use parking_lot::Mutex;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

#[test]
fn time_passes_only_by_sleeping() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            runtime.block_on(async {
                for round in 0..100 {
                    let start = filch::now();
                    for _ in 0..round {
                        filch::yield_now().await;
                        filch::spawn(async {}).await.unwrap();
                    }
                    assert_eq!(filch::now(), start);
                    filch::sleep(SECOND + NANO * round, ()).await;
                    assert_eq!(filch::now() - start, SECOND + NANO * round, "{workers} workers");
                }
            });
        }
    });
}

/// Each task sees the clock at its own deadline, whatever the others do.
#[test]
fn every_sleep_ends_exactly_at_its_deadline() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            let sleeper = |id: u64| async move {
                let start = filch::now();
                let mut slept = Duration::ZERO;
                for round in 1..30 {
                    let duration = SECOND * (id as u32) + NANO * round;
                    filch::sleep(duration, ()).await;
                    slept += duration;
                    assert_eq!(filch::now() - start, slept, "sleeper {id}, {workers} workers");
                    if round % 7 == 0 {
                        filch::yield_now().await;
                    }
                }
            };
            runtime.block_on(async {
                let hold = runtime.handle().hold_clock();
                let tasks: Vec<_> = (1..=50).map(|id| filch::spawn(sleeper(id))).collect();
                drop(hold);
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
}

/// What madsim gets wrong: a timer that was cancelled is no reason to move.
#[test]
fn a_cancelled_timer_does_not_move_the_clock() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            paused(workers).block_on(async {
                let start = filch::now();
                for _ in 0..100 {
                    let quick = filch::sleep(SECOND, ());
                    filch::timeout(SECOND / 2, quick).await.unwrap_err();
                    filch::timeout(SECOND / 3, filch::yield_now()).await.unwrap();
                }
                assert_eq!(filch::now() - start, 50 * SECOND);
                let task = filch::spawn(filch::sleep(SECOND, ()));
                filch::yield_now().await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
                filch::sleep(3 * SECOND, ()).await;
                assert_eq!(filch::now() - start, 53 * SECOND);
            });
        }
    });
}

/// tokio-rs/tokio#4614, #5115.
#[test]
fn a_closure_that_blocks_stops_the_clock() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = paused(workers);
            let handle = runtime.handle().clone();
            runtime.block_on(async {
                for _ in 0..50 {
                    let start = filch::now();
                    let (own, before) = (handle.clone(), start);
                    let closure = filch::spawn_blocking(move || {
                        std::thread::yield_now();
                        own.now() == before
                    });
                    let both = filch::timeout(SECOND, closure).await;
                    assert!(both.expect("the clock moved").unwrap());
                    assert_eq!(filch::now(), start);
                }
            });
        }
    });
}

/// tokio-rs/tokio#6242: an aborted closure that goes on holds the clock until it is over.
#[test]
fn an_aborted_closure_stops_the_clock_for_as_long_as_it_runs() {
    within(LONG, || {
        let runtime = paused(1);
        let (begun, go_on) = (Event::new(), Event::new());
        let (inside, until) = (begun.clone(), go_on.clone());
        let closure = runtime.spawn_blocking(move || {
            inside.set();
            until.wait();
        });
        begun.wait();
        closure.abort();
        let slept = runtime.spawn(filch::sleep(SECOND, ()));
        runtime.block_on(async { assert!(closure.await.unwrap_err().is_cancelled()) });
        let before = runtime.handle().now();
        while runtime.metrics().parked_workers == 0 {
            std::thread::yield_now();
        }
        assert!(!slept.is_finished());
        assert_eq!(runtime.handle().now(), before);
        go_on.set();
        runtime.block_on(slept).unwrap();
    });
}

#[test]
fn a_held_clock_stands() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            let handle = runtime.handle();
            let holds = [handle.hold_clock(), handle.hold_clock()];
            let start = handle.now();
            let slept = runtime.spawn(filch::sleep(SECOND, ()));
            for hold in holds {
                while runtime.metrics().parked_workers < workers {
                    std::thread::yield_now();
                }
                assert_eq!(handle.now(), start);
                drop(hold);
            }
            runtime.block_on(slept).unwrap();
            assert_eq!(handle.now() - start, SECOND);
        }
    });
}

/// A thread in `block_on` that found no worker's place is at work all the same.
#[test]
fn roots_beside_the_workers_stop_the_clock() {
    within(LONG, || {
        let runtime = paused(2);
        let handle = runtime.handle();
        let ready = Counter::new();
        let hold = handle.hold_clock();
        let roots = |id: u32| {
            let (handle, ready) = (handle.clone(), ready.clone());
            move || {
                handle.block_on(async {
                    ready.add();
                    ready.reached(6).await;
                    let start = filch::now();
                    for round in 1..=40 {
                        filch::sleep(SECOND * id, ()).await;
                        let mut work = 0_u64;
                        (0..1_000 * id)
                            .for_each(|n| work = std::hint::black_box(work + u64::from(n)));
                        assert_eq!(filch::now() - start, SECOND * id * round, "root {id}");
                    }
                });
            }
        };
        let threads: Vec<_> = (1..=6).map(|id| std::thread::spawn(roots(id))).collect();
        ready.wait_for(6);
        drop(hold);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// tokio-rs/tokio#4522: a foreign thread that works is no reason to let time pass, if it says so.
#[test]
fn a_hold_in_a_foreign_thread_keeps_a_timeout_from_firing() {
    within(LONG, || {
        let runtime = paused(2);
        for _ in 0..200 {
            let answer = Event::new();
            let reply = answer.clone();
            let hold = runtime.handle().hold_clock();
            let foreign = std::thread::spawn(move || {
                std::thread::yield_now();
                reply.set();
                drop(hold);
            });
            runtime.block_on(async {
                let start = filch::now();
                filch::timeout(SECOND, answer.happened()).await.expect("time passed");
                assert_eq!(filch::now(), start);
            });
            foreign.join().unwrap();
        }
    });
}

/// A foreign executor's thread registers with a worker that sleeps: its timer counts, too.
#[test]
fn a_timer_of_a_foreign_thread_moves_the_clock() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            let _entered = runtime.handle().enter();
            let start = filch::now();
            for round in 1..=100 {
                futures_lite::future::block_on(filch::sleep(SECOND, ()));
                assert_eq!(filch::now() - start, SECOND * round);
            }
        }
    });
}

#[test]
fn a_reset_on_a_foreign_thread_moves_the_clock() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = paused(workers);
            let _entered = runtime.handle().enter();
            for _ in 0..100 {
                let (count, waker) = CountingWaker::new();
                let mut sleep = filch::sleep(Duration::MAX, ());
                let poll = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert!(poll.is_pending());
                let deadline = filch::now() + SECOND;
                Pin::new(&mut sleep).reset(deadline);
                count.wait_for(1);
                assert_eq!(filch::now(), deadline);
            }
        }
    });
}

/// Deadlines that were set by each of several runtimes go by the clock of their own.
#[test]
fn runtimes_have_clocks_of_their_own() {
    within(LONG, || {
        let (fast, slow) = (paused(1), stopped(1));
        let before = slow.handle().now();
        fast.block_on(filch::sleep(1_000 * SECOND, ()));
        assert_eq!(slow.handle().now(), before);
        assert!(Instant::now() < fast.handle().now());
    });
}

/// Two halves of a protocol that wait for each other with timeouts: the message always wins.
#[test]
fn a_message_between_tasks_is_quicker_than_any_timeout() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = paused(workers);
            runtime.block_on(async {
                let start = filch::now();
                let seen = Arc::new(Mutex::new(0));
                let (ping, pong) = (Counter::new(), Counter::new());
                let (heard, answer, total) = (ping.clone(), pong.clone(), seen.clone());
                let other = filch::spawn(async move {
                    for round in 1..=500 {
                        filch::timeout(SECOND, heard.reached(round)).await.expect("no ping");
                        *total.lock() += 1;
                        answer.add();
                    }
                });
                for round in 1..=500 {
                    ping.add();
                    filch::timeout(SECOND, pong.reached(round)).await.expect("no pong");
                }
                other.await.unwrap();
                assert_eq!((*seen.lock(), filch::now()), (500, start));
            });
        }
    });
}

/// A runtime that only waits for what never comes stands, and can be shut down.
#[test]
fn a_runtime_without_timers_stands_still() {
    within(LONG, || {
        let runtime = paused(2);
        let before = runtime.handle().now();
        drop(runtime.spawn(pending::<()>()));
        drop(runtime.spawn(filch::sleep(Duration::MAX, ())));
        while runtime.metrics().parked_workers < 2 {
            std::thread::yield_now();
        }
        assert_eq!(runtime.handle().now(), before);
        drop(runtime);
    });
}
