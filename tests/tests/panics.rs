//! Panics stay in their box: they reach the handle, or the runtime's hook, and nothing else. Never
//! an abort, never a lost worker.

use filch::{JoinError, Runtime};
use filch_tests::child::{in_child, outcome_in_child};
use filch_tests::quiet::{Chain, ExplodesOnDrop, explode_with};
use filch_tests::{
    Blocker, Bomb, Counter, Event, LONG, caught, explode, panic_text, runtime, watch, within,
};
use parking_lot::Mutex;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

/// Both workers are there, and work: two tasks each wait, inside a poll, for the other one.
fn assert_both_workers_live(runtime: &Runtime) {
    let (one, two) = (Event::new(), Event::new());
    let meet = |mine: &Event, theirs: &Event| {
        let (mine, theirs) = (mine.clone(), theirs.clone());
        runtime.spawn(async move {
            mine.set();
            theirs.wait();
        })
    };
    let tasks = [meet(&one, &two), meet(&two, &one)];
    for task in tasks {
        futures_lite::future::block_on(task).expect("the two tasks met");
    }
}

fn name_of(error: JoinError) -> &'static str {
    Bomb::name_of(&*error.into_panic()).expect("one of our panics")
}

#[test]
fn the_handle_gives_what_the_task_panicked_with() {
    within(LONG, || {
        let runtime = runtime(1);
        let error = runtime.block_on(runtime.spawn(async { explode("one") })).unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(name_of(error), "one");
        let task = runtime.spawn(async { std::panic::resume_unwind(Box::new("two")) });
        let id = task.id();
        let error = runtime.block_on(task).unwrap_err();
        assert_eq!(error.id(), id);
        assert!(error.to_string().ends_with("panicked with message \"two\""), "{error}");
        let payload = error.try_into_panic().unwrap();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"two"));
    });
}

#[test]
fn the_error_of_a_cancelled_task_has_no_panic_to_give() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn(pending::<()>());
        task.abort();
        let error = runtime.block_on(task).unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        let error = error.try_into_panic().unwrap_err();
        let text = panic_text(|| error.into_panic());
        assert!(text.ends_with("was cancelled"), "{text}");
    });
}

#[test]
fn a_handle_polled_after_it_gave_its_result_panics() {
    within(LONG, || {
        let runtime = runtime(1);
        let mut task = runtime.spawn(async { 1 });
        assert_eq!(runtime.block_on(&mut task).unwrap(), 1);
        let text = panic_text(|| pin!(&mut task).poll(&mut Context::from_waker(Waker::noop())));
        assert_eq!(text, "JoinHandle polled after completion");
        assert!(task.is_finished());
        task.abort();
        task.abort_handle().abort();
    });
}

/// A runtime that counts the panics its hook hears of.
fn counting_runtime() -> (Runtime, Counter, Arc<Mutex<Vec<&'static str>>>) {
    let (calls, names) = (Counter::new(), Arc::new(Mutex::new(Vec::new())));
    let (count, heard) = (calls.clone(), names.clone());
    let mut builder = Runtime::builder();
    builder.worker_threads(1).on_unhandled_panic(move |payload| {
        heard.lock().push(Bomb::name_of(payload).unwrap_or("not ours"));
        count.add();
    });
    let runtime = builder.build().unwrap();
    watch(runtime.handle());
    (runtime, calls, names)
}

#[test]
fn a_panic_that_no_handle_collects_is_counted_and_reported_once() {
    within(LONG, || {
        let (runtime, calls, names) = counting_runtime();
        drop(runtime.spawn(async { explode("detached before") }));
        calls.wait_for(1);
        let after = runtime.spawn(async { explode("detached after") });
        while !after.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!(calls.get(), 1, "it may still be collected");
        drop(after);
        assert_eq!(calls.get(), 2);
        let destructor = ExplodesOnDrop("destructor");
        let task = runtime.spawn(async move {
            let _held = destructor;
            pending::<()>().await;
        });
        task.abort();
        drop(task);
        calls.wait_for(3);
        let names = names.lock().clone();
        assert_eq!(names, ["detached before", "detached after", "destructor"]);
        assert_eq!(runtime.metrics().unhandled_panics, 3);
    });
}

