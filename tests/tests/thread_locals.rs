//! Wakers, handles and runtimes may be used in the destructors of thread-locals: when the thread's
//! own part of the runtime still exists, and when it is gone already.
//!
//! A panic in such a destructor ends the process, so each test runs in one of its own.

use filch::{Handle, Runtime};
use filch_tests::child::in_child;
use filch_tests::probe::{Ending, Probe, Script};
use filch_tests::{Counter, LONG, runtime, within};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

type Action = Box<dyn FnOnce() + Send>;

/// Calls its actions when it is dropped.
#[derive(Default)]
struct AtExit(Vec<Action>);

impl Drop for AtExit {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|action| action());
    }
}

thread_local! {
    static AT_EXIT: RefCell<AtExit> = RefCell::new(AtExit::default());
}

fn at_exit(action: impl FnOnce() + Send + 'static) {
    AT_EXIT.with_borrow_mut(|at_exit| at_exit.0.push(Box::new(action)));
}

/// On which thread the destructor runs, and whether filch's own thread-locals are gone by then
/// (thread-locals are destroyed in the opposite order of their first use).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    ForeignBefore,
    ForeignAfter,
    WorkerBefore,
    WorkerAfter,
}

const PLACES: [Place; 4] =
    [Place::ForeignBefore, Place::ForeignAfter, Place::WorkerBefore, Place::WorkerAfter];

/// Has `action` called in a destructor at that place, and returns when its thread has ended.
fn in_destructor(place: Place, action: impl FnOnce() + Send + 'static) {
    let done = Counter::new();
    let count = done.clone();
    let action = move || {
        action();
        count.add();
    };
    match place {
        Place::ForeignBefore | Place::ForeignAfter => {
            let thread = std::thread::spawn(move || {
                let touch = || assert!(Handle::try_current().is_err());
                if place == Place::ForeignBefore {
                    touch();
                }
                at_exit(action);
                touch();
            });
            thread.join().unwrap();
        }
        Place::WorkerBefore | Place::WorkerAfter => {
            let action = Mutex::new(Some(action));
            let hook = move || action.lock().take().into_iter().for_each(at_exit);
            let mut builder = Runtime::builder();
            match place {
                // The first that the thread does.
                Place::WorkerAfter => builder.worker_threads(1).on_thread_start(hook),
                _ => builder.worker_threads(1).on_thread_stop(hook),
            };
            let runtime = builder.build().unwrap();
            runtime.block_on(runtime.spawn(async {})).unwrap();
            drop(runtime);
        }
    }
    // The thread of a worker is joined by the drop of its runtime.
    assert_eq!(done.get(), 1, "{place:?}");
}

/// tokio#6148.
#[test]
fn wakers_may_be_woken_and_dropped_in_a_destructor() {
    in_child("wakers_may_be_woken_and_dropped_in_a_destructor", &[], || {
        for place in PLACES {
            within(LONG, || {
                let runtime = runtime(1);
                let (probe, counts) = Probe::new(Script::quiet(Ending::PendingThenReady));
                let task = runtime.spawn(probe);
                counts.polls.wait_for(1);
                let waker = counts.take_waker();
                in_destructor(place, move || {
                    drop(waker.clone());
                    waker.wake_by_ref();
                    waker.wake();
                });
                assert!(runtime.block_on(task).is_ok());
            });
        }
    });
}

#[test]
fn tasks_may_be_spawned_aborted_and_detached_in_a_destructor() {
    in_child("tasks_may_be_spawned_aborted_and_detached_in_a_destructor", &[], || {
        for place in PLACES {
            within(LONG, || {
                let runtime = runtime(1);
                let handle = runtime.handle().clone();
                let (held, ran) = (runtime.spawn(pending::<()>()), Counter::new());
                let (idle, count) = (runtime.spawn(pending::<()>()), ran.clone());
                let finished = runtime.spawn(async { vec![1] });
                while !finished.is_finished() {
                    std::thread::yield_now();
                }
                let aborted = held.abort_handle();
                in_destructor(place, move || {
                    let mut task = handle.spawn(async move { count.add() });
                    let _ = pin!(&mut task).poll(&mut Context::from_waker(Waker::noop()));
                    drop(task);
                    aborted.abort();
                    drop((idle, finished, handle.metrics()));
                });
                ran.wait_for(1);
                assert!(runtime.block_on(held).is_err_and(|error| error.is_cancelled()));
            });
        }
    });
}

