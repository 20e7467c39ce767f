//! No task starves: whatever keeps a worker busy for ever, a task that is runnable on it waits for at
//! most `3 * 31 * (n + 1)` polls, where `n` is the number of tasks that were ahead of it in its
//! queue (`FAIRNESS_INTERVAL` in `executor/src/queue.rs`).
//!
//! One worker, and waits counted in polls: nothing here depends on the clock.

use filch::{Handle, yield_now};
use filch_tests::{Blocker, Counter, Event, LONG, runtime, within};
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Poll, Waker};

const fn bound(ahead: u64) -> u64 {
    3 * 31 * (ahead + 1)
}

/// What the tasks of one test share.
#[derive(Clone, Default)]
struct Scene {
    /// Polls of those that keep the worker busy.
    polls: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    /// How many polls each victim waited, in the order in which they became runnable.
    waits: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Scene {
    /// Counts a poll; false: the test is over.
    fn go_on(&self) -> bool {
        self.polls.fetch_add(1, Relaxed);
        !self.over.load(Relaxed)
    }

    /// A victim's only work: to say that it was polled.
    fn arrived(&self, index: usize) {
        let mut waits = self.waits.lock();
        waits[index] = Some(self.polls.load(Relaxed));
        if waits.iter().all(Option::is_some) {
            self.over.store(true, Relaxed);
        }
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns what keeps the worker busy until the scene is over. Called on the worker.
type Hog = fn(&Scene);

fn yields_for_ever(scene: &Scene) {
    let scene = scene.clone();
    drop(filch::spawn(async move {
        while scene.go_on() {
            yield_now().await;
        }
    }));
}

/// tokio#5686: two tasks that wake each other by turns.
fn pair(scene: &Scene) {
    let seats: Arc<[Mutex<Option<Waker>>; 2]> = Arc::default();
    for me in 0..2 {
        let (scene, seats) = (scene.clone(), seats.clone());
        drop(filch::spawn(poll_fn(move |cx| {
            *seats[me].lock() = Some(cx.waker().clone());
            let other = seats[1 - me].lock().take();
            if let Some(other) = other {
                other.wake();
            }
            if scene.go_on() { Poll::Pending } else { Poll::Ready(()) }
        })));
    }
}

/// A task whose last act is to spawn its like.
fn respawns(scene: &Scene) {
    fn link(scene: Scene) -> Boxed {
        Box::pin(async move {
            if scene.go_on() {
                drop(filch::spawn(link(scene)));
            }
        })
    }
    drop(filch::spawn(link(scene.clone())));
}

/// A task that spawns its like and awaits it, to no end.
fn spawns_and_awaits(scene: &Scene) {
    let scene = scene.clone();
    drop(filch::spawn(async move {
        let mut going = true;
        while going {
            let scene = scene.clone();
            going = filch::spawn(async move { scene.go_on() }).await.unwrap();
        }
    }));
}

fn all_of_them(scene: &Scene) {
    for hog in [yields_for_ever, pair, respawns, spawns_and_awaits] {
        hog(scene);
    }
}

const HOGS: [(&str, Hog); 5] = [
    ("a task that yields", yields_for_ever),
    ("a pair", pair),
    ("a task that respawns itself", respawns),
    ("a task that spawns and awaits", spawns_and_awaits),
    ("all of them", all_of_them),
];

/// Where the victims wait.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Spawned by the worker, below what it spawned later.
    Spawned,
    /// Woken by the worker.
    Woken,
    /// Spawned by another thread.
    Injected,
}

/// Runs `hog` on one worker against so many victims and gives their waits.
fn waits(hog: Hog, place: Place, victims: usize) -> Vec<u64> {
    let runtime = runtime(1);
    let scene = Scene { waits: Arc::new(Mutex::new(vec![None; victims])), ..Scene::default() };
    let (wakers, idle) = (Arc::new(Mutex::new(Vec::new())), Counter::new());
    if let Place::Woken = place {
        for index in 0..victims {
            spawn_sleeper(runtime.handle(), &scene, index, (wakers.clone(), idle.clone()));
        }
        idle.wait_for(victims as u64);
    }
    let blocker = Blocker::new(runtime.handle());
    let (ours, begun) = (scene.clone(), Event::new());
    let inside = begun.clone();
    let begin = move || {
        let mut wakers = std::mem::take(&mut *wakers.lock());
        wakers.sort_by_key(|(index, _)| *index);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
        if let Place::Spawned = place {
            (0..victims).for_each(|index| spawn_victim(filch::spawn, &ours, index));
        }
        hog(&ours);
        inside.set();
    };
    if let Place::Injected = place {
        let handle = runtime.handle();
        (0..victims).for_each(|index| spawn_victim(|task| handle.spawn(task), &scene, index));
    }
    blocker.release_after(begin);
    begun.wait();
    while !scene.over.load(Relaxed) {
        std::thread::yield_now();
    }
    scene.waits.lock().iter().map(|wait| wait.expect("all have run")).collect()
}

fn spawn_victim(spawn: impl Fn(Boxed) -> filch::JoinHandle<()>, scene: &Scene, index: usize) {
    let scene = scene.clone();
    drop(spawn(Box::pin(async move { scene.arrived(index) })));
}

/// Wakers with the indices of their victims.
type Wakers = Arc<Mutex<Vec<(usize, Waker)>>>;

/// A victim that is idle until the wakers are called.
fn spawn_sleeper(handle: &Handle, scene: &Scene, index: usize, (wakers, idle): (Wakers, Counter)) {
    let (scene, mut polls) = (scene.clone(), 0);
    drop(handle.spawn(poll_fn(move |cx| {
        polls += 1;
        if polls == 2 {
            scene.arrived(index);
            return Poll::Ready(());
        }
        wakers.lock().push((index, cx.waker().clone()));
        idle.add();
        Poll::Pending
    })));
}

fn assert_fair(place: Place) {
    for (name, hog) in HOGS {
        for victims in [1, 2, 40, 300] {
            let waits = within(LONG, || waits(hog, place, victims));
            for (index, &wait) in waits.iter().enumerate() {
                // Some of the hog's tasks may have been ahead, too.
                let most = bound(index as u64 + 5);
                assert!(wait <= most, "{index} of {victims} waited {wait} > {most} for {name}");
            }
        }
    }
}

#[test]
fn tasks_at_the_bottom_of_the_spawn_queue_are_polled_in_time() {
    assert_fair(Place::Spawned);
}

#[test]
fn woken_tasks_are_polled_in_time() {
    assert_fair(Place::Woken);
}

/// tokio#5908, tokio#8029.
#[test]
fn tasks_from_other_threads_are_polled_in_time() {
    assert_fair(Place::Injected);
}

#[test]
fn a_task_that_yields_beside_others_gets_its_turns() {
    for (name, hog) in HOGS {
        within(LONG, || {
            let (runtime, scene) = (runtime(1), Scene::default());
            let ours = scene.clone();
            let task = runtime.spawn(async move {
                hog(&ours);
                let mut longest = 0;
                for _ in 0..200 {
                    let before = ours.polls.load(Relaxed);
                    yield_now().await;
                    longest = longest.max(ours.polls.load(Relaxed) - before);
                }
                ours.over.store(true, Relaxed);
                longest
            });
            let longest = futures_lite::future::block_on(task).unwrap();
            assert!(longest <= bound(5), "waited {longest} polls for {name}");
        });
    }
}

#[test]
fn a_flood_of_spawns_from_other_threads_leaves_local_tasks_their_turns() {
    within(LONG, || {
        let (runtime, scene) = (runtime(1), Scene::default());
        let flood = || {
            while !scene.over.load(Relaxed) {
                let polled = scene.clone();
                drop(runtime.spawn(async move { polled.go_on() }));
                if runtime.metrics().injected > 10_000 {
                    std::thread::yield_now();
                }
            }
        };
        std::thread::scope(|threads| {
            let floods = [threads.spawn(flood), threads.spawn(flood)];
            let ours = scene.clone();
            let task = runtime.spawn(async move {
                let mut longest = 0;
                for _ in 0..500 {
                    let before = ours.polls.load(Relaxed);
                    yield_now().await;
                    longest = longest.max(ours.polls.load(Relaxed) - before);
                }
                longest
            });
            let longest = futures_lite::future::block_on(task);
            scene.over.store(true, Relaxed);
            // Joined one by one: the scope's own way of waiting is unknown to ThreadSanitizer.
            for flood in floods {
                flood.join().unwrap();
            }
            // A worker takes 32 from the injector at a time, and one such batch may follow another.
            assert!(longest.unwrap() <= bound(64));
        });
    });
}

#[test]
fn a_root_that_yields_for_ever_leaves_tasks_their_turns() {
    within(LONG, || {
        let (runtime, scene) = (runtime(1), Scene::default());
        *scene.waits.lock() = vec![None; 300];
        runtime.block_on(async {
            (0..300).for_each(|index| spawn_victim(filch::spawn, &scene, index));
            while scene.go_on() {
                yield_now().await;
            }
        });
        let waits = scene.waits.lock();
        assert!(waits.iter().flatten().all(|&wait| wait <= bound(300)));
    });
}

#[test]
fn tasks_that_keep_the_worker_busy_leave_the_root_its_turns() {
    for (name, hog) in HOGS {
        within(LONG, || {
            let (runtime, scene) = (runtime(1), Scene::default());
            runtime.block_on(async {
                hog(&scene);
                for _ in 0..200 {
                    let before = scene.polls.load(Relaxed);
                    yield_now().await;
                    let wait = scene.polls.load(Relaxed) - before;
                    assert!(wait <= bound(5), "the root waited {wait} polls for {name}");
                }
                scene.over.store(true, Relaxed);
            });
        });
    }
}

/// A chain of tasks, each of which awaits the one before, so that each end leads to another poll.
#[test]
fn joiners_that_follow_one_another_let_a_root_go_first_that_was_woken() {
    fn link(awaited: Boxed, polled: impl Fn() + Send + 'static) -> Boxed {
        let awaited = filch::spawn(awaited);
        Box::pin(async move {
            awaited.await.unwrap();
            polled();
        })
    }
    within(LONG, || {
        for woken_at in 0..40 {
            let polls = Arc::new(AtomicU64::new(0));
            let ours = polls.clone();
            let runtime = runtime(1);
            // The root shall have the worker's place.
            while runtime.metrics().parked_workers == 0 {
                std::thread::yield_now();
            }
            let wait = runtime.block_on(async move {
                let root = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let mut chain: Boxed = Box::pin(async {});
                for place in 0..50 {
                    let (polls, root) = (ours.clone(), root.clone());
                    chain = link(chain, move || {
                        if place >= woken_at {
                            polls.fetch_add(1, Relaxed);
                        }
                        if place == woken_at {
                            root.wake_by_ref();
                        }
                    });
                }
                drop(filch::spawn(chain));
                let mut first = true;
                poll_fn(|_| match std::mem::take(&mut first) {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                })
                .await;
                ours.load(Relaxed)
            });
            assert_eq!(wait, 1, "the root was woken by link {woken_at}");
        }
    });
}

/// As many that never end as there are workers, on two of them.
#[test]
fn tasks_that_never_end_on_every_worker_let_all_others_end() {
    within(LONG, || {
        let (runtime, scene) = (runtime(2), Scene::default());
        let (ours, done) = (scene.clone(), Counter::new());
        drop(runtime.spawn(async move {
            all_of_them(&ours);
            all_of_them(&ours);
        }));
        let count = |_| {
            let done = done.clone();
            drop(runtime.spawn(async move {
                yield_now().await;
                done.add();
            }));
        };
        (0..1_000).for_each(count);
        done.wait_for(1_000);
        scene.over.store(true, Relaxed);
    });
}
