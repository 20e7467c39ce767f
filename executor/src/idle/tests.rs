//! The protocol's counts, on one thread: who is parked, who searches, and who is woken.

use super::{Idle, MAX_WORKERS, Rest, Seat, Woken};
use crate::sync::Arc;
use std::fmt;
use std::time::{Duration, Instant};

/// A core that can be told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Core(usize);

impl fmt::Debug for Woken<Core> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notified(core) => write!(f, "Notified({core:?})"),
            Self::Otherwise(core) => write!(f, "Otherwise({core:?})"),
            Self::Lent => f.write_str("Lent"),
        }
    }
}

impl PartialEq for Woken<Core> {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

fn seats<const N: usize>() -> [Arc<Seat<Core>>; N] {
    std::array::from_fn(|index| Seat::new(index, true))
}

/// So many workers, all of them parked in the order of their numbers.
fn all_parked<const N: usize>() -> (Idle<Core>, [Arc<Seat<Core>>; N]) {
    let (idle, seats) = (Idle::new(N), seats());
    for seat in &seats {
        idle.give_back(seat, Core(seat.index), false, || false);
    }
    (idle, seats)
}

#[track_caller]
fn assert_counts(idle: &Idle<Core>, searching: usize, parked: usize) {
    let counts = idle.counts();
    assert_eq!((counts.searching(), counts.parked()), (searching, parked), "{idle:?}");
    assert_eq!(idle.parked(), parked);
    assert_eq!(idle.asleep.lock().parked.len(), parked, "the count and the list differ");
}

/// Whether a token waits at a seat.
fn has_token(seat: &Seat<Core>) -> bool {
    format!("{:?}", seat.parker) == "Parker(notified)"
}

/// Waits until a thread blocks at a seat.
fn wait_until_parked(seat: &Seat<Core>) {
    while format!("{:?}", seat.parker) != "Parker(parked)" {
        std::thread::yield_now();
    }
}

/// A rest that is over as soon as something wakes the thread.
fn once() -> impl FnMut() -> Rest {
    let mut asked = false;
    move || match std::mem::replace(&mut asked, true) {
        false => Rest::Until(None),
        true => Rest::Over,
    }
}

/// Longer than any test lasts that does not fail.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Naps until somebody ends it.
fn nap_for_long(idle: &Idle<Core>, seat: &Arc<Seat<Core>>) {
    let until = far_away();
    assert!(idle.nap(seat, until, || false), "another one naps");
    assert!(Instant::now() < until, "nobody ended the nap");
}

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

/// What one worker is doing, in the model of the test below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Running,
    Searching,
    Parked,
    /// Taken off the list, with its core in its mail.
    Notified,
    /// Its core is with another thread, and the worker's own thread sleeps.
    Lent,
}

/// The workers as the protocol says they should be.
struct Model {
    idle: Idle<Core>,
    seats: Vec<Arc<Seat<Core>>>,
    doing: Vec<Doing>,
    /// The parked ones in the order in which they parked.
    order: Vec<usize>,
    random: u64,
}

impl Model {
    fn new(workers: usize, seed: u64) -> Self {
        Self {
            idle: Idle::new(workers),
            seats: (0..workers).map(|index| Seat::new(index, index != 1)).collect(),
            doing: vec![Doing::Running; workers],
            order: Vec::new(),
            random: seed,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator; its upper bits are good enough here.
        self.random =
            self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) as usize % end
    }

    fn count(&self, what: &[Doing]) -> usize {
        self.doing.iter().filter(|doing| what.contains(doing)).count()
    }

    fn searching(&self) -> usize {
        self.count(&[Doing::Searching, Doing::Notified])
    }

    /// What `wake_one` does if there is need.
    fn notify(&mut self) {
        if self.searching() == 0
            && let Some(worker) = self.order.pop()
        {
            self.doing[worker] = Doing::Notified;
        }
    }

    fn step(&mut self) {
        let worker = self.below(self.seats.len());
        let work = self.below(2) == 0;
        let seat = self.seats[worker].clone();
        match (self.below(5), self.doing[worker]) {
            (0, _) => {
                self.idle.notify_local();
                self.notify();
            }
            (1, _) => {
                self.idle.notify_remote();
                self.notify();
            }
            (2, Doing::Running) => {
                let may = self.searching() * 2 < self.seats.len().max(2);
                assert_eq!(self.idle.start_searching(), may);
                self.doing[worker] = if may { Doing::Searching } else { Doing::Running };
            }
            (2, Doing::Searching) => {
                self.idle.stop_searching(|| work);
                self.doing[worker] = Doing::Running;
                if work {
                    self.notify();
                }
            }
            (3, Doing::Running | Doing::Searching | Doing::Lent) => {
                let searching = self.doing[worker] == Doing::Searching;
                self.idle.give_back(&seat, Core(worker), searching, || work);
                self.doing[worker] = Doing::Parked;
                self.order.push(worker);
                if work {
                    self.notify();
                }
            }
            (4, Doing::Parked | Doing::Notified | Doing::Lent) => {
                let (woken, next) = match self.doing[worker] {
                    Doing::Parked => (Woken::Otherwise(Core(worker)), Doing::Running),
                    Doing::Notified => (Woken::Notified(Core(worker)), Doing::Searching),
                    _ => (Woken::Lent, Doing::Lent),
                };
                assert_eq!(self.idle.claim(&seat), woken);
                self.order.retain(|&other| other != worker);
                self.doing[worker] = next;
            }
            (3 | 4, _) => {
                let place = self.order.iter().position(|&worker| self.seats[worker].lendable);
                let lent = place.map(|place| self.order.remove(place));
                let borrowed = self.idle.borrow_core().map(|(seat, core)| (seat.index, core));
                assert_eq!(borrowed, lent.map(|worker| (worker, Core(worker))));
                lent.into_iter().for_each(|worker| self.doing[worker] = Doing::Lent);
            }
            _ => {}
        }
    }

    fn check(&self) {
        assert_counts(&self.idle, self.searching(), self.order.len());
        let listed = self.idle.asleep.lock();
        let listed: Vec<_> =
            listed.parked.iter().map(|(seat, core)| (seat.index, core.0)).collect();
        let expected: Vec<_> = self.order.iter().map(|&worker| (worker, worker)).collect();
        assert_eq!(listed, expected);
        for (seat, &doing) in self.seats.iter().zip(&self.doing) {
            assert_eq!(seat.mail.lock().is_some(), doing == Doing::Notified, "{doing:?}");
            assert!(doing != Doing::Notified || has_token(seat), "told, but not unparked");
        }
    }
}

#[test]
fn random_sequences_keep_the_counts_the_list_and_the_mail_consistent() {
    for workers in 1..=5 {
        for seed in 0..20 {
            let mut model = Model::new(workers, seed);
            for _ in 0..500 {
                model.step();
                model.check();
            }
        }
    }
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
