//! How the models run, and what they print.
//!
//! `RUSTFLAGS="--cfg filch_loom" cargo test --release -p filch --lib models -- --nocapture`
//!
//! A model that completes prints `LOOM <name> bound=<n|none> executions=<n> complete=true`: loom
//! stops silently when a limit on time or permutations is reached, so the line is the proof that
//! it was not. Each model has a twin in which a fault is planted; it prints
//! `TWIN <name> fault=<fault> executions=<n> (<why>) failed as it must`, or fails the test.
//!
//! `LOOM_MAX_PREEMPTIONS` overrides the bounds.
//!
//! # What loom does not look for
//!
//! loom 0.7 remembers one access to each object, the last one. If a thread loads a word just before its
//! read-modify-write of it, as most transitions of a task's state do, loom does not try that step before
//! an earlier lone load of another thread: orders in which a *first look* sees the change already may be
//! left out. So every such ordering has to be covered by a model in which the other side writes, too:
//! with `State::load` relaxed, M8 (changing and lent), M9, M10 and M18 fail, and M5, M7 and the
//! plain M8 do not.
//!
//! # What they explored
//!
//! When they were last changed, by the command above:
//!
//! | model | bound | executions |
//! |---|---|---|
//! | M1 park against two unparks | none | 399 073 |
//! | M2 push from outside against the last worker to park | none | 4 424 |
//! | M3 push of a worker in a long poll against its sibling's park, and a lot | none, 3 | 390, 910 |
//! | M3 a batch, and a task that is put back | 5, 4 | 24 704, 26 025 |
//! | M4 hand-over of the search, and what a searcher leaves behind | 3, none | 169 225, 1 379 |
//! | M5 wake during a poll | none | 293 |
//! | M6 coalesced wakes, and more of them than the count is to hold | 3, none | 79 170, 13 870 |
//! | M7 abort against completion | none | 395 |
//! | M8 join waker against completion, the same one and a changing one | none | 410, 8 953 |
//! | M8 a join slot that is lent to the joiner | none | 8 186 |
//! | M9 handle dropped against completion | none | 141 |
//! | M10 last references, the last wake past the limit, and a poll's own references | 3, none, none | 1 422, 83, 138 |
//! | M11 foreign spawn against shutdown | 3 | 171 955 |
//! | M12 foreign wake against shutdown | 3 | 61 157 |
//! | M13 deques, last in first out and batches | 3 | 64 424, 73 106 |
//! | M14 timer from elsewhere, or reset, against the worker's park | none | 38, 38 |
//! | M14 timer of a stuck worker against the watchman's park, and a watchman that leaves | none, 3 | 685, 2 048 |
//! | M15 firing against cancelling and changing the waker, and a waker that registers | none | 253, 11 |
//! | M16 root woken from outside, what that publishes, and a lent place | 3 | 13 530, 7 425, 21 991 |
//! | M16 virtual clock: end of a hold against a park, work during a claim, a root that sleeps | 3, 2, 2 | 101 846, 63 961, 251 |
//! | M17 `join_all` with helpers on two workers | 1 | 5 754 |
//! | M17 whole runtime, one worker and two | 3, 2 | 16 895, 767 101 |
//! | M18 a task leaves the registry while it is referred to, and places left by others | none | 7 594, 33 185 |
//! | M19 the child of a pair against a thief: a root's, and a task's | none, 5 | 29 584, 8 332 |
//! | M19 another task above the child, and a join that is dropped | 5, none | 42 432, 46 252 |
//! | M20 a worker that retires against its sibling's park | 4 | 170 314 |

use crate::sync::{Mutant, plant};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Explores every execution with at most so many preemptions; `None`: every execution at all.
fn explore(bound: Option<usize>, executions: &'static AtomicUsize, f: fn()) -> (bool, String) {
    let mut builder = loom::model::Builder::new();
    if builder.preemption_bound.is_none() {
        builder.preemption_bound = bound;
    }
    builder.max_branches = builder.max_branches.max(20_000);
    let complete = builder.max_permutations.is_none() && builder.max_duration.is_none();
    let bound = builder.preemption_bound.map_or("none".into(), |bound| bound.to_string());
    builder.check(move || {
        executions.fetch_add(1, Ordering::Relaxed);
        f();
    });
    (complete, bound)
}

/// Checks a model.
pub(crate) fn check(name: &str, bound: Option<usize>, f: fn()) {
    let executions: &'static AtomicUsize = Box::leak(Box::default());
    plant(None);
    let (complete, bound) = explore(bound, executions, f);
    let executions = executions.load(Ordering::Relaxed);
    println!("LOOM {name} bound={bound} executions={executions} complete={complete}");
    assert!(complete, "a limit on time or permutations is set");
}

/// Tells the child process of a twin that it is one.
const CHILD: &str = "FILCH_TWIN";

/// Checks that a model fails once `fault` is planted.
///
/// The model runs in a process of its own: loom's report of a failure unwinds through values that
/// need a running model to be dropped, which ends the process.
pub(crate) fn twin(module: &str, name: &str, fault: Mutant, bound: Option<usize>, f: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return fail(fault, bound, f);
    }
    let path = module.split_once("::").map_or(module, |(_, path)| path);
    let child = std::process::Command::new(std::env::current_exe().expect("a test binary"))
        .args([&format!("{path}::{name}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("the test binary runs");
    let output = String::from_utf8_lossy(&child.stdout).into_owned()
        + &String::from_utf8_lossy(&child.stderr);
    let failure = output.lines().find_map(|line| line.split_once("FAILS ")).map(|(_, text)| text);
    match failure {
        Some(failure) if !child.status.success() => {
            println!("TWIN {name} fault={fault:?} {failure} failed as it must");
        }
        _ => panic!("{name} does not fail in spite of {fault:?}; it printed:\n{output}"),
    }
}

/// The child's part of `twin`: reports the first panic.
fn fail(fault: Mutant, bound: Option<usize>, f: fn()) {
    let executions: &'static AtomicUsize = Box::leak(Box::default());
    let first = AtomicBool::new(true);
    std::panic::set_hook(Box::new(move |info| {
        if first.swap(false, Ordering::Relaxed) {
            let text = info.payload_as_str().unwrap_or("").lines().next().unwrap_or("").to_owned();
            println!("FAILS executions={} ({text})", executions.load(Ordering::Relaxed));
        }
    }));
    plant(Some(fault));
    explore(bound, executions, f);
}

/// Declares models with their twins: `id_name(bound) { body } fails with Fault, …;`
macro_rules! models {
    ($($(#[$doc:meta])* $name:ident($bound:expr) $body:block fails with $($fault:ident as $twin:ident),+;)*) => {
        $(
            $(#[$doc])*
            fn $name() $body
        )*
        mod checked {
            $(#[test] fn $name() { crate::model::check(stringify!($name), $bound, super::$name); })*
        }
        mod failing {
            $($(#[test] fn $twin() {
                crate::model::twin(module_path!(), stringify!($twin), crate::sync::Mutant::$fault, $bound, super::$name);
            })+)*
        }
    };
}
pub(crate) use models;

/// Drives a future on a thread of a model: parks on a parker of its own between polls.
///
/// loom's own `block_on` wakes spuriously and so could hide a wake-up that was lost.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Wake, Waker};
    struct Unpark(crate::park::Parker);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let parker = std::sync::Arc::new(Unpark(crate::park::Parker::new()));
    let waker = Waker::from(parker.clone());
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.0.park();
    }
}
