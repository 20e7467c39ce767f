//! What stands at the head of a report: machine and versions.

use std::fs;
use std::time::{Duration, Instant};

use crate::clock::cpu_of_process;
use crate::proc;

/// The lock file this program was built with.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// Model of the processor, as the kernel names it.
pub fn cpu_model() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".into())
}

/// Processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Watches what other processes, and other guests of the host, take of the processors.
///
/// It matters in both directions: with one core taken away, two workers that fight for a cache
/// line on two cores become faster.
#[derive(Debug)]
pub struct Neighbours {
    start: Instant,
    busy: Option<Duration>,
    own: Duration,
}

impl Neighbours {
    /// Starts to watch.
    pub fn watch() -> Self {
        Self { start: Instant::now(), busy: busy_time(), own: own_time() }
    }

    /// What they took since the start, in percent of all processors, where that is known.
    pub fn percent(&self) -> Option<f64> {
        let busy = busy_time()?.saturating_sub(self.busy?);
        let others = busy.saturating_sub(own_time().saturating_sub(self.own));
        let available = self.start.elapsed().as_secs_f64() * processors() as f64;
        Some(100.0 * others.as_secs_f64() / available)
    }
}

/// Linux counts in `/proc` in hundredths of a second, whatever its own clock.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of this process and of the children that it has waited for.
fn own_time() -> Duration {
    cpu_of_process() + proc::ticks_of_children().map_or(Duration::ZERO, |ticks| TICK * ticks)
}

/// How long the processors have been busy so far, the time stolen by the host included.
fn busy_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let total = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u32> =
        total.split_whitespace().map_while(|number| number.parse().ok()).collect();
    let &[user, nice, system, _idle, _wait, irq, soft_irq, steal, ..] = &*ticks else {
        return None;
    };
    Some(TICK * (user + nice + system + irq + soft_irq + steal))
}

/// Version of `package` in the lock file.
pub fn locked_version(package: &str) -> &'static str {
    version_in(LOCK, package).unwrap_or("unknown")
}

fn version_in<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| *line == name)?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_that_of_the_whole_name() {
        let lock = "name = \"tokio-macros\"\nversion = \"2.0.0\"\n\nname = \"tokio\"\nversion = \"1.2.3\"\n";
        assert_eq!(version_in(lock, "tokio"), Some("1.2.3"));
        assert_eq!(version_in(lock, "toki"), None);
    }

    #[test]
    fn versions_of_all_contestants_are_known() {
        for contestant in crate::contestants() {
            assert_ne!(contestant.version(), "unknown");
        }
    }
}