#[test]
fn a_panic_that_a_handle_gave_out_is_not_reported() {
    within(LONG, || {
        let (runtime, calls, _names) = counting_runtime();
        let error = runtime.block_on(runtime.spawn(async { explode("joined") })).unwrap_err();
        drop(error);
        let error = runtime.block_on(runtime.spawn(async { explode("joined") })).unwrap_err();
        drop(error.into_panic());
        let task = runtime.spawn(async {
            filch::spawn(async { explode("inner") }).await.unwrap_or(());
        });
        runtime.block_on(task).unwrap();
        assert_eq!((calls.get(), runtime.metrics().unhandled_panics), (0, 0));
    });
}

/// The one of an output that the handle takes along is caught and no more: as the hook's docs say,
/// the runtime may be gone by then.
#[test]
fn a_panic_in_the_destructor_of_an_output_that_a_worker_drops_is_reported() {
    within(LONG, || {
        let (runtime, calls, _names) = counting_runtime();
        let blocker = Blocker::new(runtime.handle());
        let before = runtime.spawn(async { ExplodesOnDrop("output") });
        let over = before.abort_handle();
        drop(before);
        blocker.release();
        while !over.is_finished() {
            std::thread::yield_now();
        }
        assert_eq!((calls.get(), runtime.metrics().unhandled_panics), (1, 1));
        let after = runtime.spawn(async { ExplodesOnDrop("output") });
        while !after.is_finished() {
            std::thread::yield_now();
        }
        drop(after);
        assert_eq!((calls.get(), runtime.metrics().unhandled_panics), (1, 1));
    });
}

#[test]
fn a_hook_that_panics_is_called_all_the_same_and_harms_nobody() {
    for chain in [0, 1, 2, 3] {
        within(LONG, || {
            let calls = Counter::new();
            let count = calls.clone();
            let mut builder = Runtime::builder();
            builder.worker_threads(2).on_unhandled_panic(move |_| {
                count.add();
                explode_with("hook", Some(Box::new(Chain(chain))));
            });
            let runtime = builder.build().unwrap();
            (0..10).for_each(|_| drop(runtime.spawn(async { explode("task") })));
            calls.wait_for(10);
            assert_both_workers_live(&runtime);
            assert_eq!(runtime.metrics().unhandled_panics, 10);
        });
    }
}

/// A runtime whose thread hooks panic, with payloads that panic `chain` times.
fn panicking_thread_hooks(chain: u32) {
    within(LONG / 3, || {
        let calls = Counter::new();
        let hook = || {
            let count = calls.clone();
            move || {
                count.add();
                explode_with("hook", Some(Box::new(Chain(chain))));
            }
        };
        let mut builder = Runtime::builder();
        builder.worker_threads(2).on_thread_start(hook()).on_thread_stop(hook());
        let runtime = builder.build().unwrap();
        watch(runtime.handle());
        assert_both_workers_live(&runtime);
        drop(runtime);
        assert_eq!(calls.get(), 4, "each hook once on each of two threads");
    });
}

#[test]
fn thread_hooks_that_panic_harm_nobody() {
    panicking_thread_hooks(0);
}

/// In a process of its own: a lost worker hangs, and the watchdog ends the process.
#[test]
fn thread_hooks_whose_panics_panic_when_they_are_dropped_harm_nobody() {
    let name = "thread_hooks_whose_panics_panic_when_they_are_dropped_harm_nobody";
    in_child(name, &[], || (1..=4).for_each(panicking_thread_hooks));
}

/// rust#86027: the payload of a panic may panic when it is dropped, and so on.
#[test]
fn payloads_that_panic_when_they_are_dropped_stay_in_the_box() {
    for depth in [1, 2, 3, 15, 16, 17, 100] {
        within(LONG, || {
            let runtime = runtime(2);
            let bomb = move || explode_with("task", Some(Box::new(Chain(depth))));
            let unhandled = runtime.metrics().unhandled_panics;
            drop(runtime.spawn(async move { bomb() }));
            let after = runtime.spawn(async move { bomb() });
            while !after.is_finished() || runtime.metrics().unhandled_panics == unhandled {
                std::thread::yield_now();
            }
            assert!(caught(|| drop(after)).is_ok());
            let error = runtime.block_on(runtime.spawn(async move { bomb() })).unwrap_err();
            assert!(caught(|| drop(error)).is_ok(), "the error's drop panicked");
            let held = Chain(depth);
            let aborted = runtime.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            aborted.abort();
            assert!(runtime.block_on(aborted).unwrap_err().is_panic());
            assert_both_workers_live(&runtime);
        });
    }
}

