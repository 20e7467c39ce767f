//! How long after its deadline does a sleep end?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cases::in_task;
use crate::clock::{micros, spin_for};
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

/// Of a task on a runtime all of whose workers are busy.
pub const BUSY_FIELDS: &[Field] = &[
    Field::median("p50_us"),
    Field::median("p99_us"),
    Field::median("p99.9_us"),
    Field::max("max_us"),
];

/// Distance of a tick from where it belongs.
pub const DRIFT_FIELDS: &[Field] =
    &[Field::median("last_us"), Field::median("p50_us"), Field::median("p99_us")];

/// `lateness_100us`: a task sleeps for 100 µs, 5 000 times in a row.
pub fn hundred_micros<P: Timers>(setup: &Setup) -> Vec<f64> {
    at_rest::<P>(setup, Duration::from_micros(100), 5_000)
}

/// `lateness_1ms`: for 1 ms, 1 000 times.
pub fn milli<P: Timers>(setup: &Setup) -> Vec<f64> {
    at_rest::<P>(setup, Duration::from_millis(1), 1_000)
}

/// `lateness_10ms`: for 10 ms, 200 times.
pub fn ten_millis<P: Timers>(setup: &Setup) -> Vec<f64> {
    at_rest::<P>(setup, Duration::from_millis(10), 200)
}

/// `lateness_busy_100us`: for 100 µs, 5 000 times, while all workers are busy.
pub fn busy_hundred_micros<P: Timers>(setup: &Setup) -> Vec<f64> {
    busy::<P>(setup, Duration::from_micros(100), 5_000)
}

/// `lateness_busy_1ms`: for 1 ms, 1 000 times, while all workers are busy.
pub fn busy_milli<P: Timers>(setup: &Setup) -> Vec<f64> {
    busy::<P>(setup, Duration::from_millis(1), 1_000)
}

/// `lateness_busy_10ms`: for 10 ms, 200 times, while all workers are busy.
pub fn busy_ten_millis<P: Timers>(setup: &Setup) -> Vec<f64> {
    busy::<P>(setup, Duration::from_millis(10), 200)
}

fn at_rest<P: Timers>(setup: &Setup, duration: Duration, times: usize) -> Vec<f64> {
    let times = setup.scale.count(times);
    let peer = P::start_with_timers(setup.workers);
    let of_task = in_task(&peer, sleep_on::<P>(duration, times));
    let of_thread: Vec<_> = (0..times)
        .map(|_| {
            let deadline = Instant::now() + duration;
            thread::sleep(duration);
            since(deadline)
        })
        .collect();
    let of_thread = [0.5, 0.99].map(|share| percentile(&of_thread, share));
    percentiles(&of_task).into_iter().chain(of_thread).collect()
}

/// Tasks for each worker that keep it busy.
const HOGS: usize = 4;
/// What each of them does between two yields.
const SHORT_POLL: Duration = Duration::from_micros(10);

/// Four tasks for each worker spin for 10 µs and yield, again and again.
fn busy<P: Timers>(setup: &Setup, duration: Duration, times: usize) -> Vec<f64> {
    let times = setup.scale.count(times);
    let hogs = HOGS * setup.workers;
    let peer = P::start_with_timers(setup.workers);
    let late = in_task(&peer, async move {
        let stop = Arc::new(AtomicBool::new(false));
        let polls = Arc::new(AtomicUsize::new(0));
        let hog = |_| P::spawn(spin_on::<P>(Arc::clone(&stop), Arc::clone(&polls)));
        let hogs: Vec<_> = (0..hogs).map(hog).collect();
        // Every worker has something to do before the first sleep.
        while polls.load(Ordering::Relaxed) < 100 * hogs.len() {
            P::yield_now().await;
        }
        let late = sleep_on::<P>(duration, times).await;
        stop.store(true, Ordering::Relaxed);
        for hog in hogs {
            hog.await;
        }
        late
    });
    percentiles(&late).into()
}

async fn spin_on<P: Timers>(stop: Arc<AtomicBool>, polls: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        spin_for(SHORT_POLL);
        polls.fetch_add(1, Ordering::Relaxed);
        P::yield_now().await;
    }
}

/// Sleeps so many times in a row; how late each ended.
async fn sleep_on<P: Timers>(duration: Duration, times: usize) -> Vec<f64> {
    let mut late = Vec::with_capacity(times);
    for _ in 0..times {
        let deadline = Instant::now() + duration;
        P::sleep_until(deadline).await;
        late.push(since(deadline));
    }
    late
}

fn percentiles(late: &[f64]) -> [f64; 4] {
    [0.5, 0.99, 0.999, 1.0].map(|share| percentile(late, share))
}

/// `drift`: an interval ticks every millisecond for 10 s on an idle runtime. A tick belongs to the start
/// and as many periods as there were ticks; how late the last one is shows whether the delays add up.
pub fn drift<P: Timers>(setup: &Setup) -> Vec<f64> {
    const PERIOD: Duration = Duration::from_millis(1);
    let ticks = setup.scale.count(10_000) as u32;
    let peer = P::start_with_timers(setup.workers);
    let distances = in_task(&peer, async move {
        let start = Instant::now() + PERIOD;
        let mut interval = P::interval_at(start, PERIOD);
        let mut distances = Vec::with_capacity(ticks as usize);
        for number in 0..ticks {
            P::tick(&mut interval).await;
            distances.push(since(start + PERIOD * number));
        }
        distances
    });
    let last = *distances.last().expect("there are ticks");
    vec![last, percentile(&distances, 0.5), percentile(&distances, 0.99)]
}

/// # Panics
/// If the sleep was early.
fn since(deadline: Instant) -> f64 {
    micros(Instant::now().checked_duration_since(deadline).expect("a sleep ended early"))
}
