//! Tens of thousands of tasks that one task spawns at a time, of which thieves are given a part: each runs once,
//! whatever it does, and none is left when the runtime goes.

use filch_tests::{Counter, Event, LONG, runtime, within};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const TASKS: usize = 60_000;

/// What one of many tasks does besides counting.
async fn work(number: usize) {
    match number % 97 {
        0 => filch::yield_now().await,
        1 => assert_eq!(filch::spawn(async { 1 }).await.expect("no panic"), 1),
        2 => assert_eq!(filch::join(async { 1 }, async { 2 }).await, (1, 2)),
        3 => {
            let children = (0..4).map(|one| async move { one });
            assert_eq!(filch::join_all(children).await, [0, 1, 2, 3]);
        }
        4 => {
            let group = filch::spawn_many((0..4).map(|one| async move { one }));
            assert_eq!(group.await.map(|one| one.expect("no panic")).sum::<u32>(), 6);
        }
        _ => {}
    }
}

#[test]
fn each_task_of_a_flood_runs_once() {
    within(LONG, || {
        for workers in [1, 2, 4] {
            let runtime = runtime(workers);
            let (runs, ended) = (Arc::new([const { AtomicU32::new(0) }; TASKS]), Counter::new());
            let (counts, ends) = (runs.clone(), ended.clone());
            runtime.spawn_detached(async move {
                for number in 0..TASKS {
                    let (counts, ends) = (counts.clone(), ends.clone());
                    filch::spawn_detached(async move {
                        work(number).await;
                        counts[number].fetch_add(1, Relaxed);
                        ends.add();
                    });
                    // Waits for one of its own now and then, in the middle of the flood.
                    if number % 20_000 == 19_999 {
                        work(1).await;
                        work(2).await;
                    }
                }
            });
            ended.wait_for(TASKS as u64);
            drop(runtime);
            assert!(runs.iter().all(|count| count.load(Relaxed) == 1), "{workers} workers");
        }
    });
}

#[test]
fn a_flood_that_the_shutdown_meets_is_dropped() {
    within(LONG, || {
        for workers in [1, 2, 4] {
            let (runtime, held, flooded) = (runtime(workers), Arc::new(()), Event::new());
            let (own, is_flooded) = (held.clone(), flooded.clone());
            runtime.spawn_detached(async move {
                for number in 0..TASKS {
                    let held = own.clone();
                    filch::spawn_detached(async move {
                        work(number).await;
                        drop(held);
                    });
                    if number == TASKS / 2 {
                        is_flooded.set();
                    }
                }
            });
            flooded.wait();
            drop(runtime);
            assert_eq!(Arc::strong_count(&held), 1, "{workers} workers");
        }
    });
}
