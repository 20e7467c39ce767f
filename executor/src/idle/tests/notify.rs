//! Who is woken, and how many search.

use super::{Core, all_parked, assert_counts, has_token, seats};
use crate::idle::{Idle, MAX_WORKERS, Seat, Woken};

#[test]
fn a_notified_worker_counts_as_searching_before_it_runs() {
    let (idle, [first, second]) = all_parked();
    assert_counts(&idle, 0, 2);
    idle.notify_local();
    assert_counts(&idle, 1, 1);
    assert!(has_token(&second), "the last one parked is the warmest");
    assert!(!has_token(&first));
    assert_eq!(idle.claim(&second), Woken::Notified(Core(1)));
    assert_counts(&idle, 1, 1);
}

#[test]
fn a_burst_of_pushes_wakes_one_worker() {
    let (idle, seats) = all_parked::<3>();
    for _ in 0..10 {
        idle.notify_local();
        idle.notify_remote();
    }
    assert_counts(&idle, 1, 2);
    assert_eq!(seats.iter().filter(|seat| has_token(seat)).count(), 1);
}

#[test]
fn nobody_is_woken_while_somebody_searches() {
    let (idle, _seats) = all_parked::<2>();
    let idle = Idle { workers: 3, ..idle };
    assert!(idle.start_searching());
    idle.notify_local();
    idle.notify_remote();
    assert_counts(&idle, 1, 2);
}

#[test]
fn nobody_is_woken_if_nobody_is_parked() {
    let idle = Idle::<Core>::new(2);
    idle.notify_local();
    idle.notify_remote();
    assert_counts(&idle, 0, 0);
}

#[test]
fn the_last_searcher_that_leaves_hands_the_search_over_if_work_is_left() {
    for work in [false, true] {
        let (idle, [seat]) = all_parked();
        let idle = Idle { workers: 3, ..idle };
        assert!(idle.start_searching() && idle.start_searching());
        idle.stop_searching(|| unreachable!("another one searches on"));
        assert_counts(&idle, 1, 1);
        idle.stop_searching(|| work);
        assert_counts(&idle, usize::from(work), usize::from(!work));
        assert_eq!(has_token(&seat), work);
    }
}

#[test]
fn the_last_searcher_does_not_look_if_nobody_is_parked() {
    let idle = Idle::<Core>::new(2);
    assert!(idle.start_searching());
    idle.stop_searching(|| unreachable!("there is nobody to hand over to"));
    assert_counts(&idle, 0, 0);
}

#[test]
fn at_most_half_of_the_workers_begin_to_search() {
    for (workers, most) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 4)] {
        let idle = Idle::<Core>::new(workers);
        let searching = (0..2 * workers).filter(|_| idle.start_searching()).count();
        assert_eq!(searching, most, "of {workers}");
        assert_counts(&idle, most, 0);
    }
}

#[test]
fn a_searcher_that_parks_is_no_longer_counted_as_searching() {
    let (idle, [seat]) = (Idle::new(1), seats());
    assert!(idle.start_searching());
    idle.give_back(&seat, Core(0), true, || {
        assert_counts(&idle, 0, 1);
        false
    });
    assert_counts(&idle, 0, 1);
    assert!(!has_token(&seat));
}

#[test]
fn the_counts_have_room_for_the_largest_runtime() {
    let idle = Idle::new(MAX_WORKERS);
    for index in 0..MAX_WORKERS {
        idle.give_back(&Seat::new(index, true), Core(index), false, || false);
    }
    assert_counts(&idle, 0, MAX_WORKERS);
    let searching = (0..MAX_WORKERS).filter(|_| idle.start_searching()).count();
    assert_counts(&idle, MAX_WORKERS.div_ceil(2), MAX_WORKERS);
    (0..searching).for_each(|_| idle.stop_searching(|| false));
    for _ in 0..MAX_WORKERS {
        assert!(idle.wake_one());
        idle.stop_searching(|| false);
    }
    assert_counts(&idle, 0, 0);
    assert!(!idle.counts().napping());
}
