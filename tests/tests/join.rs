//! Structured joins: children run beside their parent or inside it, and never outlive it.

use filch_tests::child::in_child;
use filch_tests::probe::{Counts, Ending, Probe, Script};
use filch_tests::quiet::{ExplodesOnDrop, text_of};
use filch_tests::{
    Blocker, Bomb, Counter, Event, LONG, caught, explode, panic_text, runtime, within,
};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread::current;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[test]
fn both_outputs_come_in_order() {
    assert_eq!(filch::run(filch::join(async { 1 }, async { "two" })), (1, "two"));
    assert_eq!(
        filch::run(filch::join_all((0..100).map(|n| async move { n }))),
        Vec::from_iter(0..100)
    );
    assert_eq!(filch::run(filch::join_all([std::future::ready(1)])), [1]);
    assert_eq!(filch::run(filch::join_all(Vec::<Boxed<()>>::new())), []);
}

#[test]
fn nothing_runs_before_the_first_poll() {
    let polls = Counter::new();
    let child = || {
        let polls = polls.clone();
        async move { polls.add() }
    };
    drop(filch::join(child(), child()));
    drop(filch::join_all([child(), child()]));
    assert_eq!(polls.get(), 0);
}

/// Without a free worker: in the parent's own poll, on its thread.
#[test]
fn a_child_that_nobody_takes_runs_in_its_parents_poll() {
    within(LONG, || {
        let runtime = runtime(1);
        let polls = Counter::new();
        let count = polls.clone();
        let thread = |_| async { current().id() };
        let parent = runtime.spawn(async move {
            let mut join = std::pin::pin!(filch::join_all((0..10).map(thread)));
            poll_fn(|cx| {
                count.add();
                join.as_mut().poll(cx)
            })
            .await
        });
        let threads = runtime.block_on(parent).unwrap();
        assert!(threads.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(polls.get(), 1);
        // The parent, and the nine children that are tasks.
        assert_eq!(runtime.metrics().workers[0].polls, 10);
    });
}

/// The parent's own part does not come to its end before the child has run.
#[test]
fn a_free_worker_takes_the_child() {
    within(LONG, || {
        let runtime = runtime(2);
        let (done, own) = (Event::new(), Event::new());
        let wait = done.clone();
        let parent = async move {
            let a = async move {
                wait.wait();
                current().id()
            };
            let b = async move {
                own.set();
                done.set();
                current().id()
            };
            filch::join(a, b).await
        };
        let (a, b) = runtime.block_on(runtime.spawn(parent)).unwrap();
        assert_ne!(a, b);
    });
}

#[test]
fn the_part_inside_the_parent_need_be_neither_send_nor_static() {
    let numbers = [1, 2, 3];
    let counted = Rc::new(());
    let a = async {
        filch::yield_now().await;
        (numbers.iter().sum::<i32>(), Rc::strong_count(&counted))
    };
    assert_eq!(filch::run(filch::join(a, async { 4 })), ((6, 1), 4));
}

#[test]
fn children_may_wait_in_their_middle() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = runtime(workers);
            let (to_a, from_b) = futures_channel::oneshot::channel();
            let (to_b, from_a) = futures_channel::oneshot::channel();
            let a = async move {
                to_b.send(1).unwrap();
                filch::yield_now().await;
                from_b.await.unwrap()
            };
            let b = async move {
                let got: i32 = from_a.await.unwrap();
                filch::yield_now().await;
                to_a.send(got + 1).unwrap();
                got
            };
            assert_eq!(runtime.block_on(filch::join(a, b)), (2, 1));
        }
    });
}

fn tree(depth: u32) -> Boxed<u64> {
    Box::pin(async move {
        if depth == 0 {
            filch::yield_now().await;
            return 1;
        }
        let (low, high) = filch::join(tree(depth - 1), tree(depth - 1)).await;
        low + high
    })
}

fn wide(depth: u32) -> Boxed<u64> {
    Box::pin(async move {
        match depth {
            0 => 1,
            _ => filch::join_all((0..6).map(|_| wide(depth - 1))).await.into_iter().sum(),
        }
    })
}

#[test]
fn trees_are_complete_with_any_number_of_workers() {
    within(LONG, || {
        for workers in [1, 2, 3, 64] {
            let runtime = runtime(workers);
            assert_eq!(runtime.block_on(tree(12)), 1 << 12);
            assert_eq!(runtime.block_on(runtime.spawn(wide(5))).unwrap(), 6_u64.pow(5));
            assert_eq!(runtime.metrics().registered_tasks, 0);
        }
    });
}

fn list(length: u32) -> Boxed<u32> {
    Box::pin(async move {
        match length {
            0 => 0,
            _ => filch::join(async { 1 }, list(length - 1)).await.1 + 1,
        }
    })
}

/// Children that run inside their parents nest only so deep. In a process of its own: to overflow
/// the stack would end this one.
#[test]
fn a_long_chain_of_children_needs_no_stack() {
    in_child("a_long_chain_of_children_needs_no_stack", &[], || {
        within(LONG, || {
            for workers in [1, 2] {
                let runtime = runtime(workers);
                assert_eq!(runtime.block_on(runtime.spawn(list(100_000))).unwrap(), 100_000);
            }
        });
    });
}

