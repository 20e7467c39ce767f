//! Rounds, rotation, failures.

use std::panic::{self, AssertUnwindSafe};

use crate::machine::Neighbours;
use crate::options::Options;
use crate::probe::{Contestant, Kind, ProbeInfo, Setup};
use crate::results::{Block, Failure, Measured, Results};
use crate::watchdog::Watchdog;

/// Guards are long and steady: this many rounds of them are enough.
const GUARD_ROUNDS: usize = 3;

/// Measures everything that `options` select.
pub fn run(options: &Options, contestants: &[Box<dyn Contestant>]) -> Results {
    let selected = selected(options, contestants);
    let probes: Vec<_> = selected.iter().map(|(_, probe)| *probe).collect();
    let mut results = Results::empty(&options.workers, contestants, &probes);
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
                    Ok(measured) => block.record(probe, runtime, &measured),
                    Err(message) => failures.push(Failure { what, message }),
                }
            }
        }
        failures
    }
}

/// What `measure` returns, or the message of its panic.
fn caught(measure: impl FnOnce() -> Measured) -> Result<Measured, String> {
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
        fn measure(&self, probe: usize, _setup: &Setup) -> Measured {
            assert_eq!(probe, 0, "wrong result");
            vec![1.0].into()
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
