//! Many tasks at a time: as many spawns, but with one handle, and nothing waits for the iterator.

use filch::{JoinGroup, JoinOutputs};
use filch_tests::quiet::ExplodesOnDrop;
use filch_tests::{
    Blocker, Bomb, Counter, Event, LONG, caught, explode, panic_text, runtime, within,
};
use futures_channel::oneshot;
use futures_lite::future::block_on;
use parking_lot::Mutex;
use std::future::{pending, poll_fn, ready};
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

fn values<T>(outputs: JoinOutputs<T>) -> Vec<T> {
    outputs.map(|output| output.expect("the task ends well")).collect()
}

#[test]
fn outputs_come_in_the_order_of_the_spawns() {
    within(LONG, || {
        for workers in [1, 2, 8] {
            let runtime = runtime(workers);
            for count in [0, 1, 2, 3, 4, 5, 6, 100, 20_000] {
                let task = |n| async move {
                    if n % 3 == 0 {
                        filch::yield_now().await;
                    }
                    n
                };
                let expected = Vec::from_iter(0..count);
                let inside = async move { filch::spawn_many((0..count).map(task)).await };
                assert_eq!(values(runtime.block_on(runtime.spawn(inside)).unwrap()), expected);
                let outside = runtime.handle().spawn_many((0..count).map(task));
                assert_eq!(outside.len(), count);
                assert_eq!(values(block_on(outside)), expected);
                let root = async { filch::spawn_many((0..count).map(task)).await };
                assert_eq!(values(runtime.block_on(root)), expected);
            }
            assert_eq!(runtime.metrics().registered_tasks, 0);
        }
    });
}

#[test]
fn the_outputs_are_an_iterator_of_known_length_from_both_ends() {
    let mut outputs = filch::run(async { filch::spawn_many((0..4).map(ready)).await });
    assert_eq!(outputs.len(), 4);
    assert_eq!(outputs.next_back().unwrap().unwrap(), 3);
    assert_eq!(outputs.next().unwrap().unwrap(), 0);
    assert_eq!(outputs.len(), 2);
    assert_eq!(format!("{outputs:?}"), "JoinOutputs { left: 2, .. }");
    assert_eq!(values(outputs), [1, 2]);
}

/// The iterator makes the next future only when the task before is done: a task that nobody sees
/// while the iterator waits hangs this.
fn one_after_the_other(count: usize) -> impl Iterator<Item = impl Future<Output = usize>> {
    let mut before: Option<Event> = None;
    (0..count).map(move |n| {
        if let Some(before) = before.take() {
            before.wait();
        }
        let done = Event::new();
        before = Some(done.clone());
        async move {
            done.set();
            n
        }
    })
}

#[test]
fn no_task_waits_for_the_iterator() {
    within(LONG, || {
        for workers in [2, 3] {
            let runtime = runtime(workers);
            for count in [2, 5, 200] {
                let inside = async move { filch::spawn_many(one_after_the_other(count)).await };
                let outputs = runtime.block_on(runtime.spawn(inside)).unwrap();
                assert_eq!(values(outputs), Vec::from_iter(0..count));
                let outside = runtime.handle().spawn_many(one_after_the_other(count));
                assert_eq!(values(runtime.block_on(outside)), Vec::from_iter(0..count));
            }
        }
    });
}

/// The tasks keep both other workers busy: whoever takes the first leaves somebody for the second.
#[test]
fn several_workers_take_part_while_the_iterator_waits() {
    within(LONG, || {
        let runtime = runtime(3);
        for _ in 0..50 {
            let inside = async {
                let (started, both) = (Counter::new(), Event::new());
                let last = (started.clone(), both.clone());
                let tasks = (0..12).map(|n| {
                    if n == 10 {
                        started.wait_for(2);
                        both.set();
                    }
                    let (started, both) = last.clone();
                    async move {
                        started.add();
                        both.wait();
                    }
                });
                filch::spawn_many(tasks).await.len()
            };
            assert_eq!(runtime.block_on(runtime.spawn(inside)).unwrap(), 12);
        }
    });
}

