//! Wakes, in every state and from every side.

use super::rig::{Counts, End, NOTHING, Output, Rig, set};
use super::stages::{STAGES, Stage, act_in};
use crate::sync::Mutex;
use crate::task::RESERVE;
use std::sync::Arc;
use std::task::Poll;

#[test]
fn a_wake_schedules_an_idle_task_and_leads_to_one_poll_in_every_other_state() {
    for by_value in [false, true] {
        for stage in STAGES.into_iter().filter(|&stage| stage != Stage::Born) {
            let (rig, did) = act_in(stage, move |_, waker| {
                let waker = waker.expect("it was polled");
                if by_value { waker.wake() } else { waker.wake_by_ref() }
            });
            let schedules = u32::from(stage == Stage::Idle);
            assert_eq!(did, Counts { schedules, ..NOTHING }, "{stage:?} by value {by_value}");
            rig.run_all();
            let polls = u32::from(stage != Stage::Complete);
            assert_eq!(rig.did(), Counts { polls, ..NOTHING }, "{stage:?} by value {by_value}");
            assert!(rig.word().contains("references: 0"), "{stage:?}: {}", rig.word());
        }
    }
}

#[test]
fn a_hundred_wakes_in_any_state_lead_to_one_poll() {
    for stage in STAGES.into_iter().filter(|&stage| stage != Stage::Born) {
        let (rig, did) = act_in(stage, |_, waker| {
            let waker = waker.expect("it was polled");
            for _ in 0..50 {
                waker.wake_by_ref();
                let clone = waker.clone();
                clone.wake();
            }
        });
        assert_eq!(did.schedules, u32::from(stage == Stage::Idle), "{stage:?}");
        rig.run_all();
        assert_eq!(rig.did().polls, u32::from(stage != Stage::Complete), "{stage:?}");
    }
}

#[test]
fn a_wake_of_itself_does_not_touch_the_word() {
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |cx| {
        let word = desk.word();
        cx.waker().wake_by_ref();
        assert_eq!(desk.word(), word);
        let clone = cx.waker().clone();
        clone.wake_by_ref();
        clone.wake();
        assert_eq!(desk.word(), word);
        Poll::Pending
    });
    let word = rig.word();
    assert_eq!(rig.run(), End::Woken);
    assert_eq!(rig.word(), word);
    // Not even kept: it was never idle.
    assert_eq!(rig.did(), Counts { polls: 1, ..NOTHING });
    // The wake is used up by the poll that follows.
    assert_eq!(rig.run(), End::Idle);
    assert_eq!(rig.did(), Counts { polls: 1, kept: 1, ..NOTHING });
}

