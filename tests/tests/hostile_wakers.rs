//! A task's waker works from anywhere, at any time, in any number.

use filch::Handle;
use filch_tests::probe::{Counts, Ending, Probe, Script};
use filch_tests::wakers::Hooks;
use filch_tests::{Blocker, Counter, Event, LONG, runtime, within};
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Spawns a task that is pending for ever, and waits until it is idle on the one free worker.
fn idle_probe(handle: &Handle) -> (filch::JoinHandle<filch_tests::probe::Output>, Arc<Counts>) {
    let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
    let task = handle.spawn(probe);
    counts.polls.wait_for(1);
    filch_tests::event::barrier(handle);
    (task, counts)
}

#[test]
fn a_waker_that_outlives_its_runtime_does_nothing() {
    within(LONG, || {
        let runtime = runtime(2);
        let (task, counts) = idle_probe(runtime.handle());
        let waker = counts.take_waker();
        drop(runtime);
        assert_eq!(counts.future_drops.get(), 1);
        waker.wake_by_ref();
        let clone = waker.clone();
        std::thread::spawn(move || clone.wake()).join().unwrap();
        drop(task);
        waker.wake_by_ref();
        waker.wake();
        assert_eq!(counts.polls.get(), 1);
    });
}

/// tokio#1886: `wake` dropped its task inline during shutdown.
#[test]
fn a_cancelled_future_may_wake_itself_and_others_while_it_is_dropped() {
    within(LONG, || {
        let runtime = runtime(1);
        let (other, other_counts) = idle_probe(runtime.handle());
        let (task, counts) = idle_probe(runtime.handle());
        let (own, others) = (counts.take_waker(), other_counts.take_waker());
        counts.during_drop(move || {
            own.wake_by_ref();
            own.wake();
            others.wake_by_ref();
            others.wake();
        });
        task.abort();
        counts.future_drops.wait_for(1);
        other_counts.polls.wait_for(2);
        assert!(runtime.block_on(task).is_err_and(|error| error.is_cancelled()));
        assert_eq!(counts.polls.get(), 1);
        drop(other);
    });
}

#[test]
fn a_task_that_wakes_itself_in_its_poll_is_polled_once_more() {
    for wakes in [1, 2, 1_000_000] {
        within(LONG, || {
            let runtime = runtime(1);
            let polls = Counter::new();
            let count = polls.clone();
            let task = runtime.spawn(poll_fn(move |cx| {
                if count.add() > 1 {
                    return Poll::Ready(());
                }
                for _ in 0..wakes {
                    cx.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            }));
            runtime.block_on(task).unwrap();
            assert_eq!(polls.get(), 2);
        });
    }
}

#[test]
fn a_task_may_wake_itself_by_value_and_from_another_thread_within_its_poll() {
    within(LONG, || {
        let runtime = runtime(2);
        let mut polls = 0;
        let task = runtime.spawn(poll_fn(move |cx| {
            polls += 1;
            let waker = cx.waker().clone();
            match polls {
                1 => waker.wake(),
                2 => std::thread::spawn(move || waker.wake()).join().unwrap(),
                3 => {
                    cx.waker().wake_by_ref();
                    std::thread::spawn(move || waker.wake()).join().unwrap();
                }
                _ => return Poll::Ready(polls),
            }
            Poll::Pending
        }));
        assert_eq!(runtime.block_on(task).unwrap(), 4);
    });
}

/// How a task's waker is used.
fn uses() -> [fn(&Waker); 3] {
    [
        Waker::wake_by_ref,
        |waker| {
            let clone = waker.clone();
            clone.wake();
        },
        |waker| {
            waker.wake_by_ref();
            drop(waker.clone());
        },
    ]
}

#[test]
fn a_task_may_be_woken_inside_the_poll_and_inside_the_destructor_of_another() {
    for wake in uses() {
        within(LONG, || {
            let runtime = runtime(1);
            let (_task, counts) = idle_probe(runtime.handle());
            let (first, second) = (counts.take_waker(), Counter::new());
            let polled = second.clone();
            let (other, other_counts) = Probe::new(Script::quiet(Ending::Ready));
            let in_drop = first.clone();
            other_counts.during_poll(1, move || {
                wake(&first);
                polled.add();
            });
            other_counts.during_drop(move || wake(&in_drop));
            runtime.block_on(runtime.spawn(other)).unwrap();
            counts.polls.wait_for(2);
            assert_eq!(second.get(), 1);
        });
    }
}

#[test]
fn a_task_may_be_woken_inside_the_clone_of_a_join_waker() {
    within(LONG, || {
        let runtime = runtime(1);
        let (mut task, counts) = idle_probe(runtime.handle());
        let waker = counts.take_waker();
        let hooks = Hooks { on_clone: Box::new(move || waker.wake_by_ref()), ..Hooks::default() };
        let (_hooks, hostile) = hooks.into_waker();
        let poll = std::pin::pin!(&mut task).poll(&mut Context::from_waker(&hostile));
        assert!(poll.is_pending());
        counts.polls.wait_for(2);
    });
}

#[test]
fn a_task_may_be_woken_from_another_runtime_of_ours_and_from_tokio() {
    within(LONG, || {
        let ours = runtime(1);
        let (_task, counts) = idle_probe(ours.handle());
        let waker = counts.take_waker();
        let other = runtime(1);
        let clone = waker.clone();
        other.block_on(other.spawn(async move { clone.wake() })).unwrap();
        counts.polls.wait_for(2);
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        tokio.block_on(tokio.spawn(async move { waker.wake() })).unwrap();
        counts.polls.wait_for(3);
    });
}

#[test]
fn a_million_clones_of_the_waker_of_a_finished_task_may_be_dropped_by_four_threads() {
    within(LONG, || {
        let runtime = runtime(2);
        let (task, counts) = idle_probe(runtime.handle());
        let waker = counts.take_waker();
        let piles: Vec<Vec<_>> =
            (0..4).map(|_| (0..250_000).map(|_| waker.clone()).collect()).collect();
        task.abort();
        assert!(runtime.block_on(task).is_err_and(|error| error.is_cancelled()));
        drop(waker);
        filch_tests::threads::scope(|scope| {
            for (index, pile) in piles.into_iter().enumerate() {
                scope.spawn(move || {
                    for waker in pile {
                        if index % 2 == 0 { waker.wake() } else { drop(waker) }
                    }
                });
            }
        });
        assert_eq!((counts.polls.get(), counts.future_drops.get()), (1, 1));
    });
}

/// tokio#2045, tokio#7699: two wakers of one task have to be known as such.
#[test]
fn will_wake_tells_tasks_apart_and_clones_not() {
    within(LONG, || {
        let runtime = runtime(1);
        let (_one, one) = idle_probe(runtime.handle());
        let (_two, two) = idle_probe(runtime.handle());
        let (first, other) = (one.take_waker(), two.take_waker());
        assert!(first.will_wake(&first.clone()));
        assert!(!first.will_wake(&other));
        first.wake_by_ref();
        one.polls.wait_for(2);
        filch_tests::event::barrier(runtime.handle());
        assert!(first.will_wake(&one.take_waker()), "the waker changed from one poll to the next");
    });
}

#[test]
fn a_storm_of_wakes_from_64_threads_makes_one_queue_entry_and_one_poll() {
    within(LONG, || {
        let runtime = runtime(1);
        let (_task, counts) = idle_probe(runtime.handle());
        let waker = counts.take_waker();
        let blocker = Blocker::new(runtime.handle());
        filch_tests::threads::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| (0..1_000).for_each(|_| waker.wake_by_ref()));
            }
        });
        let metrics = runtime.metrics();
        assert_eq!(metrics.injected + metrics.workers[0].queued, 1);
        blocker.release();
        counts.polls.wait_for(2);
        filch_tests::event::barrier(runtime.handle());
        assert_eq!(counts.polls.get(), 2);
    });
}

