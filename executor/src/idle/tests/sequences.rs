//! Sequences of steps, beside what the protocol says of them.

use super::{Core, assert_counts, has_token};
use crate::idle::{Idle, Seat, Woken};
use crate::sync::Arc;

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
