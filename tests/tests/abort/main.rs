//! `abort` may come at any moment of a task's life and from anywhere: the future is dropped once, on
//! a worker, and is not polled again.

mod stage;

use filch::{JoinHandle, Runtime};
use filch_tests::event::barrier;
use filch_tests::probe::{Counts, Ending, Output, Probe, Script};
use filch_tests::rng::{Rng, seed};
use filch_tests::{Counter, Event, LONG, runtime, within};
use futures_lite::future::block_on;
use stage::{Stage, from_everywhere, hold_worker_after};
use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc::channel;

#[test]
fn a_task_in_the_injector_is_dropped_unpolled() {
    from_everywhere(|stage| {
        let release = hold_worker_after(stage, || {});
        let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
        let task = stage.runtime.spawn(probe);
        stage.abort(&task.abort_handle());
        assert_eq!(counts.future_drops.get(), 0, "dropped by who aborted it");
        drop(release);
        stage.assert_cancelled(task, &counts, 0);
    });
}

#[test]
fn a_task_in_its_spawners_queue_is_dropped_unpolled() {
    from_everywhere(|stage| {
        let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
        let (sender, receiver) = channel();
        let release = hold_worker_after(stage, move || sender.send(filch::spawn(probe)).unwrap());
        let task = receiver.recv().unwrap();
        stage.abort(&task.abort_handle());
        drop(release);
        stage.assert_cancelled(task, &counts, 0);
    });
}

#[test]
fn a_task_that_was_woken_is_not_polled_again() {
    from_everywhere(|stage| {
        // By a task, so that it waits in the worker's queue.
        let (task, counts) = stage.idle();
        let waker = counts.take_waker();
        let release = hold_worker_after(stage, move || waker.wake());
        stage.abort(&task.abort_handle());
        drop(release);
        stage.assert_cancelled(task, &counts, 1);
        // From outside, so that it waits in the injector.
        let (task, counts) = stage.idle();
        let release = hold_worker_after(stage, || {});
        counts.take_waker().wake();
        stage.abort(&task.abort_handle());
        drop(release);
        stage.assert_cancelled(task, &counts, 1);
    });
}

#[test]
fn an_idle_task_is_dropped_without_another_poll() {
    from_everywhere(|stage| {
        let (task, counts) = stage.idle();
        stage.abort(&task.abort_handle());
        stage.assert_cancelled(task, &counts, 1);
    });
}

#[test]
fn an_idle_task_without_a_handle_is_dropped() {
    from_everywhere(|stage| {
        let (task, counts) = stage.idle();
        let abort = task.abort_handle();
        drop(task);
        stage.abort(&abort);
        counts.future_drops.wait_for(1);
        barrier(stage.handle());
        assert!(abort.is_finished());
        stage.assert_dropped(&counts, 1);
    });
}

/// Holds a task inside its first poll while `meanwhile` runs.
fn in_first_poll(
    stage: &Stage,
    ending: Ending,
    meanwhile: impl FnOnce(&JoinHandle<Output>, &Counts),
) -> (JoinHandle<Output>, Arc<Counts>) {
    let (probe, counts) = Probe::new(Script::quiet(ending));
    let (entered, release) = (Event::new(), Event::new());
    let (inside, go_on) = (entered.clone(), release.clone());
    counts.during_poll(1, move || {
        inside.set();
        go_on.wait();
    });
    let task = stage.runtime.spawn(probe);
    entered.wait();
    meanwhile(&task, &counts);
    assert!(!task.is_finished() && counts.future_drops.get() == 0, "dropped during its poll");
    release.set();
    (task, counts)
}

#[test]
fn a_task_inside_its_poll_is_dropped_after_it() {
    from_everywhere(|stage| {
        let abort = |task: &JoinHandle<Output>, _: &Counts| stage.abort(&task.abort_handle());
        let (task, counts) = in_first_poll(stage, Ending::Pending, abort);
        stage.assert_cancelled(task, &counts, 1);
        let (task, counts) = in_first_poll(stage, Ending::Pending, |task, counts| {
            let waker = counts.take_waker();
            waker.wake_by_ref();
            stage.abort(&task.abort_handle());
            waker.wake();
        });
        stage.assert_cancelled(task, &counts, 1);
    });
}

