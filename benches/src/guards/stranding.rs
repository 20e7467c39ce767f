//! Does a task wait for another one's long poll while a worker idles?

use std::thread;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use crate::cases::in_task;
use crate::clock::{micros, spin_for};
use crate::peer::{Peer, Timers};
use crate::probe::{Field, Setup};
use crate::stats::median;

/// Delay from the spawn or the wake to the poll, over all repetitions.
pub const FIELDS: &[Field] = &[Field::median("median_us"), Field::max("max_us")];

/// Repetitions at full scale.
const REPETITIONS: usize = 20;
/// How long the poll lasts that made the other task runnable.
const LONG_POLL: Duration = Duration::from_millis(50);
/// Time for workers to go to sleep, so that a repetition begins with all of them idle.
const SETTLE: Duration = Duration::from_millis(2);

/// `stranding_spawn`: a task spawns B and then spins for 50 ms without a pause. With two workers
/// B should start at once on the other one. 20 times.
pub fn spawned<P: Peer>(setup: &Setup) -> Vec<f64> {
    delays::<P, _>(setup, spawn_then_spin::<P>)
}

async fn spawn_then_spin<P: Peer>() -> Duration {
    let born = Instant::now();
    let other = P::spawn(async move { born.elapsed() });
    spin_for(LONG_POLL);
    other.await
}

/// `stranding_wake`: the same with a B that exists and is woken.
pub fn woken<P: Peer>(setup: &Setup) -> Vec<f64> {
    delays::<P, _>(setup, wake_then_spin::<P>)
}

async fn wake_then_spin<P: Peer>() -> Duration {
    let (ready, is_ready) = oneshot::channel();
    let (wake, woken) = oneshot::channel::<Instant>();
    let other = P::spawn(async move {
        ready.send(()).expect("the first task waits");
        woken.await.expect("the first task wakes").elapsed()
    });
    is_ready.await.expect("the other task runs");
    // By the end of this, B's poll is over, and a worker with nothing to do sleeps.
    thread::sleep(SETTLE);
    wake.send(Instant::now()).expect("the other task waits");
    spin_for(LONG_POLL);
    other.await
}

/// How long after the beginning of the long poll a timer is due.
const DUE: Duration = Duration::from_millis(2);

/// `stranding_sleep`: a task spawns B, which sleeps for 2 ms, lets it begin and then spins for 50 ms.
pub fn slept<P: Timers>(setup: &Setup) -> Vec<f64> {
    delays_on(P::start_with_timers(setup.workers), setup, sleep_then_spin::<P>)
}

async fn sleep_then_spin<P: Timers>() -> Duration {
    let (ready, is_ready) = oneshot::channel();
    let other = P::spawn(async move {
        let deadline = Instant::now() + DUE;
        let sleep = P::sleep_until(deadline);
        ready.send(()).expect("the first task waits");
        sleep.await;
        deadline.elapsed()
    });
    is_ready.await.expect("the other task runs");
    spin_for(LONG_POLL);
    other.await
}

/// Median and maximum of the delays that `repetition` measures, each time on idle workers.
fn delays<P, F>(setup: &Setup, repetition: fn() -> F) -> Vec<f64>
where
    P: Peer,
    F: Future<Output = Duration> + Send + 'static,
{
    delays_on(P::start(setup.workers), setup, repetition)
}

fn delays_on<P, F>(peer: P, setup: &Setup, repetition: fn() -> F) -> Vec<f64>
where
    P: Peer,
    F: Future<Output = Duration> + Send + 'static,
{
    let repetitions = setup.scale.count(REPETITIONS).max(5);
    let delays: Vec<f64> = (0..repetitions)
        .map(|_| {
            thread::sleep(SETTLE);
            micros(in_task(&peer, repetition()))
        })
        .collect();
    let max = delays.iter().copied().fold(0.0, f64::max);
    vec![median(&delays).expect("there are repetitions"), max]
}