/// A future that leaves a value behind for its destructor, and panics.
struct PanicsTwice(#[expect(dead_code, reason = "it is there to be dropped")] ExplodesOnDrop);

impl Future for PanicsTwice {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> std::task::Poll<()> {
        explode("poll")
    }
}

#[test]
fn of_a_panic_in_the_poll_and_one_in_the_destructor_the_first_is_given() {
    within(LONG, || {
        let runtime = runtime(2);
        let task = runtime.spawn(PanicsTwice(ExplodesOnDrop("destructor")));
        assert_eq!(name_of(runtime.block_on(task).unwrap_err()), "poll");
        assert_both_workers_live(&runtime);
    });
}

/// In a process of its own: what went wrong here ended the process.
#[test]
fn so_it_is_with_the_root() {
    in_child("so_it_is_with_the_root", &[], || {
        within(LONG, || {
            let runtime = runtime(2);
            let root = PanicsTwice(ExplodesOnDrop("destructor"));
            let panic = caught(|| runtime.block_on(root)).expect_err("it panics");
            assert_eq!(Bomb::name_of(&*panic), Some("poll"));
            // A destructor's panic takes the place of the output.
            let bomb = ExplodesOnDrop("destructor");
            let root = std::future::poll_fn(move |_| {
                let _ = &bomb;
                std::task::Poll::Ready(1)
            });
            let panic = caught(|| runtime.block_on(root)).expect_err("it panics");
            assert_eq!(Bomb::name_of(&*panic), Some("destructor"));
            assert_both_workers_live(&runtime);
        });
    });
}

/// Here the language itself aborts. Nothing may hang on the way.
#[test]
fn a_panic_while_a_panic_unwinds_ends_the_process() {
    let outcome = outcome_in_child("a_panic_while_a_panic_unwinds_ends_the_process", || {
        within(LONG, || {
            let runtime = runtime(2);
            let task = runtime.spawn(async {
                let _held = ExplodesOnDrop("second");
                explode("first")
            });
            let _ = futures_lite::future::block_on(task);
        });
    });
    if let Some(output) = outcome {
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("hangs"), "{text}");
        assert!(text.contains("panic in a destructor during cleanup"), "{text}");
    }
}

/// async-executor#136.
#[test]
fn a_panic_in_a_loop_of_spawns_leaves_the_tasks_spawned_before_alone() {
    within(LONG, || {
        let runtime = runtime(1);
        let ran = Counter::new();
        let (own, count) = (runtime.handle().clone(), ran.clone());
        let task = runtime.spawn(async move {
            for index in 0..100 {
                if index == 50 {
                    explode("iterator");
                }
                let count = count.clone();
                drop(own.spawn(async move { count.add() }));
            }
        });
        assert_eq!(name_of(runtime.block_on(task).unwrap_err()), "iterator");
        ran.wait_for(50);
        assert_eq!(ran.get(), 50);
    });
}

#[test]
fn very_many_panics_lose_no_worker_and_no_count() {
    const PANICS: u64 = if cfg!(debug_assertions) { 50_000 } else { 200_000 };
    within(LONG, || {
        let runtime = runtime(2);
        for _ in 0..PANICS / 1_000 {
            let tasks: Vec<_> =
                (0..1_000).map(|_| runtime.spawn(async { explode("task") })).collect();
            for (index, task) in tasks.into_iter().enumerate() {
                match index % 2 {
                    0 => drop(task),
                    _ => drop(futures_lite::future::block_on(task)),
                }
            }
        }
        while runtime.metrics().unhandled_panics < PANICS / 2 {
            std::thread::yield_now();
        }
        assert_both_workers_live(&runtime);
        assert_eq!(runtime.metrics().unhandled_panics, PANICS / 2);
    });
}

/// The hook belongs to the runtime; what it holds is dropped with it, and may panic.
#[test]
fn a_hook_whose_destructor_panics_costs_no_more_than_that_panic() {
    within(LONG, || {
        let held = ExplodesOnDrop("hook");
        let mut builder = Runtime::builder();
        builder.worker_threads(2).on_unhandled_panic(move |_| {
            let _ = &held;
        });
        let runtime = builder.build().unwrap();
        assert_both_workers_live(&runtime);
        let _ = caught(|| drop(runtime));
    });
}
