//! A test in a process of its own: its test binary, run again for this test alone.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Says to a process which test it was started for.
const CHILD: &str = "FILCH_TEST_CHILD";

/// Whether this process was started for `test`; then there is nothing to do but to run it.
fn is_child(test: &str) -> bool {
    std::env::var(CHILD).as_deref() == Ok(test)
}

fn run(mut command: Command, test: &str, variables: &[(&str, &str)]) -> Output {
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, test).envs(variables.iter().copied());
    command.output().expect("a child process")
}

fn this_binary() -> PathBuf {
    std::env::current_exe().expect("the test's binary")
}

/// Runs `body` in a new process and gives what it came to.
///
/// `None`: this *is* that process, and `body` has run; the test has nothing more to do.
///
/// # Panics
///
/// If the process cannot be started.
pub fn outcome_in_child(test: &str, body: impl FnOnce()) -> Option<Output> {
    if is_child(test) {
        body();
        return None;
    }
    Some(run(Command::new(this_binary()), test, &[]))
}

/// Runs `body` in a new process with these environment variables set, where it has to succeed.
///
/// # Panics
///
/// If it does not.
pub fn in_child(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) {
    match is_child(test) {
        true => body(),
        false => assert_passed(test, &run(Command::new(this_binary()), test, variables)),
    }
}

/// Runs `body` in a new process whose address space ends at so many KiB; it has to succeed.
///
/// Not under a sanitizer, whose own maps need most of the address space: says so and does nothing.
///
/// # Panics
///
/// If it does not.
pub fn in_small_child(test: &str, kibibytes: u64, body: impl FnOnce()) {
    if is_child(test) {
        return body();
    }
    if cfg!(any(filch_asan, filch_tsan)) {
        eprintln!("SKIPPED {test}: a sanitizer does not start in a small address space");
        return;
    }
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -v {kibibytes}; exec \"$0\" \"$@\"")).arg(this_binary());
    assert_passed(test, &run(shell, test, &[]));
}

fn assert_passed(test: &str, output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{test} in a child: {}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "the child did not run {test}:\n{out}\n{err}");
}
