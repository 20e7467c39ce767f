//! Rounds, rotation, failures.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::machine::Neighbours;
use crate::options::Options;
use crate::probe::{Contestant, Field, Kind, ProbeInfo, Setup};
use crate::report::SUBJECT;
use crate::stats::Series;
use crate::watchdog::Watchdog;

/// Guards are long and steady: this many rounds of them are enough.
const GUARD_ROUNDS: usize = 3;

/// One figure of one probe, for every runtime.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case or guard.
    pub probe: ProbeInfo,
    /// Which of its figures.
    pub field: Field,
    /// One series for each of [`Results::runtimes`]; none for those that take no part.
    pub series: Vec<Option<Series>>,
}

impl Row {
    /// The figure of the runtime at this index, if there is one.
    pub fn figure(&self, runtime: usize) -> Option<f64> {
        self.series[runtime].as_ref()?.combined(self.field.combine)
    }
}

/// A measurement that panicked: a wrong result, or a fault of the runtime.
#[derive(Clone, Debug)]
pub struct Failure {
    what: String,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

/// Everything a run measured.
#[derive(Clone, Debug)]
pub struct Results {
    /// The runtimes, in the order of the columns.
    pub runtimes: Vec<RuntimeInfo>,
    /// One for each number of workers that was asked for.
    pub blocks: Vec<Block>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// Names of references that were not found, and how to get each.
    pub absent: Vec<(&'static str, &'static str)>,
    /// What other processes took of the processors, in percent, a round.
    pub neighbours: Series,
}

/// What a column of the report is about.
#[derive(Clone, Debug)]
pub struct RuntimeInfo {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// Whether it is no peer but a reference.
    pub is_reference: bool,
}

/// What was measured with one number of workers.
#[derive(Clone, Debug)]
pub struct Block {
    /// Worker threads of each runtime.
    pub workers: usize,
    /// One row for each figure of each selected probe.
    pub rows: Vec<Row>,
}

impl Results {
    /// Probe, field, runtime and workers of every figure that there is not.
    pub fn missing(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for Block { workers, rows } in &self.blocks {
            for row in rows {
                for (runtime, series) in self.runtimes.iter().zip(&row.series) {
                    if series.as_ref().is_some_and(|series| !series.is_complete()) {
                        let (path, field) = (row.probe.path(), row.field.name);
                        let name = runtime.name;
                        gaps.push(format!("{path} {field} on {name} ({workers} workers)"));
                    }
                }
            }
        }
        gaps
    }
}

/// On whose side a runtime is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the others are compared with.
    Subject,
    /// The same source on another runtime.
    Peer,
    /// The same work by other means.
    Reference,
}

impl RuntimeInfo {
    /// Its side.
    pub fn side(&self) -> Side {
        match self.is_reference {
            true => Side::Reference,
            false if self.name == SUBJECT => Side::Subject,
            false => Side::Peer,
        }
    }
}

impl Results {
    /// The least figure of a side.
    pub fn best(&self, row: &Row, side: Side) -> Option<f64> {
        let runtimes = self.runtimes.iter().enumerate();
        runtimes
            .filter(|(_, runtime)| runtime.side() == side)
            .filter_map(|(runtime, _)| row.figure(runtime))
            .min_by(f64::total_cmp)
    }
}

impl Block {
    /// The row of a case's or guard's field.
    pub fn row(&self, probe: &str, field: Field) -> Option<&Row> {
        self.rows.iter().find(|row| row.probe.name == probe && row.field == field)
    }

    fn record(&mut self, probe: &ProbeInfo, runtime: usize, figures: &[f64]) {
        assert_eq!(figures.len(), probe.fields.len(), "{}", probe.path());
        for (field, figure) in probe.fields.iter().zip(figures) {
            let row = self
                .rows
                .iter_mut()
                .find(|row| row.probe.name == probe.name && row.field == *field);
            let series = &mut row.expect("a row for each field").series[runtime];
            series.as_mut().expect("it takes part").push(*figure);
        }
    }
}

/// Measures everything that `options` select.
pub fn run(options: &Options, contestants: &[Box<dyn Contestant>]) -> Results {
    let selected = selected(options, contestants);
    let mut results = empty_results(options, contestants, &selected);
    let driver = Driver { options, contestants, selected, watchdog: Watchdog::start() };
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        let neighbours = Neighbours::watch();
        for block in &mut results.blocks {
            results.failures.append(&mut driver.measure(round, block));
        }
        if let Some(percent) = neighbours.percent() {
            results.neighbours.push(percent);
        }
    }
    results
}

