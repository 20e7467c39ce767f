//! How long after its deadline does a sleep end?

use std::thread;
use std::time::{Duration, Instant};

use crate::cases::in_task;
use crate::clock::micros;
use crate::peer::Timers;
use crate::probe::{Field, Setup};
use crate::stats::percentile;

/// Of a task on an idle runtime; and of a bare thread in `thread::sleep`, which is what the system
/// allows for.
pub const FIELDS: &[Field] = &[
    Field::median("p50_us"),
    Field::median("p99_us"),
    Field::median("p99.9_us"),
    Field::max("max_us"),
    Field::median("thread_p50_us"),
    Field::median("thread_p99_us"),
];

/// `lateness_100us`: a task sleeps for 100 µs, 5 000 times in a row.
pub fn hundred_micros<P: Timers>(setup: &Setup) -> Vec<f64> {
    lateness::<P>(setup, Duration::from_micros(100), 5_000)
}

/// `lateness_1ms`: for 1 ms, 1 000 times.
pub fn milli<P: Timers>(setup: &Setup) -> Vec<f64> {
    lateness::<P>(setup, Duration::from_millis(1), 1_000)
}

/// `lateness_10ms`: for 10 ms, 200 times.
pub fn ten_millis<P: Timers>(setup: &Setup) -> Vec<f64> {
    lateness::<P>(setup, Duration::from_millis(10), 200)
}

fn lateness<P: Timers>(setup: &Setup, duration: Duration, times: usize) -> Vec<f64> {
    let times = setup.scale.count(times);
    let peer = P::start_with_timers(setup.workers);
    let of_task = in_task(&peer, async move {
        let mut late = Vec::with_capacity(times);
        for _ in 0..times {
            let deadline = Instant::now() + duration;
            P::sleep_until(deadline).await;
            late.push(since(deadline));
        }
        late
    });
    let of_thread: Vec<_> = (0..times)
        .map(|_| {
            let deadline = Instant::now() + duration;
            thread::sleep(duration);
            since(deadline)
        })
        .collect();
    let of_task = [0.5, 0.99, 0.999, 1.0].map(|share| percentile(&of_task, share));
    let of_thread = [0.5, 0.99].map(|share| percentile(&of_thread, share));
    of_task.into_iter().chain(of_thread).collect()
}

/// # Panics
/// If the sleep was early.
fn since(deadline: Instant) -> f64 {
    micros(Instant::now().checked_duration_since(deadline).expect("a sleep ended early"))
}
