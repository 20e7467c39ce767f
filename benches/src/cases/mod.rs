//! Throughput: how long a piece of work takes, per operation.
//!
//! Each case is one function, generic over the runtime: it does its work, checks the result and
//! says what it took. Bodies run inside a spawned task, hence on a worker of every runtime, unless
//! the case is about threads outside.

pub mod change;
pub mod channel;
pub mod churn;
pub mod coroutine;
pub mod foreign;
pub mod fork;
pub mod join;
pub mod matmul;
pub mod ring;
pub mod root;
pub mod spawn;
pub mod timers;
pub mod wake;

use std::future::Future;

use crate::clock::{Cost, Stopwatch};
use crate::peer::{Peer, Timers};
use crate::probe::Probe;

/// Every case, in the order of the report.
pub fn all<P: Timers>() -> Vec<Probe<P>> {
    vec![
        Probe::case("spawn_join_batch", "task", spawn::join_batch),
        Probe::case("spawn_many_join", "task", spawn::many_join),
        Probe::case("spawn_detached", "task", spawn::detached),
        Probe::case("spawn_await_one", "task", spawn::await_one),
        Probe::case("chained_spawn", "task", spawn::chained),
        Probe::case(root::BATCH.0, "task", root::join_batch),
        Probe::case(root::ONE.0, "task", root::await_one),
        Probe::case("yield", "yield", wake::yields),
        Probe::case("ping_pong", "pair", wake::ping_pong),
        Probe::case("ring", "hop", ring::words),
        Probe::case("ring_channel", "hop", ring::channels),
        Probe::case("channel", "message", channel::bounded),
        Probe::case("skynet", "task", fork::skynet),
        Probe::case("fib", "task", fork::fib),
        Probe::case("skynet_join", "node", join::skynet),
        Probe::case("fib_join", "call", join::fib),
        Probe::case("nqueens", "task", fork::nqueens),
        Probe::case("matmul", "block", matmul::matmul),
        Probe::case("remote_spawn", "task", foreign::remote_spawn),
        Probe::case("foreign_handover", "round trip", foreign::handover),
        Probe::timer_case("timer_fire", "sleep", timers::fire),
        Probe::timer_case("timer_burst", "sleep", timers::burst),
        Probe::timer_case("timeout_churn", "timeout", churn::alone),
        Probe::timer_case("timeout_churn_live", "timeout", churn::beside_a_million),
        Probe::timer_case("timeout_churn_live_10m", "timeout", churn::beside_ten_millions)
            .on_demand(),
        Probe::timer_case("sleep_abort", "task", timers::sleep_abort),
        Probe::timer_case("sleep_reset", "reset", change::later),
        Probe::timer_case("sleep_reset_earlier", "reset", change::earlier),
        Probe::timer_case("sleep_cancel_remote", "sleep", change::cancel_remote),
    ]
}

/// Runs `body` as a task and waits for it outside.
pub fn in_task<P, F>(peer: &P, body: F) -> F::Output
where
    P: Peer,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    peer.block_on(P::spawn_on(&peer.handle(), body))
}

/// What `body` takes from its first poll on, and its output.
pub async fn timed<F: Future>(body: F) -> (Cost, F::Output) {
    let watch = Stopwatch::start();
    let output = body.await;
    (watch.stop(), output)
}
