//! What `/proc` tells about this process. Linux only; elsewhere the guards that need it fail.

use std::fs;

/// Voluntary context switches so far of all threads but the calling one.
///
/// # Panics
/// Where there is no `/proc`.
pub fn voluntary_switches_of_other_threads() -> u64 {
    let own = fs::read_link("/proc/thread-self").expect("/proc/thread-self");
    let threads = fs::read_dir("/proc/self/task").expect("/proc/self/task");
    threads
        .filter_map(Result::ok)
        .filter(|thread| Some(thread.file_name().as_os_str()) != own.file_name())
        // A thread may end between the listing and the reading.
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok())
        .map(|status| field(&status, "voluntary_ctxt_switches:"))
        .sum()
}

/// Resident memory of the process in bytes.
///
/// # Panics
/// Where there is no `/proc`.
pub fn resident_bytes() -> u64 {
    kib_of_process("VmRSS:") * 1024
}

/// The most that the resident memory of the process ever was, in bytes.
///
/// # Panics
/// Where there is no `/proc`.
pub fn peak_resident_bytes() -> u64 {
    kib_of_process("VmHWM:") * 1024
}

/// CPU time, in the kernel's ticks, of the children that this process has waited for.
pub fn ticks_of_children() -> Option<u32> {
    children(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// User and system time of the children: the 16th and 17th word, of which the second, the name of the
/// program, may have blanks.
fn children(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_whitespace().skip(13).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn kib_of_process(name: &str) -> u64 {
    field(&fs::read_to_string("/proc/self/status").expect("/proc/self/status"), name)
}

fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{name} is missing in /proc/self/status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_children_is_found_behind_a_name_with_blanks() {
        let stat = "7 (a) b) R 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20";
        assert_eq!(children(stat), Some(16 + 17));
    }

    #[test]
    fn field_is_found_by_its_whole_name() {
        let status =
            "VmRSS:\t  12 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "VmRSS:"), 12);
    }
}
