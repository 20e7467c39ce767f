//! What `/proc/self` says.

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
