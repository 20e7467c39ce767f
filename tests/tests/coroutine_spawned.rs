//! A coroutine whose steps run as tasks: sent to from anywhere, by one owner at a time.

use filch::coroutine::{Co, Coroutine, SendError, Spawned, Step, StepError};
use filch_tests::{Counter, Event, LONG, explode, panic_text, runtime, within};
use futures_lite::future::block_on;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

/// Counts its drop.
struct OnDrop(Counter);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

fn adder() -> Coroutine<u64, u64, u64> {
    let body = async |co: Co<u64, u64>| {
        let mut sum = 0;
        while let Some(n) = co.suspend(sum).await {
            filch::yield_now().await;
            sum += n;
        }
        sum
    };
    Coroutine::new(body).erase()
}

#[test]
fn nothing_runs_before_the_first_send() {
    within(LONG, || {
        let runtime = runtime(2);
        let _entered = runtime.handle().enter();
        let (ran, drops) = (Counter::new(), Counter::new());
        let (count, local) = (ran.clone(), OnDrop(drops.clone()));
        let spawned = Coroutine::new(async move |_: Co<(), ()>| {
            let _local = &local;
            count.add();
        })
        .spawn();
        assert_eq!(runtime.metrics().workers.iter().map(|worker| worker.polls).sum::<u64>(), 0);
        drop(spawned);
        assert_eq!((ran.get(), drops.get()), (0, 1));
    });
}

#[test]
fn another_task_sends_and_hands_it_back() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut adder = adder().spawn();
            assert_eq!(adder.send(None).await.unwrap(), Step::Yielded(0));
            for _ in 0..100 {
                adder = filch::spawn(async move {
                    let _ = adder.send(Some(1)).await.unwrap();
                    adder
                })
                .await
                .unwrap();
            }
            assert_eq!(adder.send(None).await.unwrap(), Step::Complete(100));
            let error = adder.send(Some(1)).await.unwrap_err();
            assert!(matches!(error, StepError::Send(SendError::Finished(Some(1)))));
        });
    });
}

#[test]
fn threads_outside_send_too() {
    within(LONG, || {
        let runtime = runtime(2);
        let entered = runtime.handle().enter();
        let mut adder = adder().spawn();
        drop(entered);
        let thread = thread::spawn(move || {
            block_on(async {
                assert_eq!(adder.send(None).await.unwrap(), Step::Yielded(0));
                for n in 1..=50 {
                    assert_eq!(adder.send(Some(2)).await.unwrap(), Step::Yielded(2 * n));
                }
            });
            adder
        });
        let mut adder = thread.join().expect("the thread does not panic");
        assert_eq!(runtime.block_on(adder.send(None)).unwrap(), Step::Complete(100));
    });
}

#[test]
fn its_steps_run_on_the_runtimes_workers() {
    within(LONG, || {
        let runtime = runtime(1);
        let _entered = runtime.handle().enter();
        let mut spawned = Coroutine::new(async |_: Co<(), ()>| thread::current().id()).spawn();
        let Step::Complete(worker) = block_on(spawned.send(None)).unwrap() else {
            panic!("it yields nothing")
        };
        assert_ne!(worker, thread::current().id());
    });
}

#[test]
fn collecting_gives_what_it_yielded_and_what_it_returned() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let words = Coroutine::new(async |co: Co<&str, ()>| {
                for word in ["a", "b"] {
                    filch::yield_now().await;
                    co.suspend(word).await;
                }
                2
            });
            assert_eq!(words.spawn().collect().await.unwrap(), (vec!["a", "b"], 2));
        });
    });
}

#[test]
fn a_value_that_is_refused_comes_back() {
    within(LONG, || {
        let runtime = runtime(1);
        runtime.block_on(async {
            let mut adder = adder().spawn();
            let error = adder.send(Some(5)).await.unwrap_err();
            assert_eq!(error.to_string(), "can't send non-None value to a just-started coroutine");
            assert!(matches!(error, StepError::Send(SendError::JustStarted(5))));
            assert_eq!(adder.send(None).await.unwrap(), Step::Yielded(0));
        });
    });
}