/// nexosim and filch count wakes; the count must not run over within one poll.
#[test]
fn a_hundred_million_wakes_within_one_poll_are_one() {
    within(LONG, || {
        let runtime = runtime(1);
        let (probe, counts) = Probe::new(Script::quiet(Ending::PendingThenReady));
        let task = runtime.spawn(probe);
        counts.polls.wait_for(1);
        filch_tests::event::barrier(runtime.handle());
        let waker = counts.take_waker();
        let (entered, release) = (Event::new(), Event::new());
        let (inside, go_on) = (entered.clone(), release.clone());
        counts.during_poll(2, move || {
            inside.set();
            go_on.wait();
        });
        waker.wake_by_ref();
        entered.wait();
        let wakes = if cfg!(debug_assertions) { (1 << 26) + 9 } else { 100_000_000 };
        for _ in 0..wakes {
            waker.wake_by_ref();
        }
        release.set();
        runtime.block_on(task).unwrap();
        assert_eq!(counts.polls.get(), 2);
    });
}

#[test]
fn a_forgotten_waker_keeps_nothing_but_its_own_task() {
    within(LONG, || {
        let runtime = runtime(2);
        let (task, counts) = idle_probe(runtime.handle());
        std::mem::forget(counts.take_waker());
        let (_second, second_counts) = idle_probe(runtime.handle());
        task.abort();
        assert!(runtime.block_on(task).is_err_and(|error| error.is_cancelled()));
        assert_eq!(counts.future_drops.get(), 1);
        // The first has left the registry by now. The second enters it when its first poll is over,
        // on the other worker perhaps; any other count stays for ever, and the watchdog says so.
        while runtime.metrics().registered_tasks != 1 {
            std::thread::yield_now();
        }
        std::mem::forget(second_counts.take_waker());
        drop(runtime);
        assert_eq!(second_counts.future_drops.get(), 1);
    });
}

/// ngx-rust#295: `wake` must not poll inline, for the waker may hold what the poll wants.
#[test]
fn a_waker_may_hold_a_lock_that_the_woken_poll_takes() {
    within(LONG, || {
        let runtime = runtime(1);
        let lock = Arc::new(Mutex::new(0));
        let polled = Counter::new();
        let wakers = Arc::new(Mutex::new(None));
        let (count, keep, own) = (polled.clone(), wakers.clone(), lock.clone());
        drop(runtime.spawn(poll_fn(move |cx| {
            *own.lock() += 1;
            *keep.lock() = Some(cx.waker().clone());
            count.add();
            Poll::<()>::Pending
        })));
        polled.wait_for(1);
        filch_tests::event::barrier(runtime.handle());
        let waker = wakers.lock().take().unwrap();
        {
            let held = lock.lock();
            waker.wake_by_ref();
            drop(held);
        }
        polled.wait_for(2);
        let own = lock.clone();
        let task = runtime.spawn(async move {
            let held = own.lock();
            waker.wake();
            drop(held);
        });
        runtime.block_on(task).unwrap();
        polled.wait_for(3);
        assert_eq!(*lock.lock(), 3);
    });
}
