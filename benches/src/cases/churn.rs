//! Time limits that are set and lifted again, by themselves and beside many that stay.

use std::pin::Pin;
use std::time::Duration;

use super::timers::{LONG, is_pending};
use super::{in_task, timed};
use crate::peer::Timers;
use crate::probe::{Run, Scale};

/// Tasks that set and lift limits.
const CHURNERS: usize = 100;

/// `timeout_churn`: 100 tasks that 5 000 times each put a yield under a time limit of 30 s.
pub fn alone<P: Timers>(peer: &P, scale: Scale) -> Run {
    beside::<P>(peer, scale, 0)
}

/// `timeout_churn_live`: the same while 1 000 000 sleeps are registered.
pub fn beside_a_million<P: Timers>(peer: &P, scale: Scale) -> Run {
    beside::<P>(peer, scale, scale.count(1_000_000))
}

/// `timeout_churn_live_10m`: the same while 10 000 000 sleeps are registered.
pub fn beside_ten_millions<P: Timers>(peer: &P, scale: Scale) -> Run {
    beside::<P>(peer, scale, scale.count(10_000_000))
}

fn beside<P: Timers>(peer: &P, scale: Scale, live: usize) -> Run {
    let times = scale.count(5_000);
    let (cost, done) = in_task(peer, async move {
        let mut sleeps = register_by_many::<P>(live).await;
        let outcome = timed(churners::<P>(times)).await;
        assert_eq!(pending::<P>(&mut sleeps).await, live, "sleeps that last");
        outcome
    });
    assert_eq!(done, CHURNERS * times, "yields in time");
    Run::new(cost, done)
}

async fn churners<P: Timers>(times: usize) -> usize {
    let tasks: Vec<_> = (0..CHURNERS).map(|_| P::spawn(churn::<P>(times))).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await;
    }
    done
}

async fn churn<P: Timers>(times: usize) -> usize {
    let mut done = 0;
    for _ in 0..times {
        done += usize::from(P::timeout(LONG, P::yield_now()).await.is_some());
    }
    done
}

/// Sleeps that one task holds.
pub type Held<P> = Vec<Pin<Box<<P as Timers>::Sleep>>>;

/// Registers sleeps in tasks of a thousand each, so that every worker has some.
async fn register_by_many<P: Timers>(count: usize) -> Held<P> {
    let part = 1_000;
    let parts = (0..count).step_by(part).map(|first| first..count.min(first + part));
    let tasks: Vec<_> = parts.map(|part| P::spawn(register::<P>(part.start, part.end))).collect();
    let mut sleeps = Vec::with_capacity(count);
    for task in tasks {
        sleeps.append(&mut task.await);
    }
    sleeps
}

/// Registers the sleeps with these numbers; they end between 10 minutes and 10 minutes and 1 hour from
/// now, in no order.
pub async fn register<P: Timers>(first: usize, end: usize) -> Held<P> {
    const SPREAD_IN_MS: u64 = 3_600_000;
    let mut sleeps: Held<P> = (first..end)
        .map(|number| {
            // A permutation of the milliseconds: the factor is a prime that does not divide them.
            let offset = number as u64 * 7_919 % SPREAD_IN_MS;
            Box::pin(P::sleep(Duration::from_millis(600_000 + offset)))
        })
        .collect();
    assert_eq!(pending::<P>(&mut sleeps).await, end - first, "sleeps that are registered");
    sleeps
}

/// Polls each once; how many are not over.
///
/// It yields now and then: where a task has a budget of polls, one beyond it would register nothing and
/// still say that the sleep is not over.
async fn pending<P: Timers>(sleeps: &mut Held<P>) -> usize {
    let mut pending = 0;
    for some in sleeps.chunks_mut(64) {
        for sleep in some {
            pending += usize::from(is_pending(sleep.as_mut()).await);
        }
        P::yield_now().await;
    }
    pending
}
