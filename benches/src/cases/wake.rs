//! Tasks that wake themselves or each other.

use async_channel::{Receiver, Sender};
use futures_channel::oneshot;

use super::{in_task, timed};
use crate::latch::Latch;
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Tasks of `yield`.
const YIELDERS: usize = 200;

/// `yield`: 200 tasks that yield 10 000 times each.
pub fn yields<P: Peer>(peer: &P, scale: Scale) -> Run {
    let times = scale.count(10_000);
    let body = async move {
        let tasks: Vec<_> = (0..YIELDERS).map(|_| P::spawn(yield_often::<P>(times))).collect();
        let mut yields = 0;
        for task in tasks {
            yields += task.await;
        }
        yields
    };
    let (cost, yields) = in_task(peer, timed(body));
    assert_eq!(yields, YIELDERS * times, "yields");
    Run::new(cost, yields)
}

async fn yield_often<P: Peer>(times: usize) -> usize {
    let mut yields = 0;
    while yields < times {
        P::yield_now().await;
        yields += 1;
    }
    yields
}

/// Pairs of a round of `ping_pong`.
const PAIRS: usize = 1_000;

/// `ping_pong`: 1000 tasks, each of which spawns a partner and exchanges two oneshots with it;
/// 300 rounds, each awaited before the next.
pub fn ping_pong<P: Peer>(peer: &P, scale: Scale) -> Run {
    let rounds = scale.count(300);
    let body = async move {
        for _ in 0..rounds {
            let (latch, open) = Latch::new(PAIRS);
            for _ in 0..PAIRS {
                P::spawn_detached(async move {
                    ping::<P>().await;
                    latch.count_down();
                });
            }
            open.await.expect("the last pair signals");
        }
    };
    let (cost, ()) = in_task(peer, timed(body));
    Run::new(cost, rounds * PAIRS)
}

async fn ping<P: Peer>() {
    let (ping, pinged) = oneshot::channel();
    let (pong, ponged) = oneshot::channel();
    P::spawn_detached(async move {
        let ball: u64 = pinged.await.expect("the ping arrives");
        pong.send(ball + 1).expect("the pong is awaited");
    });
    ping.send(1).expect("the ping is awaited");
    assert_eq!(ponged.await, Ok(2), "the ball that came back");
}

/// Tasks of `ring`.
const RING: usize = 503;

/// `ring`: 503 tasks, each with a channel of one place to the next, pass one token round; 1 000 000
/// hops. Setting the ring up is not measured.
pub fn ring<P: Peer>(peer: &P, scale: Scale) -> Run {
    let hops = scale.count(1_000_000);
    let (cost, last) = in_task(peer, async move {
        let (done, ended) = async_channel::bounded(1);
        let (first, tasks) = spawn_ring::<P>(&done);
        let pass = async {
            first.send(hops).await.expect("the ring is open");
            ended.recv().await.expect("the token arrives")
        };
        let outcome = timed(pass).await;
        drop(first);
        for task in tasks {
            task.await;
        }
        outcome
    });
    assert_eq!(last, hops % RING, "place where the token ended");
    Run::new(cost, hops)
}

fn spawn_ring<P: Peer>(done: &Sender<usize>) -> (Sender<usize>, Vec<P::Join<()>>) {
    let (first, mut inbox) = async_channel::bounded(1);
    let ring_closes_here = first.clone();
    let mut tasks = Vec::with_capacity(RING);
    for place in 0..RING - 1 {
        let (next, next_inbox) = async_channel::bounded(1);
        tasks.push(P::spawn(pass_on(place, inbox, next, done.clone())));
        inbox = next_inbox;
    }
    let last = pass_on(RING - 1, inbox, ring_closes_here, done.clone());
    tasks.push(P::spawn(last));
    (first, tasks)
}

/// Passes the token on with one hop less to go. Whoever has none left to go ends the ring: each
/// task that ends closes the channel of the next.
async fn pass_on(place: usize, inbox: Receiver<usize>, next: Sender<usize>, done: Sender<usize>) {
    while let Ok(left) = inbox.recv().await {
        if left == 0 {
            let _ = done.send(place).await;
            return;
        }
        // The task that ended has closed its inbox; then the rest follows.
        if next.send(left - 1).await.is_err() {
            return;
        }
    }
}
