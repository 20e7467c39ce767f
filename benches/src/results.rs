//! What a run measured.

use std::fmt;

use crate::counters::{NAMES, PerOperation};
use crate::probe::{Contestant, Field, ProbeInfo};
use crate::report::SUBJECT;
use crate::stats::Series;

/// The number of workers that the figures with other numbers are compared with.
pub const BASE: usize = 2;

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

/// What a measurement gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// One figure for each field of the probe.
    pub figures: Vec<f64>,
    /// What the runtime counted meanwhile, if it is a case and the runtime counts.
    pub counters: Option<PerOperation>,
}

impl From<Vec<f64>> for Measured {
    fn from(figures: Vec<f64>) -> Self {
        Self { figures, counters: None }
    }
}

/// A measurement that panicked: a wrong result, or a fault of the runtime.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Probe, runtime and number of workers.
    pub what: String,
    /// What the panic said.
    pub message: String,
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
    /// What was counted by the runtimes that count, in the order of the first round.
    pub counted: Vec<Counted>,
}

/// What a runtime counted in one case.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The case.
    pub probe: ProbeInfo,
    /// Which of [`Results::runtimes`].
    pub runtime: usize,
    /// For an operation, one series for each of [`NAMES`].
    pub series: [Series; NAMES.len()],
}

impl Results {
    /// No figures yet, but a place for each.
    pub fn empty(
        workers: &[usize],
        contestants: &[Box<dyn Contestant>],
        probes: &[ProbeInfo],
    ) -> Self {
        let row = |probe: ProbeInfo, field: Field| {
            let takes_part = contestants.iter().map(|one| one.takes_part(&probe));
            let series = takes_part.map(|it_does| it_does.then(Series::default)).collect();
            Row { probe, field, series }
        };
        let rows: Vec<_> = probes
            .iter()
            .flat_map(|probe| probe.fields.iter().map(|field| row(*probe, *field)))
            .collect();
        let block = |&workers: &usize| Block { workers, rows: rows.clone(), counted: Vec::new() };
        Self {
            runtimes: contestants.iter().map(|one| RuntimeInfo::of(&**one)).collect(),
            blocks: workers.iter().map(block).collect(),
            failures: Vec::new(),
            absent: Vec::new(),
            neighbours: Series::default(),
        }
    }

    /// What was measured with two workers, if this was not: there the figures of other numbers are
    /// compared with their own.
    pub fn base_of(&self, block: &Block) -> Option<&Block> {
        let base = self.blocks.iter().find(|one| one.workers == BASE);
        base.filter(|base| base.workers != block.workers)
    }

    /// Probe, field, runtime and workers of every figure that there is not.
    pub fn missing(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for Block { workers, rows, .. } in &self.blocks {
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
    fn of(contestant: &dyn Contestant) -> Self {
        let (name, version) = (contestant.name(), contestant.version());
        Self { name, version, is_reference: contestant.is_reference() }
    }

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

    /// Adds what one measurement gave.
    ///
    /// # Panics
    /// If the probe is not one of the block's, or the runtime takes no part in it.
    pub fn record(&mut self, probe: &ProbeInfo, runtime: usize, measured: &Measured) {
        assert_eq!(measured.figures.len(), probe.fields.len(), "{}", probe.path());
        for (field, figure) in probe.fields.iter().zip(&measured.figures) {
            let row = self
                .rows
                .iter_mut()
                .find(|row| row.probe.name == probe.name && row.field == *field);
            let series = &mut row.expect("a row for each field").series[runtime];
            series.as_mut().expect("it takes part").push(*figure);
        }
        if let Some(counters) = measured.counters {
            let all = self.counted_of(probe, runtime).series.iter_mut();
            all.zip(counters).for_each(|(series, counter)| series.push(counter));
        }
    }

    fn counted_of(&mut self, probe: &ProbeInfo, runtime: usize) -> &mut Counted {
        let is_it = |one: &Counted| one.probe.name == probe.name && one.runtime == runtime;
        let place = self.counted.iter().position(is_it).unwrap_or_else(|| {
            self.counted.push(Counted { probe: *probe, runtime, series: Default::default() });
            self.counted.len() - 1
        });
        &mut self.counted[place]
    }
}
