//! Handles work on any thread and in any executor.

use filch::{Handle, JoinHandle};
use filch_tests::probe::{Ending, Probe, Script};
use filch_tests::wakers::CountingWaker;
use filch_tests::{Counter, LONG, runtime, within};
use futures_channel::oneshot;
use futures_lite::StreamExt;
use futures_lite::future::block_on;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

#[test]
fn tasks_spawned_by_64_threads_at_once_all_run_once() {
    for workers in [1, 2] {
        within(LONG, || {
            let runtime = runtime(workers);
            let (start, sum) = (Barrier::new(64), Arc::new(AtomicU64::new(0)));
            filch_tests::threads::scope(|threads| {
                for _ in 0..64 {
                    let (runtime, start, sum) = (&runtime, &start, &sum);
                    threads.spawn(move || {
                        start.wait();
                        let spawn = |number| {
                            let sum = sum.clone();
                            runtime.spawn(async move {
                                sum.fetch_add(number, Relaxed);
                                number
                            })
                        };
                        let tasks: Vec<_> = (1..=200).map(spawn).collect();
                        for (number, task) in (1..=200).zip(tasks) {
                            assert_eq!(block_on(task).unwrap(), number);
                        }
                    });
                }
            });
            assert_eq!(sum.load(Relaxed), 64 * 20_100);
        });
    }
}

#[test]
fn a_task_may_be_awaited_in_other_executors() {
    within(LONG, || {
        let (ours, other) = (runtime(1), runtime(1));
        let spawn = || {
            ours.spawn(async {
                filch::yield_now().await;
                3
            })
        };
        assert_eq!(block_on(spawn()).unwrap(), 3);
        let (task, handle) = (spawn(), spawn());
        assert_eq!(other.block_on(other.spawn(async { task.await.unwrap() })).unwrap(), 3);
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        assert_eq!(tokio.block_on(tokio.spawn(async { handle.await.unwrap() })).unwrap(), 3);
        tokio.block_on(async {
            assert_eq!(filch::Runtime::handle(&ours).spawn(async { 4 }).await.unwrap(), 4)
        });
    });
}

#[test]
fn a_handle_may_wander_from_thread_to_thread_between_two_polls() {
    within(LONG, || {
        let runtime = runtime(1);
        let (probe, counts) = Probe::new(Script::quiet(Ending::PendingThenReady));
        let mut task = runtime.spawn(probe);
        counts.polls.wait_for(1);
        let mut wakers = Vec::new();
        for _ in 0..20 {
            let (counter, waker) = CountingWaker::new();
            task = std::thread::spawn(move || {
                let poll = pin!(&mut task).poll(&mut Context::from_waker(&waker));
                assert!(poll.is_pending());
                task
            })
            .join()
            .unwrap();
            wakers.push(counter);
        }
        counts.take_waker().wake();
        let last = wakers.pop().unwrap();
        last.wait_for(1);
        assert!(wakers.iter().all(|waker| waker.wakes() == 0));
        assert!(std::thread::spawn(|| block_on(task).is_ok()).join().unwrap());
    });
}

/// tokio#2044: a handle that is dropped while the task completes.
#[test]
fn a_handle_dropped_while_its_task_completes_drops_the_output_once() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..5_000_u32 {
            let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
            let mut task = runtime.spawn(probe);
            if round.is_multiple_of(2) {
                let _ = pin!(&mut task).poll(&mut Context::from_waker(Waker::noop()));
            }
            for _ in 0..round % 256 {
                std::hint::spin_loop();
            }
            drop(task);
            counts.output_drops.wait_for(1);
            assert_eq!((counts.future_drops.get(), counts.polls.get()), (1, 1));
        }
    });
}

