//! Joins that end otherwise than with their outputs: by a panic, dropped, or with their runtime.

use filch_tests::probe::{Counts, Ending, Probe, Script};
use filch_tests::quiet::{ExplodesOnDrop, text_of};
use filch_tests::{Bomb, Counter, Event, LONG, caught, explode, panic_text, runtime, within};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn probe(ending: Ending) -> (Probe, Arc<Counts>) {
    Probe::new(Script::quiet(ending))
}

/// Polls a join once and drops it.
async fn poll_once<T>(join: impl Future<Output = T>) {
    let mut join = std::pin::pin!(join);
    poll_fn(|cx| {
        assert!(join.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn a_panic_of_the_first_aborts_the_others() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let (child, counts) = probe(Ending::Pending);
            let join = filch::join(async { explode("first") }, child);
            let panic = caught(|| runtime.block_on(join)).err().expect("it panics");
            assert_eq!(Bomb::name_of(&*panic), Some("first"));
            counts.future_drops.wait_for(1);
            let (child, counts) = probe(Ending::Pending);
            let children: Vec<Boxed<()>> = vec![
                Box::pin(async { filch::yield_now().await }),
                Box::pin(async { explode("second") }),
                Box::pin(async { drop(child.await) }),
            ];
            let panic =
                caught(|| runtime.block_on(filch::join_all(children))).expect_err("it panics");
            assert_eq!(Bomb::name_of(&*panic), Some("second"));
            counts.future_drops.wait_for(1);
        }
    });
}

#[test]
fn a_panic_of_a_child_comes_when_the_first_is_ready() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let ended = Event::new();
            let end = ended.clone();
            let a = async move {
                for _ in 0..10 {
                    filch::yield_now().await;
                }
                end.set();
            };
            let join = filch::join(a, async { explode("child") });
            let panic = caught(|| runtime.block_on(join)).expect_err("it panics");
            assert_eq!(Bomb::name_of(&*panic), Some("child"));
            assert!(ended.is_set());
            // A task that joins hands it on to its own handle.
            let task = runtime.spawn(filch::join(async {}, async { panic!("text") }));
            let panic = runtime.block_on(task).unwrap_err().into_panic();
            assert_eq!(text_of(&*panic), Some("text"));
            assert_eq!(runtime.metrics().unhandled_panics, 0);
        }
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_child_is_the_childs() {
    within(LONG, || {
        let runtime = runtime(1);
        let bomb = ExplodesOnDrop("destructor");
        let child = async move { drop(bomb) };
        let panic = caught(|| runtime.block_on(filch::join(async {}, child))).err();
        assert_eq!(Bomb::name_of(&*panic.expect("it panics")), Some("destructor"));
        assert_eq!(runtime.block_on(filch::join(async { 1 }, async { 2 })), (1, 2));
    });
}

/// In the destructor of what nobody has begun, while the parent unwinds; each is reported.
#[test]
fn destructors_of_children_that_never_began_may_panic() {
    within(LONG, || {
        let runtime = runtime(1);
        let children = (0..4).map(|n| {
            let bomb = ExplodesOnDrop("never began");
            async move {
                if n == 1 {
                    std::mem::forget(bomb);
                    explode("second");
                } else if n == 0 {
                    std::mem::forget(bomb);
                } else {
                    drop(bomb);
                }
            }
        });
        let panic = caught(|| runtime.block_on(filch::join_all(children))).expect_err("it panics");
        assert_eq!(Bomb::name_of(&*panic), Some("second"));
        assert_eq!(runtime.metrics().unhandled_panics, 2);
    });
}

#[test]
fn a_join_that_is_dropped_takes_its_children_along() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let (a, a_counts) = probe(Ending::Pending);
            let (b, b_counts) = probe(Ending::Pending);
            runtime.block_on(runtime.spawn(poll_once(filch::join(a, b)))).unwrap();
            b_counts.future_drops.wait_for(1);
            assert_eq!(a_counts.future_drops.get(), 1);
            // One that is ready is not taken back, and its output is dropped.
            let (b, b_counts) = probe(Ending::Ready);
            runtime.block_on(runtime.spawn(poll_once(filch::join(pending::<()>(), b)))).unwrap();
            b_counts.future_drops.wait_for(1);
            while runtime.metrics().registered_tasks > 0 {
                std::thread::yield_now();
            }
        }
    });
}

#[test]
fn a_join_all_that_is_dropped_half_way_drops_all_children() {
    within(LONG, || {
        for workers in [1, 2, 3] {
            let runtime = runtime(workers);
            for pending in [0, 1, 5, 9] {
                let alive = Arc::new(());
                let children = (0..10).map(|n| {
                    let alive = alive.clone();
                    async move {
                        if n == pending {
                            std::future::pending::<()>().await;
                        }
                        drop(alive);
                    }
                });
                let children: Vec<_> = children.collect();
                runtime.block_on(runtime.spawn(poll_once(filch::join_all(children)))).unwrap();
                while Arc::strong_count(&alive) > 1 {
                    std::thread::yield_now();
                }
            }
        }
    });
}

#[test]
fn a_shutdown_drops_parents_and_children() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let (a, a_counts) = probe(Ending::Pending);
            let (b, b_counts) = probe(Ending::Pending);
            let parent = runtime.spawn(async { drop(filch::join(a, b).await) });
            a_counts.polls.wait_for(1);
            drop(runtime);
            assert_eq!((a_counts.future_drops.get(), b_counts.future_drops.get()), (1, 1));
            assert!(futures_lite::future::block_on(parent).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_shutdown_under_join_all_drops_all_children() {
    within(LONG, || {
        for workers in [1, 2] {
            for round in 0..50 {
                let runtime = filch::Runtime::builder().worker_threads(workers).build().unwrap();
                let (alive, begun) = (Arc::new(()), Counter::new());
                let children = (0..20).map(|n| {
                    let (alive, begun) = (alive.clone(), begun.clone());
                    async move {
                        begun.add();
                        if n == round % 20 {
                            std::future::pending::<()>().await;
                        }
                        drop(alive);
                    }
                });
                let children: Vec<_> = children.collect();
                let parent = runtime.spawn(filch::join_all(children));
                begun.wait_for(1 + round % 10);
                drop(runtime);
                assert_eq!(Arc::strong_count(&alive), 1, "a future outlived its runtime");
                assert!(futures_lite::future::block_on(parent).is_err());
            }
        }
    });
}

#[test]
fn a_join_whose_child_was_cancelled_by_the_shutdown_panics_in_a_root() {
    within(LONG, || {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let text = panic_text(move || {
            handle.block_on(async move {
                let end = async move { drop(runtime) };
                filch::join(end, pending::<()>()).await;
            });
        });
        assert!(text.contains("its runtime shuts down"), "{text}");
    });
}
