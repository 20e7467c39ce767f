//! What `/proc/self` says.

use std::collections::BTreeMap;
use std::fs;

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// How many threads this process has.
pub fn threads() -> usize {
    entries("/proc/self/task")
}

/// Waits until this process has at most so many threads.
///
/// One that has been joined is listed until the system has taken it down, a moment later.
pub fn wait_for_threads(most: usize) {
    while threads() > most {
        std::thread::yield_now();
    }
}

/// How many files this process has open.
pub fn open_files() -> usize {
    // Less the one that reads the folder.
    entries("/proc/self/fd").saturating_sub(1)
}

fn of_each_thread<T>(file: &str, read: impl Fn(&str) -> T) -> Vec<T> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let texts =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join(file)).ok());
    texts.map(|text| read(&text)).collect()
}

/// The names of this process's threads.
pub fn thread_names() -> Vec<String> {
    of_each_thread("comm", |text| text.trim().to_owned())
}

/// How often each thread with a name that begins so has given up its processor of its own accord, by
/// name.
pub fn voluntary_switches(prefix: &str) -> BTreeMap<String, u64> {
    let field = |text: &str, name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    let switches = of_each_thread("status", |text| {
        (field(text, "Name:"), field(text, "voluntary_ctxt_switches:").parse().unwrap_or(0))
    });
    switches.into_iter().filter(|(name, _)| name.starts_with(prefix)).collect()
}

/// Each thread's name, state and processor time, for a report.
pub fn thread_states() -> Vec<String> {
    of_each_thread("stat", |text| {
        let (name, rest) = text.split_once(") ").unwrap_or(("?", text));
        let name = name.split_once('(').map_or(name, |(_, name)| name);
        let fields: Vec<_> = rest.split(' ').collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or("?");
        format!("{name}: {}, {} ticks", field(0), field(11))
    })
}
