//! Threads that are none of the runtime's.

use std::sync::Barrier;
use std::thread;

use crate::clock::Stopwatch;
use crate::latch::Latch;
use crate::peer::Peer;
use crate::probe::{Run, Scale};

/// Threads of `remote_spawn`.
const THREADS: usize = 4;

/// `remote_spawn`: 4 threads outside spawn 50 000 detached tasks each; every task counts down a
/// shared atomic. From the moment the threads are let go until the last task has run.
pub fn remote_spawn<P: Peer>(peer: &P, scale: Scale) -> Run {
    let each = scale.count(50_000);
    let (latch, open) = Latch::new(THREADS * each);
    let ready = Barrier::new(THREADS + 1);
    let cost = thread::scope(|scope| {
        for _ in 0..THREADS {
            let handle = peer.handle();
            let ready = &ready;
            scope.spawn(move || {
                ready.wait();
                ready.wait();
                for _ in 0..each {
                    P::spawn_detached_on(&handle, async move { latch.count_down() });
                }
            });
        }
        // Once for the threads to have started, once to let them go.
        ready.wait();
        let watch = Stopwatch::start();
        ready.wait();
        peer.block_on(open).expect("the last task signals");
        watch.stop()
    });
    Run::new(cost, THREADS * each)
}

/// `foreign_handover`: a thread outside and a task hand a token to and fro through two channels of
/// one place; the thread blocks. 5 000 round trips.
pub fn handover<P: Peer>(peer: &P, scale: Scale) -> Run {
    let trips = scale.count(5_000);
    let (to_task, task_inbox) = async_channel::bounded(1);
    let (to_thread, thread_inbox) = async_channel::bounded(1);
    let echo = P::spawn_on(&peer.handle(), async move {
        while let Ok(token) = task_inbox.recv().await {
            let token: usize = token;
            to_thread.send(token + 1).await.expect("the thread waits");
        }
    });
    let watch = Stopwatch::start();
    let mut token = 0;
    for _ in 0..trips {
        to_task.send_blocking(token).expect("the task waits");
        token = thread_inbox.recv_blocking().expect("the task answers");
    }
    let cost = watch.stop();
    drop(to_task);
    peer.block_on(echo);
    assert_eq!(token, trips, "round trips of the token");
    Run::new(cost, trips)
}
