//! Every example prints what its header says it prints.
//!
//! `cargo test` builds the examples before it runs this. `cargo test --test outputs` alone does
//! not: there, `cargo build --examples` has to come first.

use std::collections::BTreeSet;
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The examples whose output is the same on every run.
const DETERMINISTIC: [&str; 16] = [
    "async_generator",
    "automatic_drive",
    "await_no_await",
    "await_two_way",
    "awaitable",
    "coroutine_object",
    "custom_drive",
    "foreign_threads",
    "hello",
    "interval",
    "manual_drive",
    "no_event_loop",
    "panics_and_abort",
    "sleep_result",
    "sleep_sort",
    "timeout",
];

#[test]
fn deterministic_examples_print_what_their_headers_say() {
    for example in DETERMINISTIC {
        let output = run(example, &[]);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{example}: {}\n{stderr}", output.status);
        assert_eq!(text(&output.stdout), header_output(example), "{example}'s standard output");
    }
}

/// Not their order: by the system's clock, a machine with too much to do may mix them up.
#[test]
fn sleep_sort_prints_a_line_for_each_number_to_who_watches() {
    let start = Instant::now();
    let output = run("sleep_sort", &["--watch"]);
    assert!(start.elapsed() >= Duration::from_millis(144 * 25), "nothing to watch");
    assert!(output.status.success(), "{output:?}");
    let mut numbers: Vec<u32> =
        text(&output.stdout).lines().map(|line| line.parse().expect("a number")).collect();
    numbers.sort_unstable();
    let sorted = header_output("sleep_sort");
    let sorted = words(sorted.lines().next().expect("the numbers"));
    assert_eq!(numbers.iter().map(u32::to_string).collect::<Vec<_>>(), sorted);

    let refused = run("sleep_sort", &["--wait"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--watch"), "{refused:?}");
}

#[test]
fn no_example_is_left_out() {
    let files = fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the package's folder");
    let files = files.map(|file| file.expect("an entry of the folder").path());
    let examples: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    let checked = DETERMINISTIC.into_iter().chain(["many_tasks"]).map(str::to_owned);
    assert_eq!(examples, checked.collect(), "each example is checked in this file");
}

#[test]
fn many_tasks_checks_its_sum_and_prints_a_row_for_each_worker() {
    let output = run("many_tasks", &["--tasks", "25000", "--workers", "2"]);
    assert!(output.status.success(), "{output:?}");
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("25000 tasks, 2 workers, "), "{stdout}");
    assert!(lines[0].ends_with(" tasks per second"), "{stdout}");
    assert_eq!(lines[1], "sum of the results: 312487500, as it must be");
    assert_eq!(lines[2], "");

    let header = header_output("many_tasks");
    let titles = header.lines().nth(3).expect("the header shows the table");
    assert_eq!(words(lines[3]), words(titles));
    let rows: Vec<Vec<&str>> = lines[4..].iter().map(|line| words(line)).collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names, ["0", "1", "total"], "{stdout}");
    assert_eq!(rows[2][1], "50000", "each task is polled before it sleeps and after:\n{stdout}");
    assert!(lines[4..].iter().all(|line| line.len() == lines[3].len()), "not aligned:\n{stdout}");
}

#[test]
fn many_tasks_refuses_bad_options_with_exit_code_2_and_says_what_to_do() {
    let bad: [(&[&str], &str); 6] = [
        (&["--tasks", "0"], "--tasks \"0\": give a number from 1 to 4294967295"),
        (&["--tasks", "many"], "--tasks \"many\": give a number from 1 to 4294967295"),
        (&["--workers", "-1"], "--workers \"-1\": give a number from 1 to 32767"),
        (&["--workers"], "missing argument for option '--workers'"),
        (&["--fast"], "invalid option '--fast'"),
        (&["fast"], "unexpected argument \"fast\""),
    ];
    for (arguments, message) in bad {
        let output = run("many_tasks", arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(message), "{arguments:?}: {stderr}");
        assert!(stderr.contains("--help"), "{arguments:?}: {stderr}");
    }
}

fn run(example: &str, arguments: &[&str]) -> Output {
    let path = binary(example);
    match Command::new(&path).args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("{}: {error}; build it: cargo build --examples", path.display()),
    }
}

/// Where Cargo puts an example: beside the folder of this test's own binary.
fn binary(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    profile.join("examples").join(format!("{example}{EXE_SUFFIX}"))
}

/// The code block that follows the line `//! Output…` of an example's header.
fn header_output(example: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{example}.rs"));
    let source = fs::read_to_string(&path).expect("the example's source");
    let mut header = source.lines().map_while(|line| line.strip_prefix("//!"));
    header.find(|line| line.trim_start().starts_with("Output")).expect("a line `//! Output`");
    header.find(|line| *line == " ```text").expect("a code block after `//! Output`");
    let block = header.take_while(|line| *line != " ```");
    block.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("an example prints UTF-8").replace("\r\n", "\n")
}
