//! `cargo bench -p filch-benches`: all of it is in the library, see its front page.

use std::process::ExitCode;

fn main() -> ExitCode {
    filch_benches::main()
}
