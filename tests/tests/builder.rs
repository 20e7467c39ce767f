//! What a runtime is made of, and what becomes of one that cannot be made.

use filch::{Builder, Runtime};
use filch_tests::child::{in_child, in_small_child};
use filch_tests::quiet::{Chain, ExplodesOnDrop};
use filch_tests::{Blocker, Counter, Event, LONG, caught, panic_text, process, runtime, within};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

const MOST: usize = 32_767;

fn error_of(builder: &mut Builder) -> std::io::Error {
    builder.build().expect_err("no such runtime")
}

#[test]
fn zero_workers_and_too_many_are_refused() {
    for workers in [0, MOST + 1, usize::MAX] {
        let error = error_of(Runtime::builder().worker_threads(workers));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&workers.to_string()), "{error}");
        assert!(error.to_string().contains("worker_threads"), "{error}");
    }
}

#[test]
fn one_two_and_64_workers_all_work() {
    for workers in [1, 2, 64] {
        within(LONG, || {
            let runtime = runtime(workers);
            assert_eq!(runtime.metrics().workers.len(), workers);
            // All of them at a time, each inside a poll.
            let held: Vec<_> = (0..workers).map(|_| Blocker::new(runtime.handle())).collect();
            let task = runtime.spawn(async { 5 });
            drop(held);
            assert_eq!(futures_lite::future::block_on(task).unwrap(), 5);
        });
    }
}

fn workers_of_the_default() -> usize {
    Runtime::new().unwrap().metrics().workers.len()
}

#[test]
fn the_default_is_one_worker_a_processor() {
    in_child("the_default_is_one_worker_a_processor", &[("FILCH_WORKER_THREADS", "")], || {
        // An empty value is not a number; take it away for this process.
        assert_eq!(error_of(&mut Runtime::builder()).kind(), ErrorKind::InvalidInput);
    });
    if std::env::var_os("FILCH_WORKER_THREADS").is_none() {
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(workers_of_the_default(), processors);
    }
}

#[test]
fn the_environment_sets_the_default_number_of_workers() {
    let name = "the_environment_sets_the_default_number_of_workers";
    in_child(name, &[("FILCH_WORKER_THREADS", " 3 ")], || {
        within(LONG, || {
            assert_eq!(workers_of_the_default(), 3);
            assert_eq!(runtime(2).metrics().workers.len(), 2, "the builder has the last word");
            // The caller's thread is one of the three.
            let (before, during) = (process::threads(), filch::run(async { process::threads() }));
            assert_eq!(during - before, 2);
        });
    });
}

fn bad_variable(name: &str, value: &str) {
    in_child(name, &[("FILCH_WORKER_THREADS", value)], || {
        within(LONG, || {
            let error = error_of(&mut Runtime::builder());
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("FILCH_WORKER_THREADS"), "{error}");
            assert!(Runtime::new().is_err());
            let text = panic_text(|| filch::run(async {}));
            assert!(text.starts_with("run() cannot start a runtime: "), "{text}");
            assert!(text.contains("FILCH_WORKER_THREADS"), "{text}");
            assert_eq!(runtime(2).block_on(async { 1 }), 1, "nobody asks the environment");
        });
    });
}

#[test]
fn a_word_in_the_environment_is_refused() {
    bad_variable("a_word_in_the_environment_is_refused", "many");
}

#[test]
fn zero_in_the_environment_is_refused() {
    bad_variable("zero_in_the_environment_is_refused", "0");
}

#[test]
fn too_large_a_number_in_the_environment_is_refused() {
    bad_variable("too_large_a_number_in_the_environment_is_refused", "32768");
}

#[test]
fn a_negative_number_in_the_environment_is_refused() {
    bad_variable("a_negative_number_in_the_environment_is_refused", "-2");
}

/// In a process of its own, where nobody else starts threads.
#[test]
fn a_runtime_whose_threads_cannot_be_started_is_an_error_and_leaves_nothing() {
    let name = "a_runtime_whose_threads_cannot_be_started_is_an_error_and_leaves_nothing";
    in_child(name, &[], || {
        within(LONG, || {
            let (threads, files) = (process::threads(), process::open_files());
            for workers in [1, 2, 64] {
                for stack in [1 << 46, usize::MAX / 4] {
                    let mut builder = Runtime::builder();
                    builder.worker_threads(workers).thread_stack_size(stack);
                    let error = error_of(&mut builder);
                    assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
                    process::wait_for_threads(threads);
                    assert_eq!(process::open_files(), files);
                }
            }
            assert_eq!(runtime(2).block_on(async { 1 }), 1);
        });
    });
}

/// The address space holds some of these stacks and not all: the threads that were started have to
/// end again.
#[test]
fn a_runtime_of_which_some_threads_were_started_is_torn_down() {
    let name = "a_runtime_of_which_some_threads_were_started_is_torn_down";
    in_small_child(name, 8 << 20, || {
        within(LONG, || {
            let threads = process::threads();
            for _ in 0..20 {
                let (starts, stops) = (Counter::new(), Counter::new());
                let (started, stopped) = (starts.clone(), stops.clone());
                let mut builder = Runtime::builder();
                builder.worker_threads(64).thread_stack_size(1 << 30);
                builder.on_thread_start(move || {
                    started.add();
                });
                builder.on_thread_stop(move || {
                    stopped.add();
                });
                let error = error_of(&mut builder);
                assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(starts.get() > 0, "not one thread was started");
                assert_eq!(starts.get(), stops.get());
                process::wait_for_threads(threads);
            }
            assert_eq!(runtime(2).block_on(async { 1 }), 1);
        });
    });
}

