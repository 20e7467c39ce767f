//! Shutdown is complete: when it returns every future has been dropped and every worker's thread
//! has ended, and handles that are held elsewhere resolve as cancelled.

use filch::{Handle, JoinHandle, Runtime};
use filch_tests::child::in_child;
use filch_tests::event::keep_for_ever;
use filch_tests::event::wait_until_closed;
use filch_tests::probe::{Counts, Ending, Output, Probe, Script};
use filch_tests::{Blocker, Counter, Event, LONG, process, within};
use futures_lite::future::block_on;
use parking_lot::Mutex;
use std::future::pending;
use std::sync::Arc;
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

/// Counts its drop.
struct Held(Counter);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.add();
    }
}

#[test]
fn futures_in_every_state_are_dropped_when_the_drop_returns() {
    for workers in [1, 2, 4] {
        within(LONG, || {
            let runtime = runtime(workers);
            let handle = runtime.handle().clone();
            let drops = Counter::new();
            let spawn = |handle: &Handle, yields: u32| {
                let held = Held(drops.clone());
                handle.spawn(async move {
                    let _held = held;
                    for _ in 0..yields {
                        filch::yield_now().await;
                    }
                    pending::<()>().await;
                })
            };
            // Idle ones, ones that yield for ever, ones that have just been spawned.
            let mut tasks: Vec<_> = (0..1_000).map(|_| spawn(&handle, 0)).collect();
            tasks.extend((0..10).map(|_| spawn(&handle, u32::MAX)));
            let (_task, counts) = idle(&handle);
            counts.take_waker().wake();
            tasks.extend((0..1_000).map(|_| spawn(&handle, 1)));
            drop(runtime);
            assert_eq!((drops.get(), counts.future_drops.get()), (2_010, 1));
            tasks.into_iter().for_each(assert_cancelled);
            assert_eq!(handle.metrics().registered_tasks, 0);
        });
    }
}

#[test]
fn the_drop_waits_for_a_poll_and_drops_the_future_after_it() {
    within(LONG, || {
        let runtime = runtime(2);
        let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
        let (entered, release) = (Event::new(), Event::new());
        let (inside, go_on, log) =
            (entered.clone(), release.clone(), Arc::new(Mutex::new(Vec::new())));
        let events = log.clone();
        counts.during_poll(1, move || {
            inside.set();
            go_on.wait();
            events.lock().push("poll");
        });
        let task = runtime.spawn(probe);
        entered.wait();
        let handle = runtime.handle().clone();
        let blocker = Blocker::new(&handle);
        let closer = std::thread::spawn(move || drop(runtime));
        wait_until_closed(&handle);
        blocker.release();
        release.set();
        closer.join().unwrap();
        log.lock().push("drop");
        assert_eq!(*log.lock(), ["poll", "drop"]);
        assert_eq!((counts.polls.get(), counts.future_drops.get()), (1, 1));
        assert_cancelled(task);
    });
}

#[test]
fn a_thread_and_a_task_of_another_runtime_that_await_a_task_hear_of_the_shutdown() {
    within(LONG, || {
        let (ours, other) = (runtime(1), runtime(1));
        let ((first, _), (second, _)) = (idle(ours.handle()), idle(ours.handle()));
        let waiting = std::thread::spawn(move || assert_cancelled(first));
        let task = other.spawn(async move { second.await.err().unwrap().is_cancelled() });
        drop(ours);
        waiting.join().unwrap();
        assert!(block_on(task).unwrap());
    });
}

/// tokio#2046, tokio#1886: destructors wake, spawn, abort and drop handles while the runtime goes.
#[test]
fn destructors_may_use_the_runtime_while_it_shuts_down() {
    within(LONG, || {
        let runtime = runtime(2);
        let drops = Counter::new();
        let (late, inner_drops) = (Arc::new(Mutex::new(Vec::new())), drops.clone());
        for _ in 0..100 {
            let ((victim, victim_counts), (_task, counts)) =
                (idle(runtime.handle()), idle(runtime.handle()));
            let (handle, late, held) =
                (runtime.handle().clone(), late.clone(), inner_drops.clone());
            counts.during_drop(move || {
                victim_counts.wake();
                victim.abort();
                drop(victim);
                let held = Held(held);
                let spawned = handle.spawn(async move { drop(held) });
                late.lock().push(spawned);
            });
        }
        drop(runtime);
        assert_eq!(drops.get(), 100, "what was spawned by a destructor was dropped, too");
        late.lock().drain(..).for_each(assert_cancelled);
    });
}

/// Spawns another one like itself when it is dropped, `left` times.
struct Respawns {
    left: u32,
    drops: Counter,
    handle: Handle,
}

impl Drop for Respawns {
    fn drop(&mut self) {
        self.drops.add();
        if self.left > 0 {
            let next = Self {
                left: self.left - 1,
                drops: self.drops.clone(),
                handle: self.handle.clone(),
            };
            drop(self.handle.spawn(keep_for_ever(next)));
        }
    }
}

#[test]
fn a_chain_of_destructors_that_spawn_is_worked_off() {
    within(LONG, || {
        let runtime = runtime(2);
        let (drops, handle) = (Counter::new(), runtime.handle().clone());
        let first = Respawns { left: 100_000, drops: drops.clone(), handle };
        drop(runtime.spawn(keep_for_ever(first)));
        drop(runtime);
        assert_eq!(drops.get(), 100_001);
    });
}

