//! Where nothing may unwind.
//!
//! A task refers to its runtime without counting, on the promise that a worker leaves its loop only
//! by way of the shutdown (see `runtime::shared`), and a task that is on its way into a queue or
//! out of one is owned by nobody else. All code of users is called in nets of its own. What is left
//! are panics in the middle of the machinery, for instance of a closure that somebody deferred with
//! crossbeam-epoch and that runs inside a steal. There is no way on from there that keeps the
//! promises, so the process ends.

use std::io::Write;

/// Runs `f`; ends the process if it unwinds.
#[inline(always)]
pub(crate) fn never<R>(f: impl FnOnce() -> R) -> R {
    let bomb = AbortOnDrop;
    let result = f();
    std::mem::forget(bomb);
    result
}

/// Ends the process, with the reason on the standard error.
#[cold]
pub(crate) fn abort(reason: &str) -> ! {
    // Not `eprintln!`: it panics if the stream is closed.
    let _ = writeln!(std::io::stderr(), "filch: {reason}; the process ends");
    std::process::abort()
}

struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        abort("a panic inside the scheduler, which is not a task's (its message stands above)");
    }
}