#[test]
fn tasks_spawned_in_a_destructor_on_a_dead_runtime_are_cancelled() {
    in_child("tasks_spawned_in_a_destructor_on_a_dead_runtime_are_cancelled", &[], || {
        for place in PLACES {
            within(LONG, || {
                let dead = runtime(1);
                let handle = dead.handle().clone();
                drop(dead);
                let (sender, receiver) = std::sync::mpsc::channel();
                in_destructor(place, move || {
                    sender.send(handle.spawn(async { 1 })).unwrap();
                });
                let task = receiver.recv().unwrap();
                assert!(futures_lite::future::block_on(task).is_err_and(|e| e.is_cancelled()));
            });
        }
    });
}

/// A worker's thread ends after its runtime is closed; what it does then with handles of that very
/// runtime has to resolve.
#[test]
fn a_worker_may_spawn_on_its_own_runtime_in_a_destructor() {
    in_child("a_worker_may_spawn_on_its_own_runtime_in_a_destructor", &[], || {
        within(LONG, || {
            let (sender, receiver) = std::sync::mpsc::channel();
            let runtime = runtime(1);
            let handle = runtime.handle().clone();
            let task = runtime.spawn(async move {
                at_exit(move || {
                    assert!(Handle::try_current().is_err());
                    sender.send(handle.spawn(async { 1 })).unwrap();
                });
            });
            // Not `block_on`: the task would run on this thread.
            while !task.is_finished() {
                std::thread::yield_now();
            }
            drop(runtime);
            let task = receiver.recv().unwrap();
            assert!(futures_lite::future::block_on(task).is_err_and(|error| error.is_cancelled()));
        });
    });
}

fn runtime_dropped_in(places: [Place; 2]) {
    for place in places {
        within(LONG, || {
            // Not watched: the watchdog's handle would keep what the drop has to free.
            let runtime = Runtime::builder().worker_threads(2).build().unwrap();
            let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
            let task = runtime.spawn(probe);
            counts.polls.wait_for(1);
            in_destructor(place, move || drop(runtime));
            assert_eq!(counts.future_drops.get(), 1);
            assert!(futures_lite::future::block_on(task).is_err_and(|error| error.is_cancelled()));
        });
    }
}

#[test]
fn a_runtime_may_be_dropped_in_a_destructor() {
    in_child("a_runtime_may_be_dropped_in_a_destructor", &[], || {
        runtime_dropped_in([Place::ForeignBefore, Place::WorkerBefore]);
    });
}

/// tokio#593, tokio#5179.
#[test]
fn a_runtime_may_be_dropped_in_a_destructor_that_runs_after_those_of_filch() {
    in_child(
        "a_runtime_may_be_dropped_in_a_destructor_that_runs_after_those_of_filch",
        &[],
        || {
            runtime_dropped_in([Place::ForeignAfter, Place::WorkerAfter]);
        },
    );
}

fn block_on_in(place: Place) {
    within(LONG, || {
        let runtime = Arc::new(runtime(1));
        let own = runtime.clone();
        in_destructor(place, move || {
            assert_eq!(own.block_on(async { filch::spawn(async { 3 }).await.unwrap() }), 3);
        });
        assert_eq!(runtime.block_on(async { 4 }), 4);
    });
}

#[test]
fn block_on_works_in_a_destructor() {
    in_child("block_on_works_in_a_destructor", &[], || block_on_in(Place::ForeignBefore));
}

/// async-std#358. Here the thread has lost the place where a runtime could be entered: whatever
/// becomes of the call, it must not be undefined, nor hang: it works or it panics with a text.
#[test]
fn block_on_after_the_destructors_of_filch_works_or_panics() {
    in_child("block_on_after_the_destructors_of_filch_works_or_panics", &[], || {
        within(LONG, || {
            let runtime = runtime(1);
            let handle = runtime.handle().clone();
            in_destructor(Place::ForeignAfter, move || {
                match filch_tests::caught(|| handle.block_on(async { 5 })) {
                    Ok(value) => assert_eq!(value, 5),
                    Err(payload) => assert!(filch_tests::quiet::text_of(&*payload).is_some()),
                }
                let _ = filch_tests::caught(|| drop(handle.enter()));
                assert!(Handle::try_current().is_err());
            });
            assert_eq!(runtime.block_on(async { 4 }), 4);
        });
    });
}
