//! Benchmarks of filch beside its peers: the same source, the same work, one process, one run.
//!
//! | module | holds |
//! |---|---|
//! | [`peer`] | what a runtime must offer to take part, and the adapter of each |
//! | [`cases`] | throughput: how long a piece of work takes, per operation |
//! | [`guards`] | the price: idle CPU, stranded tasks, fairness, latency, memory |
//! | [`reference`](mod@reference) | the floor, and the same work by other means: rayon, and programs in other languages |
//! | [`count`] | one operation, many times, for those who count instructions |
//! | [`counters`] | what a runtime counts about itself |
//! | [`coroutine`] | libraries of coroutines, which are compared with the same driver |
//! | [`probe`] | what a case or a guard is to the driver, whatever the runtime |
//! | [`driver`] | rounds, rotation, failures |
//! | [`results`] | what a run measured |
//! | [`report`] | tables, JSON, and a page |
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
pub mod count;
pub mod counters;
pub mod driver;
pub mod guards;
pub mod latch;
pub mod machine;
pub mod options;
pub mod peer;
pub mod probe;
pub mod proc;
pub mod reference;
pub mod report;
pub mod results;
pub mod stats;
pub mod watchdog;

use std::process::ExitCode;

use child::Child;
use options::{Command, Options};
use probe::{Contestant, Entry, ProbeInfo};
use reference::References;
use results::Results;

/// Exit code for options that make no sense.
const USAGE: u8 = 2;

/// Compares the runtimes as the command line asks.
pub fn main() -> ExitCode {
    command(contestants(), Some(References::find))
}

/// Compares the libraries of coroutines as the command line asks.
pub fn coroutines() -> ExitCode {
    command(coroutine::contestants(), None)
}

type Find = fn(&Options, &[ProbeInfo]) -> References;

