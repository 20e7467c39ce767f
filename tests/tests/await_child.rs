//! A task that awaits a task which it has just spawned: the child is next on its parent's worker, and
//! nothing of the parent's depends on that.

use filch::JoinHandle;
use filch_tests::event::wait_until_closed;
use filch_tests::probe::{Ending, Probe, Script};
use filch_tests::{Event, LONG, explode, runtime, within};
use futures_lite::future::{self, block_on};
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Polls a handle once, in a task of an only worker, whose child is not done.
fn begin_to_wait(child: &mut JoinHandle<u64>, cx: &mut Context<'_>) {
    assert!(Pin::new(child).poll(cx).is_pending());
}

/// Counts the polls of a future.
async fn counted<T>(future: impl Future<Output = T>) -> (T, u64) {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx).map(|output| (output, polls))
    })
    .await
}

#[test]
fn a_parent_is_polled_before_and_after_its_child_and_not_in_between() {
    within(LONG, || {
        let runtime = runtime(1);
        let both = runtime.spawn(async {
            let soon = counted(async { filch::spawn(async { 1 }).await.unwrap() }).await;
            let later = counted(async {
                let yields = filch::spawn(async {
                    filch::yield_now().await;
                    filch::yield_now().await;
                    2
                });
                yields.await.unwrap()
            })
            .await;
            (soon, later)
        });
        assert_eq!(block_on(both).unwrap(), ((1, 2), (2, 2)));
    });
}

#[test]
fn a_parent_that_drops_the_handle_it_has_polled_is_left_alone() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let (polls, children) = (Arc::new(AtomicU64::new(0)), Event::new());
            let (counted, ran) = (polls.clone(), children.clone());
            let parent = runtime.spawn(poll_fn(move |cx| -> Poll<()> {
                counted.fetch_add(1, SeqCst);
                let ran = ran.clone();
                let mut child = filch::spawn(async move {
                    ran.set();
                    1
                });
                // Another worker may have been faster; then nothing was begun.
                let polled = Pin::new(&mut child).poll(cx);
                assert!(workers > 1 || polled.is_pending());
                Poll::Pending
            }));
            children.wait();
            // Whatever was to come of that has come once others have had a few turns.
            let turns = runtime.spawn(async {
                for _ in 0..1000 {
                    filch::yield_now().await;
                }
            });
            block_on(turns).unwrap();
            assert!(polls.load(SeqCst) <= 2, "it spins");
            parent.abort();
            assert!(block_on(parent).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn children_are_awaited_in_any_order() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let task = runtime.spawn(async {
                let [a, b, c] = [1, 2, 3].map(|n| filch::spawn(async move { n }));
                let c = c.await.unwrap();
                let sum = c + a.await.unwrap() + b.await.unwrap();
                let (a, b) = (filch::spawn(async { 10 }), filch::spawn(async { 20 }));
                let (b, a) = future::zip(b, a).await;
                sum + a.unwrap() + b.unwrap()
            });
            assert_eq!(block_on(task).unwrap(), 36);
        }
    });
}

#[test]
fn a_child_that_panics_or_is_aborted_gives_its_error() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let task = runtime.spawn(async {
                let panic = filch::spawn(async { explode("child") }).await.unwrap_err();
                let child = filch::spawn(pending::<()>());
                child.abort();
                (panic.is_panic(), child.await.unwrap_err().is_cancelled())
            });
            assert_eq!(block_on(task).unwrap(), (true, true));
        }
    });
}

/// Each of them waits for one that has not been polled yet.
#[test]
fn a_hundred_thousand_generations_end() {
    fn generation(left: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if left == 0 {
                return 0;
            }
            1 + filch::spawn(generation(left - 1)).await.unwrap()
        })
    }
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let task = runtime.spawn(generation(100_000));
            assert_eq!(block_on(task).unwrap(), 100_000);
        }
    });
}

/// The handle is polled by its parent, and within that poll goes to a thread that awaits it.
#[test]
fn a_handle_that_its_parent_polled_is_awaited_on_another_thread() {
    within(LONG, || {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for round in 0..1000 {
                let (hand_over, handles) = std::sync::mpsc::channel();
                let parent = runtime.spawn(async move {
                    let mut child = Some(filch::spawn(async move { round }));
                    poll_fn(|cx| {
                        let mut child = child.take().expect("it is polled once");
                        // Another worker may have been faster.
                        let handed = match Pin::new(&mut child).poll(cx) {
                            Poll::Ready(output) => Err(output.unwrap()),
                            Poll::Pending => Ok(child),
                        };
                        hand_over.send(handed).unwrap();
                        Poll::Ready(())
                    })
                    .await;
                });
                let handed: Result<JoinHandle<u64>, u64> = handles.recv().unwrap();
                let output = handed.map_or_else(|output| output, |child| block_on(child).unwrap());
                assert_eq!(output, round);
                block_on(parent).unwrap();
            }
        }
    });
}

