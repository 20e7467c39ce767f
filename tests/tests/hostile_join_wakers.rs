//! A join waker of anybody's make may panic or call back into the runtime whenever it is cloned,
//! woken or dropped: the task, its handle and the worker go on.

use filch::{Handle, JoinHandle, Runtime};
use filch_tests::event::barrier;
use filch_tests::probe::{Counts, Ending, Output, Probe, Script};
use filch_tests::quiet::explode_with;
use filch_tests::wakers::{CountingWaker, Hook, Hooks};
use filch_tests::{Bomb, Counter, Event, LONG, caught, explode, runtime, within};
use parking_lot::Mutex;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A task that is idle until it is woken, and is ready then.
fn idle_task(runtime: &Runtime) -> (JoinHandle<Output>, Arc<Counts>) {
    let (probe, counts) = Probe::new(Script::quiet(Ending::PendingThenReady));
    let task = runtime.spawn(probe);
    counts.polls.wait_for(1);
    barrier(runtime.handle());
    (task, counts)
}

fn poll(task: &mut JoinHandle<Output>, waker: &Waker) -> Poll<Result<Output, filch::JoinError>> {
    pin!(task).poll(&mut Context::from_waker(waker))
}

fn bomb(name: &'static str) -> Hook {
    Box::new(move || explode(name))
}

/// The live wakers of these hooks.
fn wakers(hooks: &Arc<Hooks>) -> usize {
    Arc::strong_count(hooks) - 1
}

#[test]
fn a_join_waker_whose_clone_panics_panics_in_the_poll_and_leaves_the_handle_usable() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_task(&runtime);
        let (hooks, waker) = Hooks { on_clone: bomb("clone"), ..Hooks::default() }.into_waker();
        for _ in 0..3 {
            let payload = caught(|| poll(&mut task, &waker)).err().expect("the clone's panic");
            assert_eq!(Bomb::name_of(&*payload), Some("clone"));
        }
        drop(waker);
        assert_eq!(wakers(&hooks), 0);
        counts.take_waker().wake();
        assert!(runtime.block_on(task).is_ok());
    });
}

#[test]
fn a_clone_that_panics_leaves_the_waker_registered_before_it_in_place() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_task(&runtime);
        let (good, good_waker) = CountingWaker::new();
        assert!(poll(&mut task, &good_waker).is_pending());
        let (_hooks, bad) = Hooks { on_clone: bomb("clone"), ..Hooks::default() }.into_waker();
        assert!(caught(|| poll(&mut task, &bad)).is_err());
        counts.take_waker().wake();
        good.wait_for(1);
        assert!(poll(&mut task, &bad).is_ready());
    });
}

#[test]
fn a_join_waker_whose_wake_or_drop_panics_does_not_reach_the_worker() {
    for payload_panics in [false, true] {
        for in_wake in [true, false] {
            within(LONG, || {
                let runtime = runtime(1);
                let (mut task, counts) = idle_task(&runtime);
                let woken = Counter::new();
                let woke = woken.clone();
                let hostile: Hook = Box::new(move || {
                    woke.add();
                    let cargo = payload_panics.then(|| Box::new(filch_tests::quiet::Chain(3)) as _);
                    explode_with("waker", cargo)
                });
                let hooks = match in_wake {
                    true => Hooks { on_wake: hostile, ..Hooks::default() },
                    false => Hooks { on_drop: hostile, ..Hooks::default() },
                };
                let (hooks, waker) = hooks.into_waker();
                assert!(poll(&mut task, &waker).is_pending());
                std::mem::forget(waker);
                counts.take_waker().wake();
                woken.wait_for(1);
                barrier(runtime.handle());
                assert_eq!(wakers(&hooks), 1, "all but the forgotten one are gone");
                assert!(runtime.block_on(task).is_ok());
            });
        }
    }
}

#[test]
fn a_join_waker_whose_drop_panics_does_not_reach_who_polls_or_drops_the_handle() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_task(&runtime);
        let drops = Counter::new();
        let register = |task: &mut JoinHandle<Output>| {
            let count = drops.clone();
            let on_drop = Box::new(move || {
                count.add();
                explode("drop");
            });
            let (_hooks, waker) = Hooks { on_drop, ..Hooks::default() }.into_waker();
            assert!(poll(task, &waker).is_pending());
            std::mem::forget(waker);
        };
        register(&mut task);
        assert!(poll(&mut task, Waker::noop()).is_pending(), "replaces the hostile one");
        assert_eq!(drops.get(), 1);
        register(&mut task);
        drop(task);
        assert_eq!(drops.get(), 2);
        counts.take_waker().wake();
        counts.output_drops.wait_for(1);
    });
}

/// What a hostile hook does to the runtime.
#[derive(Clone, Copy, Debug)]
enum Reentry {
    Spawn,
    SpawnAndJoin,
    AbortThisTask,
    DropThisHandle,
    DropAnotherHandle,
    WakeAnother,
}

const REENTRIES: [Reentry; 6] = [
    Reentry::Spawn,
    Reentry::SpawnAndJoin,
    Reentry::AbortThisTask,
    Reentry::DropThisHandle,
    Reentry::DropAnotherHandle,
    Reentry::WakeAnother,
];

