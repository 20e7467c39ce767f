//! Spawning from the root future of `block_on`, which runs on a thread that is no worker.
//!
//! The bodies are those of the cases inside a task; the report puts both side by side.

use std::future::Future;

use super::{spawn, timed};
use crate::clock::Cost;
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Name of the root case of `spawn_join_batch`, and of its twin.
pub const BATCH: (&str, &str) = ("block_on_root_batch", "spawn_join_batch");
/// Name of the root case of `spawn_await_one`, and of its twin.
pub const ONE: (&str, &str) = ("block_on_root_one", "spawn_await_one");

/// `block_on_root_batch`: `spawn_join_batch` directly inside `block_on`.
pub fn join_batch<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(100);
    let (cost, joined) = at_root(peer, spawn::join_batches::<P>(times, spawn::BATCH));
    assert_eq!(joined, times * spawn::BATCH, "tasks joined");
    Run::new(cost, joined)
}

/// `block_on_root_one`: `spawn_await_one` directly inside `block_on`; only 30 000 times, because
/// with some runtimes each time is a hand-over between threads and back.
pub fn await_one<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(30_000);
    let (cost, sum) = at_root(peer, spawn::one_by_one::<P>(times));
    assert_eq!(sum, times * (times - 1) / 2, "sum of what the tasks returned");
    Run::new(cost, times)
}

fn at_root<P: Peer, F: Future>(peer: &P, body: F) -> (Cost, F::Output) {
    peer.block_on(timed(body))
}
