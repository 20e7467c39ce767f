//! A task that is runnable does not wait for the worker that holds it while another worker idles,
//! however long that worker's poll is.
//!
//! In each round a task makes others runnable and then keeps its worker inside the poll, until they
//! have started or 200 ms have passed. Three quarters of the rounds have to see them start within
//! 25 ms, a thousand times what it takes; a machine that is busy otherwise gets four times what it
//! takes to have a plain thread answer under the same circumstances on top.

use filch::{Handle, Runtime, yield_now};
use filch_tests::{Blocker, Counter, Event, LONG, runtime, within};
use futures_lite::future::block_on;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

const ROUNDS: usize = 20;
const LATE: Duration = Duration::from_millis(25);
const LONGEST_POLL: Duration = Duration::from_millis(200);

/// These tests keep processors busy; one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts those that have started.
#[derive(Clone, Default)]
struct Started(Arc<AtomicU32>);

impl Started {
    fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    /// Keeps this thread busy until so many have started; gives the time that it took.
    fn spin_until(&self, count: u32) -> Duration {
        let begin = Instant::now();
        while self.0.load(SeqCst) < count && begin.elapsed() < LONGEST_POLL {
            std::hint::spin_loop();
        }
        begin.elapsed()
    }
}

/// How long a plain thread takes to answer one that goes on computing.
fn answer_of_a_thread() -> Duration {
    let (answered, (ask, asked)) = (Started::default(), std::sync::mpsc::channel());
    let (answers, awake) = (answered.clone(), Event::new());
    let up = awake.clone();
    let thread = std::thread::spawn(move || {
        up.set();
        asked.recv().unwrap();
        answers.add();
    });
    awake.wait();
    ask.send(()).unwrap();
    let delay = answered.spin_until(1);
    thread.join().unwrap();
    delay
}

fn assert_prompt(what: &str, round: impl FnMut() -> Duration) {
    let mut round = round;
    let (mut delays, mut answers): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (round(), answer_of_a_thread())).unzip();
    delays.sort();
    answers.sort();
    let limit = LATE + 4 * answers[ROUNDS * 3 / 4];
    assert!(delays[ROUNDS * 3 / 4] < limit, "{what}: {delays:?}, threads: {answers:?}");
}

/// Runs `busy` as a task in each round; it gives the delay.
fn rounds_in_tasks(what: &str, workers: usize, busy: fn(&Started) -> Duration) {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(workers);
        assert_prompt(what, || {
            block_on(runtime.spawn(async move { busy(&<_>::default()) })).unwrap()
        });
    });
}

/// Runs `busy` in a root in each round.
fn rounds_in_roots(what: &str, workers: usize, busy: fn(&Started) -> Duration) {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(workers);
        assert_prompt(what, || runtime.block_on(async { busy(&<_>::default()) }));
        assert_prompt(what, || {
            runtime.block_on(async {
                yield_now().await;
                busy(&<_>::default())
            })
        });
    });
}

fn spawn_one(started: &Started) -> Duration {
    let victim = started.clone();
    drop(filch::spawn(async move { victim.add() }));
    started.spin_until(1)
}

fn spawn_many(started: &Started) -> Duration {
    for _ in 0..100 {
        spawn_with_yield(started);
    }
    started.spin_until(100)
}

/// Counts after one yield, so that it passes through both queues.
fn spawn_with_yield(started: &Started) {
    let victim = started.clone();
    drop(filch::spawn(async move {
        yield_now().await;
        victim.add();
    }));
}

/// tokio#4941: what a task sends to another one waits in the LIFO slot.
fn send_to_one(started: &Started) -> Duration {
    let (sender, receiver) = futures_channel::oneshot::channel();
    let (victim, ready) = (started.clone(), started.clone());
    drop(filch::spawn(async move {
        ready.add();
        receiver.await.unwrap();
        victim.add();
    }));
    // It has to be idle when it is sent to; if it cannot get so far, this is late anyway.
    let delay = started.spin_until(1);
    sender.send(()).unwrap();
    delay.max(started.spin_until(2))
}

#[test]
fn a_spawned_task_starts_on_another_worker() {
    for workers in [2, 4] {
        rounds_in_tasks("spawn in a task", workers, spawn_one);
        rounds_in_roots("spawn in a root", workers, spawn_one);
    }
}

#[test]
fn a_hundred_tasks_behind_one_poll_all_start() {
    rounds_in_tasks("spawns in a task", 2, spawn_many);
    rounds_in_roots("spawns in a root", 2, spawn_many);
}

#[test]
fn a_task_that_was_sent_to_starts_on_another_worker() {
    rounds_in_tasks("send in a task", 2, send_to_one);
    rounds_in_roots("send in a root", 2, send_to_one);
}