#[test]
fn an_iterator_may_spawn_itself() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let inside = async {
                let outer =
                    (0..20).map(|n| {
                        let single = filch::spawn(async move { n });
                        let inner = filch::spawn_many((0..n).map(ready));
                        async move {
                            single.await.unwrap() + inner.await.map(Result::unwrap).sum::<u32>()
                        }
                    });
                filch::spawn_many(outer).await
            };
            let expected = (0..20_u32).map(|n| n + n * n.saturating_sub(1) / 2);
            let got = values(runtime.block_on(runtime.spawn(inside)).unwrap());
            assert_eq!(got, Vec::from_iter(expected));
        }
    });
}

#[test]
fn a_panic_of_the_iterator_loses_no_task_and_hangs_nothing() {
    within(LONG, || {
        for workers in [1, 2] {
            for good in [0, 1, 3, 4, 5, 100] {
                let runtime = runtime(workers);
                let ended = Counter::new();
                let count = ended.clone();
                let futures = move || {
                    let count = count.clone();
                    iter::from_fn(move || {
                        let count = count.clone();
                        Some(async move {
                            count.add();
                        })
                    })
                    .take(good)
                    .chain(iter::once_with(|| explode("iterator")).map(|()| unreachable!()))
                };
                let own = futures();
                let task = runtime.spawn(async move { drop(filch::spawn_many(own)) });
                let panic = runtime.block_on(task).unwrap_err().into_panic();
                assert_eq!(Bomb::name_of(&*panic), Some("iterator"));
                ended.wait_for(good as u64);
                let panic = caught(|| drop(runtime.handle().spawn_many(futures())));
                assert_eq!(Bomb::name_of(&*panic.unwrap_err()), Some("iterator"));
                ended.wait_for(2 * good as u64);
                // Whoever parks now is told again.
                let after = runtime.spawn(async { filch::spawn(async { 1 }).await.unwrap() });
                assert_eq!(runtime.block_on(after).unwrap(), 1);
                assert_eq!(runtime.metrics().registered_tasks, 0);
            }
        }
    });
}

#[test]
fn a_panic_of_a_task_is_its_own_output() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let tasks = (0..10).map(|n| async move { if n == 5 { explode("five") } else { n } });
            let outputs = Vec::from_iter(runtime.block_on(runtime.handle().spawn_many(tasks)));
            for (place, output) in outputs.into_iter().enumerate() {
                match output {
                    Ok(n) => assert_eq!(n, place),
                    Err(error) => {
                        assert_eq!(place, 5);
                        assert_eq!(Bomb::name_of(&*error.into_panic()), Some("five"));
                    }
                }
            }
            assert_eq!(runtime.metrics().unhandled_panics, 0);
        }
    });
}

#[test]
fn a_panic_that_nobody_takes_is_reported() {
    within(LONG, || {
        let runtime = runtime(1);
        let panicking = || runtime.handle().spawn_many((0..3).map(|_| async { explode("n") }));
        drop(runtime.block_on(panicking()));
        assert_eq!(runtime.metrics().unhandled_panics, 3);
        drop(panicking());
        drop(Blocker::new(runtime.handle()));
        assert_eq!(runtime.metrics().unhandled_panics, 6);
    });
}

#[test]
fn dropping_the_group_detaches_its_tasks() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let ended = Counter::new();
            let mut group = runtime.handle().spawn_many((0..100).map(|_| {
                let ended = ended.clone();
                async move {
                    filch::yield_now().await;
                    ended.add();
                }
            }));
            // With a waker registered in one of them.
            block_on(poll_fn(|cx| Poll::Ready(Pin::new(&mut group).poll(cx).is_ready())));
            drop(group);
            ended.wait_for(100);
        }
    });
}

