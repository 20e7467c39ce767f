//! `cargo bench -p filch-benches --bench coroutine`: filch's coroutines beside other libraries'.

use std::process::ExitCode;

fn main() -> ExitCode {
    filch_benches::coroutines()
}
