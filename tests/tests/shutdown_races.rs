//! Shutdown from strange places, and shutdown while other threads use the runtime.

use filch::{Handle, JoinHandle, Runtime};
use filch_tests::event::wait_until_closed;
use filch_tests::probe::{Counts, Ending, Output, Probe, Script};
use filch_tests::{Blocker, Counter, Event, LONG, within};
use futures_lite::future::block_on;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::Waker;
use std::time::Duration;

/// Not watched: the watchdog's handle would keep alive what the shutdown has to free.
fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// Spawns a task that is pending for ever, and waits until it was polled.
fn idle(handle: &Handle) -> (JoinHandle<Output>, Arc<Counts>) {
    let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
    let task = handle.spawn(probe);
    counts.polls.wait_for(1);
    (task, counts)
}

fn assert_cancelled<T>(task: JoinHandle<T>) {
    assert!(block_on(task).err().expect("no output").is_cancelled());
}

/// How a runtime is ended.
fn ends() -> [fn(Runtime); 4] {
    [
        drop,
        |runtime| {
            runtime.shutdown_timeout(Duration::MAX);
        },
        |runtime| {
            runtime.shutdown_timeout(Duration::ZERO);
        },
        Runtime::shutdown_background,
    ]
}

#[test]
fn a_task_may_end_its_own_runtime_in_its_poll() {
    for workers in [1, 2] {
        for end in ends() {
            within(LONG, || {
                let runtime = runtime(workers);
                let (other, counts) = idle(runtime.handle());
                let (handle, survived) = (runtime.handle().clone(), Event::new());
                let after = survived.clone();
                let task = handle.spawn(async move {
                    end(runtime);
                    after.set();
                    7
                });
                assert_eq!(block_on(task).unwrap(), 7, "its last poll came to its end");
                assert!(survived.is_set());
                counts.future_drops.wait_for(1);
                assert_cancelled(other);
                assert_cancelled(handle.spawn(async {}));
            });
        }
    }
}

#[test]
fn a_task_that_ended_its_own_runtime_is_cancelled_at_its_next_await() {
    within(LONG, || {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let task = handle.spawn(async move {
            drop(runtime);
            filch::yield_now().await;
        });
        assert_cancelled(task);
    });
}

#[test]
fn a_future_may_end_its_own_runtime_in_its_destructor() {
    for workers in [1, 2] {
        for end in ends() {
            within(LONG, || {
                let runtime = runtime(workers);
                let handle = runtime.handle().clone();
                let (other, other_counts) = idle(&handle);
                let (task, counts) = idle(&handle);
                counts.during_drop(move || end(runtime));
                task.abort();
                other_counts.future_drops.wait_for(1);
                assert_cancelled(task);
                assert_cancelled(other);
            });
        }
    }
}

#[test]
fn a_root_may_end_its_own_runtime() {
    for workers in [1, 2] {
        for end in ends() {
            within(LONG, || {
                let runtime = runtime(workers);
                let handle = runtime.handle().clone();
                let (other, counts) = idle(&handle);
                let root = async move {
                    filch::yield_now().await;
                    end(runtime);
                    assert!(filch::spawn(async {}).await.unwrap_err().is_cancelled());
                    filch::yield_now().await;
                    filch::spawn(async {}).await.unwrap_err().is_cancelled()
                };
                assert!(handle.block_on(root));
                counts.future_drops.wait_for(1);
                assert_cancelled(other);
            });
        }
    }
}

#[test]
fn a_task_a_root_and_a_destructor_may_end_another_runtime() {
    for end in ends() {
        within(LONG, || {
            let outer = runtime(2);
            let victims: Vec<_> = (0..3).map(|_| runtime(2)).collect();
            let tasks: Vec<_> = victims.iter().map(|victim| idle(victim.handle())).collect();
            let mut victims = victims.into_iter();
            let (in_task, in_root) = (victims.next().unwrap(), victims.next().unwrap());
            let in_drop = victims.next().unwrap();
            outer.block_on(outer.spawn(async move { end(in_task) })).unwrap();
            outer.block_on(async { end(in_root) });
            let (dying, counts) = idle(outer.handle());
            counts.during_drop(move || end(in_drop));
            drop(outer);
            for (task, counts) in tasks {
                counts.future_drops.wait_for(1);
                assert_cancelled(task);
            }
            assert_cancelled(dying);
        });
    }
}

