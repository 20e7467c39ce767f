//! Tasks that wake themselves or each other.

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
