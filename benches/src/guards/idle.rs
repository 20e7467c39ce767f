//! What a runtime costs while there is little or nothing to do.

use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use crate::clock::{cpu_of_other_threads, micros, sleep_until, spin_for};
use crate::latch::Latch;
use crate::peer::Peer;
use crate::probe::{Field, Setup};
use crate::proc::voluntary_switches_of_other_threads;

/// Per second of wall time, over all threads of the runtime.
pub const FIELDS: &[Field] = &[Field::median("cpu_us_per_s"), Field::median("switches_per_s")];

/// Time for the workers to go to sleep after the first task.
const SETTLE: Duration = Duration::from_millis(100);

/// `idle_cpu`: two seconds with one task that waits for something that does not come.
pub fn idle<P: Peer>(setup: &Setup) -> Vec<f64> {
    let peer = P::start(setup.workers);
    let (wake, parked) = oneshot::channel::<()>();
    let task = P::spawn_on(&peer.handle(), parked);
    thread::sleep(SETTLE);
    let usage = Usage::start();
    thread::sleep(setup.seconds(2.0));
    let figures = usage.per_second();
    drop(wake);
    assert!(peer.block_on(task).is_err(), "nobody sent anything");
    figures
}

/// Between two tasks of `low_load`.
const PERIOD: Duration = Duration::from_micros(500);
/// What a task of `low_load` computes.
const WORK: Duration = Duration::from_micros(10);

/// `low_load`: for two seconds a thread outside spawns a task of 10 µs every 500 µs. The work
/// itself is 20 000 µs of CPU a second; what lies above it is the price of finding it.
pub fn low_load<P: Peer>(setup: &Setup) -> Vec<f64> {
    let peer = P::start(setup.workers);
    let handle = peer.handle();
    let tasks = (setup.seconds(2.0).as_secs_f64() / PERIOD.as_secs_f64()) as u32;
    let (latch, open) = Latch::new(tasks as usize);
    thread::sleep(SETTLE);
    let usage = Usage::start();
    let start = Instant::now();
    for number in 0..tasks {
        sleep_until(start + PERIOD * number);
        P::spawn_detached_on(&handle, async move {
            spin_for(WORK);
            latch.count_down();
        });
    }
    peer.block_on(open).expect("the last task signals");
    usage.per_second()
}

/// CPU time and voluntary switches of all threads but the calling one.
#[derive(Debug)]
struct Usage {
    start: Instant,
    cpu: Duration,
    switches: u64,
}

impl Usage {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            cpu: cpu_of_other_threads(),
            switches: voluntary_switches_of_other_threads(),
        }
    }

    fn per_second(&self) -> Vec<f64> {
        let cpu = cpu_of_other_threads().saturating_sub(self.cpu);
        let switches = voluntary_switches_of_other_threads().saturating_sub(self.switches);
        let seconds = self.start.elapsed().as_secs_f64();
        vec![micros(cpu) / seconds, switches as f64 / seconds]
    }
}
