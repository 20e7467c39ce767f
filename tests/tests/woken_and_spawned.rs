//! Which goes first on a worker that has both: a task that was woken, or one that was spawned.
//!
//! One worker, and nothing that depends on the clock.

use filch_tests::{LONG, runtime, within};
use futures_channel::{mpsc, oneshot};
use futures_lite::StreamExt;
use futures_lite::future::block_on;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A thousand tasks each spawn one and end with its answer: soon most of them do so before the next begin,
/// instead of all at last.
#[test]
fn tasks_that_end_when_they_are_woken_do_so_before_others_begin() {
    const TASKS: usize = 1_000;
    within(LONG, || {
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (alive.clone(), most.clone());
        let runtime = runtime(1);
        let root = runtime.spawn(async move {
            let ask = |(alive, most): (Arc<AtomicUsize>, Arc<AtomicUsize>)| async move {
                most.fetch_max(alive.fetch_add(1, Relaxed) + 1, Relaxed);
                let (answer, answered) = oneshot::channel();
                drop(filch::spawn(async move { answer.send(1).expect("it is awaited") }));
                let answered: usize = answered.await.expect("it is sent");
                alive.fetch_sub(1, Relaxed);
                answered
            };
            let tasks: Vec<_> = (0..TASKS).map(|_| filch::spawn(ask(counts.clone()))).collect();
            let mut answers = 0;
            for task in tasks {
                answers += task.await.expect("no panic");
            }
            answers
        });
        assert_eq!(block_on(root).expect("no panic"), TASKS);
        assert_eq!(alive.load(Relaxed), 0);
        let most = most.load(Relaxed);
        assert!(most < TASKS / 2, "{most} of {TASKS} had begun and not ended");
    });
}

/// Ten thousand tasks send to one: it finds many messages in a poll, and not one in each.
#[test]
fn a_task_that_waits_again_finds_more_at_a_time() {
    const MESSAGES: usize = 10_000;
    within(LONG, || {
        let runtime = runtime(1);
        let root = runtime.spawn(async {
            let (sender, receiver) = mpsc::unbounded::<usize>();
            let (gathers, gathered) = oneshot::channel();
            drop(filch::spawn(async move {
                let mut polls = 0;
                let mut sum = pin!(receiver.fold(0, |sum, one| sum + one));
                let sum = poll_fn(|cx| {
                    polls += 1;
                    sum.as_mut().poll(cx)
                });
                let sum = sum.await;
                gathers.send((sum, polls)).expect("it is awaited");
            }));
            filch::yield_now().await;
            for _ in 0..MESSAGES {
                let sender = sender.clone();
                drop(filch::spawn(async move {
                    sender.unbounded_send(1).expect("it is received");
                }));
            }
            drop(sender);
            gathered.await.expect("it is sent")
        });
        let (sum, polls) = block_on(root).expect("no panic");
        assert_eq!(sum, MESSAGES);
        assert!(polls < MESSAGES / 20, "{polls} polls for {MESSAGES} messages");
    });
}
