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
    fn field_is_found_by_its_whole_name() {
        let status =
            "VmRSS:\t  12 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "VmRSS:"), 12);
    }
}
