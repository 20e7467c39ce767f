//! The wheel beside a binary heap, a B-tree and another wheel.
//!
//! ```text
//! cargo bench -p filch-timers                            1 k, 100 k and 1 M timers
//! cargo bench -p filch-timers -- --quick                 a few seconds: does it run?
//! cargo bench -p filch-timers -- --huge                  10 M as well; takes some GB
//! cargo bench -p filch-timers -- --case reset            cases with "reset" in their name
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
mod peers;

use std::env;

use cases::{Case, Round};
use filch_timers::Wheel;
use peers::{HashWheel, Heap, Payload, Timers, Tree};

type Filch = Wheel<Payload>;

const NAMES: [&str; 4] = [Filch::NAME, Heap::NAME, Tree::NAME, HashWheel::NAME];

#[derive(Debug)]
struct Options {
    live: Vec<usize>,
    operations: usize,
    rounds: usize,
    case: String,
    only: String,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [flag, name, live] = &arguments[..]
        && flag == memory::FLAG
    {
        println!("{}", memory::grown_by(name, live.parse().expect("a number of timers")));
        return;
    }
    let options = parse(&arguments);
    println!("nanoseconds of CPU time for each operation, in {} rounds", options.rounds);
    for &live in &options.live {
        println!("\n{live} timers alive\n");
        header();
        for case in Case::ALL.into_iter().filter(|case| case.name().contains(&options.case)) {
            row(case, live, &options);
        }
        if options.case.is_empty() {
            memory::row(live);
        }
    }
}

fn parse(arguments: &[String]) -> Options {
    let mut options = Options {
        live: vec![1_000, 100_000, 1_000_000],
        operations: 200_000,
        rounds: 25,
        case: String::new(),
        only: String::new(),
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {
                options.live = vec![1_000, 100_000];
                options.operations = 20_000;
                options.rounds = 3;
            }
            "--huge" => options.live.push(10_000_000),
            "--case" => options.case = arguments.next().expect("--case NAME").clone(),
            "--only" => options.only = arguments.next().expect("--only NAME").clone(),
            "--live" => {
                let live = arguments.next().and_then(|live| live.parse().ok());
                options.live = vec![live.expect("--live NUMBER")];
            }
            other => panic!("{other} is no option"),
        }
    }
    options
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