/// tokio#3752, tokio#3869: either the task runs or its handle says that it was cancelled.
#[test]
fn a_spawn_that_races_with_the_shutdown_runs_or_is_cancelled() {
    let rounds = 2_000;
    within(LONG, || {
        let (mut ran, mut cancelled) = (0, 0);
        for round in 0..rounds {
            let runtime = runtime(1 + round % 2);
            let (handle, start) = (runtime.handle().clone(), Arc::new(Barrier::new(3)));
            let drops = Counter::new();
            let spawners = [(); 2].map(|()| {
                let (handle, start, drops) = (handle.clone(), start.clone(), drops.clone());
                std::thread::spawn(move || {
                    start.wait();
                    let spawn = |_| {
                        let held = CountDrop(drops.clone());
                        handle.spawn(async move { drop(held) })
                    };
                    (0..10).map(spawn).collect::<Vec<_>>()
                })
            });
            start.wait();
            drop(runtime);
            for spawner in spawners {
                for task in spawner.join().unwrap() {
                    match block_on(task) {
                        Ok(()) => ran += 1,
                        Err(error) if error.is_cancelled() => cancelled += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(drops.get(), 20);
        }
        assert_eq!(ran + cancelled, 20 * rounds);
        println!("{ran} ran, {cancelled} were cancelled");
    });
}

struct CountDrop(Counter);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// smol-rs/async-executor#163: a wake that touches a runtime which is just being freed.
#[test]
fn wakes_and_aborts_that_race_with_the_shutdown_lose_nothing() {
    within(LONG, || {
        for round in 0..300 {
            let runtime = runtime(1 + round % 2);
            let tasks: Vec<_> = (0..50).map(|_| idle(runtime.handle())).collect();
            let wakers: Vec<Waker> = tasks.iter().map(|(_, counts)| counts.take_waker()).collect();
            let aborts: Vec<_> = tasks.iter().map(|(task, _)| task.abort_handle()).collect();
            let start = Barrier::new(4);
            filch_tests::threads::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        start.wait();
                        wakers.iter().for_each(Waker::wake_by_ref);
                    });
                }
                scope.spawn(|| {
                    start.wait();
                    aborts.iter().skip(25).for_each(filch::AbortHandle::abort);
                });
                start.wait();
                drop(runtime);
                assert!(tasks.iter().all(|(_, counts)| counts.future_drops.get() == 1));
            });
            tasks.into_iter().for_each(|(task, _)| assert_cancelled(task));
            wakers.into_iter().for_each(Waker::wake);
        }
    });
}

#[test]
fn roots_on_other_threads_go_on_when_their_runtime_is_dropped() {
    within(LONG, || {
        for round in 0..300 {
            let runtime = runtime(1 + round % 3);
            let (go_on, entered) = (Event::new(), Counter::new());
            let roots = [(); 3].map(|()| {
                let (handle, go_on, entered) =
                    (runtime.handle().clone(), go_on.clone(), entered.clone());
                std::thread::spawn(move || {
                    let task = handle.spawn(pending::<()>());
                    handle.block_on(async {
                        entered.add();
                        let cancelled = task.await.unwrap_err().is_cancelled();
                        go_on.happened().await;
                        filch::yield_now().await;
                        cancelled
                    })
                })
            });
            if round % 2 == 0 {
                entered.wait_for(3);
            }
            drop(runtime);
            go_on.set();
            assert!(roots.into_iter().all(|root| root.join().unwrap()));
        }
    });
}

#[test]
fn the_last_handle_may_be_dropped_at_any_moment_of_the_shutdown() {
    within(LONG, || {
        for round in 0..500 {
            let runtime = runtime(1 + round % 2);
            let (task, _counts) = idle(runtime.handle());
            let handles: Vec<_> = (0..20).map(|_| runtime.handle().clone()).collect();
            let start = Barrier::new(2);
            filch_tests::threads::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(handles);
                });
                start.wait();
                match round % 3 {
                    0 => runtime.shutdown_background(),
                    _ => drop(runtime),
                }
            });
            assert_cancelled(task);
        }
    });
}

