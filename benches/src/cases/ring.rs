//! A token that goes round a ring of tasks, of which only one can run at a time.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_channel::{Receiver, Sender};
use atomic_waker::AtomicWaker;

use super::{in_task, timed};
use crate::latch::Latch;
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Tasks of a ring.
const RING: usize = 503;

/// The token that ends every task of the ring.
const END: usize = usize::MAX;

/// `ring`: 503 tasks pass a token on, each into the mailbox of the next, 1 000 000 times. A mailbox is a
/// word and its reader's waker, which is little besides the wake and the poll that are to be measured. Setting
/// the ring up is not.
pub fn words<P: Peer>(peer: &P, scale: Scale) -> Run {
    ring::<P, Word>(peer, scale)
}

/// `ring_channel`: the same with a channel of one place for each mailbox.
pub fn channels<P: Peer>(peer: &P, scale: Scale) -> Run {
    ring::<P, Channel>(peer, scale)
}

fn ring<P: Peer, M: Mailbox>(peer: &P, scale: Scale) -> Run {
    let hops = scale.count(1_000_000);
    let (cost, places) = in_task(peer, async move {
        let (arrived, arrival) = Latch::new(1);
        // As the latch is, so that a task carries an address and no reference count.
        let ring: &'static [M] = Vec::leak((0..RING).map(|_| M::new()).collect());
        let mut tasks = Vec::with_capacity(RING);
        for (place, inbox) in ring.iter().enumerate() {
            tasks.push(P::spawn(pass_on(place, inbox, &ring[(place + 1) % RING], arrived)));
        }
        let (cost, ()) = timed(async {
            ring[0].put(hops).await;
            arrival.await.expect("the token arrives");
        })
        .await;
        let mut places = Vec::new();
        for task in tasks {
            places.extend(task.await);
        }
        (cost, places)
    });
    assert_eq!(places, [hops % RING], "places where the token ended");
    Run::new(cost, hops)
}

/// Passes the token on with one hop less to go. Who gets it with none left gives back its place.
async fn pass_on<M: Mailbox>(
    place: usize,
    inbox: &'static M,
    next: &'static M,
    arrived: &'static Latch,
) -> Option<usize> {
    loop {
        match inbox.take().await {
            END => {
                next.put(END).await;
                return None;
            }
            0 => {
                arrived.count_down();
                next.put(END).await;
                return Some(place);
            }
            left => next.put(left - 1).await,
        }
    }
}

/// Holds one token at most.
trait Mailbox: Send + Sync + 'static {
    fn new() -> Self;

    /// The mailbox is empty: there is one token, and it is not there.
    fn put(&self, token: usize) -> impl Future<Output = ()> + Send;

    /// Waits for the token, in one task at a time.
    fn take(&self) -> impl Future<Output = usize> + Send;
}

struct Word {
    token: AtomicUsize,
    reader: AtomicWaker,
}

/// No token.
const EMPTY: usize = END - 1;

impl Word {
    fn try_take(&self) -> Option<usize> {
        let token = self.token.load(Ordering::Acquire);
        (token != EMPTY).then(|| {
            // Nobody puts a token in before this one has gone on.
            self.token.store(EMPTY, Ordering::Relaxed);
            token
        })
    }
}

impl Mailbox for Word {
    fn new() -> Self {
        Self { token: AtomicUsize::new(EMPTY), reader: AtomicWaker::new() }
    }

    async fn put(&self, token: usize) {
        self.token.store(token, Ordering::Release);
        self.reader.wake();
    }

    async fn take(&self) -> usize {
        poll_fn(|cx| {
            if let Some(token) = self.try_take() {
                return Poll::Ready(token);
            }
            self.reader.register(cx.waker());
            self.try_take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

struct Channel {
    sender: Sender<usize>,
    receiver: Receiver<usize>,
}

impl Mailbox for Channel {
    fn new() -> Self {
        let (sender, receiver) = async_channel::bounded(1);
        Self { sender, receiver }
    }

    async fn put(&self, token: usize) {
        self.sender.send(token).await.expect("the channel is open");
    }

    async fn take(&self) -> usize {
        self.receiver.recv().await.expect("the channel is open")
    }
}