#[test]
fn abort_cancels_what_is_not_done() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let ended = Counter::new();
            let tasks = (0..100).map(|n| {
                let ended = ended.clone();
                async move {
                    if n % 2 == 0 {
                        pending::<()>().await;
                    }
                    ended.add();
                    n
                }
            });
            let group = runtime.handle().spawn_many(tasks);
            ended.wait_for(50);
            drop(Blocker::new(runtime.handle()));
            assert!(!group.is_finished());
            group.abort();
            let outputs = runtime.block_on(group);
            for (place, output) in outputs.enumerate() {
                match output {
                    Ok(n) => assert_eq!((n, n % 2), (place, 1)),
                    Err(error) => assert!(error.is_cancelled() && place % 2 == 0),
                }
            }
            assert_eq!(runtime.metrics().registered_tasks, 0);
        }
    });
}

#[test]
fn abort_races_with_the_ends_of_the_tasks() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..400_usize {
            let alive = Arc::new(());
            let tasks = (0..20).map(|n| {
                let alive = alive.clone();
                async move {
                    for _ in 0..n % 3 {
                        filch::yield_now().await;
                    }
                    drop(alive);
                    n
                }
            });
            let group = runtime.handle().spawn_many(tasks);
            (0..round % 50).for_each(|_| std::hint::spin_loop());
            group.abort();
            for (place, output) in block_on(group).enumerate() {
                assert!(output.map_or_else(|error| error.is_cancelled(), |n| n == place));
            }
            assert_eq!(Arc::strong_count(&alive), 1, "a future outlived its task");
        }
    });
}

#[test]
fn a_task_may_drop_or_abort_the_group_that_it_belongs_to() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for end in [drop, |group: JoinGroup<()>| group.abort()] {
                let place = Arc::new(Mutex::new(None::<JoinGroup<()>>));
                let (ready, done) = (Event::new(), Counter::new());
                let tasks = (0..10).map(|_| {
                    let (place, ready, done) = (place.clone(), ready.clone(), done.clone());
                    async move {
                        while !ready.is_set() {
                            filch::yield_now().await;
                        }
                        let group = place.lock().take();
                        group.map(end);
                        done.add();
                    }
                });
                *place.lock() = Some(runtime.handle().spawn_many(tasks));
                ready.set();
                done.wait_for(1);
                while Arc::strong_count(&place) > 1 {
                    std::thread::yield_now();
                }
                assert!(place.lock().is_none());
            }
        }
    });
}

#[test]
fn destructors_of_outputs_may_panic() {
    within(LONG, || {
        let runtime = runtime(1);
        let tasks = || (0..5).map(|_| async { ExplodesOnDrop("output") });
        // Dropped by the worker, with the iterator, and with the group that is done.
        let blocker = Blocker::new(runtime.handle());
        drop(runtime.handle().spawn_many(tasks()));
        drop(blocker);
        drop(Blocker::new(runtime.handle()));
        assert_eq!(runtime.metrics().unhandled_panics, 5);
        drop(runtime.block_on(runtime.handle().spawn_many(tasks())));
        let group = runtime.handle().spawn_many(tasks());
        drop(Blocker::new(runtime.handle()));
        assert!(group.is_finished());
        drop(group);
        assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    });
}

/// In their order, each after the waker of the one before has run: to await the first that is not
/// done would wake the group once for each.
#[test]
fn tasks_that_end_one_by_one_wake_the_group_a_few_times() {
    within(LONG, || {
        for backwards in [false, true] {
            let runtime = runtime(1);
            let (mut ends, starts): (Vec<_>, Vec<_>) =
                (0..1_000).map(|_| oneshot::channel()).unzip();
            let mut group = runtime.handle().spawn_many(starts);
            let polls = Counter::new();
            let count = polls.clone();
            let parent = runtime.spawn(async move {
                poll_fn(|cx| {
                    count.add();
                    Pin::new(&mut group).poll(cx)
                })
                .await
                .len()
            });
            polls.wait_for(1);
            if !backwards {
                ends.reverse();
            }
            while let Some(end) = ends.pop() {
                end.send(()).unwrap();
                drop(Blocker::new(runtime.handle()));
            }
            assert_eq!(runtime.block_on(parent).unwrap(), 1_000);
            // The expectation is 8.5, and the choice is the same each time.
            assert!(polls.get() < 40, "{} polls", polls.get());
        }
    });
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    within(LONG, || {
        let runtime = runtime(1);
        let (end, start) = oneshot::channel::<()>();
        let mut group = runtime.handle().spawn_many([start]);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut group).poll(cx).is_pending()));
        assert!(block_on(first));
        let second = runtime.spawn(async move { group.await.len() });
        drop(Blocker::new(runtime.handle()));
        end.send(()).unwrap();
        assert_eq!(block_on(second).unwrap(), 1);
    });
}

