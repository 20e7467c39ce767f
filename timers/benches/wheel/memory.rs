//! How much memory the candidates take, each measured in a process of its own.

use std::env;
use std::fs;
use std::process::Command;

use crate::peers::{HashWheel, Heap, Payload, Timers, Tree};
use crate::{Filch, NAMES};

/// Makes this program measure one candidate and print the result.
pub(crate) const FLAG: &str = "--memory-of";

pub(crate) fn row(live: usize) {
    print!("{:<32}", "bytes for each timer");
    for name in NAMES {
        let program = env::current_exe().expect("the path of this program");
        let output = Command::new(program)
            .args([FLAG, name, &live.to_string()])
            .output()
            .expect("this program starts again");
        print!("{:>9}{:>14}", String::from_utf8_lossy(&output.stdout).trim(), "");
    }
    println!();
}

/// Bytes for each timer; "-" where the system does not tell.
pub(crate) fn grown_by(name: &str, live: usize) -> String {
    let grown = match name {
        Filch::NAME => growth::<Filch>(live),
        Heap::NAME => growth::<Heap>(live),
        Tree::NAME => growth::<Tree>(live),
        HashWheel::NAME => growth::<HashWheel>(live),
        other => panic!("{other} is no candidate"),
    };
    grown.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes / live as f64))
}

fn growth<Q: Timers>(live: usize) -> Option<f64> {
    let before = resident_bytes()?;
    let mut queue = Q::new();
    for number in 0..live {
        // Scattered over a minute.
        let deadline = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60_000_000_000;
        queue.insert(deadline, Payload::new(number));
    }
    let after = resident_bytes()?;
    drop(queue);
    Some(after as f64 - before as f64)
}

/// The memory of this process that is in use, on Linux.
fn resident_bytes() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
