//! The counts at their limits, where a test cannot go by one wake at a time.

use crate::sync::atomic::AtomicU64;
use crate::task::state::{CANCELLED, COMPLETE, JOIN, JOIN_WAKER, OUTPUT, REF_LIMIT, REF_ONE};
use crate::task::state::{
    Pend, RESERVE, State, WAKE_LIMIT, WAKE_ONE, WAKE_SHIFT, Wake, reserve_less,
};

/// A word with these flags, so many references and so many wakes.
fn word(flags: u64, references: u64, wakes: u64) -> State {
    let reserve = if flags & COMPLETE == 0 { reserve_less(0) } else { 0 };
    State(AtomicU64::new(flags + references * REF_ONE + reserve + wakes * WAKE_ONE))
}

/// The flags, the references and the wakes.
fn parts(state: &State) -> (u64, u64, u64) {
    let now = state.load();
    (now.0 & (REF_ONE - 1), now.references(), now.wakes())
}

/// The flags that a task may have before it is complete.
const FLAGS: [u64; 4] = [0, JOIN, JOIN | JOIN_WAKER, JOIN | JOIN_WAKER | CANCELLED];

#[test]
fn an_excessive_count_of_wakes_is_compressed_to_two_and_nothing_else_is_touched() {
    for flags in FLAGS {
        for references in [0, 1, REF_LIMIT] {
            for wakes in [WAKE_LIMIT, WAKE_LIMIT + 1, 2 * WAKE_LIMIT] {
                let state = word(flags, references, wakes);
                state.compress();
                assert_eq!(parts(&state), (flags, references, 2), "{wakes} wakes");
                assert!(state.is_woken_again(), "the wakes are forgotten");
                assert_eq!(state.pend(0), Pend::Reschedule);
            }
        }
    }
}

/// The count may have come down between the wake that found it excessive and the compression: to
/// one by a run that began, or by one that ended.
#[test]
fn a_count_of_wakes_that_came_down_meanwhile_is_not_raised() {
    for wakes in [0, 1, 2, 3, WAKE_LIMIT - 1] {
        let state = word(JOIN, 1, wakes);
        state.compress();
        assert_eq!(parts(&state), (JOIN, 1, wakes));
    }
}

#[test]
fn the_count_of_a_complete_task_is_not_compressed() {
    for flags in [COMPLETE, COMPLETE | OUTPUT | JOIN] {
        for wakes in [WAKE_LIMIT, WAKE_LIMIT + 1] {
            let state = word(flags, 2, wakes);
            state.compress();
            assert_eq!(parts(&state), (flags, 2, wakes));
        }
    }
}

#[test]
fn a_wake_by_reference_compresses_the_count_once_it_was_at_the_limit() {
    let state = word(JOIN, 1, WAKE_LIMIT - 1);
    assert_eq!(state.wake_by_ref(), Wake::Nothing);
    assert_eq!(parts(&state), (JOIN, 1, WAKE_LIMIT));
    assert_eq!(state.wake_by_ref(), Wake::Nothing);
    assert_eq!(parts(&state), (JOIN, 1, 2));
}

#[test]
fn a_clone_of_a_waker_compresses_the_count_once_it_is_at_the_limit() {
    let state = word(JOIN, 1, WAKE_LIMIT - 1);
    state.add_ref();
    assert_eq!(parts(&state), (JOIN, 2, WAKE_LIMIT - 1));
    let state = word(JOIN, 1, WAKE_LIMIT);
    state.add_ref();
    assert_eq!(parts(&state), (JOIN, 2, 2));
    let state = word(COMPLETE | OUTPUT | JOIN, 1, WAKE_LIMIT);
    state.add_ref();
    assert_eq!(parts(&state), (COMPLETE | OUTPUT | JOIN, 2, WAKE_LIMIT));
}

/// It once compressed the count after it had given up its reference, when the task may be freed.
#[test]
fn a_wake_by_value_does_not_touch_the_word_after_it_gave_up_its_reference() {
    for references in [1, 2] {
        for wakes in [WAKE_LIMIT - 1, WAKE_LIMIT, WAKE_LIMIT + 1] {
            let state = word(JOIN, references, wakes);
            assert_eq!(state.wake_by_val(), Wake::Nothing);
            // Just what the one step does that gives the reference up: no step came after it.
            assert_eq!(parts(&state), (JOIN, references - 1, wakes + 1));
        }
    }
}

/// Wakes by value do not compress, but each needs a reference, and a clone does: all of those that
/// may exist at a time fit above the limit.
#[test]
fn wakes_by_value_of_all_references_do_not_overflow_the_count() {
    const { assert!(WAKE_LIMIT + REF_LIMIT + RESERVE.unsigned_abs() < 1 << (u64::BITS - WAKE_SHIFT)) };
    let state = word(JOIN, REF_LIMIT, WAKE_LIMIT - 1);
    for _ in 0..1000 {
        assert_eq!(state.wake_by_val(), Wake::Nothing);
    }
    assert_eq!(parts(&state), (JOIN, REF_LIMIT - 1000, WAKE_LIMIT + 999));
    assert_eq!(state.wake_by_ref(), Wake::Nothing);
    assert_eq!(parts(&state), (JOIN, REF_LIMIT - 1000, 2));
}

#[test]
fn a_run_that_begins_with_any_number_of_wakes_serves_them_all() {
    for wakes in [1, 2, WAKE_LIMIT, 2 * WAKE_LIMIT] {
        let state = word(JOIN, 1, wakes);
        let _ = state.start_run();
        assert_eq!(parts(&state), (JOIN, 1, 1), "{wakes} wakes");
        assert_eq!(state.pend(0), Pend::Idle);
        assert_eq!(state.wake_by_ref(), Wake::Schedule);
    }
}
