//! The rights to a task: what each allows, and that the last one frees it.

use super::rig::{Counts, End, Ending, NOTHING, Rig, set};
use super::stages::{STAGES, Stage, act_in};
use crate::task::JoinHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};

#[test]
fn a_dropped_handle_leaves_the_task_to_itself_in_every_state() {
    for stage in STAGES {
        let (rig, did) = act_in(stage, |desk, waker| {
            // The handle alone: the waker goes later.
            let handle = desk.take_handle();
            drop(waker);
            drop(handle);
        });
        if stage == Stage::Complete {
            assert_eq!(did, Counts { output_drops: 1, frees: 1, ..NOTHING });
            continue;
        }
        assert_eq!(did, NOTHING, "{stage:?}");
        if !rig.is_scheduled() {
            assert_eq!(rig.did(), NOTHING);
            // Nobody refers to it any more; only the registry can find it.
            let task = rig.cancel_kept().expect("the task is idle");
            rig.put(task);
            rig.cancel_queued();
            let expected = Counts { forgotten: 1, future_drops: 1, frees: 1, ..NOTHING };
            assert_eq!(rig.did(), expected, "{stage:?}");
            continue;
        }
        rig.step_ready();
        rig.run_all();
        let forgotten = u32::from(stage != Stage::Born);
        let expected =
            Counts { polls: 1, forgotten, future_drops: 1, output_drops: 1, frees: 1, ..NOTHING };
        assert_eq!(rig.did(), expected, "{stage:?}");
    }
}

#[test]
fn the_future_is_gone_before_the_output_can_be_seen() {
    let rig = Rig::new();
    let (desk, finished) = (rig.0.clone(), Arc::new(AtomicU32::new(2)));
    let seen = finished.clone();
    set(&rig.on_future_drop, move || {
        let handle = desk.handle.lock();
        let handle = handle.as_ref().expect("the handle is there");
        seen.store(u32::from(handle.is_finished()), Ordering::Relaxed);
    });
    rig.complete();
    assert_eq!(finished.load(Ordering::Relaxed), 0);
    assert!(rig.handle.lock().as_ref().is_some_and(JoinHandle::is_finished));
}

/// All orders of `count` things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for item in 0..count {
        let longer = orders.into_iter().flat_map(|order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, item);
                order
            })
        });
        orders = longer.collect();
    }
    orders
}

#[test]
fn in_every_order_of_the_last_rights_the_last_one_frees_the_task() {
    for ending in [Ending::Ready, Ending::Panics, Ending::Cancelled] {
        for registered in [false, true] {
            for order in orders(5) {
                let rig = Rig::new();
                let waker = rig.poll_for_waker();
                match ending {
                    Ending::Ready => rig.step_ready(),
                    Ending::Panics => rig.step(|_| std::panic::resume_unwind(Box::new(1))),
                    Ending::Cancelled => rig.abort(),
                }
                waker.wake_by_ref();
                if registered {
                    assert!(rig.poll_handle(Waker::noop()).is_pending());
                }
                let mut waker = Some(waker);
                let mut other_waker = waker.clone();
                let mut abort_handle = Some(rig.abort_handle());
                for (done, right) in order.iter().enumerate() {
                    assert_eq!(rig.did().frees, 0, "{ending:?}, {order:?} at {done}");
                    match right {
                        0 => assert_eq!(rig.run(), End::Complete),
                        1 => drop(rig.take_handle()),
                        2 => drop(waker.take()),
                        3 => other_waker.take().expect("it is there").wake(),
                        _ => drop(abort_handle.take()),
                    }
                }
                assert_eq!(rig.did().frees, 1, "{ending:?}, {order:?}");
            }
        }
    }
}