#[test]
fn threads_carry_the_name_and_their_number() {
    within(LONG, || {
        let named = Runtime::builder().worker_threads(3).thread_name("crawler").build().unwrap();
        let held: Vec<_> = (0..3).map(|_| Blocker::new(named.handle())).collect();
        let names: BTreeSet<_> = process::thread_names().into_iter().collect();
        for index in 0..3 {
            assert!(names.contains(&format!("crawler-{index}")), "{names:?}");
        }
        drop(held);
        let default = runtime(1);
        let name = default.spawn(async { std::thread::current().name().map(str::to_owned) });
        let name = futures_lite::future::block_on(name).unwrap();
        assert_eq!(name.as_deref(), Some("filch-0"));
    });
}

/// A name that the system cannot carry must not cost more than the call.
#[test]
fn a_thread_name_with_a_nul_in_it_is_an_error() {
    within(LONG, || {
        let mut builder = Runtime::builder();
        builder.worker_threads(2).thread_name("a\0b");
        let built = caught(|| builder.build());
        assert!(built.is_ok(), "build() panics; its documentation promises an error");
        assert!(built.is_ok_and(|runtime| runtime.is_err()));
    });
}

#[test]
fn workers_have_the_stack_that_was_asked_for() {
    #[inline(never)]
    fn deep(left: usize) -> u8 {
        let bytes = std::hint::black_box([left as u8; 64 << 10]);
        if left == 0 { bytes[0] } else { bytes[1].wrapping_add(deep(left - 1)) }
    }
    within(LONG, || {
        let mut builder = Runtime::builder();
        let runtime = builder.worker_threads(1).thread_stack_size(64 << 20).build().unwrap();
        let task = runtime.spawn(async { deep(100) });
        assert!(futures_lite::future::block_on(task).is_ok());
    });
}

#[test]
fn hooks_run_once_on_each_worker_before_and_after_its_work() {
    within(LONG, || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let hook = |what: &'static str| {
            let log = log.clone();
            move || {
                let name = std::thread::current().name().unwrap_or("?").to_owned();
                log.lock().push((name, what));
            }
        };
        let mut builder = Runtime::builder();
        builder.worker_threads(2).on_thread_start(hook("start")).on_thread_stop(hook("stop"));
        let runtime = builder.build().unwrap();
        let held = [(); 2].map(|()| Blocker::new(runtime.handle()));
        assert_eq!(log.lock().len(), 2, "before a task is polled");
        drop(held);
        drop(runtime);
        let mut log = log.lock().clone();
        log.sort();
        let expected =
            [("filch-0", "start"), ("filch-0", "stop"), ("filch-1", "start"), ("filch-1", "stop")];
        assert_eq!(log, expected.map(|(name, what)| (name.to_owned(), what)));
    });
}

#[test]
fn a_builder_may_build_several_runtimes() {
    within(LONG, || {
        let mut builder = Runtime::builder();
        builder.worker_threads(2).thread_name("twin");
        let (one, two) = (builder.build().unwrap(), builder.build().unwrap());
        let task = two.spawn(async { 1 });
        assert_eq!(one.block_on(async { task.await.unwrap() }), 1);
        drop(one);
        assert_eq!(two.block_on(two.spawn(async { 2 })).unwrap(), 2);
    });
}

/// A worker that is still in its hook was notified of new tasks, which then waited for the hook.
#[test]
fn a_worker_in_a_slow_start_hook_keeps_no_task_waiting() {
    within(LONG, || {
        let (entered, release) = (Event::new(), Event::new());
        let (inside, go_on) = (entered.clone(), release.clone());
        let mut builder = Runtime::builder();
        builder.worker_threads(2).on_thread_start(move || {
            if std::thread::current().name() == Some("filch-1") {
                inside.set();
                go_on.wait();
            }
        });
        let runtime = builder.build().unwrap();
        entered.wait();
        for number in 0..200 {
            let task = runtime.spawn(async move { number });
            assert_eq!(futures_lite::future::block_on(task).unwrap(), number);
        }
        // One thread more may work in its place.
        let held = Blocker::new(runtime.handle());
        assert_eq!(runtime.block_on(async { filch::spawn(async { 1 }).await.unwrap() }), 1);
        drop(held);
        release.set();
        let both = [Blocker::new(runtime.handle()), Blocker::new(runtime.handle())];
        drop(both);
    });
}

#[test]
fn a_runtime_that_ends_before_its_threads_begin_ends() {
    within(LONG, || {
        let release = Event::new();
        let go_on = release.clone();
        let mut builder = Runtime::builder();
        let runtime =
            builder.worker_threads(2).on_thread_start(move || go_on.wait()).build().unwrap();
        let task = runtime.spawn(async {});
        let report = runtime.shutdown_timeout(std::time::Duration::ZERO);
        assert_eq!(report.still_running, 2);
        release.set();
        assert!(futures_lite::future::block_on(task).unwrap_err().is_cancelled());
    });
}

/// In processes of their own: what went wrong here ended the process.
#[test]
fn hooks_whose_destructors_panic_harm_nobody() {
    in_child("hooks_whose_destructors_panic_harm_nobody", &[], || {
        for end in [drop as fn(Runtime), Runtime::shutdown_background] {
            within(LONG, || {
                let (start, stop) = (ExplodesOnDrop("start"), Chain(2));
                let mut builder = Runtime::builder();
                builder.worker_threads(1).on_thread_start(move || {
                    let _ = &start;
                });
                builder.on_thread_stop(move || {
                    let _ = &stop;
                });
                let runtime = builder.build().unwrap();
                drop(builder);
                let threads = process::threads();
                end(runtime);
                process::wait_for_threads(threads - 1);
            });
        }
    });
}
