//! Sleeps that are registered and then reset, or cancelled from elsewhere.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::churn::register;
use super::timers::{LONG, is_pending};
use super::{in_task, timed};
use crate::clock::Stopwatch;
use crate::peer::Timers;
use crate::probe::{Run, Scale};

/// Resets at full scale.
const RESETS: usize = 1_000_000;

/// `sleep_reset`: one task resets a sleep that is registered to 30 s from now, 1 000 000 times over: what
/// a connection does with its idle limit.
pub fn later<P: Timers>(peer: &P, scale: Scale) -> Run {
    reset(peer, scale, Instant::now() + LONG, |_| Instant::now() + LONG)
}

/// `sleep_reset_earlier`: each reset takes the deadline a millisecond back, from 20 minutes after the
/// first down to more than 3 from now. No step is smaller than what a coarse clock resolves, and
/// nothing can be put off until the old deadline.
pub fn earlier<P: Timers>(peer: &P, scale: Scale) -> Run {
    let first = Instant::now() + Duration::from_secs(1_200);
    reset(peer, scale, first, move |number| first - Duration::from_millis(number as u64 + 1))
}

fn reset<P: Timers>(
    peer: &P,
    scale: Scale,
    first: Instant,
    deadline: impl Fn(usize) -> Instant + Send + Sync + 'static,
) -> Run {
    let times = scale.count(RESETS);
    let (cost, ()) = in_task(peer, async move {
        let mut sleep = pin!(P::sleep_until(first));
        assert!(is_pending(sleep.as_mut()).await, "early");
        let resets = async {
            for number in 0..times {
                P::reset(sleep.as_mut(), deadline(number));
            }
        };
        let outcome = timed(resets).await;
        assert!(is_pending(sleep.as_mut()).await, "early");
        outcome
    });
    Run::new(cost, times)
}

/// `sleep_cancel_remote`: a task registers 500 000 sleeps and hands them to a thread outside, which drops
/// them, while the workers have nothing to do.
pub fn cancel_remote<P: Timers>(peer: &P, scale: Scale) -> Run {
    let count = scale.count(500_000);
    let sleeps = in_task(peer, register::<P>(0, count));
    assert_eq!(sleeps.len(), count, "sleeps to cancel");
    let watch = Stopwatch::start();
    drop(sleeps);
    let cost = watch.stop();
    // What is left has to work: were the cancelled ones still in the way, this would last.
    in_task(peer, async { P::sleep(Duration::from_millis(1)).await });
    Run::new(cost, count)
}
