//! Cores that are lent, and those of workers whose threads have not begun.

use super::{Core, all_parked, assert_counts, has_token};
use crate::idle::{Idle, Seat, Woken};
use crate::sync::Arc;

/// What is settled for a sleeper is settled before another thread takes its place, or not at all.
#[test]
fn nothing_is_settled_for_a_worker_that_was_notified_or_lent() {
    let (idle, [first, second]) = all_parked();
    assert_eq!(idle.while_parked(&first, || 5), Some(5));
    assert!(idle.borrow_core().is_some_and(|(home, _)| Arc::ptr_eq(&home, &first)));
    idle.notify_local();
    for seat in [&first, &second] {
        idle.while_parked(seat, || unreachable!("it is not parked any more"));
    }
}

#[test]
fn a_worker_whose_core_is_lent_finds_that_out() {
    let (idle, [first, second]) = all_parked();
    let (home, core) = idle.borrow_core().expect("two are parked");
    // The one that sleeps longest.
    assert!(Arc::ptr_eq(&home, &first));
    assert_eq!(core, Core(0));
    assert_counts(&idle, 0, 1);
    assert_eq!(idle.claim(&first), Woken::Lent);
    assert_counts(&idle, 0, 1);
    // A notification goes to the other, and once more to nobody.
    idle.notify_local();
    assert!(has_token(&second) && !has_token(&first));
    assert_eq!(idle.claim(&second), Woken::Notified(Core(1)));
    idle.stop_searching(|| false);
    idle.notify_local();
    assert!(!has_token(&first));
    // Back at home, it can be notified again.
    idle.give_back(&home, core, false, || false);
    assert_counts(&idle, 0, 1);
    idle.notify_local();
    assert!(has_token(&first));
    assert_eq!(idle.claim(&first), Woken::Notified(Core(0)));
}

#[test]
fn the_core_of_a_place_without_a_thread_is_not_lent() {
    let idle = Idle::new(2);
    let (own, lendable) = (Seat::new(0, false), Seat::new(1, true));
    assert!(!own.is_lendable() && lendable.is_lendable());
    assert!(idle.borrow_core().is_none());
    idle.give_back(&own, Core(0), false, || false);
    assert!(idle.borrow_core().is_none());
    idle.give_back(&lendable, Core(1), false, || false);
    let (home, core) = idle.borrow_core().expect("one is lendable");
    assert_eq!((home.index, core), (1, Core(1)));
    assert!(idle.borrow_core().is_none());
    assert_counts(&idle, 0, 1);
}

#[test]
fn a_core_that_was_mailed_is_not_lent_as_well() {
    let (idle, [seat]) = all_parked();
    idle.notify_local();
    assert!(idle.borrow_core().is_none());
    assert_eq!(idle.claim(&seat), Woken::Notified(Core(0)));
}

#[test]
fn a_worker_whose_thread_has_not_begun_is_not_notified() {
    let (idle, seat) = (Idle::new(1), Seat::starting(0));
    idle.give_back(&seat, Core(0), false, || true);
    idle.notify_remote();
    assert_counts(&idle, 0, 0);
    assert!(!has_token(&seat));
    idle.begin(&seat, || false);
    assert_counts(&idle, 0, 1);
    idle.notify_remote();
    assert_counts(&idle, 1, 0);
    assert_eq!(idle.claim(&seat), Woken::Notified(Core(0)));
}

#[test]
fn a_thread_that_begins_looks_for_work_that_was_pushed_before() {
    let (idle, seat) = (Idle::new(1), Seat::starting(0));
    idle.give_back(&seat, Core(0), false, || false);
    idle.begin(&seat, || true);
    assert_counts(&idle, 1, 0);
    assert_eq!(idle.claim(&seat), Woken::Notified(Core(0)));
}

#[test]
fn the_core_of_a_worker_whose_thread_has_not_begun_may_be_lent() {
    let (idle, seat) = (Idle::new(1), Seat::starting(0));
    idle.give_back(&seat, Core(0), false, || false);
    for _ in 0..2 {
        let (home, core) = idle.borrow_core().expect("it is lent");
        assert_eq!((home.index, &core), (0, &Core(0)));
        assert!(idle.borrow_core().is_none(), "it is lent once");
        idle.give_back(&home, core, false, || false);
    }
    let (home, core) = idle.borrow_core().expect("it is lent");
    idle.begin(&seat, || unreachable!("nothing to announce: its core is lent"));
    assert_eq!(idle.claim(&seat), Woken::Lent);
    idle.give_back(&home, core, false, || false);
    assert_counts(&idle, 0, 1);
    assert_eq!(idle.claim(&seat), Woken::Otherwise(Core(0)));
    assert_counts(&idle, 0, 0);
}

#[test]
fn a_core_that_is_listed_after_its_thread_began_counts_as_parked() {
    let (idle, seat) = (Idle::new(1), Seat::starting(0));
    idle.begin(&seat, || unreachable!("nothing to announce yet"));
    idle.give_back(&seat, Core(0), false, || true);
    assert_counts(&idle, 1, 0);
    assert_eq!(idle.claim(&seat), Woken::Notified(Core(0)));
}