#[test]
fn what_a_poll_clones_and_drops_is_counted_when_it_ends() {
    for in_poll in [0, 1, 2, 64, 65, 200] {
        let rig = Rig::new();
        let desk = rig.0.clone();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let own = wakers.clone();
        rig.step(move |cx| {
            let word = desk.word();
            let clones = |count| std::iter::repeat_with(|| cx.waker().clone()).take(count);
            own.lock().extend(clones(in_poll));
            let counted = in_poll > usize::try_from(RESERVE).expect("not negative");
            assert_eq!(desk.word() != word, counted, "only more than the reserve are counted");
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Idle);
        let references = |count: usize| format!("references: {count},");
        assert!(rig.word().contains(&references(in_poll)), "{in_poll}: {}", rig.word());

        // Some of them go in a poll that wakes itself, and so does not end with `pend`.
        let Some(waker) = wakers.lock().pop() else { continue };
        waker.wake();
        let own = wakers.clone();
        rig.step(move |cx| {
            let kept = own.lock().len() / 2;
            let dropped: Vec<_> = own.lock().drain(kept..).collect();
            drop(dropped);
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(rig.run(), End::Woken);
        let kept = wakers.lock().len();
        assert!(rig.word().contains(&references(kept)), "{in_poll}: {}", rig.word());

        // And one more is made, and all of them go, in the last poll.
        let (own, desk) = (wakers.clone(), rig.0.clone());
        rig.step(move |cx| {
            let last = cx.waker().clone();
            own.lock().clear();
            own.lock().push(last);
            Poll::Ready(Output(desk))
        });
        assert_eq!(rig.run(), End::Complete);
        assert!(rig.word().contains(&references(1)), "{in_poll}: {}", rig.word());
        wakers.lock().clear();
        assert!(rig.word().contains(&references(0)), "{in_poll}: {}", rig.word());
    }
}

/// Such a poll once brought the count to its limit, at which the process ends.
#[test]
fn a_poll_that_drops_what_others_clone_leaves_the_count_near_the_truth() {
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |cx| {
        let reserve = usize::try_from(RESERVE).expect("not negative");
        for _ in 0..100 {
            let waker = cx.waker().clone();
            let clones = std::thread::spawn(move || vec![waker.clone(); reserve]);
            drop(clones.join().expect("to clone a waker does not panic"));
        }
        let excess = format!("references: {reserve},");
        assert!(desk.word().contains(&excess), "{}", desk.word());
        Poll::Pending
    });
    assert_eq!(rig.run(), End::Idle);
    assert!(rig.word().contains("references: 0,"), "{}", rig.word());
}

#[test]
fn a_wake_of_itself_before_it_is_ready_does_nothing() {
    let rig = Rig::new();
    let desk = rig.0.clone();
    rig.step(move |cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(Output(desk))
    });
    assert_eq!(rig.run(), End::Complete);
    assert_eq!(rig.did(), Counts { polls: 1, future_drops: 1, ..NOTHING });
    // Nor does it cling to the thread and to the next task that it polls.
    let next = Rig::new();
    assert_eq!(next.run(), End::Idle);
}

#[test]
fn a_wake_of_another_task_during_a_poll_schedules_only_that_one() {
    for by_value in [false, true] {
        let (waking, woken) = (Rig::new(), Rig::new());
        let waker = woken.poll_for_waker();
        let desk = waking.0.clone();
        waking.step(move |_| {
            let word = desk.word();
            if by_value {
                waker.wake()
            } else {
                waker.wake_by_ref()
            }
            assert_eq!(desk.word(), word);
            Poll::Pending
        });
        woken.did();
        assert_eq!(waking.run(), End::Idle);
        assert_eq!(woken.did(), Counts { schedules: 1, ..NOTHING });
        assert_eq!(waking.did(), Counts { polls: 1, kept: 1, ..NOTHING });
    }
}

#[test]
fn a_task_that_is_polled_within_a_poll_has_a_scope_of_its_own() {
    for outer_wakes_itself in [false, true] {
        for inner_wakes_itself in [false, true] {
            let (outer, inner) = (Rig::new(), Rig::new());
            inner.step(move |cx| {
                if inner_wakes_itself {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            });
            let (desk, inner_desk) = (outer.0.clone(), inner.0.clone());
            outer.step(move |cx| {
                if outer_wakes_itself {
                    cx.waker().wake_by_ref();
                }
                let word = desk.word();
                let end = inner_desk.run();
                assert_eq!(end, if inner_wakes_itself { End::Woken } else { End::Idle });
                assert_eq!(desk.word(), word);
                Poll::Pending
            });
            assert_eq!(outer.run(), if outer_wakes_itself { End::Woken } else { End::Idle });
        }
    }
}

#[test]
fn a_task_that_is_woken_by_one_polled_within_it_is_polled_again() {
    let (outer, inner) = (Rig::new(), Rig::new());
    let inner_desk = inner.0.clone();
    outer.step(move |cx| {
        let waker = cx.waker().clone();
        inner_desk.step(move |_| {
            waker.wake();
            Poll::Pending
        });
        assert_eq!(inner_desk.run(), End::Idle);
        Poll::Pending
    });
    assert_eq!(outer.run(), End::Woken);
    assert_eq!(outer.run(), End::Idle);
    assert_eq!(outer.did(), Counts { polls: 2, kept: 1, ..NOTHING });
}

#[test]
fn a_wake_from_the_destructor_of_the_future_does_nothing() {
    for abort in [false, true] {
        let rig = Rig::new();
        let waker = rig.poll_for_waker();
        waker.wake_by_ref();
        rig.step_ready();
        if abort {
            rig.abort();
        }
        set(&rig.on_future_drop, move || {
            waker.wake_by_ref();
            waker.wake();
        });
        rig.did();
        assert_eq!(rig.run(), End::Complete);
        let polls = u32::from(!abort);
        let expected = Counts { polls, forgotten: 1, future_drops: 1, ..NOTHING };
        assert_eq!(rig.did(), expected);
        assert_eq!(rig.result().is_ok(), !abort);
    }
}

#[test]
fn a_future_that_owns_its_own_waker_is_freed() {
    let rig = Rig::new();
    let waker = rig.poll_for_waker();
    waker.wake_by_ref();
    // The step is the future's, as are all that are still to come.
    set(&rig.on_future_drop, move || drop(waker));
    drop(rig.take_handle());
    rig.complete();
    let counts = rig.did();
    assert_eq!((counts.future_drops, counts.output_drops, counts.frees), (1, 1, 1));
}
