//! Closures that block run beside the workers, and nobody waits for them who did not ask to.

use filch::Handle;
use filch_tests::child::in_child;
use filch_tests::event::barrier;
use filch_tests::quiet::ExplodesOnDrop;
use filch_tests::{Bomb, Counter, Event, LONG, explode, runtime, within};
use futures_lite::future::block_on;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_closure_gives_its_value_from_another_thread() {
    within(LONG, || {
        let runtime = runtime(1);
        let here = std::thread::current().id();
        let there = runtime.block_on(async {
            filch::spawn_blocking(|| std::thread::current().id()).await.unwrap()
        });
        assert_ne!(here, there);
        assert_eq!(block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
        assert_eq!(block_on(runtime.handle().spawn_blocking(|| 2)).unwrap(), 2);
    });
}

#[test]
fn a_closure_that_blocks_keeps_no_worker() {
    within(LONG, || {
        let runtime = runtime(1);
        let release = Event::new();
        let wait = release.clone();
        let closure = runtime.spawn_blocking(move || wait.wait());
        barrier(runtime.handle());
        assert!(!closure.is_finished());
        runtime.block_on(async { release.set() });
        block_on(closure).unwrap();
    });
}

#[test]
fn a_thousand_closures_all_run_once() {
    within(LONG, || {
        let runtime = runtime(2);
        let count = Counter::new();
        let tasks: Vec<_> = (0..1_000_u64)
            .map(|number| {
                let count = count.clone();
                runtime.spawn_blocking(move || {
                    count.add();
                    number
                })
            })
            .collect();
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!((sum, count.get()), (499_500, 1_000));
    });
}

#[test]
fn a_panic_in_a_closure_goes_to_the_handle() {
    within(LONG, || {
        let runtime = runtime(1);
        let error = block_on(runtime.spawn_blocking(|| explode("closure"))).unwrap_err();
        assert_eq!(Bomb::name_of(&*error.into_panic()), Some("closure"));
        drop(runtime.spawn_blocking(|| explode("detached")));
        while runtime.metrics().unhandled_panics < 1 {
            std::thread::yield_now();
        }
        let quiet = block_on(runtime.spawn_blocking(|| 1));
        assert_eq!(quiet.unwrap(), 1);
    });
}

#[test]
fn an_output_whose_destructor_panics_harms_nobody() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn_blocking(|| ExplodesOnDrop("output"));
        while !task.is_finished() {
            std::thread::yield_now();
        }
        drop(task);
        assert_eq!(block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    });
}

#[test]
fn a_detached_closure_runs_all_the_same() {
    within(LONG, || {
        let runtime = runtime(1);
        let ran = Event::new();
        let runs = ran.clone();
        drop(runtime.spawn_blocking(move || runs.set()));
        ran.wait();
    });
}

/// In a process of its own, whose pool has one thread.
#[test]
fn aborting_prevents_a_closure_that_has_not_begun() {
    let name = "aborting_prevents_a_closure_that_has_not_begun";
    in_child(name, &[("BLOCKING_MAX_THREADS", "1")], || {
        within(LONG, || {
            let runtime = runtime(1);
            let (entered, release) = (Event::new(), Event::new());
            let (inside, wait) = (entered.clone(), release.clone());
            let first = runtime.spawn_blocking(move || {
                inside.set();
                wait.wait();
            });
            entered.wait();
            let held = Arc::new(());
            let captured = held.clone();
            let second = runtime.spawn_blocking(move || {
                let _held = captured;
                panic!("aborted before it began");
            });
            barrier(runtime.handle());
            second.abort();
            assert!(block_on(second).unwrap_err().is_cancelled());
            release.set();
            block_on(first).unwrap();
            // The pool's only thread has dropped what it passed over.
            block_on(runtime.spawn_blocking(|| ())).unwrap();
            assert_eq!(Arc::strong_count(&held), 1);
        });
    });
}

#[test]
fn aborting_leaves_a_closure_that_has_begun_to_itself() {
    within(LONG, || {
        let runtime = runtime(1);
        let (entered, release, done) = (Event::new(), Event::new(), Event::new());
        let (inside, wait, over) = (entered.clone(), release.clone(), done.clone());
        let task = runtime.spawn_blocking(move || {
            inside.set();
            wait.wait();
            over.set();
        });
        entered.wait();
        task.abort();
        assert!(block_on(task).unwrap_err().is_cancelled());
        release.set();
        done.wait();
    });
}

/// tokio#1978, tokio#7910.
#[test]
fn a_shutdown_does_not_wait_for_closures() {
    within(LONG, || {
        let runtime = runtime(2);
        let (entered, release, done) = (Event::new(), Event::new(), Event::new());
        let (inside, wait, over) = (entered.clone(), release.clone(), done.clone());
        let task = runtime.spawn_blocking(move || {
            inside.set();
            wait.wait();
            over.set();
        });
        entered.wait();
        let handle = runtime.handle().clone();
        drop(runtime);
        assert!(block_on(task).unwrap_err().is_cancelled());
        release.set();
        done.wait();
        assert!(block_on(handle.spawn_blocking(|| 1)).unwrap_err().is_cancelled());
    });
}

/// tokio#5837: what nests a `block_on` in a task puts it into such a closure.
#[test]
fn a_closure_may_block_on_and_run_and_spawn() {
    within(LONG, || {
        let runtime = runtime(1);
        let sum = runtime.block_on(async {
            let handle = Handle::current();
            filch::spawn_blocking(move || {
                let inner = handle.block_on(async { filch::spawn(async { 1 }).await.unwrap() });
                let nested = handle.clone();
                let deeper = handle.spawn_blocking(move || nested.block_on(async { 2 }));
                inner + handle.block_on(deeper).unwrap() + filch::run(async { 3 })
            })
            .await
            .unwrap()
        });
        assert_eq!(sum, 6);
    });
}

/// Unlike Tokio's, whose closures see the runtime that they were spawned on.
#[test]
fn a_closure_is_in_no_runtime_but_may_enter_one() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let closure = runtime.spawn_blocking(move || {
            assert!(Handle::try_current().is_err());
            let task = {
                let _guard = handle.enter();
                filch::spawn(async { 1 })
            };
            handle.block_on(async { task.await.unwrap() + filch::sleep(Duration::ZERO, 1).await })
        });
        assert_eq!(runtime.block_on(closure).unwrap(), 2);
    });
}
