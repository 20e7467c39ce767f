//! The program that `benches/count.sh` runs under valgrind: one operation, many times.

use std::process::ExitCode;

fn main() -> ExitCode {
    filch_benches::count::main()
}
