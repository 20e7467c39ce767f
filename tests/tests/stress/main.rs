//! Everything at once, at random: spawns from tasks, roots and threads, joins, aborts, yields,
//! ping-pong, panics, dropped handles, stale wakers, and runtimes that end in the middle of it.
//!
//! An epoch is one runtime. At its end every future and every output must have been dropped.
//! `FILCH_STRESS_SECONDS` sets how long it goes on (default 2), `FILCH_STRESS_SEED` the seed; what
//! the threads make of a seed is up to the system, so a seed repeats the tasks but not their order.

mod world;

use filch::{Handle, Runtime};
use filch_tests::rng::{Rng, seed};
use filch_tests::watchdog::give_up;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use world::{Order, World, life};

/// Without any progress for so long, it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sees to it that something happens.
struct Watchdog {
    progress: Arc<AtomicU64>,
    /// The runtime of this epoch.
    runtime: Arc<Mutex<Option<Handle>>>,
    over: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    fn new(seed: u64) -> Self {
        let (progress, runtime) =
            (Arc::<AtomicU64>::default(), Arc::<Mutex<Option<Handle>>>::default());
        let (over, bell) = channel();
        let (seen, watched) = (progress.clone(), runtime.clone());
        let thread = std::thread::spawn(move || {
            let mut last = (seen.load(Relaxed), Instant::now());
            while bell.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout) {
                let now = seen.load(Relaxed);
                if now != last.0 {
                    last = (now, Instant::now());
                } else if last.1.elapsed() > PATIENCE {
                    let runtimes: Vec<_> = watched.lock().iter().cloned().collect();
                    give_up(&format!("no progress with FILCH_STRESS_SEED={seed}"), &runtimes);
                }
            }
        });
        Self { progress, runtime, over, thread }
    }

    fn end(self) {
        self.over.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// The thread that spawns what tasks send it.
fn spawner(handle: Handle, orders: Receiver<Order>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while let Ok(Order::Spawn(life)) = orders.recv() {
            drop(handle.spawn(life));
        }
        // Lives that came after the order to stop are dropped here.
        drop(orders);
    })
}

/// A thread that drives some roots.
fn roots(world: &Arc<World>, mut rng: Rng) -> JoinHandle<()> {
    let world = world.clone();
    std::thread::spawn(move || {
        for _ in 0..rng.below(5) {
            let root = life(&world, Rng::new(rng.next()), 3);
            // A root may panic, as tasks do.
            let _ = filch_tests::caught(|| drop(world.handle.block_on(root)));
        }
    })
}

/// Runs one epoch; gives the number of futures and outputs that lived in it.
fn epoch(dog: &Watchdog, mut rng: Rng) -> u64 {
    let workers = 1 + rng.below(4) as usize;
    let runtime = Runtime::builder().worker_threads(workers).build().unwrap();
    *dog.runtime.lock() = Some(runtime.handle().clone());
    let (orders, inbox) = channel();
    let spawner = spawner(runtime.handle().clone(), inbox);
    let world = World::new(runtime.handle().clone(), dog.progress.clone(), orders.clone());
    let mut threads = Vec::new();
    for _ in 0..rng.below(4) {
        threads.push(roots(&world, Rng::new(rng.next())));
    }
    for _ in 0..rng.below(200) {
        let task = runtime.spawn(life(&world, Rng::new(rng.next()), 5));
        match rng.below(3) {
            0 => task.abort(),
            1 => drop(futures_lite::future::block_on(futures_lite::future::poll_once(task))),
            _ => drop(task),
        }
    }
    let gently = rng.below(2) == 0;
    let mut runtime = Some(runtime);
    if !gently {
        (0..rng.below(100_000)).for_each(|_| std::hint::spin_loop());
        drop(runtime.take());
    }
    // Sleepers wait for others to wake them, and there may be no others left.
    while threads.iter().any(|thread| !thread.is_finished()) || gently && world.alive() > 0 {
        world.clear();
        std::thread::yield_now();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    if let Some(runtime) = &runtime {
        assert_eq!(runtime.metrics().injected, 0);
    }
    drop(runtime);
    orders.send(Order::Stop).unwrap();
    spawner.join().unwrap();
    world.clear();
    let (born, dropped) = (world.born.load(Relaxed), world.dropped.load(Relaxed));
    assert_eq!(born, dropped, "futures and outputs made and dropped");
    assert_eq!(world.handle.metrics().registered_tasks, 0);
    born
}

#[test]
fn whatever_happens_every_future_and_every_output_is_dropped_once() {
    let seconds = std::env::var("FILCH_STRESS_SECONDS").ok();
    let seconds = seconds.map_or(2.0, |text| text.parse().expect("FILCH_STRESS_SECONDS: a number"));
    let seed = seed();
    let _ = writeln!(std::io::stderr(), "FILCH_STRESS_SEED={seed}");
    let (dog, begin) = (Watchdog::new(seed), Instant::now());
    let (mut rng, mut epochs, mut lives) = (Rng::new(seed), 0_u64, 0);
    while begin.elapsed().as_secs_f64() < seconds {
        lives += epoch(&dog, Rng::new(rng.next()));
        epochs += 1;
    }
    dog.end();
    println!("{epochs} runtimes, {lives} futures and outputs");
}
