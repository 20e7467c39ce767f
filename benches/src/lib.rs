//! Benchmarks of filch beside its peers: the same source, the same work, one process, one run.
//!
//! | module | holds |
//! |---|---|
//! | [`peer`] | what a runtime must offer to take part, and the adapter of each |
//! | [`cases`] | throughput: how long a piece of work takes, per operation |
//! | [`guards`] | the price: idle CPU, stranded tasks, fairness, latency, memory |
//! | [`coroutine`] | libraries of coroutines, which are compared with the same driver |
//! | [`probe`] | what a case or a guard is to the driver, whatever the runtime |
//! | [`driver`] | rounds, rotation, failures |
//! | [`report`] | tables and JSON |
//!
//! Cases and guards are written once, generic over [`peer::Peer`]. The driver runs
//! *round → probe → runtime*, and the order of the runtimes rotates, so that a slow minute of the
//! machine falls on all of them. A runtime is built for each measurement and gone after it: the
//! threads of only one are ever alive.

pub mod allocator;
pub mod cases;
pub mod child;
pub mod clock;
pub mod coroutine;
pub mod driver;
pub mod guards;
pub mod latch;
pub mod machine;
pub mod options;
pub mod peer;
pub mod probe;
pub mod proc;
pub mod report;
pub mod stats;
pub mod watchdog;

use std::process::ExitCode;

use child::Child;
use options::{Command, Options};
use probe::{Contestant, Entry};

/// Exit code for options that make no sense.
const USAGE: u8 = 2;

/// Compares the runtimes as the command line asks.
pub fn main() -> ExitCode {
    command(contestants())
}

/// Compares the libraries of coroutines as the command line asks.
pub fn coroutines() -> ExitCode {
    command(coroutine::contestants())
}

fn command(contestants: Vec<Box<dyn Contestant>>) -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(Command::Compare(options)) => compare(&options, contestants),
        Ok(Command::List) => {
            list(&contestants);
            ExitCode::SUCCESS
        }
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Child(child)) => be_child(&child, &contestants),
        Err(message) => {
            eprintln!("{message}\n\n{}", options::HELP);
            ExitCode::from(USAGE)
        }
    }
}

/// Every runtime that was compiled in, filch first.
pub fn contestants() -> Vec<Box<dyn Contestant>> {
    vec![
        #[cfg(feature = "filch")]
        Box::new(Entry::<peer::filch::Filch>::new()),
        Box::new(Entry::<peer::tokio::Tokio>::new()),
        #[cfg(tokio_unstable)]
        Box::new(Entry::<peer::tokio::TokioAlternative>::new()),
        Box::new(Entry::<peer::async_executor::AsyncExecutor>::new()),
    ]
}

fn compare(options: &Options, mut contestants: Vec<Box<dyn Contestant>>) -> ExitCode {
    if let Some(only) = &options.only {
        if let Some(unknown) =
            only.iter().find(|name| contestants.iter().all(|one| one.name() != name.as_str()))
        {
            eprintln!("no runtime is called {unknown}");
            return ExitCode::from(USAGE);
        }
        contestants.retain(|one| only.iter().any(|name| name == one.name()));
    }
    let results = driver::run(options, &contestants);
    if results.blocks.iter().all(|block| block.rows.is_empty()) {
        eprintln!("no case or guard matches; `--list` names them");
        return ExitCode::from(USAGE);
    }
    let versions: Vec<_> = contestants
        .iter()
        .map(|one| (one.name(), machine::locked_version(one.package())))
        .collect();
    println!("{}", report::text::render(options, &versions, &results));
    let mut code = ExitCode::SUCCESS;
    if let Some(path) = &options.json
        && let Err(error) = report::json::write(path, options, &versions, &results)
    {
        eprintln!("{}: {error}", path.display());
        code = ExitCode::FAILURE;
    }
    for failure in &results.failures {
        eprintln!("failed: {failure}");
        code = ExitCode::FAILURE;
    }
    if options.check_complete {
        for gap in results.missing() {
            eprintln!("missing: {gap}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn be_child(child: &Child, contestants: &[Box<dyn Contestant>]) -> ExitCode {
    let Some(contestant) = contestants.iter().find(|one| one.name() == child.runtime) else {
        eprintln!("no runtime is called {}", child.runtime);
        return ExitCode::from(USAGE);
    };
    println!("{}", contestant.memory(child));
    ExitCode::SUCCESS
}

fn list(contestants: &[Box<dyn Contestant>]) {
    let names: Vec<_> = contestants.iter().map(|one| one.name()).collect();
    println!("runtimes: {}", names.join(", "));
    for probe in contestants[0].probes() {
        println!("{}", probe.path());
    }
}
