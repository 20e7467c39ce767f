//! What the tasks of one epoch share, and what each does with its life.

use filch::{AbortHandle, Handle, JoinHandle};
use filch_tests::explode;
use filch_tests::rng::Rng;
use futures_channel::mpsc;
use futures_lite::StreamExt;
use parking_lot::{Mutex, MutexGuard};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll, Waker};

pub(crate) type Life = Pin<Box<dyn Future<Output = Token> + Send>>;

/// What the thread that spawns for others is sent.
pub(crate) enum Order {
    Spawn(Life),
    Stop,
}

/// Things that tasks leave for others to use, at most [`Pool::MOST`] of them.
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    const MOST: usize = 500;

    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Puts one in; gives another one if there are too many.
    fn put(&self, item: T, rng: &mut Rng) -> Option<T> {
        let mut items = self.lock();
        items.push(item);
        let index = rng.below(items.len() as u64) as usize;
        (items.len() > Self::MOST).then(|| items.swap_remove(index))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock()
    }

    fn take(&self, rng: &mut Rng) -> Option<T> {
        let mut items = self.lock();
        let index = rng.below(items.len().max(1) as u64) as usize;
        (index < items.len()).then(|| items.swap_remove(index))
    }

    pub(crate) fn take_all(&self) -> Vec<T> {
        std::mem::take(&mut *self.lock())
    }
}

pub(crate) struct World {
    pub(crate) handle: Handle,
    /// Rises as long as anything happens.
    pub(crate) progress: Arc<AtomicU64>,
    pub(crate) born: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) wakers: Pool<Waker>,
    pub(crate) aborts: Pool<AbortHandle>,
    pub(crate) orphans: Pool<JoinHandle<Token>>,
    pub(crate) orders: Mutex<Sender<Order>>,
}

/// Counts its birth and its drop. Each future holds one, and so does each output.
pub(crate) struct Token(Arc<World>);

impl Token {
    fn new(world: &Arc<World>) -> Self {
        world.born.fetch_add(1, Relaxed);
        Self(world.clone())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Relaxed);
        self.0.progress.fetch_add(1, Relaxed);
    }
}

impl World {
    pub(crate) fn new(
        handle: Handle,
        progress: Arc<AtomicU64>,
        orders: Sender<Order>,
    ) -> Arc<Self> {
        Arc::new(Self {
            handle,
            progress,
            born: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            wakers: Pool::new(),
            aborts: Pool::new(),
            orphans: Pool::new(),
            orders: Mutex::new(orders),
        })
    }

    pub(crate) fn alive(&self) -> u64 {
        let dropped = self.dropped.load(Relaxed);
        self.born.load(Relaxed).saturating_sub(dropped)
    }

    /// Lets go of all that tasks have left behind.
    pub(crate) fn clear(&self) {
        self.wakers.take_all().into_iter().for_each(Waker::wake);
        drop((self.aborts.take_all(), self.orphans.take_all()));
    }
}

/// A task's life; `depth` more generations may follow.
pub(crate) fn life(world: &Arc<World>, mut rng: Rng, depth: u32) -> Life {
    let token = Token::new(world);
    let world = world.clone();
    Box::pin(async move {
        let _alive = token;
        for _ in 0..1 + rng.below(8) {
            world.progress.fetch_add(1, Relaxed);
            if depth == 0 || world.alive() > 3_000 {
                rest(&world, &mut rng).await;
            } else {
                act(&world, &mut rng, depth - 1).await;
            }
        }
        Token::new(&world)
    })
}

/// Something that makes no other task.
async fn rest(world: &Arc<World>, rng: &mut Rng) {
    match rng.below(8) {
        0..4 => filch::yield_now().await,
        4 => (0..rng.below(500)).for_each(|_| std::hint::spin_loop()),
        5 => world.wakers.take(rng).into_iter().for_each(Waker::wake),
        6 => world.aborts.take(rng).into_iter().for_each(|abort| abort.abort()),
        _ => sleep(world, rng.clone()).await,
    }
}

/// Sleeps until somebody happens upon the waker.
async fn sleep(world: &Arc<World>, mut rng: Rng) {
    let mut left = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut left, true) {
            return Poll::Ready(());
        }
        world.wakers.put(cx.waker().clone(), &mut rng).into_iter().for_each(Waker::wake);
        Poll::Pending
    })
    .await;
}

async fn act(world: &Arc<World>, rng: &mut Rng, depth: u32) {
    let child = |rng: &mut Rng| filch::spawn(life(world, Rng::new(rng.next()), depth));
    match rng.below(16) {
        0 => drop(child(rng)),
        1..4 => drop(child(rng).await),
        4 => {
            let task = child(rng);
            rest(world, rng).await;
            task.abort();
            drop(task.await);
        }
        5 => {
            let orphan = child(rng);
            let abort = orphan.abort_handle();
            drop((world.orphans.put(orphan, rng), world.aborts.put(abort, rng)));
        }
        6 => {
            let orphan = world.orphans.take(rng);
            if let Some(orphan) = orphan {
                // It may be this very task, or one that awaits it: so not for ever.
                let joined = async { drop(orphan.await) };
                futures_lite::future::or(joined, sleep(world, rng.clone())).await;
            }
        }
        7 => ping_pong(world, rng).await,
        8 if rng.below(4) == 0 => explode("stress"),
        9 => {
            let order = Order::Spawn(life(world, Rng::new(rng.next()), depth));
            let orders = world.orders.lock().clone();
            drop(orders.send(order));
        }
        10 => {
            let mut task = child(rng);
            let _ = pin!(&mut task).poll(&mut Context::from_waker(Waker::noop()));
        }
        11 if rng.below(8) == 0 => drop(filch::spawn_blocking(|| 1).await),
        12 => {
            let brood: Vec<_> = (0..rng.below(10)).map(|_| child(rng)).collect();
            for task in brood {
                drop(task.await);
            }
        }
        _ => rest(world, rng).await,
    }
}

/// Exchanges some messages with a task of its own making, either of which may be aborted.
async fn ping_pong(world: &Arc<World>, rng: &mut Rng) {
    let (ours, mut inbox) = mpsc::unbounded();
    let (theirs, mut answers) = mpsc::unbounded();
    let token = Token::new(world);
    let partner = filch::spawn(async move {
        let _alive = token;
        while let Some(number) = inbox.next().await {
            let _ = theirs.unbounded_send(number + 1);
        }
    });
    drop(world.aborts.put(partner.abort_handle(), rng));
    for number in 0..rng.below(10) {
        let sent = ours.unbounded_send(number).is_ok();
        match answers.next().await {
            Some(answer) => assert!(sent && answer == number + 1),
            None => break,
        }
    }
    drop(ours);
    drop(partner.await);
}
