//! A panic in the middle of the scheduler, which is nobody's outcome, ends the process.

use filch_tests::child::outcome_in_child;
use filch_tests::{LONG, runtime, within};

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
