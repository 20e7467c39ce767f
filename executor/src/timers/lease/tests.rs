//! Timers on their way from one runtime to the next.

use super::super::{Lease, Phase, Source, Status, VirtualTime, Watch};
use super::TimersRef;
use crate::park::Parker;
use crate::sync::{Arc, Mutex};
use filch_timers::NEVER;
use parking_lot::MutexGuard;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;

const SECOND: u64 = 1_000_000_000;

fn lease() -> Lease {
    lease_from(0)
}

fn lease_from(start: u64) -> Lease {
    let time = Arc::new(VirtualTime::starting_at(start, false));
    Lease::new(Source::Virtual(time), Arc::new(Watch::new()))
}

/// Keeps the other tests here from leasing meanwhile: all lease from one table.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}

/// Leases until these timers are among what it gets; a runtime of another test may have them
/// meanwhile.
fn lease_again(wanted: &TimersRef, start: u64) -> Lease {
    // More at a time in each round: those that another test gave back may lie above.
    for most in (100..2_000).step_by(100) {
        let mut others = Vec::new();
        for _ in 0..most {
            let lease = lease_from(start);
            if lease.at_hand().reference() == *wanted {
                return lease;
            }
            others.push(lease);
        }
    }
    panic!("another test keeps these timers")
}

fn phase(timers: &TimersRef) -> Phase {
    timers.inner.lock().phase
}

#[test]
fn leases_that_follow_one_another_share_their_timers() {
    let _alone = alone();
    let numbers: HashSet<_> = (0..1_000).map(|_| lease().at_hand().reference().0).collect();
    // Those of tests that run at the same time come and go.
    assert!(numbers.len() < 100, "{} timers for one lease at a time", numbers.len());
}

#[test]
fn leases_at_the_same_time_have_timers_of_their_own() {
    let _alone = alone();
    let leases: Vec<_> = (0..200).map(|_| lease()).collect();
    let numbers: HashSet<_> = leases.iter().map(|lease| lease.at_hand().reference().0).collect();
    assert_eq!(numbers.len(), 200);
    for (n, lease) in (1..).zip(&leases) {
        lease.insert(n * SECOND, Waker::noop().clone(), true).unwrap();
    }
    for (n, lease) in (1..).zip(&leases) {
        assert_eq!((lease.next(), lease.at_hand().reference().next()), (n * SECOND, n * SECOND));
    }
}

#[test]
fn timers_whose_sleeps_remain_are_not_leased_again() {
    let _alone = alone();
    let first = lease();
    let timers = first.at_hand().reference();
    let waker = Waker::noop();
    let [fired, one, two] =
        [1, 5, 9].map(|n| first.insert(n * SECOND, waker.clone(), true).unwrap());
    assert!(!first.fire(SECOND, &mut Vec::new()));
    drop(first);
    for _ in 0..2 {
        assert_eq!(phase(&timers), Phase::Released);
        assert_eq!(timers.status(fired, waker), Status::Fired);
        assert_eq!(timers.status(one, waker), Status::Closed);
        assert_eq!((timers.next(), timers.now()), (NEVER, SECOND));
        assert!(timers.cancel(fired).is_none(), "it has no timer any more");
    }
    assert!(timers.cancel(one).is_some());
    assert_eq!(phase(&timers), Phase::Released);
    // To be given another deadline is to leave, too.
    assert!(!timers.reset(two, 7 * SECOND, false));
    assert_ne!(phase(&timers), Phase::Released);
}

#[test]
fn a_key_of_an_earlier_lease_names_nothing_in_a_later_one() {
    let _alone = alone();
    let waker = Waker::noop();
    let first = lease_from(100 * SECOND);
    let timers = first.at_hand().reference();
    let old: Vec<_> =
        (101..=150).map(|n| first.insert(n * SECOND, waker.clone(), true).unwrap()).collect();
    first.fire_all(150 * SECOND, &mut Vec::new());
    drop(first);

    // Its clock begins before that of the first one ended.
    let second = lease_again(&timers, 0);
    let new: Vec<_> =
        (1..=50).map(|n| second.insert(n * SECOND, waker.clone(), true).unwrap()).collect();
    for &key in &old {
        assert_eq!(timers.status(key, waker), Status::Fired);
        assert!(timers.is_over(key, 150 * SECOND), "whatever the new clock says");
        assert!(timers.cancel(key).is_none() && !timers.reset(key, SECOND, true));
        assert!(timers.replace_waker(key, waker.clone()).is_err());
    }
    assert_eq!(second.next(), SECOND);
    let armed = |&&key: &&_| second.inner.lock().wheel.get(key).is_some();
    assert_eq!(new.iter().filter(armed).count(), 50);
}

/// A sleep that is reset to a time which has passed fires what is due. By then its runtime may be
/// gone, and its timers another one's, whose clock shows an earlier time.
#[test]
fn a_reset_that_outlasts_its_lease_turns_no_wheel_of_the_next_one() {
    let _alone = alone();
    let (parker, over) = (Arc::new(Parker::new()), std::sync::Arc::new(AtomicBool::new(false)));
    // Somebody to be unparked, so that there is time between the reset and the firing.
    let (own_parker, is_over) = (parker.clone(), over.clone());
    let sleeper = thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            own_parker.park();
        }
    });
    for _ in 0..100 {
        let first = lease_from(100 * SECOND);
        first.rest_on(&parker);
        let key = first.insert(150 * SECOND, Waker::noop().clone(), true).unwrap();
        let (timers, reset) = (first.at_hand().reference(), first.at_hand().reference());
        let resets = thread::spawn(move || reset.reset(key, SECOND, false));
        while timers.status(key, Waker::noop()) != Status::Fired {
            first.fire_all(100 * SECOND, &mut Vec::new());
        }
        drop(first);
        let second = lease_again(&timers, 0);
        assert!(resets.join().unwrap(), "it had not fired");
        assert_eq!(second.now(), 0, "time passed in a runtime whose clock stands");
    }
    over.store(true, Ordering::Relaxed);
    parker.unpark();
    sleeper.join().unwrap();
}

/// Who polls a sleep may be about to fire what is due when the runtime ends.
#[test]
fn what_is_to_fire_after_the_lease_keeps_no_timers_from_the_next_one() {
    let _alone = alone();
    let first = lease();
    let timers = first.at_hand().reference();
    let key = first.insert(SECOND, Waker::noop().clone(), true).unwrap();
    drop(first);
    assert!(!timers.fire(SECOND, &mut Vec::new()));
    // The sleep has to take its timer out itself: it is the last that may do so.
    assert_eq!(timers.status(key, Waker::noop()), Status::Closed);
    assert!(timers.cancel(key).is_some());
    assert_ne!(phase(&timers), Phase::Released);
}