#[test]
fn a_send_that_is_dropped_goes_on_and_can_be_waited_for_again() {
    within(LONG, || {
        let runtime = runtime(1);
        runtime.block_on(async {
            let open = Event::new();
            let gate = open.clone();
            let mut spawned = Coroutine::new(async move |co: Co<u8, u8>| {
                gate.happened().await;
                co.suspend(1).await
            })
            .spawn();
            {
                let mut send = pin!(spawned.send(None));
                assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            let error = spawned.send(Some(7)).await.unwrap_err();
            assert!(matches!(error, StepError::Send(SendError::Pending(Some(7)))));
            open.set();
            assert_eq!(spawned.send(None).await.unwrap(), Step::Yielded(1));
            assert_eq!(spawned.send(Some(2)).await.unwrap(), Step::Complete(Some(2)));
        });
    });
}

#[test]
fn a_panic_comes_to_the_sender_and_finishes_it() {
    within(LONG, || {
        let runtime = runtime(1);
        runtime.block_on(async {
            let drops = Counter::new();
            let local = OnDrop(drops.clone());
            let body = async move |co: Co<u8, u8>| {
                let _local = local;
                co.suspend(1).await;
                explode("a step")
            };
            let mut spawned = Coroutine::<_, _, ()>::new(body).spawn();
            assert_eq!(spawned.send(None).await.unwrap(), Step::Yielded(1));
            let error = spawned.send(None).await.unwrap_err();
            assert!(matches!(error, StepError::Join(error) if error.is_panic()));
            assert_eq!(drops.get(), 1);
            let error = spawned.send(Some(3)).await.unwrap_err();
            assert!(matches!(error, StepError::Send(SendError::Finished(Some(3)))));
            assert!(spawned.into_inner().is_none());
        });
        assert_eq!(runtime.metrics().unhandled_panics, 0);
    });
}

#[test]
fn dropping_it_while_a_step_waits_drops_the_body() {
    within(LONG, || {
        let runtime = runtime(2);
        let (drops, begun) = (Counter::new(), Event::new());
        runtime.block_on(async {
            let mut spawned = waits_for_ever(&drops, &begun).spawn();
            {
                let mut send = pin!(spawned.send(None));
                assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                begun.happened().await;
            }
            drop(spawned);
            drops.reached(1).await;
        });
    });
}

fn waits_for_ever(drops: &Counter, begun: &Event) -> Coroutine<(), (), ()> {
    let (local, begun) = (OnDrop(drops.clone()), begun.clone());
    let body = async move |_: Co<(), ()>| {
        let _local = local;
        begun.set();
        pending::<()>().await;
    };
    Coroutine::new(body).erase()
}

#[test]
fn the_runtimes_end_cancels_the_step_that_is_under_way() {
    within(LONG, || {
        let runtime = runtime(2);
        let (drops, begun) = (Counter::new(), Event::new());
        let entered = runtime.handle().enter();
        let mut spawned = waits_for_ever(&drops, &begun).spawn();
        drop(entered);
        let sender = thread::spawn(move || {
            let error = block_on(spawned.send(None)).unwrap_err();
            (error, block_on(spawned.send(None)).unwrap_err())
        });
        begun.wait();
        drop(runtime);
        assert_eq!(drops.get(), 1);
        let (first, second) = sender.join().expect("the thread does not panic");
        assert!(matches!(first, StepError::Join(error) if error.is_cancelled()));
        assert!(matches!(second, StepError::Send(SendError::Finished(None))));
    });
}

#[test]
fn after_the_runtimes_end_it_is_cancelled_at_the_next_send_or_taken_back() {
    within(LONG, || {
        let spawned = || {
            let runtime = runtime(1);
            let _entered = runtime.handle().enter();
            let mut adder: Spawned<u64, u64, u64> = adder().spawn();
            assert_eq!(block_on(adder.send(None)).unwrap(), Step::Yielded(0));
            adder
        };
        let mut sent_to = spawned();
        let error = block_on(sent_to.send(Some(1))).unwrap_err();
        assert!(matches!(error, StepError::Join(error) if error.is_cancelled()));

        let mut coroutine = spawned().into_inner().expect("no step is under way");
        assert_eq!(coroutine.send(None), Ok(Step::Complete(0)));
    });
}

#[test]
fn outside_a_runtime_it_cannot_be_spawned() {
    let text = panic_text(|| adder().spawn());
    assert!(text.starts_with("no running event loop"), "{text}");
}

#[test]
fn many_at_once_each_with_its_own_values() {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            let done = Arc::new(Counter::new());
            let tasks: Vec<_> = (0..50_u64)
                .map(|n| {
                    let done = done.clone();
                    filch::spawn(async move {
                        let mut adder = adder().spawn();
                        let _ = adder.send(None).await.unwrap();
                        for round in 1..=20 {
                            let step = adder.send(Some(n)).await.unwrap();
                            assert_eq!(step, Step::Yielded(n * round));
                        }
                        done.add();
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no task panics");
            }
            assert_eq!(done.get(), 50);
        });
    });
}