fn probe(ending: Ending) -> (Probe, Arc<Counts>) {
    Probe::new(Script::quiet(ending))
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

#[test]
fn outside_a_runtime_it_panics() {
    let texts = [
        panic_text(|| futures_lite::future::block_on(filch::join(async {}, async {}))),
        panic_text(|| futures_lite::future::block_on(filch::join_all((0..2).map(async |n| n)))),
    ];
    for text in texts {
        assert!(text.contains("no running event loop"), "{text}");
    }
    // It needs no help with one.
    assert_eq!(futures_lite::future::block_on(filch::join_all([async { 1 }])), [1]);
}

/// The queue of a worker that is in the middle of other things: what lies on top need not be the
/// child.
#[test]
fn other_tasks_on_top_of_the_queue_stay_there() {
    within(LONG, || {
        let runtime = runtime(1);
        let others = Counter::new();
        let count = others.clone();
        let parent = async move {
            let spawn = |count: Counter| drop(filch::spawn(async move { count.add() }));
            let a = async {
                (0..5).for_each(|_| spawn(count.clone()));
                7
            };
            let result = filch::join(a, async { 8 }).await;
            spawn(count);
            result
        };
        assert_eq!(runtime.block_on(runtime.spawn(parent)).unwrap(), (7, 8));
        others.wait_for(6);
        drop(Blocker::new(runtime.handle()));
    });
}

#[test]
fn a_join_is_send_if_its_parts_are() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&filch::join(async {}, async {}));
    assert_send(&filch::join_all([async {}]));
}

/// Each child waits for the next one, or for the one before.
#[test]
fn children_of_join_all_may_wait_for_each_other() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = runtime(workers);
            for backwards in [false, true] {
                let (mut ends, mut starts): (Vec<_>, Vec<_>) =
                    (0..20).map(|_| futures_channel::oneshot::channel::<u32>()).unzip();
                if backwards {
                    starts.rotate_left(1);
                } else {
                    ends.rotate_left(1);
                }
                let mut children: Vec<Boxed<u32>> = Vec::new();
                for (n, (end, start)) in ends.into_iter().zip(starts).enumerate() {
                    let begins = if backwards { n == 0 } else { n == 19 };
                    children.push(Box::pin(async move {
                        if begins {
                            end.send(1).unwrap();
                            return start.await.unwrap();
                        }
                        let got = start.await.unwrap();
                        end.send(got + 1).unwrap();
                        got
                    }));
                }
                let outputs = runtime.block_on(runtime.spawn(filch::join_all(children))).unwrap();
                assert_eq!(outputs.iter().sum::<u32>(), 210);
            }
        }
    });
}

/// The parent stays in its own part until others have run all the children.
#[test]
fn free_workers_take_all_children_while_the_parent_is_busy() {
    within(LONG, || {
        for workers in [2, 3] {
            let runtime = runtime(workers);
            for _ in 0..20 {
                let done = Counter::new();
                let children = (0..10_u64).map(|n| {
                    let done = done.clone();
                    async move {
                        match n {
                            0 => done.wait_for(9),
                            _ => {
                                filch::yield_now().await;
                                done.add();
                            }
                        }
                        n
                    }
                });
                let children: Vec<_> = children.collect();
                let outputs = runtime.block_on(runtime.spawn(filch::join_all(children))).unwrap();
                assert_eq!(outputs, Vec::from_iter(0..10));
            }
        }
    });
}

#[test]
fn outputs_are_in_order_whoever_takes_the_children() {
    within(LONG, || {
        let runtime = runtime(3);
        for round in 0..300 {
            let child = move |n: u32| async move {
                for _ in 0..(n * 7 + round) % 4 {
                    filch::yield_now().await;
                }
                (0..(n * 13 + round) % 300).for_each(|_| std::hint::spin_loop());
                n
            };
            let outputs = runtime.block_on(runtime.spawn(filch::join_all((0..40).map(child))));
            assert_eq!(outputs.unwrap(), Vec::from_iter(0..40));
        }
        assert_eq!(runtime.metrics().registered_tasks, 0);
    });
}

/// A list of `join_all`s; the rest of the list is the child in this place.
fn nested_list(length: u32, place: usize) -> Boxed<u32> {
    Box::pin(async move {
        if length == 0 {
            return 0;
        }
        let one: Boxed<u32> = Box::pin(async { 1 });
        let mut children = vec![one];
        children.insert(place, nested_list(length - 1, place));
        filch::join_all(children).await.into_iter().sum()
    })
}

#[test]
fn a_long_chain_of_join_alls_needs_no_stack() {
    in_child("a_long_chain_of_join_alls_needs_no_stack", &[], || {
        within(LONG, || {
            for (workers, place) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
                let runtime = runtime(workers);
                let list = runtime.block_on(runtime.spawn(nested_list(100_000, place)));
                assert_eq!(list.unwrap(), 100_000);
            }
        });
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
