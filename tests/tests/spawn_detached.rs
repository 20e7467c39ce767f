//! Tasks without a handle: whatever becomes of them, they are run, reported and dropped as those whose
//! handle is dropped at once.

use filch::Runtime;
use filch_tests::event::wait_until_closed;
use filch_tests::{Blocker, Counter, Event, LONG, explode, panic_text, runtime, within};
use parking_lot::Mutex;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

#[test]
fn detached_tasks_run_wherever_they_are_spawned() {
    within(LONG, || {
        for workers in [1, 2, 4] {
            let (runtime, ran) = (runtime(workers), Counter::new());
            let counted = || {
                let ran = ran.clone();
                async move {
                    ran.add();
                }
            };
            runtime.spawn_detached(counted());
            runtime.handle().spawn_detached(counted());
            let (inside, nested) = (counted(), counted());
            runtime.spawn_detached(async move {
                filch::yield_now().await;
                filch::spawn_detached(async move {
                    inside.await;
                    filch::spawn_detached(nested);
                });
            });
            runtime.block_on(async { filch::spawn_detached(counted()) });
            let (handle, foreign, entered) = (runtime.handle().clone(), counted(), counted());
            let spawner = thread::spawn(move || {
                handle.spawn_detached(foreign);
                let _guard = handle.enter();
                filch::spawn_detached(entered);
            });
            spawner.join().expect("no panic");
            ran.wait_for(7);
            drop(runtime);
            assert_eq!(ran.get(), 7);
        }
    });
}

#[test]
fn outside_of_a_runtime_it_says_what_is_missing() {
    let text = panic_text(|| filch::spawn_detached(async {}));
    assert!(text.starts_with("no running event loop"), "{text}");
}

#[test]
fn a_panic_is_reported_once_and_the_worker_goes_on() {
    within(LONG, || {
        let reported = Counter::new();
        let heard = reported.clone();
        let mut builder = Runtime::builder();
        builder.worker_threads(1).on_unhandled_panic(move |_| {
            heard.add();
        });
        let runtime = builder.build().expect("the thread starts");
        runtime.spawn_detached(async { explode("at once") });
        runtime.spawn_detached(async {
            filch::yield_now().await;
            explode("later")
        });
        reported.wait_for(2);
        runtime.block_on(runtime.spawn(async {})).expect("no panic");
        assert_eq!((reported.get(), runtime.metrics().unhandled_panics), (2, 2));
    });
}

/// A task that ends, waits or is queued when the runtime goes: its future is dropped, and its memory freed
/// when the last waker is.
#[test]
fn the_future_is_dropped_whatever_state_the_task_is_in() {
    within(LONG, || {
        for workers in [1, 2] {
            let (runtime, held) = (runtime(workers), Arc::new(()));
            let waiting = Event::new();
            let (ended, waits, queued) = (held.clone(), held.clone(), held.clone());
            runtime.spawn_detached(async move { drop(ended) });
            let is_waiting = waiting.clone();
            runtime.spawn_detached(async move {
                is_waiting.set();
                pending::<()>().await;
                drop(waits);
            });
            waiting.wait();
            let blockers: Vec<_> = (0..workers).map(|_| Blocker::new(runtime.handle())).collect();
            runtime.spawn_detached(async move { drop(queued) });
            let handle = runtime.handle().clone();
            let closer = thread::spawn(move || drop(runtime));
            wait_until_closed(&handle);
            blockers.into_iter().for_each(Blocker::release);
            closer.join().expect("no panic");
            assert_eq!(Arc::strong_count(&held), 1);
            let refused = held.clone();
            handle.spawn_detached(async move { drop(refused) });
            assert_eq!(Arc::strong_count(&held), 1, "dropped before it returned");
        }
    });
}

#[test]
fn wakers_outlive_the_task_and_its_runtime() {
    within(LONG, || {
        let (runtime, wakers) = (runtime(2), Arc::new(Mutex::new(Vec::<Waker>::new())));
        let (polled, ended) = (Counter::new(), Event::new());
        for _ in 0..100 {
            let (wakers, polled, ended) = (wakers.clone(), polled.clone(), ended.clone());
            let mut polls = 0;
            runtime.spawn_detached(poll_fn(move |cx| {
                wakers.lock().push(cx.waker().clone());
                polls += 1;
                polled.add();
                if polls < 2 && !ended.is_set() { Poll::Pending } else { Poll::Ready(()) }
            }));
        }
        polled.wait_for(100);
        wakers.lock().clone().into_iter().for_each(Waker::wake);
        polled.wait_for(200);
        wakers.lock().iter().for_each(Waker::wake_by_ref);
        drop(runtime);
        ended.set();
        let wakers = std::mem::take(&mut *wakers.lock());
        wakers.iter().for_each(Waker::wake_by_ref);
        wakers.into_iter().for_each(Waker::wake);
        assert_eq!(polled.get(), 200);
    });
}