/// The handle is polled by its parent, and then, within that poll, on behalf of another task.
#[test]
fn a_handle_that_its_parent_polled_wakes_the_task_that_polled_it_last() {
    within(LONG, || {
        let runtime = runtime(1);
        let polls = Arc::new(AtomicU64::new(0));
        let (other, counted) = (Arc::new(Mutex::new(None::<Waker>)), polls.clone());
        let place = other.clone();
        let woken = runtime.spawn(poll_fn(move |cx| {
            *place.lock().unwrap() = Some(cx.waker().clone());
            if counted.fetch_add(1, SeqCst) == 0 { Poll::Pending } else { Poll::Ready(()) }
        }));
        let parent = runtime.spawn(async move {
            let mut child = filch::spawn(async { 5 });
            poll_fn(|cx| {
                begin_to_wait(&mut child, cx);
                let other = other.lock().unwrap().take().expect("the other task was polled");
                begin_to_wait(&mut child, &mut Context::from_waker(&other));
                Poll::Ready(())
            })
            .await;
            child.await.unwrap()
        });
        assert_eq!(block_on(parent).unwrap(), 5);
        // By the parent's last poll it may be woken no more.
        drop(woken);
        assert!((1..=2).contains(&polls.load(SeqCst)));
    });
}

/// Happens when it is dropped.
struct SetOnDrop(Event);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// The other worker drops the parent, since the child waits for that.
#[test]
fn a_parent_is_dropped_with_its_runtime_while_its_child_is_stuck() {
    within(LONG, || {
        for workers in [2, 4] {
            let runtime = runtime(workers);
            let (entered, dropped) = (Event::new(), Event::new());
            let (inside, guard) = (entered.clone(), SetOnDrop(dropped.clone()));
            let parent = runtime.spawn(async move {
                let _guard = guard;
                let child = filch::spawn(async move {
                    inside.set();
                    dropped.wait();
                });
                child.await.unwrap();
                pending::<()>().await;
            });
            entered.wait();
            drop(runtime);
            assert!(block_on(parent).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_parent_is_dropped_with_its_runtime_while_its_child_is_polled() {
    within(LONG, || {
        let runtime = runtime(1);
        let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
        let (entered, release) = (Event::new(), Event::new());
        let (inside, closed) = (entered.clone(), release.clone());
        let parent = runtime.spawn(async move {
            let child = filch::spawn(async move {
                inside.set();
                release.wait();
            });
            child.await.unwrap();
            drop(probe.await);
        });
        entered.wait();
        let handle = runtime.handle().clone();
        let end = std::thread::spawn(move || drop(runtime));
        wait_until_closed(&handle);
        closed.set();
        end.join().unwrap();
        counts.future_drops.wait_for(1);
        assert_eq!(counts.polls.get(), 0);
        assert!(block_on(parent).is_err_and(|error| error.is_cancelled()));
    });
}

/// The other worker drops the parent, since the child waits for that.
#[test]
fn a_parent_that_is_aborted_while_its_child_is_stuck_is_dropped_on_another_worker() {
    within(LONG, || {
        for workers in [2, 4] {
            let runtime = runtime(workers);
            for _ in 0..100 {
                let (entered, dropped) = (Event::new(), Event::new());
                let (inside, guard) = (entered.clone(), SetOnDrop(dropped.clone()));
                let parent = runtime.spawn(async move {
                    let _guard = guard;
                    let child = filch::spawn(async move {
                        inside.set();
                        dropped.wait();
                    });
                    child.await.unwrap();
                    pending::<()>().await;
                });
                entered.wait();
                parent.abort();
                assert!(block_on(parent).unwrap_err().is_cancelled());
            }
        }
    });
}

#[test]
fn a_task_that_is_ready_with_its_child_unfinished_ends_there() {
    within(LONG, || {
        let runtime = runtime(1);
        let task = runtime.spawn(async {
            let child = filch::spawn(async { 3 });
            future::or(async { child.await.unwrap() }, ready(4)).await
        });
        assert_eq!(block_on(task).unwrap(), 4);
    });
}