/// In a process of its own: to overflow the stack would end this one.
#[test]
fn a_chain_of_destructors_that_spawn_on_a_dead_runtime_needs_no_stack() {
    in_child("a_chain_of_destructors_that_spawn_on_a_dead_runtime_needs_no_stack", &[], || {
        within(LONG, || {
            let dead = runtime(1);
            let (drops, handle) = (Counter::new(), dead.handle().clone());
            drop(dead);
            drop(Respawns { left: 100_000, drops: drops.clone(), handle });
            assert_eq!(drops.get(), 100_001);
        });
    });
}

#[test]
fn spawning_on_a_runtime_that_is_gone_gives_a_cancelled_handle() {
    within(LONG, || {
        let dead = runtime(2);
        let (handle, drops) = (dead.handle().clone(), Counter::new());
        drop(dead);
        for _ in 0..1_000 {
            let held = Held(drops.clone());
            assert_cancelled(handle.spawn(async move { drop(held) }));
        }
        assert_eq!(drops.get(), 1_000);
        assert_eq!(handle.block_on(async { 1 }), 1);
        let entered = handle.enter();
        assert_cancelled(filch::spawn(async {}));
        drop(entered);
    });
}

#[test]
fn a_report_tells_finished_from_cancelled_tasks() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let (_task, counts) = idle(&handle);
        let report = runtime.shutdown_timeout(Duration::MAX);
        assert_eq!((report.finished, report.cancelled, report.still_running), (0, 1, 0));
        assert_eq!(counts.future_drops.get(), 1);
    });
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let (_task, counts) = idle(&handle);
        let blocker = Blocker::new(&handle);
        let closer = std::thread::spawn(move || runtime.shutdown_timeout(Duration::MAX));
        let late = wait_until_closed(&handle);
        blocker.release();
        let report = closer.join().unwrap();
        assert_eq!((report.finished, report.cancelled, report.still_running), (1, 1 + late, 0));
        assert_eq!(counts.future_drops.get(), 1);
    });
}

#[test]
fn a_shutdown_with_a_time_limit_leaves_a_stuck_poll_behind_and_drops_the_rest() {
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(5)] {
        within(LONG, || {
            let runtime = runtime(2);
            let (handle, drops) = (runtime.handle().clone(), Counter::new());
            let (entered, release) = (Event::new(), Event::new());
            let (inside, go_on, held) = (entered.clone(), release.clone(), drops.clone());
            let stuck = runtime.spawn(async move {
                // These wait in the queue of the worker that is stuck.
                for _ in 0..10 {
                    let held = Held(held.clone());
                    drop(filch::spawn(keep_for_ever(held)));
                }
                inside.set();
                go_on.wait();
                1
            });
            entered.wait();
            let (_idle, counts) = idle(&handle);
            let report = runtime.shutdown_timeout(limit);
            assert!(report.still_running >= 1, "{report:?}");
            counts.future_drops.wait_for(1);
            drops.wait_for(10);
            assert_cancelled(handle.spawn(async {}));
            assert!(!stuck.is_finished());
            release.set();
            assert_eq!(block_on(stuck).unwrap(), 1);
        });
    }
}

#[test]
fn a_shutdown_in_the_background_drops_all_futures_in_time() {
    within(LONG, || {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let blocker = Blocker::new(&handle);
        let tasks: Vec<_> = (0..100).map(|_| idle(&handle)).collect();
        runtime.shutdown_background();
        for (task, counts) in tasks {
            counts.future_drops.wait_for(1);
            assert_cancelled(task);
        }
        blocker.release();
    });
}

/// tokio#8497. A thousand runtimes, ended in four ways; then no thread and no file is left. In a
/// process of its own, where nobody else starts threads.
#[test]
fn a_thousand_runtimes_leave_no_thread_and_no_file() {
    in_child("a_thousand_runtimes_leave_no_thread_and_no_file", &[], || {
        within(LONG, || {
            let cycle = |index: u32| {
                let runtime = runtime(2);
                let (task, counts) = idle(runtime.handle());
                runtime.block_on(async { filch::spawn(async {}).await }).unwrap();
                match index % 4 {
                    0 => drop(runtime),
                    1 => assert_eq!(runtime.shutdown_timeout(Duration::MAX).still_running, 0),
                    2 => assert_eq!(runtime.shutdown_timeout(LONG).still_running, 0),
                    _ => runtime.shutdown_background(),
                }
                counts.future_drops.wait_for(1);
                assert_cancelled(task);
            };
            cycle(0);
            let (threads, files) = (process::threads(), process::open_files());
            (0..1_000).for_each(cycle);
            process::wait_for_threads(threads);
            assert_eq!(process::open_files(), files);
        });
    });
}

#[test]
fn run_returns_with_all_tasks_dropped_and_all_threads_ended() {
    in_child("run_returns_with_all_tasks_dropped_and_all_threads_ended", &[], || {
        within(LONG, || {
            let threads = process::threads();
            for _ in 0..100 {
                let drops = Counter::new();
                let task = filch::run(async {
                    let tasks: Vec<_> = (0..10)
                        .map(|_| {
                            let held = Held(drops.clone());
                            filch::spawn(keep_for_ever(held))
                        })
                        .collect();
                    filch::yield_now().await;
                    tasks
                });
                assert_eq!(drops.get(), 10);
                process::wait_for_threads(threads);
                task.into_iter().for_each(assert_cancelled);
            }
        });
    });
}