#[test]
fn a_task_whose_result_was_taken_is_freed_with_its_last_waker() {
    for by_value in [false, true] {
        let (_rig, did) = act_in(Stage::Complete, move |desk, waker| {
            drop(desk.result());
            let waker = waker.expect("it was polled");
            waker.wake_by_ref();
            drop(waker.clone());
            assert_eq!(desk.did(), Counts { output_drops: 1, ..NOTHING });
            if by_value { waker.wake() } else { drop(waker) }
        });
        assert_eq!(did, Counts { frees: 1, ..NOTHING });
    }
}

#[test]
fn a_future_that_drops_its_own_handle_goes_on() {
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |cx| {
        drop(desk.take_handle());
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    rig.step_ready();
    assert_eq!(rig.run(), End::Woken);
    assert_eq!(rig.run(), End::Complete);
    let expected = Counts { polls: 2, future_drops: 1, output_drops: 1, frees: 1, ..NOTHING };
    assert_eq!(rig.did(), expected);
}

#[test]
fn a_runnable_that_is_dropped_cancels_its_task() {
    let rig = Rig::new();
    drop(rig.take());
    assert_eq!(rig.did(), Counts { future_drops: 1, ..NOTHING });
    assert!(rig.result().is_err_and(|error| error.is_cancelled()));
    assert_eq!(rig.did(), Counts { frees: 1, ..NOTHING });
}

#[test]
fn a_runnable_that_is_dropped_after_the_handle_frees_its_task() {
    let rig = Rig::new();
    drop(rig.take_handle());
    drop(rig.take());
    assert_eq!(rig.did(), Counts { future_drops: 1, frees: 1, ..NOTHING });
}

#[test]
fn a_runnable_that_is_dropped_after_a_yield_cancels_its_task() {
    let rig = Rig::new();
    rig.step(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    assert_eq!(rig.run(), End::Woken);
    drop(rig.take());
    assert_eq!(rig.did(), Counts { polls: 1, future_drops: 1, ..NOTHING });
}

#[test]
fn a_runnable_can_be_cancelled_by_its_owner() {
    for kept in [false, true] {
        let rig = Rig::new();
        let waker = kept.then(|| rig.poll_for_waker());
        waker.iter().for_each(Waker::wake_by_ref);
        rig.did();
        rig.cancel_queued();
        let forgotten = u32::from(kept);
        assert_eq!(rig.did(), Counts { forgotten, future_drops: 1, ..NOTHING });
        assert!(rig.result().is_err_and(|error| error.is_cancelled()));
    }
}

#[test]
fn a_task_is_kept_once_before_it_is_idle_and_forgotten_once_before_it_is_over() {
    let rig = Rig::new();
    rig.step(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    assert_eq!(rig.run(), End::Woken);
    assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
    let waker = rig.poll_for_waker();
    assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
    for _ in 0..3 {
        waker.wake_by_ref();
        assert_eq!(rig.run(), End::Idle);
    }
    assert_eq!(rig.did(), Counts { polls: 3, schedules: 3, ..NOTHING });
    waker.wake();
    rig.complete();
    let expected = Counts { polls: 1, schedules: 1, forgotten: 1, future_drops: 1, ..NOTHING };
    assert_eq!(rig.did(), expected);
}

#[test]
fn the_registry_gets_the_right_to_run_an_idle_task_only() {
    for stage in [Stage::Idle, Stage::Scheduled, Stage::Polled, Stage::PolledElsewhere] {
        let (rig, did) = act_in(stage, move |desk, _| {
            let task = desk.cancel_kept();
            assert_eq!(task.is_some(), stage == Stage::Idle, "{stage:?}");
            task.into_iter().for_each(|task| desk.put(task));
        });
        assert_eq!(did, NOTHING, "{stage:?}");
        rig.did();
        rig.run_all();
        let expected = Counts { forgotten: 1, future_drops: 1, ..NOTHING };
        assert_eq!(rig.did(), expected, "{stage:?}");
        assert!(rig.result().is_err_and(|error| error.is_cancelled()), "{stage:?}");
    }
}
