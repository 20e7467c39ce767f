//! The command line.

use crate::cases::Case;

/// Shown after a mistake.
pub(crate) const USAGE: &str = "\
cargo bench -p filch-timers -- [FILTER]... [OPTIONS]

FILTER           part of `wheel/CASE`; several mean any of them
--quick          fewer timers, operations and rounds
--rounds N       rounds (25)
--huge           10 M timers as well; takes some GB
--live N         with so many timers
--only NAME      candidates with this in their name";

/// What is measured.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) live: Vec<usize>,
    pub(crate) operations: usize,
    pub(crate) rounds: usize,
    pub(crate) filters: Vec<String>,
    pub(crate) only: String,
}

impl Options {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// A sentence for the user about the first argument that makes no sense.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let is_quick = arguments.iter().any(|argument| argument == "--quick");
        let mut options = Self {
            live: if is_quick { vec![1_000, 100_000] } else { vec![1_000, 100_000, 1_000_000] },
            operations: if is_quick { 20_000 } else { 200_000 },
            rounds: if is_quick { 3 } else { 25 },
            filters: Vec::new(),
            only: String::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => {}
                "--huge" => options.live.push(10_000_000),
                "--only" => options.only = value()?.clone(),
                "--rounds" => options.rounds = positive(argument, value()?)?,
                "--live" => options.live = vec![positive(argument, value()?)?],
                option if option.starts_with('-') => return Err(unknown(option)),
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether the filters select this case. Those that are meant for another benchmark, whose names do
    /// not begin with `wheel/`, select none here.
    pub(crate) fn selects(&self, case: Case) -> bool {
        let path = format!("wheel/{}", case.name());
        self.filters.is_empty() || self.filters.iter().any(|part| path.contains(part.as_str()))
    }
}

fn positive(flag: &str, text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{flag} cannot be {text:?}"))
}

/// `cargo bench` gives its options to every benchmark of the packages that it runs.
fn unknown(option: &str) -> String {
    format!(
        "the benchmark of the wheel has no option {option}; \
         for one of another package name that, as in `cargo bench -p filch-benches`"
    )
}
