//! Aborts, in every state.

use super::rig::{Counts, Desk, End, NOTHING, Output, Rig};
use super::stages::{STAGES, Stage, act_in};
use std::task::Poll;

/// The two ways to abort.
fn abort(desk: &Desk, by_abort_handle: bool) {
    if by_abort_handle { desk.abort_handle().abort() } else { desk.abort() }
}

#[test]
fn an_abort_drops_the_future_in_the_next_run_and_never_where_it_is_called() {
    for by_abort_handle in [false, true] {
        for times in [1, 2] {
            for stage in STAGES {
                let (rig, did) = act_in(stage, move |desk, _| {
                    (0..times).for_each(|_| abort(desk, by_abort_handle));
                });
                let schedules = u32::from(stage == Stage::Idle);
                assert_eq!(did, Counts { schedules, ..NOTHING }, "{stage:?}");
                let complete = stage == Stage::Complete;
                assert_eq!(rig.is_scheduled(), !complete, "{stage:?}");
                rig.did();
                rig.run_all();
                let forgotten = u32::from(stage != Stage::Born && !complete);
                let future_drops = u32::from(!complete);
                let expected = Counts { forgotten, future_drops, ..NOTHING };
                assert_eq!(rig.did(), expected, "{stage:?}");
                match rig.result() {
                    Ok(_) => assert!(complete, "{stage:?}"),
                    Err(error) => assert!(error.is_cancelled() && !complete, "{stage:?}"),
                }
            }
        }
    }
}

#[test]
fn an_abort_during_the_last_poll_leaves_the_output() {
    for by_abort_handle in [false, true] {
        let rig = Rig::new();
        let desk = rig.0.clone();
        rig.step(move |_| {
            abort(&desk, by_abort_handle);
            Poll::Ready(Output(desk))
        });
        assert_eq!(rig.run(), End::Complete);
        assert!(rig.word().contains("cancelled: true"), "{}", rig.word());
        assert!(rig.result().is_ok());
    }
}

#[test]
fn an_aborted_task_that_is_woken_is_still_not_polled() {
    let rig = Rig::new();
    let waker = rig.poll_for_waker();
    rig.abort();
    waker.wake_by_ref();
    rig.did();
    rig.run_all();
    assert_eq!(rig.did(), Counts { forgotten: 1, future_drops: 1, ..NOTHING });
    waker.wake();
    assert_eq!(rig.did(), NOTHING);
}

#[test]
fn an_abort_handle_of_a_task_that_is_over_does_nothing_but_keep_it() {
    let rig = Rig::new();
    let abort_handle = rig.abort_handle();
    assert!(!abort_handle.is_finished());
    rig.complete();
    drop(rig.result());
    rig.did();
    assert!(abort_handle.is_finished());
    abort_handle.clone().abort();
    assert_eq!(rig.did(), NOTHING);
    drop(abort_handle);
    assert_eq!(rig.did(), Counts { frees: 1, ..NOTHING });
}

#[test]
fn a_future_that_aborts_itself_is_dropped_after_its_poll() {
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |_| {
        abort(&desk, true);
        assert_eq!(desk.did(), Counts { polls: 1, ..NOTHING });
        Poll::Pending
    });
    assert_eq!(rig.run(), End::Woken);
    assert_eq!(rig.did(), NOTHING);
    assert_eq!(rig.run(), End::Complete);
    assert_eq!(rig.did(), Counts { future_drops: 1, ..NOTHING });
    assert!(rig.result().is_err_and(|error| error.is_cancelled()));
}
