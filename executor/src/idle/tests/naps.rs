//! Naps, and what ends them.

use super::{Core, assert_counts, far_away, has_token, seats, wait_until_parked};
use crate::idle::{Idle, Seat, Woken};
use crate::sync::Arc;
use std::time::{Duration, Instant};

/// Naps until somebody ends it.
fn nap_for_long(idle: &Idle<Core>, seat: &Arc<Seat<Core>>) {
    let until = far_away();
    assert!(idle.nap(seat, until, || false), "another one naps");
    assert!(Instant::now() < until, "nobody ended the nap");
}

#[test]
fn a_nap_is_ended_by_work_from_outside_and_not_by_that_of_workers() {
    let (idle, [napping, parked]) = (Idle::new(2), seats());
    idle.give_back(&parked, Core(1), false, || false);
    assert!(idle.start_searching());
    std::thread::scope(|scope| {
        let napper = scope.spawn(|| nap_for_long(&idle, &napping));
        wait_until_parked(&napping);
        assert!(idle.counts().napping());
        idle.notify_local();
        assert_eq!(format!("{:?}", napping.parker), "Parker(parked)");
        assert!(idle.counts().napping());
        // A napper counts as searching, so nobody is woken in its place.
        assert_counts(&idle, 1, 1);
        idle.notify_remote();
        napper.join().expect("no panic");
    });
    assert!(!idle.counts().napping());
    assert_counts(&idle, 1, 1);
}

#[test]
fn a_nap_is_ended_by_unpark_all() {
    let (idle, [seat]) = (Idle::<Core>::new(1), seats());
    std::thread::scope(|scope| {
        let napper = scope.spawn(|| nap_for_long(&idle, &seat));
        wait_until_parked(&seat);
        idle.unpark_all();
        napper.join().expect("no panic");
    });
    assert!(!idle.counts().napping());
}

#[test]
fn a_nap_ends_by_itself() {
    let (idle, [seat]) = (Idle::<Core>::new(1), seats());
    for until in [Instant::now(), Instant::now() + Duration::from_millis(2)] {
        assert!(idle.nap(&seat, until, || false));
        assert!(Instant::now() >= until);
        assert!(!idle.counts().napping());
        assert!(idle.napper.lock().is_none());
    }
    // There is nobody left whose nap could be ended.
    idle.notify_remote();
    assert!(!has_token(&seat));
}

#[test]
fn work_that_came_before_the_nap_is_not_slept_over() {
    let (idle, [seat]) = (Idle::<Core>::new(1), seats());
    // Without the look this would sleep for ever.
    assert!(idle.nap(&seat, far_away(), || true));
    assert!(!idle.counts().napping());
}

#[test]
fn only_one_worker_naps_at_a_time() {
    let (idle, [first, second]) = (Idle::<Core>::new(2), seats());
    std::thread::scope(|scope| {
        let napper = scope.spawn(|| nap_for_long(&idle, &first));
        wait_until_parked(&first);
        assert!(!idle.nap(&second, far_away(), || false));
        assert!(idle.counts().napping());
        idle.notify_remote();
        napper.join().expect("no panic");
    });
    assert!(idle.nap(&second, Instant::now(), || false));
}

#[test]
fn workers_that_are_parked_or_nap_are_not_at_work() {
    let (idle, [first, second]) = (Idle::new(3), seats());
    assert_eq!(idle.at_work(), 3);
    idle.give_back(&first, Core(0), false, || false);
    assert_eq!(idle.at_work(), 2);
    std::thread::scope(|scope| {
        let napper = scope.spawn(|| nap_for_long(&idle, &second));
        wait_until_parked(&second);
        assert_eq!(idle.at_work(), 1);
        idle.unpark_all();
        napper.join().expect("no panic");
    });
    assert_eq!(idle.at_work(), 2);
    assert_eq!(idle.claim(&first), Woken::Otherwise(Core(0)));
    assert_eq!(idle.at_work(), 3);
}