#[test]
fn a_task_inside_its_last_poll_gives_its_output() {
    from_everywhere(|stage| {
        let abort = |task: &JoinHandle<Output>, _: &Counts| stage.abort(&task.abort_handle());
        let (task, counts) = in_first_poll(stage, Ending::Ready, abort);
        assert!(block_on(task).is_ok());
        assert_eq!((counts.polls.get(), counts.future_drops.get()), (1, 1));
        assert_eq!(counts.output_drops.get(), 1);
    });
}

#[test]
fn a_task_whose_future_is_being_dropped_gives_its_output() {
    from_everywhere(|stage| {
        let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
        let (entered, release) = (Event::new(), Event::new());
        let (inside, go_on) = (entered.clone(), release.clone());
        counts.during_drop(move || {
            inside.set();
            go_on.wait();
        });
        let task = stage.runtime.spawn(probe);
        entered.wait();
        stage.abort(&task.abort_handle());
        release.set();
        assert!(block_on(task).is_ok());
        assert_eq!((counts.future_drops.get(), counts.output_drops.get()), (1, 1));
    });
}

#[test]
fn a_task_that_is_over_is_not_affected() {
    from_everywhere(|stage| {
        let (probe, counts) = Probe::new(Script::quiet(Ending::Ready));
        let mut task = stage.runtime.spawn(probe);
        let abort = task.abort_handle();
        while !abort.is_finished() {
            std::thread::yield_now();
        }
        stage.abort(&abort);
        let output = block_on(&mut task).expect("its output, abort or not");
        stage.abort(&abort);
        stage.abort(&task.abort_handle());
        drop(task);
        stage.abort(&abort);
        drop(output);
        assert_eq!((counts.future_drops.get(), counts.output_drops.get()), (1, 1));
    });
}

/// tokio#3157: abort off the runtime, and after it.
#[test]
fn abort_after_the_end_of_the_runtime_does_nothing() {
    within(LONG, || {
        let runtime = Runtime::builder().worker_threads(2).build().unwrap();
        let (probe, counts) = Probe::new(Script::quiet(Ending::Pending));
        let task = runtime.spawn(probe);
        counts.polls.wait_for(1);
        let abort = task.abort_handle();
        drop(runtime);
        abort.abort();
        task.abort();
        assert!(abort.is_finished());
        assert!(block_on(task).err().is_some_and(|error| error.is_cancelled()));
        abort.abort();
        assert_eq!(counts.future_drops.get(), 1);
    });
}

/// Aborts that hit tasks in queues, in thieves' batches, in polls and in completion.
#[test]
fn aborts_at_random_moments_drop_each_future_once() {
    struct CountDrop(Counter);
    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let seed = seed();
    println!("seed {seed}");
    within(LONG, || {
        let mut rng = Rng::new(seed);
        let runtime = runtime(2);
        let (drops, mut spawned) = (Counter::new(), 0);
        for _ in 0..200 {
            let tasks: Vec<_> = (0..100)
                .map(|_| {
                    let (held, yields, rest) =
                        (CountDrop(drops.clone()), rng.below(8), rng.below(2));
                    runtime.spawn(async move {
                        let _held = held;
                        for _ in 0..yields {
                            filch::yield_now().await;
                        }
                        if rest == 0 {
                            pending::<()>().await;
                        }
                    })
                })
                .collect();
            spawned += tasks.len() as u64;
            for _ in 0..rng.below(2_000) {
                std::hint::spin_loop();
            }
            tasks.iter().for_each(JoinHandle::abort);
            for task in tasks {
                if let Err(error) = block_on(task) {
                    assert!(error.is_cancelled());
                }
            }
            assert_eq!(drops.get(), spawned);
        }
        assert_eq!(runtime.metrics().registered_tasks, 0);
    });
}
