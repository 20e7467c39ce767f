//! Tasks that sleep, each once.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{in_task, timed};
use crate::clock::{Cost, Stopwatch};
use crate::latch::Latch;
use crate::peer::Timers;
use crate::probe::{Run, Scale};

/// The longest sleep of `timer_fire`.
const LONGEST: Duration = Duration::from_millis(200);

/// `timer_fire`: one task spawns 200 000 that sleep, each for a time of its own up to 200 ms, in no
/// order; how much more than 200 ms it takes until the last one ends. So what a sleep costs until it is
/// registered counts, and what it costs to fire if the runtime falls behind.
pub fn fire<P: Timers>(peer: &P, scale: Scale) -> Run {
    let tasks = scale.count(200_000);
    let (cost, ()) = in_task(peer, async move {
        let (latch, open) = Latch::new(tasks);
        timed(async {
            for number in 0..tasks {
                // A permutation: the factor is a prime that divides none of the counts.
                let rank = number * 7_919 % tasks;
                let length = LONGEST.mul_f64((rank + 1) as f64 / tasks as f64);
                P::spawn_detached(async move {
                    let start = Instant::now();
                    P::sleep(length).await;
                    assert!(start.elapsed() >= length, "early");
                    latch.count_down();
                });
            }
            open.await.expect("the last task signals");
        })
        .await
    });
    Run::new(Cost { wall: cost.wall - LONGEST, ..cost }, tasks)
}

/// `timer_burst`: 200 000 tasks sleep until one and the same moment, 2 µs a task after the first is
/// spawned, by when all sleep; how long after it the last one ends.
pub fn burst<P: Timers>(peer: &P, scale: Scale) -> Run {
    let tasks = scale.count(200_000);
    let (cpu, late) = in_task(peer, async move {
        let (latch, open) = Latch::new(tasks);
        let deadline = Instant::now() + Duration::from_micros(2) * tasks as u32;
        for _ in 0..tasks {
            P::spawn_detached(async move {
                P::sleep_until(deadline).await;
                assert!(Instant::now() >= deadline, "early");
                latch.count_down();
            });
        }
        let ((), watch) = (P::sleep_until(deadline).await, Stopwatch::start());
        open.await.expect("the last task signals");
        (watch.stop().cpu, deadline.elapsed())
    });
    Run::new(Cost { wall: late, cpu }, tasks)
}

/// Longer than any measurement.
pub const LONG: Duration = Duration::from_secs(30);

/// Counts down when it is dropped.
struct CountDown(&'static Latch);

impl Drop for CountDown {
    fn drop(&mut self) {
        self.0.count_down();
    }
}

/// `sleep_abort`: 500 000 tasks that sleep for 30 s and more are spawned, and aborted once all sleep;
/// until the last one's future has been dropped.
pub fn sleep_abort<P: Timers>(peer: &P, scale: Scale) -> Run {
    let tasks = scale.count(500_000);
    let (cost, ()) = in_task(peer, timed(spawn_and_abort::<P>(tasks)));
    Run::new(cost, tasks)
}

async fn spawn_and_abort<P: Timers>(tasks: usize) {
    let (begun, all_sleep) = Latch::new(tasks);
    let (dropped, none_left) = Latch::new(tasks);
    let mut handles = Vec::with_capacity(tasks);
    for number in 0..tasks {
        let guard = CountDown(dropped);
        handles.push(P::spawn(async move {
            let _guard = guard;
            let mut sleep = pin!(P::sleep(LONG + Duration::from_micros(number as u64)));
            assert!(is_pending(sleep.as_mut()).await, "early");
            begun.count_down();
            sleep.await;
        }));
    }
    all_sleep.await.expect("the last task signals");
    handles.into_iter().for_each(P::abort);
    none_left.await.expect("the last future signals");
}

/// Polls once.
pub async fn is_pending<F: Future<Output = ()>>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}
