//! Structured joins: children run beside their parent or inside it, and never outlive it.

use filch_tests::child::in_child;
use filch_tests::{Blocker, Counter, Event, LONG, panic_text, runtime, within};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
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
