//! Spawning from a worker.

use std::hint::black_box;

use futures_channel::oneshot;

use super::{in_task, timed};
use crate::latch::Latch;
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Tasks alive at a time in `spawn_join_batch`.
pub const BATCH: usize = 10_000;

/// `spawn_join_batch`: spawns 10 000 empty tasks, then awaits them all in order; 100 times over.
pub fn join_batch<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(100);
    let (cost, joined) = in_task(peer, timed(join_batches::<P>(times, BATCH)));
    assert_eq!(joined, times * BATCH, "tasks joined");
    Run::new(cost, joined)
}

/// The body of `spawn_join_batch`, with batches of any size: how many tasks were joined.
pub async fn join_batches<P: Peer>(times: usize, batch: usize) -> usize {
    let mut handles = Vec::with_capacity(batch);
    let mut joined = 0;
    for _ in 0..times {
        handles.extend((0..batch).map(|_| P::spawn(async {})));
        for handle in handles.drain(..) {
            handle.await;
            joined += 1;
        }
    }
    joined
}

/// `spawn_many_join`: spawns 10 000 tasks that return their numbers by the runtime's means to spawn
/// many, and awaits them all; 100 times over.
pub fn many_join<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(100);
    let (cost, sum) = in_task(peer, timed(join_many::<P>(times, BATCH)));
    assert_eq!(sum, times * (BATCH * (BATCH - 1) / 2), "sum of what the tasks returned");
    Run::new(cost, times * BATCH)
}

/// The body of `spawn_many_join`, with batches of any size: the sum of what the tasks returned.
pub async fn join_many<P: Peer>(times: usize, batch: usize) -> usize {
    let mut sum = 0;
    for _ in 0..times {
        sum += P::spawn_many((0..batch).map(numbered)).await.into_iter().sum::<usize>();
    }
    sum
}

async fn numbered(number: usize) -> usize {
    black_box(number)
}

/// `spawn_detached`: a task spawns 1 000 000 detached tasks without a pause and waits; each counts
/// down a shared atomic and the last one signals a oneshot.
pub fn detached<P: Peer>(peer: &P, scale: Scale) -> Run {
    let tasks = scale.count(1_000_000);
    let (latch, open) = Latch::new(tasks);
    let body = async move {
        for _ in 0..tasks {
            P::spawn_detached(async move { latch.count_down() });
        }
        open.await
    };
    let (cost, outcome) = in_task(peer, timed(body));
    outcome.expect("the last task signals");
    Run::new(cost, tasks)
}

/// `spawn_await_one`: spawns a task that returns a number and awaits it; 300 000 times over.
pub fn await_one<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(300_000);
    let (cost, sum) = in_task(peer, timed(one_by_one::<P>(times)));
    assert_eq!(sum, times * (times - 1) / 2, "sum of what the tasks returned");
    Run::new(cost, times)
}

/// The body of `spawn_await_one`: the sum of what the tasks returned.
pub async fn one_by_one<P: Peer>(times: usize) -> usize {
    let mut sum = 0;
    for number in 0..times {
        sum += P::spawn(async move { black_box(number) }).await;
    }
    sum
}

/// `chained_spawn`: each task spawns the next and ends, 1 000 000 deep; the last one signals.
pub fn chained<P: Peer>(peer: &P, scale: Scale) -> Run {
    let depth = scale.count(1_000_000);
    let body = async move {
        let (done, last) = oneshot::channel();
        link::<P>(depth, 0, done);
        last.await
    };
    let (cost, reached) = in_task(peer, timed(body));
    assert_eq!(reached, Ok(depth), "depth of the chain");
    Run::new(cost, depth)
}

/// Not an `async fn`: the type of a task that spawns its like would contain itself.
fn link<P: Peer>(left: usize, depth: usize, done: oneshot::Sender<usize>) {
    if left == 0 {
        let _ = done.send(depth);
        return;
    }
    P::spawn_detached(async move { link::<P>(left - 1, depth + 1, done) });
}