/// Makes the hook; the second value counts its calls.
fn reenter(
    reentry: Reentry,
    handle: &Handle,
    this: &Arc<Mutex<Option<JoinHandle<Output>>>>,
    abort: filch::AbortHandle,
    other: (JoinHandle<Output>, Arc<Counts>),
) -> (Hook, Counter) {
    let (handle, this, calls) = (handle.clone(), this.clone(), Counter::new());
    let (count, (task, counts)) = (calls.clone(), other);
    let task = Mutex::new(Some(task));
    let hook = Box::new(move || {
        match reentry {
            Reentry::Spawn => drop(handle.spawn(async {})),
            Reentry::SpawnAndJoin => {
                let mut task = handle.spawn(async {});
                let _ = pin!(&mut task).poll(&mut Context::from_waker(Waker::noop()));
            }
            Reentry::AbortThisTask => abort.abort(),
            // Whoever polls the handle holds the lock.
            Reentry::DropThisHandle => drop(this.try_lock().and_then(|mut this| this.take())),
            Reentry::DropAnotherHandle => drop(task.lock().take()),
            Reentry::WakeAnother => counts.wake(),
        }
        count.add();
    });
    (hook, calls)
}

#[test]
fn a_join_waker_may_call_back_into_the_runtime_when_it_is_cloned_woken_and_dropped() {
    within(LONG, || {
        let runtime = runtime(1);
        for reentry in REENTRIES {
            for place in 0..3 {
                let (task, counts) = idle_task(&runtime);
                let abort = task.abort_handle();
                let this = Arc::new(Mutex::new(Some(task)));
                let other = idle_task(&runtime);
                let (hook, calls) = reenter(reentry, runtime.handle(), &this, abort.clone(), other);
                let hooks = match place {
                    0 => Hooks { on_clone: hook, ..Hooks::default() },
                    1 => Hooks { on_wake: hook, ..Hooks::default() },
                    _ => Hooks { on_drop: hook, ..Hooks::default() },
                };
                let (hooks, waker) = hooks.into_waker();
                if let Some(task) = this.lock().as_mut() {
                    assert!(poll(task, &waker).is_pending(), "{reentry:?}");
                }
                drop(waker);
                if !matches!(reentry, Reentry::AbortThisTask) {
                    counts.take_waker().wake();
                } else if place == 1 {
                    abort.abort();
                }
                counts.future_drops.wait_for(1);
                calls.wait_for(1);
                barrier(runtime.handle());
                assert!(abort.is_finished(), "{reentry:?} {place}");
                drop(this.lock().take());
                assert_eq!(wakers(&hooks), 0, "{reentry:?} {place}");
            }
        }
    });
}

#[test]
fn a_join_waker_that_polls_again_is_not_cloned_again() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_task(&runtime);
        let clones = Counter::new();
        let count = clones.clone();
        let on_clone: Hook = Box::new(move || {
            count.add();
        });
        let (hooks, waker) = Hooks { on_clone, ..Hooks::default() }.into_waker();
        for _ in 0..100 {
            assert!(poll(&mut task, &waker).is_pending());
        }
        assert_eq!(clones.get(), 1);
        drop(waker);
        counts.take_waker().wake();
        assert!(runtime.block_on(task).is_ok());
        assert_eq!(wakers(&hooks), 0);
    });
}

#[test]
fn a_join_waker_may_shut_down_another_runtime() {
    within(LONG, || {
        let (ours, other) = (runtime(1), runtime(1));
        let (mut task, counts) = idle_task(&ours);
        let (_other_task, other_counts) = idle_task(&other);
        let (other, gone) = (Mutex::new(Some(other)), Event::new());
        let over = gone.clone();
        let on_wake: Hook = Box::new(move || {
            drop(other.lock().take());
            over.set();
        });
        let (_hooks, waker) = Hooks { on_wake, ..Hooks::default() }.into_waker();
        assert!(poll(&mut task, &waker).is_pending());
        counts.take_waker().wake();
        gone.wait();
        assert_eq!(other_counts.future_drops.get(), 1);
        assert!(ours.block_on(task).is_ok());
    });
}

/// tokio#4724: two tasks that held each other's join wakers were never freed.
#[test]
fn two_tasks_that_await_each_other_are_dropped_with_their_runtime() {
    within(LONG, || {
        let runtime = runtime(1);
        let (drops, polled) = (Arc::new(()), Counter::new());
        let (send_one, recv_one) = futures_channel::oneshot::channel::<filch::JoinHandle<()>>();
        let (send_two, recv_two) = futures_channel::oneshot::channel::<filch::JoinHandle<()>>();
        let spawn = |recv: futures_channel::oneshot::Receiver<filch::JoinHandle<()>>| {
            let (token, polled) = (drops.clone(), polled.clone());
            runtime.spawn(async move {
                let _token = token;
                let other = recv.await.unwrap();
                polled.add();
                let _ = other.await;
                pending::<()>().await;
            })
        };
        let (one, two) = (spawn(recv_one), spawn(recv_two));
        send_one.send(two).unwrap();
        send_two.send(one).unwrap();
        polled.wait_for(2);
        drop(runtime);
        assert_eq!(Arc::strong_count(&drops), 1);
    });
}

/// tokio#2087: the join waker must be the last one that polled, and the others must be let go.
#[test]
fn only_the_last_of_a_thousand_join_wakers_is_woken() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_task(&runtime);
        let mut wakers = Vec::new();
        for _ in 0..1_000 {
            let (counter, waker) = CountingWaker::new();
            assert!(poll(&mut task, &waker).is_pending());
            wakers.push(counter);
        }
        let last = wakers.pop().unwrap();
        assert!(wakers.iter().all(|counter| counter.wakers() == 0));
        assert_eq!(last.wakers(), 1);
        task.abort();
        last.wait_for(1);
        assert_eq!(counts.future_drops.get(), 1);
        assert!(wakers.iter().all(|counter| counter.wakes() == 0));
    });
}
