//! A panic in the middle of the scheduler, which is nobody's outcome, ends the process.

use filch_tests::child::{in_child, outcome_in_child};
use filch_tests::{LONG, runtime, within};

/// Has `f` called in the middle of the scheduler, where it is lucky.
fn deferred_in_the_scheduler(rounds: u32, f: fn()) {
    within(LONG, || {
        let runtime = runtime(2);
        runtime.block_on(async {
            for _ in 0..rounds {
                // Those that run right here go to nobody.
                drop(filch_tests::caught(|| {
                    let guard = crossbeam_epoch::pin();
                    guard.defer(f);
                    guard.flush();
                }));
                // So many that some are stolen.
                let tasks: Vec<_> = (0..100).map(|_| filch::spawn(filch::yield_now())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        });
    });
}

/// A closure deferred with crossbeam-epoch runs inside any later operation on any deque. One that
/// unwound through a steal left a worker's tasks behind, with their runtime freed under them.
#[test]
fn a_panic_that_is_nobodys_ends_the_process() {
    let name = "a_panic_that_is_nobodys_ends_the_process";
    let Some(outcome) = outcome_in_child(name, || {
        within(LONG, || {
            let runtime = runtime(2);
            runtime.block_on(async {
                loop {
                    // Those that run right here go to nobody.
                    drop(filch_tests::caught(|| {
                        let guard = crossbeam_epoch::pin();
                        guard.defer(|| panic!("deferred"));
                        guard.flush();
                    }));
                    // So many that some are stolen.
                    let tasks: Vec<_> =
                        (0..100).map(|_| filch::spawn(filch::yield_now())).collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                }
            });
        });
    }) else {
        return;
    };
    assert!(!outcome.status.success());
    let errors = String::from_utf8_lossy(&outcome.stderr);
    assert!(errors.contains("deferred"), "{errors}");
    assert!(errors.contains("a panic inside the scheduler"), "{errors}");
}

/// They are called while a worker has its queues in its hands.
#[test]
fn deferred_closures_may_use_the_runtime() {
    in_child("deferred_closures_may_use_the_runtime", &[], || {
        deferred_in_the_scheduler(1_000, || drop(filch::Handle::try_current()));
        deferred_in_the_scheduler(1_000, || {
            if filch::Handle::try_current().is_ok() {
                drop(filch::spawn(async {}));
            }
        });
        deferred_in_the_scheduler(100, || {
            drop(filch::Builder::new().worker_threads(1).build().expect("a runtime"));
        });
    });
}