/// A task that is idle, and its waker.
fn sleeper(handle: &Handle, started: &Started) -> Waker {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (started, mut polls) = (started.clone(), 0);
    drop(handle.spawn(poll_fn(move |cx| {
        polls += 1;
        match polls {
            1 => sender.send(cx.waker().clone()).unwrap(),
            _ => started.add(),
        }
        if polls == 1 { Poll::Pending } else { Poll::Ready(()) }
    })));
    receiver.recv().unwrap()
}

#[test]
fn woken_tasks_start_on_another_worker() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        assert_prompt("wake", || {
            let started = Started::default();
            let wakers: Vec<_> = (0..3).map(|_| sleeper(runtime.handle(), &started)).collect();
            let busy = async move {
                wakers.into_iter().for_each(Waker::wake);
                started.spin_until(3)
            };
            block_on(runtime.spawn(busy)).unwrap()
        });
    });
}

/// Who wakes a parent that waits for its child, too.
#[derive(Clone, Copy, PartialEq)]
enum Sender {
    /// The child, in the poll that lasts long.
    Child,
    /// Another thread, within the parent's own poll: nobody has a waker after that.
    Thread,
}

/// Waits for a child that it has just spawned and for a message; gives how long the child, which computes
/// until its parent has the message, took.
async fn wait_for_both(sender: Sender, child_first: bool) -> Duration {
    let started = Started::default();
    let (send, mut receiver) = futures_channel::oneshot::channel();
    let (mut by_child, mut by_thread) = match sender {
        Sender::Child => (Some(send), None),
        Sender::Thread => (None, Some(send)),
    };
    let (watched, mut times) = (started.clone(), None);
    let mut child = filch::spawn(async move {
        by_child.take().into_iter().for_each(|sender| sender.send(()).unwrap());
        watched.spin_until(1)
    });
    poll_fn(|cx| {
        let mut poll_child = |cx: &mut _| {
            if times.is_none()
                && let Poll::Ready(time) = Pin::new(&mut child).poll(cx)
            {
                times = Some(time.unwrap());
            }
        };
        if child_first {
            poll_child(cx);
        }
        let received = Pin::new(&mut receiver).poll(cx);
        if received.is_pending() && !child_first {
            poll_child(cx);
        }
        if let Some(sender) = by_thread.take() {
            std::thread::spawn(move || sender.send(()).unwrap()).join().unwrap();
        }
        received.map(|message| message.unwrap())
    })
    .await;
    started.add();
    match times {
        Some(time) => time,
        None => child.await.unwrap(),
    }
}

/// Its child's long poll is not its own.
#[test]
fn a_parent_that_was_sent_to_starts_on_another_worker() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        for sender in [Sender::Child, Sender::Thread] {
            for child_first in [true, false] {
                assert_prompt("a parent", || {
                    block_on(runtime.spawn(wait_for_both(sender, child_first))).unwrap()
                });
            }
        }
    });
}

/// It waits for a task that another worker has taken, and then spawns one with a long poll.
#[test]
fn a_parent_does_not_wait_for_what_it_has_spawned_besides() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        assert_prompt("a parent", || {
            let parent = async {
                let started = Started::default();
                let (watched, ready) = (started.clone(), started.clone());
                let mut awaited = filch::spawn(async move { ready.add() });
                let mut other = None;
                poll_fn(|cx| {
                    let polled = Pin::new(&mut awaited).poll(cx);
                    if polled.is_pending() && other.is_none() {
                        // The other worker has it, or comes for it.
                        let watched = watched.clone();
                        other = Some(filch::spawn(async move { watched.spin_until(2) }));
                    }
                    polled.map(Result::unwrap)
                })
                .await;
                started.add();
                match other {
                    Some(other) => other.await.unwrap(),
                    None => Duration::ZERO,
                }
            };
            block_on(runtime.spawn(parent)).unwrap()
        });
    });
}

#[test]
fn a_task_that_yielded_starts_on_another_worker() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        assert_prompt("yield", || {
            let started = Started::default();
            let yielding = async move {
                let watched = started.clone();
                // Runs next on this worker, while this task waits in the other queue.
                let busy = filch::spawn(async move { watched.spin_until(1) });
                yield_now().await;
                started.add();
                busy.await.unwrap()
            };
            block_on(runtime.spawn(yielding)).unwrap()
        });
    });
}

#[test]
fn the_future_of_an_aborted_task_is_dropped_by_another_worker() {
    struct AddOnDrop(Started);
    impl Drop for AddOnDrop {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        assert_prompt("abort", || {
            let (started, polled) = (Started::default(), Event::new());
            let (held, inside) = (AddOnDrop(started.clone()), polled.clone());
            let idle = runtime.spawn(async move {
                let _held = held;
                inside.set();
                pending::<()>().await;
            });
            polled.wait();
            let busy = async move {
                idle.abort();
                started.spin_until(1)
            };
            block_on(runtime.spawn(busy)).unwrap()
        });
    });
}

