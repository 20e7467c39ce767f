//! One operation, many times and nothing besides: for those who count what a processor executes for it.
//!
//! A program without warm-up, clock or report, so that all that two of its runs differ in is the number of
//! operations. `benches/count.sh` runs it under valgrind.

use std::num::NonZero;
use std::process::ExitCode;

use crate::USAGE;
use crate::cases;
use crate::cases::spawn;
use crate::cases::{in_task, timed};
use crate::latch::Latch;
use crate::options::value;
use crate::peer::{self, Peer, Timers};
use crate::probe::{Probe, Run, Scale, Setup};
use crate::reference::bare;

const HELP: &str = "\
count RUNTIME OPERATION WORKERS REDUCTION

Does OPERATION, which is a case's name or one of spawn_join_1000, spawn_many_1000 and spawn_detached_1000, as often
as its full size says, so many tenths below that, and prints how often that was.";

/// Runs what the command line names.
pub fn main() -> ExitCode {
    // Passed by `cargo bench` to every benchmark.
    let args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    match count(args) {
        Ok(operations) => {
            println!("{operations}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\n\n{HELP}");
            ExitCode::from(USAGE)
        }
    }
}

fn count(mut args: impl Iterator<Item = String>) -> Result<usize, String> {
    let runtime: String = value(&mut args, "RUNTIME")?;
    let operation: String = value(&mut args, "OPERATION")?;
    let workers: NonZero<usize> = value(&mut args, "WORKERS")?;
    let scale = Scale::reduced(value(&mut args, "REDUCTION")?);
    let setup = Setup { workers: workers.get(), scale };
    match runtime.as_str() {
        #[cfg(feature = "filch")]
        "filch" => on::<peer::filch::Filch>(&operation, &setup),
        "tokio" => on::<peer::tokio::Tokio>(&operation, &setup),
        "async-executor" => on::<peer::async_executor::AsyncExecutor>(&operation, &setup),
        bare::NAME => operations_of(bare::run_once(&operation, scale), &operation),
        _ => Err(format!("no runtime is called {runtime}")),
    }
}

fn on<P: Timers>(operation: &str, setup: &Setup) -> Result<usize, String> {
    let mut probes = operations::<P>();
    probes.extend(cases::all());
    let found = probes.iter().find(|probe| probe.info().name == operation);
    let run = found.and_then(|probe| probe.run_once(setup));
    operations_of(run, operation)
}

fn operations_of(run: Option<Run>, operation: &str) -> Result<usize, String> {
    run.map(Run::operations).ok_or_else(|| format!("no operation is called {operation}"))
}

/// Tasks alive at a time: few enough for a worker's own memory of tasks, as those of the cases are not.
const BATCH: usize = 1_000;

/// What is not a case. Full size: a million tasks.
fn operations<P: Timers>() -> Vec<Probe<P>> {
    vec![
        Probe::case("spawn_join_1000", "task", join_batch),
        Probe::case("spawn_many_1000", "task", many_join),
        Probe::case("spawn_detached_1000", "task", detached),
    ]
}

/// 1 000 tasks are spawned, then awaited in order.
fn join_batch<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(1_000);
    let (cost, joined) = in_task(peer, timed(spawn::join_batches::<P>(times, BATCH)));
    assert_eq!(joined, times * BATCH, "tasks joined");
    Run::new(cost, joined)
}

/// The same by the runtime's means to spawn many.
fn many_join<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(1_000);
    let (cost, sum) = in_task(peer, timed(spawn::join_many::<P>(times, BATCH)));
    assert_eq!(sum, times * (BATCH * (BATCH - 1) / 2), "sum of what the tasks returned");
    Run::new(cost, times * BATCH)
}

/// 1 000 tasks are spawned and their handles dropped; each counts down a shared atomic, and the spawner waits
/// for the last. (A yield in place of the wait would leave most of them to the end of the runtime.)
fn detached<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(1_000);
    let body = async move {
        for _ in 0..times {
            let (latch, open) = Latch::new(BATCH);
            (0..BATCH).for_each(|_| P::spawn_detached(async { latch.count_down() }));
            open.await.expect("the last task signals");
        }
    };
    let (cost, ()) = in_task(peer, timed(body));
    Run::new(cost, times * BATCH)
}

#[cfg(test)]
mod tests {
    fn count(line: &str) -> Result<usize, String> {
        super::count(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn operations_are_counted_at_the_size_that_was_asked_for() {
        assert_eq!(count("tokio spawn_join_1000 2 3"), Ok(1_000));
        assert_eq!(count("tokio spawn_join_1000 2 2"), Ok(10_000));
        assert_eq!(count("async-executor spawn_many_1000 1 3"), Ok(1_000));
        assert_eq!(count("tokio spawn_detached_1000 1 3"), Ok(1_000));
        assert_eq!(count("tokio yield 2 3"), Ok(2_000));
    }

    #[test]
    fn nonsense_is_an_error() {
        for line in
            ["", "tokio yield 0 3", "tokio yield 1", "tokio idle_cpu 1 3", "nobody yield 1 3"]
        {
            assert!(count(line).is_err(), "{line}");
        }
    }
}
