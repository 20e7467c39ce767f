//! From a wake outside to the poll.

use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{micros, sleep_until};
use crate::peer::Peer;
use crate::probe::{Field, Setup};
use crate::stats::percentile;

/// Percentiles over all wakes.
pub const FIELDS: &[Field] =
    &[Field::median("p50_us"), Field::median("p99_us"), Field::median("p99.9_us")];

/// Wakes at full scale.
const WAKES: usize = 5_000;
/// Between two wakes: long enough for every worker to sleep.
const PERIOD: Duration = Duration::from_micros(200);

/// `wake_latency`: a thread outside sends the time to an idle task every 200 µs, 5 000 times; the
/// task notes how old it is.
pub fn wake_latency<P: Peer>(setup: &Setup) -> Vec<f64> {
    let peer = P::start(setup.workers);
    let wakes = setup.scale.count(WAKES);
    let (wake, inbox) = async_channel::unbounded::<Instant>();
    let task = P::spawn_on(&peer.handle(), async move {
        let mut latencies = Vec::with_capacity(wakes);
        while let Ok(sent) = inbox.recv().await {
            latencies.push(micros(sent.elapsed()));
        }
        latencies
    });
    thread::sleep(Duration::from_millis(10));
    let start = Instant::now();
    for number in 1..=wakes as u32 {
        sleep_until(start + PERIOD * number);
        wake.try_send(Instant::now()).expect("the task listens");
    }
    drop(wake);
    let latencies = peer.block_on(task);
    assert_eq!(latencies.len(), wakes, "wakes that arrived");
    [0.5, 0.99, 0.999].iter().map(|share| percentile(&latencies, *share)).collect()
}