#[test]
fn a_task_from_another_thread_starts_while_a_worker_is_stuck() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        let _stuck = Blocker::new(runtime.handle());
        assert_prompt("remote spawn", || {
            let started = Started::default();
            let victim = started.clone();
            drop(runtime.spawn(async move { victim.add() }));
            started.spin_until(1)
        });
        assert_prompt("remote wake", || {
            let started = Started::default();
            sleeper(runtime.handle(), &started).wake();
            started.spin_until(1)
        });
    });
}

/// One free worker for three that are stuck, each with tasks in its queue.
#[test]
fn one_idle_worker_serves_all_that_are_stuck() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(4);
        let _stuck = [(); 2].map(|()| Blocker::new(runtime.handle()));
        assert_prompt("two stuck", || {
            block_on(runtime.spawn(async { spawn_many(&<_>::default()) })).unwrap()
        });
    });
}

/// A first task that blocks its thread until a second one has run.
fn rendezvous() -> (impl Future<Output = ()> + Send, impl Future<Output = ()> + Send) {
    let (first, second) = (Event::new(), Event::new());
    let (entered, ran) = (first.clone(), second.clone());
    let blocks = async move {
        entered.set();
        second.wait();
    };
    let runs = async move {
        first.happened().await;
        ran.set();
    };
    (blocks, runs)
}

/// tokio#6847, thousands of times, in all orders, from tasks, roots and threads.
#[test]
fn a_task_that_blocks_until_another_has_run_does_not_block_it() {
    within(LONG, || {
        let runtime = runtime(2);
        for round in 0..3_000 {
            let (blocks, runs) = rendezvous();
            let in_order = async move {
                let spawn = (filch::spawn(blocks), filch::spawn(runs));
                spawn.0.await.and(spawn.1.await)
            };
            match round % 3 {
                0 => block_on(runtime.spawn(in_order)).unwrap().unwrap(),
                1 => runtime.block_on(in_order).unwrap(),
                _ => {
                    let (blocks, runs) = rendezvous();
                    let tasks = (runtime.spawn(runs), runtime.spawn(blocks));
                    block_on(tasks.0).unwrap();
                    block_on(tasks.1).unwrap();
                }
            }
        }
    });
}

/// A flood of tiny tasks teaches the thief that stealing does not pay. A long poll right after it
/// must be noticed all the same.
#[test]
fn a_thief_that_has_learnt_to_let_be_still_notices_a_long_poll() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        assert_prompt("after a flood", || {
            let flood_and_block = async {
                let done = Counter::new();
                for _ in 0..20_000 {
                    let done = done.clone();
                    drop(filch::spawn(async move { done.add() }));
                }
                done.reached(20_000).await;
                spawn_many(&Started::default())
            };
            block_on(runtime.spawn(flood_and_block)).unwrap()
        });
    });
}

/// The root's thread works in a worker's place: tasks that this thread has queued are taken by
/// others when the root computes.
#[test]
fn tasks_in_the_queue_of_a_root_are_taken_while_it_computes() {
    let _alone = alone();
    within(LONG, || {
        let runtime: Runtime = runtime(2);
        assert_prompt("tasks of a root", || {
            runtime.block_on(async {
                let started = Started::default();
                (0..50).for_each(|_| spawn_with_yield(&started));
                yield_now().await;
                let before = started.0.load(SeqCst);
                (0..50).for_each(|_| spawn_with_yield(&started));
                assert!(before <= 50);
                started.spin_until(100)
            })
        });
    });
}

/// A poll that goes on spawning, a little faster than a thief that naps would take one at a time:
/// most of its tasks have run before it ends. (Once in a few times: where other processes take the
/// second processor, there is no thief.)
#[test]
fn a_long_poll_that_goes_on_spawning_keeps_its_tasks_from_nobody() {
    let _alone = alone();
    within(LONG, || {
        let runtime = runtime(2);
        let mut counts = Vec::new();
        while !counts.iter().any(|&(spawned, in_time)| in_time >= spawned / 2) {
            assert!(counts.len() < 5, "spawned, and run in time: {counts:?}");
            counts.push(runtime.block_on(runtime.spawn(spawn_in_one_poll())).unwrap());
        }
    });
}

/// How many tasks one poll has spawned, and how many of them have run before it ended.
async fn spawn_in_one_poll() -> (u32, u32) {
    let started = Started::default();
    let (begin, mut spawned) = (Instant::now(), 0);
    while begin.elapsed() < LONGEST_POLL {
        let ran = started.clone();
        drop(filch::spawn(async move { ran.add() }));
        spawned += 1;
        let next = Instant::now() + Duration::from_micros(30);
        while Instant::now() < next {
            std::hint::spin_loop();
        }
    }
    (spawned, started.0.load(SeqCst))
}