#[test]
fn two_threads_that_share_a_runtime_may_race_to_drop_it() {
    within(LONG, || {
        for _ in 0..500 {
            let runtime = Arc::new(runtime(2));
            let (task, counts) = idle(runtime.handle());
            let start = Arc::new(Barrier::new(2));
            let droppers = [(); 2].map(|()| {
                let (runtime, start) = (runtime.clone(), start.clone());
                std::thread::spawn(move || {
                    start.wait();
                    runtime.block_on(async { filch::spawn(async { 1 }).await.unwrap() });
                    drop(runtime);
                })
            });
            drop(runtime);
            droppers.into_iter().for_each(|dropper| dropper.join().unwrap());
            assert_eq!(counts.future_drops.get(), 1);
            assert_cancelled(task);
        }
    });
}

#[test]
fn no_task_is_polled_after_the_drop_returned() {
    within(LONG, || {
        for round in 0..200 {
            let runtime = runtime(1 + round % 3);
            let over = Arc::new(AtomicBool::new(false));
            for _ in 0..20 {
                let over = over.clone();
                drop(runtime.spawn(async move {
                    loop {
                        assert!(!over.load(Ordering::Relaxed), "polled after the end");
                        filch::yield_now().await;
                    }
                }));
            }
            drop(runtime);
            over.store(true, Ordering::Relaxed);
        }
    });
}

/// Neither its own nor any other future may be dropped inside a `wake` or an `abort`.
#[test]
fn a_wake_and_an_abort_during_the_shutdown_drop_nothing() {
    for abort in [false, true] {
        within(LONG, || {
            let runtime = runtime(1);
            let handle = runtime.handle().clone();
            let (task, counts) = idle(&handle);
            let others: Vec<_> = (0..3).map(|_| idle(&handle)).collect();
            let blocker = Blocker::new(&handle);
            for (_, counts) in &others {
                counts.wake();
            }
            let closer = std::thread::spawn(move || drop(runtime));
            wait_until_closed(&handle);
            match abort {
                true => task.abort(),
                false => counts.wake(),
            }
            let waking = std::thread::current().id();
            let all = || others.iter().map(|(_, counts)| counts).chain([&counts]);
            assert!(all().all(|counts| counts.dropped_on() != Some(waking)));
            assert_eq!(all().map(|counts| counts.future_drops.get()).sum::<u64>(), 0);
            blocker.release();
            closer.join().unwrap();
            assert!(all().all(|counts| counts.future_drops.get() == 1));
            assert_cancelled(task);
        });
    }
}

/// It has its own future dropped, and not those of others.
#[test]
fn a_spawn_during_the_shutdown_drops_only_its_own_future() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let blocker = Blocker::new(&handle);
        let (early, early_counts) = Probe::new(Script::quiet(Ending::Pending));
        let early = handle.spawn(early);
        let closer = std::thread::spawn(move || drop(runtime));
        wait_until_closed(&handle);
        let (late, late_counts) = Probe::new(Script::quiet(Ending::Pending));
        let late = handle.spawn(late);
        assert!(late.is_finished());
        assert_eq!(late_counts.dropped_on(), Some(std::thread::current().id()));
        assert_eq!(early_counts.future_drops.get(), 0);
        blocker.release();
        closer.join().unwrap();
        assert_ne!(early_counts.dropped_on(), Some(std::thread::current().id()));
        assert_cancelled(early);
        assert_cancelled(late);
    });
}

/// The last reference to the runtime may be a waker's, and the hook is the user's code.
#[test]
fn a_wake_never_drops_the_hook_for_unhandled_panics() {
    struct Hook(Arc<std::sync::Mutex<Option<std::thread::ThreadId>>>);
    impl Drop for Hook {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(std::thread::current().id());
        }
    }
    for _ in 0..300 {
        within(LONG, || {
            let place = Arc::default();
            let hook = Hook(Arc::clone(&place));
            let mut builder = Runtime::builder();
            builder.worker_threads(1).on_unhandled_panic(move |_| {
                let _ = &hook;
            });
            let runtime = builder.build().unwrap();
            let (task, counts) = idle(runtime.handle());
            let barrier = Barrier::new(2);
            std::thread::scope(|scope| {
                let waker = scope.spawn(|| {
                    let waker = counts.take_waker();
                    barrier.wait();
                    waker.wake();
                    std::thread::current().id()
                });
                barrier.wait();
                drop(runtime);
                drop(task);
                let waker = waker.join().unwrap();
                assert_ne!(place.lock().unwrap().expect("it is dropped"), waker);
            });
        });
    }
}
