//! `Handle::enter` decides where `spawn` goes, on a plain thread and inside another runtime.

use filch::{Handle, Runtime};
use filch_tests::{LONG, panic_text, runtime, watch, within};
use futures_lite::future::block_on;

fn named(name: &str) -> Runtime {
    let runtime = Runtime::builder().worker_threads(1).thread_name(name).build().unwrap();
    watch(runtime.handle());
    runtime
}

/// The name of the thread that runs a task which is spawned here and now.
fn thread_of_a_spawn() -> impl Future<Output = String> {
    let task = filch::spawn(async { std::thread::current().name().unwrap_or("?").to_owned() });
    async { task.await.unwrap() }
}

#[test]
fn a_plain_thread_may_enter_runtimes_and_leave_them() {
    within(LONG, || {
        let (a, b) = (named("a"), named("b"));
        assert!(Handle::try_current().is_err());
        {
            let _a = a.handle().enter();
            assert_eq!(block_on(thread_of_a_spawn()), "a-0");
            {
                let _b = b.handle().enter();
                assert_eq!(block_on(thread_of_a_spawn()), "b-0");
                let _a = a.handle().enter();
                assert_eq!(block_on(thread_of_a_spawn()), "a-0");
            }
            assert_eq!(block_on(thread_of_a_spawn()), "a-0");
        }
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn a_task_may_spawn_on_another_runtime_that_it_has_entered() {
    within(LONG, || {
        let (a, b) = (named("a"), named("b"));
        let other = b.handle().clone();
        let task = a.spawn(async move {
            let inside = {
                let _entered = other.enter();
                thread_of_a_spawn()
            };
            let after = thread_of_a_spawn();
            (inside.await, after.await)
        });
        assert_eq!(block_on(task).unwrap(), ("b-0".to_owned(), "a-0".to_owned()));
    });
}

#[test]
fn a_root_may_spawn_on_another_runtime_that_it_has_entered() {
    within(LONG, || {
        let (a, b) = (named("a"), named("b"));
        a.block_on(async {
            let inside = {
                let _entered = b.handle().enter();
                thread_of_a_spawn()
            };
            assert_eq!(inside.await, "b-0");
            assert_ne!(thread_of_a_spawn().await, "b-0");
        });
    });
}

#[test]
fn a_root_hides_what_its_thread_had_entered_before() {
    within(LONG, || {
        let (a, b) = (named("a"), named("b"));
        let entered = b.handle().enter();
        a.block_on(async { assert_ne!(thread_of_a_spawn().await, "b-0") });
        assert_eq!(block_on(thread_of_a_spawn()), "b-0");
        drop(entered);
        assert!(Handle::try_current().is_err());
    });
}

/// A root's thread also runs tasks: what the root has entered is not theirs.
#[test]
fn a_task_on_a_roots_thread_is_not_inside_what_the_root_has_entered() {
    within(LONG, || {
        let (a, b) = (named("a"), named("b"));
        let own = a.handle().clone();
        let name = a.block_on(async {
            let _entered = b.handle().enter();
            own.spawn(async { thread_of_a_spawn().await }).await.unwrap()
        });
        assert_ne!(name, "b-0", "a task of one runtime spawned on the other");
    });
}

#[test]
fn guards_dropped_out_of_order_are_refused() {
    within(LONG, || {
        let (a, b) = (runtime(1), runtime(1));
        let outer = a.handle().enter();
        let inner = b.handle().enter();
        let text = panic_text(move || drop(outer));
        assert!(text.contains("out of order"), "{text}");
        drop(inner);
    });
}

#[test]
fn no_runtime_is_entered_once_all_guards_are_gone_in_whatever_order() {
    std::thread::spawn(|| {
        within(LONG, || {
            let (a, b) = (runtime(1), runtime(1));
            let outer = a.handle().enter();
            let inner = b.handle().enter();
            let _ = filch_tests::caught(move || drop(outer));
            drop(inner);
            assert!(Handle::try_current().is_err(), "a guard that is gone is still in force");
        });
    })
    .join()
    .unwrap();
}

#[test]
fn a_guard_goes_with_a_panic() {
    within(LONG, || {
        let a = runtime(1);
        let _ = filch_tests::caught(|| {
            let _entered = a.handle().enter();
            filch_tests::explode("inside")
        });
        assert!(Handle::try_current().is_err());
    });
}
