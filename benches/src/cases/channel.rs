//! Message passing.

use async_channel::Receiver;

use super::{in_task, timed};
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Producers of `channel`, and as many consumers.
const SIDES: usize = 8;
/// Places of the channel.
const PLACES: usize = 100;

/// `channel`: 8 producers send 1 000 000 messages to 8 consumers through one async-channel with
/// 100 places.
pub fn bounded<P: Peer>(peer: &P, scale: Scale) -> Run {
    let each = scale.count(1_000_000) / SIDES;
    let messages = each * SIDES;
    let body = async move {
        let (sender, receiver) = async_channel::bounded(PLACES);
        let consumers: Vec<_> = (0..SIDES).map(|_| P::spawn(consume(receiver.clone()))).collect();
        for producer in 0..SIDES {
            let sender = sender.clone();
            P::spawn_detached(async move {
                for number in producer * each..(producer + 1) * each {
                    sender.send(number).await.expect("the channel is open");
                }
            });
        }
        drop(sender);
        let mut total = (0, 0);
        for consumer in consumers {
            let (count, sum) = consumer.await;
            total = (total.0 + count, total.1 + sum);
        }
        total
    };
    let (cost, total) = in_task(peer, timed(body));
    let expected = (messages, messages * (messages - 1) / 2);
    assert_eq!(total, expected, "count and sum of the messages");
    Run::new(cost, messages)
}

async fn consume(receiver: Receiver<usize>) -> (usize, usize) {
    let (mut count, mut sum) = (0, 0);
    while let Ok(number) = receiver.recv().await {
        count += 1;
        sum += number;
    }
    (count, sum)
}
