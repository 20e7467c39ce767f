//! Going to sleep, and waking up.

use super::{Core, all_parked, assert_counts, has_token, once, seats, wait_until_parked};
use crate::idle::{Idle, Rest, Woken};

#[test]
fn a_worker_that_parks_while_work_is_visible_wakes_itself() {
    let (idle, [seat]) = (Idle::new(1), seats());
    idle.give_back(&seat, Core(7), false, || true);
    assert_counts(&idle, 1, 0);
    assert!(has_token(&seat));
    assert_eq!(idle.claim(&seat), Woken::Notified(Core(7)));
}

#[test]
fn a_worker_that_parks_leaves_visible_work_to_a_searcher() {
    let (idle, [seat]) = (Idle::new(2), seats());
    assert!(idle.start_searching());
    idle.give_back(&seat, Core(0), false, || true);
    assert_counts(&idle, 1, 1);
    assert!(!has_token(&seat));
}

#[test]
fn a_worker_that_is_unparked_for_another_reason_is_no_longer_parked() {
    let (idle, [first, second]) = all_parked();
    assert_eq!(idle.claim(&first), Woken::Otherwise(Core(0)));
    assert_counts(&idle, 0, 1);
    // The list is not the worse for a gap.
    idle.notify_local();
    assert_eq!(idle.claim(&second), Woken::Notified(Core(1)));
    assert_counts(&idle, 1, 0);
}

#[test]
fn unpark_all_reaches_those_that_are_parked_and_counts_nobody_as_searching() {
    let (idle, [lent, first, second]) = all_parked();
    let borrowed = idle.borrow_core().expect("three are parked");
    idle.unpark_all();
    assert!(has_token(&first) && has_token(&second));
    assert!(!has_token(&lent), "the worker whose core is lent is not in the list");
    assert_counts(&idle, 0, 2);
    assert_eq!(idle.claim(&first), Woken::Otherwise(Core(1)));
    assert_eq!(idle.claim(&second), Woken::Otherwise(Core(2)));
    assert_counts(&idle, 0, 0);
    drop(borrowed);
}

#[test]
fn park_returns_at_once_if_the_runtime_is_closed() {
    let (idle, [seat]) = (Idle::new(1), seats());
    assert!(idle.start_searching());
    let woken = idle.park(&seat, Core(3), true, || false, || Rest::Over);
    assert_eq!(woken, Woken::Otherwise(Core(3)));
    assert_counts(&idle, 0, 0);
}

#[test]
fn park_returns_at_once_if_work_is_visible() {
    let (idle, [seat]) = (Idle::new(1), seats());
    let woken = idle.park(&seat, Core(3), false, || true, || Rest::Until(None));
    assert_eq!(woken, Woken::Notified(Core(3)));
    assert_counts(&idle, 1, 0);
}

#[test]
fn park_blocks_until_notified() {
    let (idle, [seat]) = (Idle::new(1), seats());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| idle.park(&seat, Core(0), false, || false, once()));
        wait_until_parked(&seat);
        assert_counts(&idle, 0, 1);
        idle.notify_remote();
        assert_eq!(sleeper.join().expect("no panic"), Woken::Notified(Core(0)));
    });
    assert_counts(&idle, 1, 0);
}

#[test]
fn park_blocks_until_everybody_is_unparked() {
    let (idle, seats) = (Idle::new(3), seats::<3>());
    std::thread::scope(|scope| {
        let sleepers = seats
            .each_ref()
            .map(|seat| scope.spawn(|| idle.park(seat, Core(seat.index), false, || false, once())));
        seats.iter().for_each(|seat| wait_until_parked(seat));
        idle.unpark_all();
        for (index, sleeper) in sleepers.into_iter().enumerate() {
            assert_eq!(sleeper.join().expect("no panic"), Woken::Otherwise(Core(index)));
        }
    });
    assert_counts(&idle, 0, 0);
}