fn command(contestants: Vec<Box<dyn Contestant>>, find: Option<Find>) -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(Command::Compare(options)) => compare(&options, contestants, find),
        Ok(Command::List) => {
            list(&contestants, find.is_some());
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

fn compare(
    options: &Options,
    contestants: Vec<Box<dyn Contestant>>,
    find: Option<Find>,
) -> ExitCode {
    match select(options, contestants, find) {
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(USAGE)
        }
        Ok((contestants, references)) => {
            let mut results = driver::run(options, &contestants);
            results.absent = references.absent;
            println!("{}", report::text::render(options, &results));
            let mut complaints = references.broken;
            complaints.extend(write_files(options, &results));
            complaints.extend(self::complaints(options, &results));
            for complaint in &complaints {
                eprintln!("{complaint}");
            }
            if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// Who takes part in any of what was asked for, and what became of the references.
fn select(
    options: &Options,
    mut contestants: Vec<Box<dyn Contestant>>,
    find: Option<Find>,
) -> Result<(Vec<Box<dyn Contestant>>, References), String> {
    let probes = contestants[0].probes();
    for name in options.only.iter().flatten() {
        if contestants.iter().all(|one| one.name() != name)
            && !References::names().any(|one| one == name)
        {
            return Err(format!("no runtime is called {name}"));
        }
    }
    let selected: Vec<_> = probes.iter().filter(|probe| options.selects(probe)).collect();
    if selected.is_empty() {
        return Err("no case or guard matches; `--list` names them".into());
    }
    let mut references = find.map_or_else(References::default, |find| find(options, &probes));
    contestants.append(&mut references.contestants);
    contestants.retain(|one| {
        options.lets_take_part(one.name()) && selected.iter().any(|probe| one.takes_part(probe))
    });
    if contestants.is_empty() {
        let absent: Vec<_> =
            references.absent.iter().map(|(name, how)| format!("; {name}: {how}")).collect();
        return Err(format!("nobody takes part in that{}", absent.concat()));
    }
    Ok((contestants, references))
}

/// What went wrong with the files that were asked for.
fn write_files(options: &Options, results: &Results) -> Vec<String> {
    let json = options.json.iter().map(|path| (path, report::json::write(path, options, results)));
    let html = options.html.iter().map(|path| (path, report::html::write(path, options, results)));
    let written = json.chain(html);
    written
        .filter_map(|(path, outcome)| Some(format!("{}: {}", path.display(), outcome.err()?)))
        .collect()
}

/// Why the run has failed.
fn complaints(options: &Options, results: &Results) -> Vec<String> {
    let failures = results.failures.iter().map(|failure| format!("failed: {failure}"));
    let missing = if options.check_complete { results.missing() } else { Vec::new() };
    failures.chain(missing.into_iter().map(|gap| format!("missing: {gap}"))).collect()
}

fn be_child(child: &Child, contestants: &[Box<dyn Contestant>]) -> ExitCode {
    let Some(contestant) = contestants.iter().find(|one| one.name() == child.runtime) else {
        eprintln!("no runtime is called {}", child.runtime);
        return ExitCode::from(USAGE);
    };
    println!("{}", contestant.memory(child));
    ExitCode::SUCCESS
}

fn list(contestants: &[Box<dyn Contestant>], with_references: bool) {
    let names: Vec<_> = contestants.iter().map(|one| one.name()).collect();
    println!("runtimes: {}", names.join(", "));
    if with_references {
        println!("references: {}", References::names().collect::<Vec<_>>().join(", "));
    }
    for probe in contestants[0].probes() {
        println!("{}", probe.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Scale, Setup};
    use results::Measured;

    /// Panics in the one case it has.
    struct Broken;

    impl Contestant for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn version(&self) -> String {
            "1.0".into()
        }
        fn probes(&self) -> Vec<ProbeInfo> {
            vec![ProbeInfo::case("only", "task")]
        }
        fn measure(&self, _probe: usize, _setup: &Setup) -> Measured {
            panic!("wrong result")
        }
        fn memory(&self, _child: &Child) -> f64 {
            unreachable!("it has no guards")
        }
    }

    #[test]
    fn a_gap_is_a_complaint_where_all_has_to_be_there() {
        let options = Options { check_complete: true, rounds: 1, ..Options::default() };
        let mut results = driver::run(&options, &[Box::new(Broken)]);
        results.failures.clear();
        let missing = ["wall_ns", "cpu_ns"];
        let missing =
            missing.map(|field| format!("missing: case/only {field} on broken (2 workers)"));
        assert_eq!(complaints(&options, &results), missing);
        let options = Options { check_complete: false, ..options };
        assert!(complaints(&options, &results).is_empty());
    }

    #[test]
    fn who_takes_part_in_nothing_that_was_asked_for_stays_away() {
        let rayon = |filter: &str| {
            let filters = vec![filter.to_owned()];
            let only = Some(vec!["tokio".to_owned(), "rayon".to_owned()]);
            let options = Options { filters, only, ..Options::default() };
            let (chosen, _) =
                select(&options, contestants(), Some(References::find)).expect("somebody");
            chosen.iter().map(|one| one.name()).collect::<Vec<_>>()
        };
        assert_eq!(rayon("case/fib"), ["tokio", "rayon"]);
        assert_eq!(rayon("spawn_detached"), ["tokio"]);
        assert_eq!(rayon("guard/"), ["tokio"]);
        assert_eq!(rayon("remote_spawn"), ["tokio"]);
    }

    #[test]
    fn references_find_what_the_runtimes_find() {
        for name in ["bare", "rayon"] {
            let options = Options { only: Some(vec![name.into()]), ..Options::default() };
            let (chosen, _) = select(&options, contestants(), Some(References::find)).expect(name);
            let setup = Setup { workers: 2, scale: Scale::reduced(2) };
            for (index, probe) in chosen[0].probes().iter().enumerate() {
                if chosen[0].takes_part(probe) {
                    let measured = chosen[0].measure(index, &setup);
                    assert_eq!(measured.figures.len(), 2, "{}", probe.name);
                }
            }
        }
    }
}
