//! Wall and CPU clocks.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What a stretch of work took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Time on the clock on the wall.
    pub wall: Duration,
    /// User and system time of all threads of the process, those that have ended included.
    pub cpu: Duration,
}

/// Measures a [`Cost`].
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Self { cpu: cpu_of_process(), wall: Instant::now() }
    }

    /// The cost since the start.
    pub fn stop(self) -> Cost {
        let wall = self.wall.elapsed();
        let cpu = cpu_of_process().saturating_sub(self.cpu);
        Cost { wall, cpu }
    }
}

/// CPU time that all threads have used so far, those that have ended included.
pub fn cpu_of_process() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

/// CPU time that all threads but the calling one have used so far.
pub fn cpu_of_other_threads() -> Duration {
    cpu_of_process().saturating_sub(cpu_time(ClockId::ThreadCPUTime))
}

/// Keeps the calling thread busy.
pub fn spin_for(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        spin_loop();
    }
}

/// Sleeps until `deadline`, or not at all when it has passed.
pub fn sleep_until(deadline: Instant) {
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
}

/// `duration` in microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn cpu_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).expect("a CPU clock is never negative")
}