#[test]
fn polled_again_after_its_outputs_it_panics() {
    let gone = runtime(1).handle().clone();
    let mut group = gone.spawn_many([ready(1)]);
    assert_eq!((group.len(), group.is_empty(), group.is_finished()), (1, false, true));
    assert!(block_on(&mut group).all(|output| output.unwrap_err().is_cancelled()));
    assert_eq!((group.len(), group.is_empty(), group.is_finished()), (0, true, true));
    let text = panic_text(move || drop(block_on(group)));
    assert!(text.contains("JoinGroup polled after completion"), "{text}");
}

#[test]
fn outside_a_runtime_it_panics() {
    let text = panic_text(|| drop(filch::spawn_many([ready(1)])));
    assert!(text.contains("no running event loop"), "{text}");
}

#[test]
fn on_a_runtime_that_is_gone_all_tasks_are_cancelled() {
    within(LONG, || {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        drop(runtime);
        let alive = Arc::new(());
        let tasks = (0..1_000).map(|_| {
            let alive = alive.clone();
            async move { drop(alive) }
        });
        let group = handle.spawn_many(tasks);
        assert_eq!(Arc::strong_count(&alive), 1, "a future was not dropped");
        assert!(block_on(group).all(|output| output.unwrap_err().is_cancelled()));
    });
}

#[test]
fn a_shutdown_in_the_middle_drops_the_futures_of_all() {
    within(LONG, || {
        for workers in [1, 2] {
            for middle in [0, 2, 4, 50] {
                let runtime = runtime(workers);
                let alive = Arc::new(());
                let (begun, closed) = (Event::new(), Event::new());
                let (own, begin, close) = (alive.clone(), begun.clone(), closed.clone());
                let task = runtime.spawn(async move {
                    let tasks = (0..100).map(|n| {
                        if n == middle {
                            begin.set();
                            close.wait();
                        }
                        let own = own.clone();
                        async move {
                            pending::<()>().await;
                            drop(own);
                        }
                    });
                    (filch::spawn_many(tasks),)
                });
                begun.wait();
                runtime.shutdown_background();
                closed.set();
                let (group,) = block_on(task).expect("its last poll comes to its end");
                assert!(block_on(group).all(|output| output.unwrap_err().is_cancelled()));
                assert_eq!(Arc::strong_count(&alive), 1, "a future outlived its runtime");
            }
        }
    });
}

#[test]
fn a_shutdown_races_with_a_thread_that_spawns_many() {
    within(LONG, || {
        for round in 0..300_u32 {
            let runtime = filch::Runtime::builder().worker_threads(2).build().unwrap();
            let (handle, alive) = (runtime.handle().clone(), Arc::new(()));
            let (own, begun) = (alive.clone(), Event::new());
            let start = begun.clone();
            let spawner = std::thread::spawn(move || {
                let tasks = (0..100).map(|n| {
                    if n == round % 20 {
                        start.set();
                    }
                    let own = own.clone();
                    async move {
                        filch::yield_now().await;
                        drop(own);
                        n
                    }
                });
                for (place, output) in (0..).zip(block_on(handle.spawn_many(tasks))) {
                    assert!(output.map_or_else(|error| error.is_cancelled(), |n| n == place));
                }
            });
            begun.wait();
            drop(runtime);
            spawner.join().unwrap();
            assert_eq!(Arc::strong_count(&alive), 1, "a future leaked");
        }
    });
}

#[test]
fn groups_and_outputs_are_send_sync_and_unpin() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe>() {}
    check::<JoinGroup<std::cell::Cell<i32>>>();
    check::<JoinOutputs<i32>>();
}
