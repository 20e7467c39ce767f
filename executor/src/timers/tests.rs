//! What is published and who is told, on one thread and a clock that is turned by hand.

use super::watch::LONGEST_SLACK;
use super::{Lease, Refused, SLACK, Source, Status, VirtualTime, Watch, WorkerTimers};
use crate::park::Parker;
use crate::sync::Arc;
use filch_timers::{Key, NEVER};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

const SECOND: u64 = 1_000_000_000;

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn new() -> (std::sync::Arc<Self>, Waker) {
        let wakes = std::sync::Arc::<Self>::default();
        (wakes.clone(), Waker::from(wakes))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn timers() -> (Arc<Watch>, Lease) {
    let watch = Arc::new(Watch::new());
    let source = Source::Virtual(Arc::new(VirtualTime::starting_at(0, false)));
    (watch.clone(), Lease::new(source, watch))
}

fn parker() -> Arc<Parker> {
    Arc::new(Parker::new())
}

fn insert(timers: &WorkerTimers, deadline: u64, own: bool) -> Key {
    timers.insert(deadline, Waker::noop().clone(), own).expect("it is not due")
}

/// Takes the token, if there is one.
fn takes_token(parker: &Parker) -> bool {
    let token = format!("{parker:?}") == "Parker(notified)";
    if token {
        parker.park();
    }
    token
}

#[test]
fn the_published_deadline_follows_the_wheel() {
    let (_, timers) = timers();
    assert_eq!(timers.next(), NEVER);
    insert(&timers, NEVER, true);
    assert_eq!(timers.next(), NEVER, "what never fires is no deadline");
    let late = insert(&timers, 9 * SECOND, true);
    assert_eq!(timers.next(), 9 * SECOND);
    let soon = insert(&timers, 2 * SECOND, true);
    insert(&timers, 5 * SECOND, true);
    assert_eq!(timers.next(), 2 * SECOND);

    assert!(timers.cancel(soon).is_some());
    assert_eq!(timers.next(), 2 * SECOND, "too early is allowed");
    assert_eq!(timers.earliest(), 5 * SECOND);
    assert_eq!(timers.next(), 5 * SECOND);

    assert!(timers.reset(late, 3 * SECOND, true));
    assert_eq!(timers.next(), 3 * SECOND);
    assert!(timers.reset(late, 7 * SECOND, true));
    assert_eq!(timers.rest_on(&parker()), 5 * SECOND);
}

#[test]
fn only_an_earlier_deadline_from_elsewhere_unparks_the_sleeper() {
    let (_, timers) = timers();
    let sleeper = parker();
    insert(&timers, 5 * SECOND, false);
    assert_eq!(timers.rest_on(&sleeper), 5 * SECOND);
    insert(&timers, 5 * SECOND, false);
    insert(&timers, 6 * SECOND, false);
    insert(&timers, 4 * SECOND, true);
    assert!(!takes_token(&sleeper));
    let key = insert(&timers, 3 * SECOND, false);
    assert!(takes_token(&sleeper));
    assert!(timers.reset(key, 8 * SECOND, false));
    assert!(!takes_token(&sleeper));
    assert!(timers.reset(key, 2 * SECOND, false));
    assert!(takes_token(&sleeper));

    let other = parker();
    timers.rest_on(&other);
    insert(&timers, SECOND, false);
    assert!(takes_token(&other) && !takes_token(&sleeper), "the last one who slept");
}

#[test]
fn timers_are_fired_in_batches() {
    let (_, timers) = timers();
    let (wakes, waker) = Wakes::new();
    for _ in 0..70 {
        timers.insert(SECOND, waker.clone(), true).unwrap();
    }
    let mut due = Vec::new();
    assert!(!timers.fire(SECOND - 1, &mut due));
    assert_eq!(wakes.get(), 0);
    for (more, fired) in [(true, 32), (true, 64), (false, 70)] {
        assert_eq!((timers.fire(SECOND, &mut due), wakes.get()), (more, fired));
    }
    assert_eq!(timers.next(), NEVER);
}

#[test]
fn what_is_due_is_refused_and_its_waker_let_go() {
    let (_, timers) = timers();
    let (wakes, waker) = Wakes::new();
    assert_eq!(timers.insert(0, waker.clone(), true), Err(Refused::Due));
    assert!(!timers.fire(SECOND, &mut Vec::new()));
    assert_eq!(timers.insert(SECOND, waker.clone(), true), Err(Refused::Due));
    timers.close();
    assert_eq!(timers.insert(9 * SECOND, waker.clone(), true), Err(Refused::Closed));
    assert_eq!((wakes.get(), std::sync::Arc::strong_count(&wakes)), (0, 2));
}

/// The fourth promise: who polls without ever returning to the worker looks at the clock.
#[test]
fn every_eighth_question_for_a_timer_looks_at_the_clock() {
    let (_, timers) = timers();
    let waker = Waker::noop();
    let keys: Vec<_> = (1..=3).map(|n| insert(&timers, n * SECOND, true)).collect();
    let looks = |n: usize| timers.status(keys[n % keys.len()], waker) == Status::ArmedUnseen;
    let looks: Vec<_> = (0..800).filter(|&n| looks(n)).collect();
    assert_eq!(looks.len(), 100);
    assert!(looks.windows(2).all(|two| two[1] - two[0] == 8), "{looks:?}");
}

#[test]
fn closing_wakes_what_is_left() {
    let (_, timers) = timers();
    let (wakes, waker) = Wakes::new();
    let keys: Vec<_> =
        (1..=100).map(|n| timers.insert(n * SECOND, waker.clone(), true).unwrap()).collect();
    assert!(!timers.fire(SECOND, &mut Vec::new()));
    assert_eq!(timers.status(keys[0], &waker), Status::Fired);
    assert_eq!(timers.status(keys[1], &waker), Status::Armed);
    assert_eq!(timers.status(keys[1], Waker::noop()), Status::OtherWaker);
    timers.close();
    assert_eq!((wakes.get(), timers.next()), (100, NEVER));
    assert_eq!(timers.status(keys[1], &waker), Status::Closed);
    assert!(!timers.reset(keys[1], SECOND, true));
    assert!(timers.cancel(keys[1]).is_none());
}

#[test]
fn the_first_to_sleep_watches_and_the_next_one_follows() {
    let watch = Watch::new();
    let parkers: [_; 3] = std::array::from_fn(|_| parker());
    let keep = |index: usize, earliest| watch.keep(index, &parkers[index], || earliest);
    assert_eq!(keep(0, 5 * SECOND), 5 * SECOND + SLACK);
    assert_eq!(keep(1, 5 * SECOND), NEVER);
    assert_eq!(keep(2, 5 * SECOND), NEVER);
    // A sleeper that leaves from further behind is nobody's business.
    watch.leave(&parkers[1], |_| SECOND);
    assert!(!takes_token(&parkers[0]) && !takes_token(&parkers[2]));
    // The watchman passes the watch on, if there is something to watch.
    watch.leave(&parkers[0], |index| if index == 2 { SECOND } else { NEVER });
    assert!(takes_token(&parkers[2]));
    assert_eq!(keep(2, SECOND), SECOND + SLACK);
    assert_eq!(keep(0, SECOND), NEVER);
    watch.leave(&parkers[2], |_| NEVER);
    assert!(!takes_token(&parkers[0]));
    // Who is not in the list cannot leave it.
    watch.leave(&parkers[2], |_| SECOND);
    assert!(!takes_token(&parkers[0]));
}

#[test]
fn the_watchman_hears_of_a_deadline_that_it_would_miss_by_far() {
    let (watch, timers) = timers();
    let watchman = parker();
    insert(&timers, 90 * SECOND, true);
    assert_eq!(watch.keep(1, &watchman, || timers.next()), 90 * SECOND + SLACK);
    // At most the longest slack too late: it would wake in time by itself.
    insert(&timers, 90 * SECOND + SLACK - LONGEST_SLACK, true);
    assert!(!takes_token(&watchman));
    insert(&timers, 90 * SECOND + SLACK - LONGEST_SLACK - 1, true);
    assert!(takes_token(&watchman));
    watch.leave(&watchman, |_| timers.next());
    insert(&timers, SECOND, true);
    assert!(!takes_token(&watchman), "nobody sleeps");
}

/// Whatever is registered or re-armed, in any order: an unpark, which may be a system call, is only
/// for a deadline that is the earliest, and for whoever would sleep through it.
#[test]
fn nobody_is_unparked_but_who_would_miss_the_earliest_deadline() {
    let mut seed = 0x9e37_79b9_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let (mut slept_through, mut watched_late) = (0, 0);
    for _ in 0..300 {
        let (watch, timers) = timers();
        let (sleeper, watchman) = (parker(), parker());
        insert(&timers, (1 + random(100)) * SECOND, true);
        timers.rest_on(&sleeper);
        let looks = || watch.keep(1, &watchman, || timers.next());
        let mut until = looks();
        let mut keys = Vec::new();
        for _ in 0..30 {
            let (deadline, own) = (1 + random(100 * SECOND), random(2) == 0);
            let earliest = deadline < timers.next();
            match keys.get(random(40) as usize) {
                Some(&key) => assert!(timers.reset(key, deadline, own)),
                None => keys.push(insert(&timers, deadline, own)),
            }
            let told = (takes_token(&sleeper), takes_token(&watchman));
            let late = deadline + LONGEST_SLACK < until;
            assert_eq!(told, (earliest && !own, earliest && late));
            slept_through += usize::from(told.0);
            watched_late += usize::from(told.1);
            if told.1 {
                // It is not told again before it has looked.
                let sooner = (timers.next() > SECOND).then(|| timers.next() - SECOND);
                if let Some(sooner) = sooner.filter(|_| random(4) == 0) {
                    keys.push(insert(&timers, sooner, true));
                    assert!(!takes_token(&watchman));
                }
                until = looks();
            }
        }
    }
    // As rare as records are: some ln(30) of thirty, and half of these by the owner.
    assert!((300..1_500).contains(&slept_through), "{slept_through} of 9000");
    assert!((300..2_000).contains(&watched_late), "{watched_late} of 9000");
}

#[test]
fn the_slack_doubles_up_to_its_limit_and_starts_anew_after_a_rescue() {
    let watch = Watch::new();
    let watchman = parker();
    let until = || watch.keep(0, &watchman, || SECOND) - SECOND;
    let mut slacks = vec![until()];
    for _ in 0..6 {
        watch.was_fruitless();
        slacks.push(until());
    }
    watch.was_of_use();
    slacks.push(until());
    assert_eq!(slacks, [1, 2, 4, 8, 16, 32, 32, 1].map(|times| times * SLACK));
    assert_eq!(32 * SLACK, LONGEST_SLACK);
}

#[test]
fn the_watch_is_over_when_its_time_has_come() {
    let watch = Watch::new();
    assert!(!watch.is_over(|| NEVER), "nobody sleeps");
    let watchman = parker();
    watch.keep(0, &watchman, || NEVER);
    assert!(!watch.is_over(|| NEVER), "there is nothing to watch");
    watch.keep(0, &watchman, || SECOND);
    assert!(!watch.is_over(|| SECOND + SLACK - 1));
    assert!(watch.is_over(|| SECOND + SLACK));
}