struct Driver<'a> {
    options: &'a Options,
    contestants: &'a [Box<dyn Contestant>],
    selected: Vec<(usize, ProbeInfo)>,
    watchdog: Watchdog,
}

impl Driver<'_> {
    /// A round with one number of workers.
    fn measure(&self, round: usize, block: &mut Block) -> Vec<Failure> {
        let setup = Setup::new(self.options, block.workers);
        let mut failures = Vec::new();
        for (place, (index, probe)) in self.selected.iter().enumerate() {
            if probe.kind == Kind::Guard && round >= GUARD_ROUNDS {
                continue;
            }
            for turn in 0..self.contestants.len() {
                let runtime = (round + place + turn) % self.contestants.len();
                let contestant = &*self.contestants[runtime];
                if !contestant.takes_part(probe) {
                    continue;
                }
                let (name, workers) = (contestant.name(), block.workers);
                let what = format!("{} on {name} ({workers} workers)", probe.path());
                let measure = || contestant.measure(*index, &setup);
                match self.watchdog.watch(what.clone(), || caught(measure)) {
                    Ok(figures) => block.record(probe, runtime, &figures),
                    Err(message) => failures.push(Failure { what, message }),
                }
            }
        }
        failures
    }
}

/// What `measure` returns, or the message of its panic.
fn caught(measure: impl FnOnce() -> Vec<f64>) -> Result<Vec<f64>, String> {
    panic::catch_unwind(AssertUnwindSafe(measure)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked".into())
    })
}

fn selected(options: &Options, contestants: &[Box<dyn Contestant>]) -> Vec<(usize, ProbeInfo)> {
    let probes = contestants.first().map(|one| one.probes());
    probes
        .unwrap_or_default()
        .into_iter()
        .enumerate()
        .filter(|(_, probe)| options.selects(probe))
        .collect()
}

fn info(contestant: &dyn Contestant) -> RuntimeInfo {
    let (name, version) = (contestant.name(), contestant.version());
    RuntimeInfo { name, version, is_reference: contestant.is_reference() }
}

fn empty_results(
    options: &Options,
    contestants: &[Box<dyn Contestant>],
    selected: &[(usize, ProbeInfo)],
) -> Results {
    let row = |probe: ProbeInfo, field: Field| Row {
        probe,
        field,
        series: contestants
            .iter()
            .map(|one| one.takes_part(&probe).then(Series::default))
            .collect(),
    };
    let rows: Vec<_> = selected
        .iter()
        .flat_map(|(_, probe)| probe.fields.iter().map(|field| row(*probe, *field)))
        .collect();
    Results {
        runtimes: contestants.iter().map(|one| info(&**one)).collect(),
        blocks: options
            .workers
            .iter()
            .map(|&workers| Block { workers, rows: rows.clone() })
            .collect(),
        failures: Vec::new(),
        absent: Vec::new(),
        neighbours: Series::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Child;
    use crate::probe::WALL;

    /// Succeeds on the first of its probes, panics on the second, and takes no part in the third.
    struct Halfway;

    const fn probe(name: &'static str) -> ProbeInfo {
        ProbeInfo { fields: &[WALL], ..ProbeInfo::case(name, "task") }
    }

    impl Contestant for Halfway {
        fn name(&self) -> &'static str {
            "halfway"
        }
        fn version(&self) -> String {
            "0.5".into()
        }
        fn probes(&self) -> Vec<ProbeInfo> {
            vec![probe("good"), probe("bad"), probe("other")]
        }
        fn takes_part(&self, probe: &ProbeInfo) -> bool {
            probe.name != "other"
        }
        fn measure(&self, probe: usize, _setup: &Setup) -> Vec<f64> {
            assert_eq!(probe, 0, "wrong result");
            vec![1.0]
        }
        fn memory(&self, _child: &Child) -> f64 {
            unreachable!("it has no guards")
        }
    }

    #[test]
    fn a_panic_costs_one_figure_and_is_reported() {
        let options = Options { rounds: 2, workers: vec![1, 4], ..Options::default() };
        let results = run(&options, &[Box::new(Halfway)]);
        for block in &results.blocks {
            let good = block.rows[0].series[0].as_ref();
            assert_eq!(good.expect("it takes part").samples(), [1.0, 1.0]);
            assert!(block.rows[2].series[0].is_none());
        }
        let missing = [1, 4].map(|n| format!("case/bad wall_ns on halfway ({n} workers)"));
        assert_eq!(results.missing(), missing);
        assert_eq!(results.failures.len(), 4);
        assert!(results.failures[0].to_string().contains("wrong result"));
    }
}
