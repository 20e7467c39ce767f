//! The command line.

use std::iter;
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;

use crate::child::Child;
use crate::probe::ProbeInfo;

/// Shown by `--help` and after a mistake.
pub const HELP: &str = "\
cargo bench -p filch-benches -- [FILTER]... [OPTIONS]

FILTER               part of `case/NAME` or `guard/NAME`; several mean any of them; what runs on
                     demand only needs its whole name
--list               names the cases, the guards and the runtimes
--rounds N           rounds (7); guards take part in the first three
--workers N,M        worker threads of each runtime (2); of several numbers each by itself
--only A,B           only these runtimes
--quick              a tenth of the work, one round
--counters           a table of what filch counts of itself: polls, steals, parks, wakes
--json FILE          writes every sample there too
--html FILE          writes the report there as a page with charts
--check-complete     fails unless every case x runtime x field has a figure";

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Run the benchmarks.
    Compare(Options),
    /// Name what there is.
    List,
    /// Show [`HELP`].
    Help,
    /// Be the fresh process of a guard of memory (not for people).
    Child(Child),
}

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parts of names; empty selects everything.
    pub filters: Vec<String>,
    /// How often everything is measured.
    pub rounds: usize,
    /// Worker threads of each runtime; one number after another.
    pub workers: Vec<usize>,
    /// Names of the runtimes that take part; `None` for all.
    pub only: Option<Vec<String>>,
    /// A tenth of the work.
    pub quick: bool,
    /// Show the runtimes' counters.
    pub counters: bool,
    /// Where to write the samples.
    pub json: Option<PathBuf>,
    /// Where to write the page.
    pub html: Option<PathBuf>,
    /// Fail when a figure is missing.
    pub check_complete: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            rounds: 7,
            workers: vec![2],
            only: None,
            quick: false,
            counters: false,
            json: None,
            html: None,
            check_complete: false,
        }
    }
}

impl Options {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// A sentence for the user about the first argument that makes no sense.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
        let mut args = args.into_iter();
        let mut options = Self::default();
        let mut rounds = None;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                // Passed by `cargo bench` to every benchmark.
                "--bench" => {}
                "--help" | "-h" => return Ok(Command::Help),
                "--list" => return Ok(Command::List),
                Child::FLAG => return Child::from_args(&mut args).map(Command::Child),
                "--rounds" => rounds = Some(positive(&mut args, &arg)?),
                "--workers" => options.workers = positives(&mut args, &arg)?,
                "--json" => options.json = Some(value(&mut args, &arg)?),
                "--html" => options.html = Some(value(&mut args, &arg)?),
                "--only" => {
                    let names: String = value(&mut args, &arg)?;
                    options.only = Some(names.split(',').map(str::to_owned).collect());
                }
                "--quick" => options.quick = true,
                "--counters" => options.counters = true,
                "--check-complete" => options.check_complete = true,
                unknown if unknown.starts_with('-') => {
                    return Err(format!("unknown option {unknown}"));
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 1 } else { options.rounds });
        Ok(Command::Compare(options))
    }

    /// Whether a runtime of this name may take part.
    pub fn lets_take_part(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|one| one == name))
    }

    /// Whether the filters select this probe.
    pub fn selects(&self, probe: &ProbeInfo) -> bool {
        let path = probe.path();
        let mut filters = self.filters.iter();
        if probe.on_demand {
            return filters.any(|whole| *whole == path || whole == probe.name);
        }
        self.filters.is_empty() || filters.any(|part| path.contains(part.as_str()))
    }
}

/// The next argument, read as the value of `flag`.
///
/// # Errors
/// A sentence for the user: there is none, or it makes no sense.
pub fn value<T: FromStr>(args: &mut impl Iterator<Item = String>, flag: &str) -> Result<T, String> {
    let text = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
    text.parse().map_err(|_| format!("{flag} cannot be {text:?}"))
}

fn positive(args: &mut impl Iterator<Item = String>, flag: &str) -> Result<usize, String> {
    let number: NonZero<usize> = value(args, flag)?;
    Ok(number.get())
}

/// A list with commas.
fn positives(args: &mut impl Iterator<Item = String>, flag: &str) -> Result<Vec<usize>, String> {
    let list: String = value(args, flag)?;
    list.split(',').map(|number| positive(&mut iter::once(number.to_owned()), flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::Memory;

    fn parse(line: &str) -> Result<Command, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    fn compare(line: &str) -> Options {
        match parse(line) {
            Ok(Command::Compare(options)) => options,
            other => panic!("not a comparison: {other:?}"),
        }
    }

    #[test]
    fn argument_of_cargo_is_ignored() {
        let options = compare("--bench skynet idle --workers 3,1");
        assert_eq!(options.filters, ["skynet", "idle"]);
        assert_eq!((options.workers, options.rounds), (vec![3, 1], 7));
    }

    #[test]
    fn quick_means_one_round_unless_told_otherwise() {
        assert_eq!(compare("--quick").rounds, 1);
        assert_eq!(compare("--rounds 4 --quick").rounds, 4);
    }

    #[test]
    fn filter_selects_by_kind_and_by_part_of_the_name() {
        let options = compare("guard skynet");
        assert!(options.selects(&ProbeInfo::guard("idle_cpu", "", &[])));
        assert!(options.selects(&ProbeInfo::case("skynet", "")));
        assert!(!options.selects(&ProbeInfo::case("fib", "")));
    }

    #[test]
    fn on_demand_means_by_its_whole_name() {
        let huge = ProbeInfo { on_demand: true, ..ProbeInfo::case("churn_huge", "") };
        for line in ["", "churn", "case/"] {
            assert!(!compare(line).selects(&huge), "{line}");
        }
        for line in ["churn_huge", "fib case/churn_huge"] {
            assert!(compare(line).selects(&huge), "{line}");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for line in
            ["--rounds", "--rounds 0", "--workers two", "--workers 1,0", "--workers 1,", "--fast"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn child_arguments_survive_the_way_through_the_command_line() {
        for memory in [Memory::Sleeping, Memory::Detached] {
            let sent = Child { runtime: "tokio".into(), workers: 2, reduction: 1, memory };
            match Options::parse(sent.to_args()) {
                Ok(Command::Child(got)) => assert_eq!(got, sent),
                other => panic!("not the child's command: {other:?}"),
            }
        }
    }
}
