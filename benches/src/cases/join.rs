//! Trees divided by the runtime's structured join, where it has one: the first child is a part of its
//! parent, the others can be taken by other workers.
//!
//! The futures are boxed, as those of a recursive `async fn` are, with every runtime alike.

use super::fork::{FAN_OUT, Fibonacci, nodes};
use super::{in_task, timed};
use crate::peer::Peer;
use crate::probe::{Run, Scale};
use std::future::Future;
use std::pin::Pin;

type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

/// `skynet_join`: the tree of `skynet`, each inner node a `join_all` of its ten children.
pub fn skynet<P: Peer>(peer: &P, scale: Scale) -> Run {
    let leaves = scale.count(1_000_000) as u64;
    let (cost, sum) = in_task(peer, timed(branch::<P>(0, leaves)));
    assert_eq!(sum, leaves * (leaves - 1) / 2, "sum of the leaves");
    Run::new(cost, nodes(leaves))
}

fn branch<P: Peer>(first: u64, leaves: u64) -> Boxed {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let each = leaves / FAN_OUT;
        let child = |child| branch::<P>(first + child * each, each);
        P::join_all((0..FAN_OUT).map(child).collect()).await.into_iter().sum()
    })
}

/// `fib_join`: fib(25), each call a `join` of two; 242 785 calls.
pub fn fib<P: Peer>(peer: &P, scale: Scale) -> Run {
    let expected = Fibonacci::new(scale);
    let (cost, value) = in_task(peer, timed(call::<P>(expected.n)));
    assert_eq!(value, expected.value, "Fibonacci number");
    Run::new(cost, expected.calls)
}

fn call<P: Peer>(n: u64) -> Boxed {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let (a, b) = P::join(call::<P>(n - 1), call::<P>(n - 2)).await;
        a + b
    })
}
