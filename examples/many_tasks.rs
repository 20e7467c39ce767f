//! A million tasks: each sleeps for up to a millisecond and gives its number; all are awaited, and the
//! results added up and checked.
//!
//! ```text
//! cargo run --release --example many_tasks
//! cargo run --release --example many_tasks -- --tasks 5000000 --workers 1
//! ```
//!
//! Standard error shows how far it is. Standard output ends with what the workers counted about
//! themselves; `filch::WorkerMetrics` says what each column means.
//!
//! Output, of which the figures differ from machine to machine and from run to run:
//!
//! ```text
//! 1000000 tasks, 2 workers, 0.243 s: 4118994 tasks per second
//! sum of the results: 499999500000, as it must be
//!
//! worker    polls  steals  stolen tasks  parks  naps  wakes  needless wakes
//!      0    25174    4518         21243      0  1838      1               0
//!      1  1974826       0             0      0     0      0               0
//!  total  2000000    4518         21243      0  1838      1               0
//! ```

use indicatif::{ProgressBar, ProgressStyle};
use lexopt::prelude::*;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "\
Runs many tasks on filch that each sleep for up to a millisecond, and tells how fast that went.

Usage: many_tasks [--tasks N] [--workers N]

  --tasks N     how many tasks, from 1 to 4294967295; default: 1000000
  --workers N   how many workers, from 1 to 32767; default: FILCH_WORKER_THREADS,
                or else one for each processor
  --help        prints this text

Exit code 0: all is well; 1: a wrong result, or no runtime; 2: the options make no sense.";

/// How many tasks are alive at a time.
///
/// A handle keeps its task's memory, so a million handles would keep a million tasks, finished or
/// not. Spawning in waves keeps no more than this many, and counting them costs nothing: it is
/// what a program does that reads its work from a file or a socket.
const WAVE: u32 = 10_000;

fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\nTry --help.");
            return ExitCode::from(2);
        }
    };
    let mut builder = filch::Builder::new();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(if error.kind() == io::ErrorKind::InvalidInput { 2 } else { 1 });
        }
    };

    let progress = Progress::new(options.tasks);
    let begin = Instant::now();
    let sum = runtime.block_on(spawn_and_sum(options.tasks, &progress));
    let time = begin.elapsed();
    progress.finish();

    let metrics = runtime.metrics();
    println!(
        "{} tasks, {} workers, {:.3} s: {:.0} tasks per second",
        options.tasks,
        metrics.workers.len(),
        time.as_secs_f64(),
        f64::from(options.tasks) / time.as_secs_f64(),
    );
    let tasks = u64::from(options.tasks);
    let expected = tasks * (tasks - 1) / 2;
    if sum != expected {
        println!("sum of the results: {sum}, which is wrong: it must be {expected}");
        return ExitCode::FAILURE;
    }
    println!("sum of the results: {sum}, as it must be\n");
    print_table(&metrics.workers);
    ExitCode::SUCCESS
}

/// Sleeps for up to a millisecond, and gives its index: of a wave, ten tasks end at each microsecond.
async fn sleeper(index: u32) -> u64 {
    filch::sleep(Duration::from_micros(u64::from(index % 1_000)), u64::from(index)).await
}

/// Runs tasks that give their index each, and adds up what they give.
async fn spawn_and_sum(tasks: u32, progress: &Progress) -> u64 {
    let mut sum = 0;
    let mut handles = Vec::with_capacity(WAVE as usize);
    let mut spawned = 0;
    while spawned < tasks {
        let wave = spawned..tasks.min(spawned.saturating_add(WAVE));
        spawned = wave.end;
        handles.extend(wave.map(|index| filch::spawn(sleeper(index))));
        for handle in handles.drain(..) {
            sum += handle.await.expect("no task panics or is aborted");
        }
        progress.reached(spawned);
    }
    sum
}

fn print_table(workers: &[filch::WorkerMetrics]) {
    let titles =
        ["worker", "polls", "steals", "stolen tasks", "parks", "naps", "wakes", "needless wakes"];
    let mut rows = vec![titles.map(String::from)];
    let mut total = [0; 7];
    for (index, w) in workers.iter().enumerate() {
        let counts =
            [w.polls, w.steals, w.stolen_tasks, w.parks, w.naps, w.wakes, w.needless_wakes];
        for (total, count) in total.iter_mut().zip(counts) {
            *total += count;
        }
        rows.push(row(&index.to_string(), counts));
    }
    rows.push(row("total", total));

    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    for row in &rows {
        let cells: [String; 8] =
            std::array::from_fn(|column| format!("{:>1$}", row[column], widths[column]));
        println!("{}", cells.join("  "));
    }
}

fn row(name: &str, counts: [u64; 7]) -> [String; 8] {
    std::array::from_fn(|column| match column.checked_sub(1) {
        None => name.to_owned(),
        Some(count) => counts[count].to_string(),
    })
}

struct Options {
    tasks: u32,
    workers: Option<usize>,
}

impl Options {
    /// Reads the command line; `None`: it asks for help.
    fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self { tasks: 1_000_000, workers: None };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("tasks") => options.tasks = number(&mut parser, "--tasks", u32::MAX)?,
                Long("workers") => {
                    options.workers = Some(number(&mut parser, "--workers", 32_767)? as usize);
                }
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }
}

/// The value of an option: a number from 1 to `most`.
fn number(parser: &mut lexopt::Parser, option: &str, most: u32) -> Result<u32, lexopt::Error> {
    let value = parser.value()?;
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("{option} {value:?}: give a number from 1 to {most}").into()),
    }
}

/// How far it is: a bar on a terminal, a line for each tenth elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    tasks: u32,
}

impl Progress {
    fn new(tasks: u32) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} tasks")
                .expect("the template is right");
            ProgressBar::new(u64::from(tasks)).with_style(style)
        });
        Self { bar, tasks }
    }

    fn reached(&self, done: u32) {
        match &self.bar {
            Some(bar) => bar.set_position(u64::from(done)),
            None => {
                let tenth = |done| u64::from(done) * 10 / u64::from(self.tasks);
                if tenth(done) > tenth(done.saturating_sub(WAVE)) {
                    eprintln!("{done} of {} tasks", self.tasks);
                }
            }
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
