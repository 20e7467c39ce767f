//! How long does a new task wait among tasks that always have something to do?

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::{Receiver as Inbox, Sender as Outbox};

use crate::clock::micros;
use crate::peer::Peer;
use crate::probe::{Field, Setup};

/// Worst waits from spawn to first poll: of tasks spawned by a task, and of tasks spawned from
/// outside; and the worst of both in polls of the hogs.
pub const FIELDS: &[Field] =
    &[Field::max("local_max_us"), Field::max("remote_max_us"), Field::max("max_polls")];

/// Light tasks of either kind.
const LIGHT: usize = 100;
/// Polls of the hogs after which they count as under way.
const UNDER_WAY: u64 = 10_000;
/// Between two light tasks from outside.
const PERIOD: Duration = Duration::from_micros(500);
/// After this long the hogs are stopped, and the wait is at least this.
const PATIENCE: Duration = Duration::from_secs(5);

/// `fairness`: two tasks that wake each other for ever and one that yields for ever; among them
/// 100 light tasks that a task spawns and awaits one by one, then 100 from a thread outside.
pub fn fairness<P: Peer>(setup: &Setup) -> Vec<f64> {
    let peer = P::start(setup.workers);
    let handle = peer.handle();
    let hogs: &'static Hogs = Box::leak(Box::default());
    let tasks = hogs.spawn::<P>(&handle);
    while hogs.polls.load(Ordering::Relaxed) < UNDER_WAY {
        thread::sleep(Duration::from_millis(1));
    }

    let (report, local) = mpsc::channel();
    let spawner = P::spawn_on(&handle, async move {
        for _ in 0..LIGHT {
            let _ = report.send(P::spawn(hogs.light_task()).await);
        }
    });
    let local = hogs.worst_of(&local);
    let (report, remote) = mpsc::channel();
    for _ in 0..LIGHT {
        let report = report.clone();
        let light = hogs.light_task();
        P::spawn_detached_on(&handle, async move {
            let _ = report.send(light.await);
        });
        thread::sleep(PERIOD);
    }
    let remote = hogs.worst_of(&remote);

    hogs.stop.store(true, Ordering::Relaxed);
    peer.block_on(async {
        spawner.await;
        for task in tasks {
            task.await;
        }
    });
    let polls = local.polls.max(remote.polls);
    vec![micros(local.time), micros(remote.time), polls as f64]
}

/// From spawn to first poll.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    time: Duration,
    polls: u64,
}

/// The tasks that always have something to do.
#[derive(Debug, Default)]
struct Hogs {
    polls: AtomicU64,
    stop: AtomicBool,
}

impl Hogs {
    fn spawn<P: Peer>(&'static self, handle: &P::Handle) -> [P::Join<()>; 3] {
        let (to_right, right_inbox) = async_channel::bounded(1);
        let (to_left, left_inbox) = async_channel::bounded(1);
        to_right.try_send(()).expect("the channel is empty");
        [
            P::spawn_on(handle, self.volley(left_inbox, to_right)),
            P::spawn_on(handle, self.volley(right_inbox, to_left)),
            P::spawn_on(handle, async {
                while self.go_on() {
                    P::yield_now().await;
                }
            }),
        ]
    }

    /// Half of the pair. Whoever stops closes the channel of the other.
    async fn volley(&self, inbox: Inbox<()>, outbox: Outbox<()>) {
        while inbox.recv().await.is_ok() && self.go_on() {
            if outbox.send(()).await.is_err() {
                return;
            }
        }
    }

    fn go_on(&self) -> bool {
        self.polls.fetch_add(1, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }

    /// A task to be spawned at once; it tells how long it waited for its first poll.
    fn light_task(&'static self) -> impl Future<Output = Wait> + Send + 'static {
        let born = Instant::now();
        let before = self.polls.load(Ordering::Relaxed);
        async move { Wait { time: born.elapsed(), polls: self.polls.load(Ordering::Relaxed) - before } }
    }

    /// The worst of the waits that arrive. Stops the hogs when they let nothing arrive.
    fn worst_of(&self, waits: &Receiver<Wait>) -> Wait {
        let mut worst = Wait::default();
        for _ in 0..LIGHT {
            let wait = waits.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                self.stop.store(true, Ordering::Relaxed);
                waits.recv().expect("light tasks run once the hogs are gone")
            });
            worst.time = worst.time.max(wait.time);
            worst.polls = worst.polls.max(wait.polls);
        }
        worst
    }
}
