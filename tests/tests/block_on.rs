//! The root of `block_on` and `run` is first class: it may borrow, it is polled when it is woken and
//! not otherwise, any number of threads may have one, and none is ever inside another.

use filch::{Handle, NoRuntime, Runtime};
use filch_tests::child::in_child;
use filch_tests::event::barrier;
use filch_tests::quiet::panic_file;
use filch_tests::{Bomb, Counter, Event, LONG, caught, explode, panic_text, runtime, within};
use parking_lot::Mutex;
use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::sync::{Arc, Barrier};
use std::task::{Poll, Waker};

const NESTED_BLOCK_ON: &str = "block_on() cannot be called from a running event loop";
const NESTED_RUN: &str = "run() cannot be called from a running event loop";

#[test]
fn a_root_need_not_be_send_nor_static() {
    within(LONG, || {
        let (mut text, count) = (String::from("a"), Rc::new(Cell::new(0)));
        let root = async {
            for _ in 0..3 {
                filch::yield_now().await;
                text.push('b');
                count.set(count.get() + filch::spawn(async { 2 }).await.unwrap());
            }
            Rc::clone(&count)
        };
        let runtime = runtime(2);
        assert_eq!(runtime.block_on(root).get(), 6);
        assert_eq!(text, "abbb");
        let text = &mut text;
        filch::run(async { text.push('c') });
        assert_eq!(text, "abbbc");
    });
}

/// Counts the polls of a root.
fn polls_of<T>(runtime: &Runtime, root: impl Future<Output = T>) -> u32 {
    let (mut root, mut polls) = (std::pin::pin!(root), 0);
    runtime.block_on(poll_fn(|cx| {
        polls += 1;
        root.as_mut().poll(cx)
    }));
    polls
}

/// tokio#4157: a stale "woken" polled the root more often than it was woken.
#[test]
fn a_root_is_polled_once_for_each_wake() {
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            for _ in 0..100 {
                assert_eq!(polls_of(&runtime, ready(1)), 1);
                assert_eq!(polls_of(&runtime, filch::yield_now()), 2);
                let spawned = async { filch::spawn(async { 1 }).await };
                assert!(polls_of(&runtime, spawned) <= 2);
                // Other tasks come and go without it.
                let event = Event::new();
                let end = event.clone();
                let busy = async {
                    drop(filch::spawn(async move {
                        for _ in 0..10 {
                            filch::spawn(filch::yield_now()).await.unwrap();
                        }
                        end.set();
                    }));
                    event.happened().await;
                };
                assert!(polls_of(&runtime, busy) <= 2);
            }
        });
    }
}

#[test]
fn a_root_that_foreign_threads_wake_is_polled_each_time() {
    within(LONG, || {
        let runtime = runtime(2);
        let (waker, polls) = (Arc::new(Mutex::new(None::<Waker>)), Counter::new());
        let (wake, polled) = (waker.clone(), polls.clone());
        let thread = std::thread::spawn(move || {
            for poll in 1..=1_000 {
                polled.wait_for(poll);
                let waker = wake.lock().clone().unwrap();
                waker.wake_by_ref();
            }
        });
        runtime.block_on(poll_fn(|cx| {
            *waker.lock() = Some(cx.waker().clone());
            if polls.add() == 1_001 { Poll::Ready(()) } else { Poll::Pending }
        }));
        thread.join().unwrap();
        assert_eq!(polls.get(), 1_001);
        // The waker of a root that is over wakes nobody, not even the next root.
        let stale = waker.lock().take().unwrap();
        let next = poll_fn(move |cx| {
            stale.wake_by_ref();
            let waker = cx.waker().clone();
            assert!(!waker.will_wake(&stale));
            Poll::Ready(())
        });
        assert_eq!(polls_of(&runtime, next), 1);
    });
}

#[test]
fn sixty_four_threads_may_block_on_one_runtime_at_once() {
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            let start = Barrier::new(64);
            filch_tests::threads::scope(|threads| {
                for thread in 0..64 {
                    let (runtime, start) = (&runtime, &start);
                    threads.spawn(move || {
                        start.wait();
                        for round in 0..20 {
                            let sum = runtime.block_on(async {
                                let task = |n| filch::spawn(async move { n });
                                let tasks: Vec<_> = (0..10).map(task).collect();
                                let mut sum = thread + round;
                                for task in tasks {
                                    sum += task.await.unwrap();
                                }
                                sum
                            });
                            assert_eq!(sum, thread + round + 45);
                        }
                    });
                }
            });
            assert_eq!(runtime.metrics().registered_tasks, 0);
        });
    }
}

/// Tries to nest a root in each way; the first attempt is the `first`th.
fn try_to_nest(first: usize, own: &Handle, foreign: &Handle) {
    let attempts: [(&str, &dyn Fn()); 3] = [
        (NESTED_BLOCK_ON, &|| own.block_on(async {})),
        (NESTED_BLOCK_ON, &|| foreign.block_on(async {})),
        (NESTED_RUN, &|| filch::run(async {})),
    ];
    for (expected, attempt) in attempts.into_iter().cycle().skip(first).take(3) {
        let text = panic_text(attempt);
        assert!(text.starts_with(expected), "{text}");
    }
}