/// tokio#2087: a join waker that is replaced while the task completes. Whichever waker is current
/// then is woken: a loop that polls again only when it is woken must come to its end.
#[test]
fn a_join_waker_replaced_while_its_task_completes_is_not_lost() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..5_000_u32 {
            let (sender, receiver) = oneshot::channel::<()>();
            let mut task = runtime.spawn(async move { receiver.await.unwrap() });
            let thread = std::thread::spawn(move || sender.send(()));
            let mut registered = Vec::new();
            let done = loop {
                let (counter, waker) = CountingWaker::new();
                match pin!(&mut task).poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(result) => break result,
                    Poll::Pending if registered.len() < (round % 20) as usize => {
                        registered.push(counter);
                    }
                    Poll::Pending => counter.wait_for(1),
                }
            };
            done.unwrap();
            thread.join().unwrap().unwrap();
            assert!(registered.iter().all(|counter| counter.wakes() <= 1));
        }
    });
}

#[test]
fn abort_and_join_may_race_on_many_threads() {
    within(LONG, || {
        let runtime = runtime(2);
        for _ in 0..500 {
            let (probe, counts) = Probe::new(Script::quiet(Ending::PendingThenReady));
            let task = runtime.spawn(probe);
            counts.polls.wait_for(1);
            let (waker, aborts) = (counts.take_waker(), [(); 3].map(|()| task.abort_handle()));
            let start = Barrier::new(5);
            filch_tests::threads::scope(|threads| {
                for abort in aborts {
                    let start = &start;
                    threads.spawn(move || {
                        start.wait();
                        abort.abort();
                        let _ = abort.clone().is_finished();
                    });
                }
                threads.spawn(|| {
                    start.wait();
                    waker.wake();
                });
                start.wait();
                match block_on(task) {
                    Ok(output) => drop(output),
                    Err(error) => assert!(error.is_cancelled()),
                }
            });
            assert_eq!(counts.future_drops.get(), 1);
            assert_eq!(counts.outputs.get(), counts.output_drops.get());
        }
    });
}

#[test]
fn a_thread_and_a_task_may_hand_a_number_to_and_fro() {
    within(LONG, || {
        let runtime = runtime(2);
        let (to_task, mut inbox) =
            futures_channel::mpsc::unbounded::<(u32, oneshot::Sender<u32>)>();
        let task = runtime.spawn(async move {
            let mut received = 0;
            while let Some((number, answer)) = inbox.next().await {
                answer.send(number + 1).unwrap();
                received += 1;
            }
            received
        });
        let mut number = 0;
        for _ in 0..10_000 {
            let (answer, reply) = oneshot::channel();
            to_task.unbounded_send((number, answer)).unwrap();
            number = block_on(reply).unwrap();
        }
        drop(to_task);
        assert_eq!((number, block_on(task).unwrap()), (10_000, 10_000));
    });
}

#[test]
fn threads_started_by_tasks_may_use_the_handle() {
    within(LONG, || {
        let runtime = runtime(2);
        let count = Counter::new();
        let counted = count.clone();
        let task = runtime.spawn(async move {
            let handle = Handle::current();
            let threads = [(); 4].map(|()| {
                let (handle, count) = (handle.clone(), counted.clone());
                std::thread::spawn(move || {
                    assert!(Handle::try_current().is_err());
                    handle
                        .block_on(async { filch::spawn(async move { count.add() }).await })
                        .unwrap()
                })
            });
            assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
        });
        block_on(task).unwrap();
        assert_eq!(count.get(), 4);
    });
}

#[test]
fn ids_are_unique_and_the_same_in_all_handles() {
    within(LONG, || {
        let runtime = runtime(2);
        let spawn = |_| -> JoinHandle<()> { runtime.spawn(async {}) };
        let mut ids: Vec<_> = std::thread::scope(|threads| {
            let spawn_many = || (0..10_000).map(spawn).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| threads.spawn(spawn_many));
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .map(|task| {
                    assert_eq!(task.id(), task.abort_handle().id());
                    task.id()
                })
                .collect()
        });
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40_000);
    });
}
