//! Many children: they may wait for each other, and workers take them, in whatever order.

use filch_tests::child::in_child;
use filch_tests::{Counter, LONG, runtime, within};
use std::pin::Pin;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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