/// In a process of its own: a root inside another may hang, and the watchdog ends the process.
#[test]
fn roots_are_refused_inside_roots_and_tasks_however_often_they_try() {
    let name = "roots_are_refused_inside_roots_and_tasks_however_often_they_try";
    in_child(name, &[], || {
        within(LONG / 3, || {
            let (ours, other) = (runtime(2), runtime(1));
            for first in 0..3 {
                let (own, foreign) = (ours.handle().clone(), other.handle().clone());
                let nest = move || try_to_nest(first, &own, &foreign);
                ours.block_on(async { nest() });
                let inside = nest.clone();
                ours.block_on(async { filch::spawn(async move { inside() }).await.unwrap() });
                let inside = nest.clone();
                futures_lite::future::block_on(ours.spawn(async move { inside() })).unwrap();
                filch::run(async { nest() });
                assert_eq!(ours.block_on(async { 1 }), 1, "the thread is free again");
            }
        });
    });
}

#[test]
fn what_needs_a_runtime_says_that_there_is_none() {
    fn none() {
        for text in [
            panic_text(|| filch::spawn(async {})),
            panic_text(|| filch::spawn_blocking(|| {})),
            panic_text(Handle::current),
            Handle::try_current().unwrap_err().to_string(),
        ] {
            assert!(text.starts_with("no running event loop"), "{text}");
        }
        assert_eq!(Handle::try_current().err(), Some(NoRuntime));
    }
    within(LONG, || {
        none();
        let runtime = runtime(1);
        none();
        runtime.block_on(async { assert!(Handle::try_current().is_ok()) });
        none();
        // A plain thread does not inherit the runtime of who started it.
        runtime.block_on(async { std::thread::spawn(none).join().unwrap() });
        drop(caught(|| runtime.block_on(async { explode("root") })));
        none();
    });
}

#[test]
fn misuse_is_blamed_on_the_caller() {
    within(LONG, || {
        let runtime = runtime(1);
        let here = file!();
        for file in [
            panic_file(|| filch::spawn(async {})),
            panic_file(|| filch::spawn_blocking(|| {})),
            panic_file(|| Handle::current()),
            runtime.block_on(async { panic_file(|| runtime.block_on(async {})) }),
            runtime.block_on(async { panic_file(|| runtime.handle().block_on(async {})) }),
            runtime.block_on(async { panic_file(|| filch::run(async {})) }),
        ] {
            assert!(file.ends_with(here) || here.ends_with(&file), "{file}");
        }
    });
}

#[test]
fn a_root_that_panics_leaves_the_tasks_running() {
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            let (go_on, done) = (Event::new(), Counter::new());
            for polls in 0..3 {
                let (go_on, done) = (go_on.clone(), done.clone());
                let payload = caught(|| {
                    runtime.block_on(async move {
                        for _ in 0..10 {
                            let (go_on, done) = (go_on.clone(), done.clone());
                            drop(filch::spawn(async move {
                                go_on.happened().await;
                                done.add();
                            }));
                        }
                        for _ in 0..polls {
                            filch::yield_now().await;
                        }
                        explode("root")
                    })
                });
                assert_eq!(Bomb::name_of(&*payload.unwrap_err()), Some("root"));
            }
            go_on.set();
            done.wait_for(30);
            assert_eq!(runtime.block_on(async { filch::spawn(async { 1 }).await }).unwrap(), 1);
        });
    }
}

#[test]
fn a_root_of_run_that_panics_has_its_tasks_dropped() {
    within(LONG, || {
        let held = Arc::new(());
        let payload = caught(|| {
            filch::run(async {
                let held = held.clone();
                drop(filch::spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                }));
                filch::yield_now().await;
                explode("root")
            })
        });
        assert_eq!(Bomb::name_of(&*payload.unwrap_err()), Some("root"));
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn a_root_whose_runtime_is_busy_is_driven_all_the_same() {
    within(LONG, || {
        let runtime = runtime(1);
        let blocker = filch_tests::Blocker::new(runtime.handle());
        let (sender, receiver) = futures_channel::oneshot::channel();
        let thread = std::thread::spawn(move || sender.send(5).unwrap());
        assert_eq!(runtime.block_on(receiver).unwrap(), 5);
        thread.join().unwrap();
        let spawn = || filch::spawn(async { 6 });
        let task = runtime.block_on(poll_fn(|_| Poll::Ready(spawn())));
        blocker.release();
        assert_eq!(runtime.block_on(task).unwrap(), 6);
    });
}

#[test]
fn a_place_that_a_root_gives_back_is_used_by_its_worker() {
    within(LONG, || {
        let runtime = runtime(1);
        for _ in 0..500 {
            // Work is left in the queues that the root has used.
            let done = Counter::new();
            runtime.block_on(async {
                for _ in 0..10 {
                    let done = done.clone();
                    drop(filch::spawn(async move {
                        filch::yield_now().await;
                        done.add();
                    }));
                }
            });
            done.wait_for(10);
            barrier(runtime.handle());
        }
    });
}

/// Nobody can take them from an only worker, but others see how many there are.
#[test]
fn what_a_root_leaves_queued_is_counted_until_it_has_run() {
    within(LONG, || {
        for _ in 0..20 {
            let runtime = filch_tests::paused(1);
            // The root shall have the worker's place.
            while runtime.metrics().parked_workers == 0 {
                std::thread::yield_now();
            }
            let queued = || runtime.metrics().workers[0].queued;
            let start = runtime.handle().now();
            let left: Vec<_> = runtime.block_on(async {
                drop(filch::spawn(filch::sleep(LONG, ())));
                filch::yield_now().await;
                assert_eq!(queued(), 0);
                let task = |count| {
                    let task = filch::spawn(async {
                        filch::yield_now().await;
                        filch::now()
                    });
                    assert_eq!(queued(), count);
                    task
                };
                (1..=100).map(task).collect()
            });
            // A clock that turns when nobody has anything to do stands until they have run.
            for task in left {
                assert_eq!(futures_lite::future::block_on(task).unwrap(), start);
            }
            assert_eq!(queued(), 0);
        }
    });
}
