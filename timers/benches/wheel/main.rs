//! The wheel beside a binary heap, a B-tree and another wheel.
//!
//! ```text
//! cargo bench -p filch-timers                            1 k, 100 k and 1 M timers
//! cargo bench -p filch-timers -- --quick                 a few seconds: does it run?
//! cargo bench -p filch-timers -- --huge                  10 M as well; takes some GB
//! cargo bench -p filch-timers -- reset                   cases with "reset" in their name
//! cargo bench -p filch-timers -- --only filch            candidates with "filch" in their name
//! cargo bench -p filch-timers -- --live 5000             with so many timers
//! ```
//!
//! Rounds of the candidates take turns. Of each there are the best round and the median, in
//! nanoseconds of CPU time for each operation, and how many times the best of filch its best is.
//! Compare the best on a machine that does other things too.
//!
//! Bytes for each timer are what a process grows by that holds nothing else, with a payload as
//! large as a `Waker`.

mod cases;
mod memory;
mod options;
mod peers;

use std::env;
use std::process::ExitCode;

use cases::{Case, Round};
use filch_timers::Wheel;
use options::{Options, USAGE};
use peers::{HashWheel, Heap, Payload, Timers, Tree};

type Filch = Wheel<Payload>;

const NAMES: [&str; 4] = [Filch::NAME, Heap::NAME, Tree::NAME, HashWheel::NAME];

/// Exit code for options that make no sense.
const MISUSE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [flag, name, live] = &arguments[..]
        && flag == memory::FLAG
    {
        println!("{}", memory::grown_by(name, live.parse().expect("a number of timers")));
        return ExitCode::SUCCESS;
    }
    match Options::parse(&arguments) {
        Ok(options) => compare(&options),
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(MISUSE);
        }
    }
    ExitCode::SUCCESS
}

fn compare(options: &Options) {
    let cases: Vec<_> = Case::ALL.into_iter().filter(|case| options.selects(*case)).collect();
    if cases.is_empty() {
        println!("the filters select no case of the wheel");
        return;
    }
    println!("nanoseconds of CPU time for each operation, in {} rounds", options.rounds);
    for &live in &options.live {
        println!("\n{live} timers alive\n");
        header();
        for case in &cases {
            row(*case, live, options);
        }
        if options.filters.is_empty() {
            memory::row(live);
        }
    }
}

fn header() {
    print!("{:<32}", "");
    for name in NAMES {
        print!("{name:>23}");
    }
    print!("\n{:<32}", "");
    for _ in NAMES {
        print!("{:>9}{:>8}{:>6}", "best", "median", "x");
    }
    println!();
}

fn row(case: Case, live: usize, options: &Options) {
    let prepare = [
        Case::prepare::<Filch>,
        Case::prepare::<Heap>,
        Case::prepare::<Tree>,
        Case::prepare::<HashWheel>,
    ];
    let mut candidates: [Option<Round>; 4] = std::array::from_fn(|number| {
        let wanted = NAMES[number].contains(&options.only);
        wanted.then(|| prepare[number](case, live, options.operations)).flatten()
    });
    let mut results: [Vec<f64>; 4] = Default::default();
    for round in 0..=options.rounds {
        for (candidate, results) in candidates.iter_mut().zip(&mut results) {
            let Some(candidate) = candidate else { continue };
            let nanos = candidate();
            // The first round warms up.
            if round > 0 {
                results.push(nanos);
            }
        }
    }
    results.iter_mut().for_each(|results| results.sort_by(f64::total_cmp));
    let filch = results[0].first().copied();
    print!("{:<32}", case.name());
    for results in &results {
        match results.first() {
            None => print!("{:>9}{:>8}{:>6}", "-", "", ""),
            Some(&best) => {
                let ratio = filch.map_or("-".to_owned(), |filch| format!("{:.2}", best / filch));
                print!("{best:>9.1}{:>8.1}{ratio:>6}", results[results.len() / 2]);
            }
        }
    }
    println!();
}
