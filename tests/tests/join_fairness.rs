//! Joins that run their children in place, for as long as they like, leave all others their turns.

use filch_tests::{Counter, Event, LONG, runtime, within};
use futures_lite::future;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Joins until `over`, and never awaits anything else.
type Hog = fn(Arc<AtomicBool>) -> Boxed<()>;

fn pairs(over: Arc<AtomicBool>) -> Boxed<()> {
    Box::pin(async move {
        while !over.load(Relaxed) {
            filch::join(async {}, async {}).await;
        }
    })
}

/// Awaits each task as soon as it is spawned; as its joiner it is in no queue.
fn spawned(over: Arc<AtomicBool>) -> Boxed<()> {
    Box::pin(async move {
        while !over.load(Relaxed) {
            filch::spawn(async {}).await.unwrap();
        }
    })
}

/// Children that end only when it is over, so that one `join_all` is as long as it takes.
fn row(over: Arc<AtomicBool>) -> Boxed<()> {
    let child = async |over: Arc<AtomicBool>| pairs(over).await;
    Box::pin(async move {
        filch::join_all((0..3).map(|_| child(over.clone()))).await;
    })
}

/// Many children without an `await` in them.
fn wide_rows(over: Arc<AtomicBool>) -> Boxed<()> {
    Box::pin(async move {
        while !over.load(Relaxed) {
            filch::join_all((0..100_000).map(async |n| n)).await;
        }
    })
}

/// A binary tree of `join_all`s, again and again.
fn trees(over: Arc<AtomicBool>) -> Boxed<()> {
    fn node(depth: u32) -> Boxed<u64> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            filch::join_all([node(depth - 1), node(depth - 1)]).await.into_iter().sum()
        })
    }
    Box::pin(async move {
        while !over.load(Relaxed) {
            assert_eq!(node(14).await, 1 << 14);
        }
    })
}

/// Everybody else comes to an end while hogs are on all workers.
fn assert_leaves_turns(workers: usize, hog: Hog) {
    let runtime = runtime(workers);
    let over = Arc::<AtomicBool>::default();
    let (queued, woken) = (Event::new(), Event::new());
    let hogs: Vec<_> = (0..workers)
        .map(|_| {
            let (hog, queued) = (hog(over.clone()), queued.clone());
            runtime.spawn(async move {
                // At the bottom of the worker's queue.
                filch::spawn(async move { queued.set() });
                hog.await;
            })
        })
        .collect();
    let others = woken.clone();
    let others = runtime.spawn(async move {
        filch::sleep(MILLI, ()).await;
        filch::yield_now().await;
        others.set();
    });
    queued.wait();
    woken.wait();
    runtime.block_on(async {
        filch::yield_now().await;
        filch::sleep(MILLI, ()).await;
        filch::timeout(MILLI, std::future::pending::<()>()).await.unwrap_err();
        others.await.unwrap();
    });
    over.store(true, Relaxed);
    for hog in hogs {
        runtime.block_on(hog).unwrap();
    }
    assert_eq!(runtime.metrics().registered_tasks, 0);
}

#[test]
fn a_loop_of_joins_leaves_others_their_turns() {
    within(LONG, || [1, 2].map(|workers| assert_leaves_turns(workers, pairs)));
}

#[test]
fn a_loop_of_awaited_spawns_leaves_others_their_turns() {
    within(LONG, || [1, 2].map(|workers| assert_leaves_turns(workers, spawned)));
}

#[test]
fn children_that_join_leave_others_their_turns() {
    within(LONG, || [1, 2].map(|workers| assert_leaves_turns(workers, row)));
}

#[test]
fn many_children_that_are_ready_at_once_leave_others_their_turns() {
    within(LONG, || [1, 2].map(|workers| assert_leaves_turns(workers, wide_rows)));
}

#[test]
fn trees_of_join_alls_leave_others_their_turns() {
    within(LONG, || [1, 2].map(|workers| assert_leaves_turns(workers, trees)));
}

/// The root of a runtime joins in the place of a worker.
#[test]
fn a_root_that_joins_for_ever_leaves_tasks_their_turns() {
    within(LONG, || {
        for hog in [pairs, spawned, row, wide_rows, trees] as [Hog; 5] {
            let runtime = runtime(1);
            let over = Arc::<AtomicBool>::default();
            let last = over.clone();
            let task = runtime.spawn(async move {
                filch::sleep(MILLI, ()).await;
                filch::yield_now().await;
                last.store(true, Relaxed);
            });
            runtime.block_on(hog(over));
            runtime.block_on(task).unwrap();
        }
    });
}

/// Nobody else waits, nothing is queued; but the task that joins was woken itself, or aborted.
#[test]
fn a_task_that_joins_for_ever_hears_of_what_happens_to_it() {
    within(LONG, || {
        for hog in [pairs, spawned, row, wide_rows, trees] as [Hog; 5] {
            let runtime = runtime(1);
            let over = Arc::<AtomicBool>::default();
            let (begun, woken) = (Counter::new(), Event::new());
            let joins = || {
                let (begun, hog) = (begun.clone(), hog(over.clone()));
                async move {
                    begun.add();
                    hog.await;
                }
            };
            let (until, hog) = (woken.clone(), joins());
            let wakes = runtime.spawn(future::or(async move { until.happened().await }, hog));
            begun.wait_for(1);
            woken.set();
            future::block_on(wakes).unwrap();
            let aborted = runtime.spawn(joins());
            begun.wait_for(2);
            aborted.abort();
            assert!(future::block_on(aborted).unwrap_err().is_cancelled());
            over.store(true, Relaxed);
        }
    });
}
