//! Which task comes next, and what a thief gets.

use super::{Deque, FAIRNESS_INTERVAL, LocalQueue, STEAL_LIMIT, Stealers, until_settled};
use crate::sync::deque::{Injector, Steal};
use crate::task::{self, Keeper, Kept, PanicReporter, Ran, Runnable, Schedule, Slot};
use std::cell::Cell;
use std::sync::Arc;

/// The scheduler of tasks that nobody wakes.
#[derive(Clone)]
struct Nobody;

impl Schedule for Nobody {
    fn schedule(self, _: Runnable) {
        unreachable!("these tasks have no waker")
    }
}

impl Keeper for Nobody {
    fn keep(&self, _: Kept) -> Slot {
        unreachable!("these tasks are ready at once")
    }
    fn forget(&self, _: Slot) {
        unreachable!("these tasks are not kept")
    }
    fn panic_reporter(&self) -> Option<Arc<PanicReporter>> {
        None
    }
}

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A task that can be told by its number.
pub(super) fn task(number: usize) -> Runnable {
    task::new(async move { NUMBER.set(number) }, Nobody, task::Memory::Thread(None)).0
}

pub(super) fn number(task: Runnable) -> usize {
    assert!(matches!(task.run(&Nobody), Ran::Complete));
    NUMBER.replace(usize::MAX)
}

/// A worker's queues, the thieves' side of them, and an injector.
pub(super) struct Queues {
    pub(super) local: LocalQueue,
    pub(super) stealers: Stealers,
    pub(super) injector: Injector<Runnable>,
}

impl Queues {
    pub(super) fn new() -> Self {
        Self::of_worker(false)
    }

    fn of_worker(is_alone: bool) -> Self {
        let (local, stealers) = LocalQueue::new(is_alone);
        Self { local, stealers, injector: Injector::new() }
    }

    pub(super) fn spawn(&mut self, numbers: impl IntoIterator<Item = usize>) {
        numbers.into_iter().for_each(|number| self.local.push_new(task(number)));
    }

    pub(super) fn wake(&mut self, numbers: impl IntoIterator<Item = usize>) {
        numbers.into_iter().for_each(|number| self.local.push_woken(task(number)));
    }

    /// As by the task that was picked last.
    pub(super) fn wake_from_task(&mut self, numbers: impl IntoIterator<Item = usize>) {
        numbers.into_iter().for_each(|number| self.local.push_successor(task(number)));
    }

    pub(super) fn inject(&self, numbers: impl IntoIterator<Item = usize>) {
        numbers.into_iter().for_each(|number| self.injector.push(task(number)));
    }

    pub(super) fn pick(&mut self) -> Option<usize> {
        self.local.pick(&self.injector).map(number)
    }

    pub(super) fn picks(&mut self, count: usize) -> Vec<usize> {
        (0..count).map_while(|_| self.pick()).collect()
    }

    /// What is left of the worker's own, in the order in which it would be dropped.
    pub(super) fn drain(&mut self) -> Vec<usize> {
        std::iter::from_fn(|| self.local.drain()).map(number).collect()
    }
}

/// Those of one of several workers, and of an only one.
fn both_kinds() -> [Queues; 2] {
    [false, true].map(Queues::of_worker)
}

#[test]
fn spawned_tasks_come_first_and_depth_first_and_woken_ones_in_order() {
    for mut queues in both_kinds() {
        queues.wake([10, 11, 12]);
        queues.spawn([0, 1, 2]);
        assert_eq!(queues.picks(2), [2, 1]);
        queues.spawn([3]);
        queues.wake([13]);
        assert_eq!(queues.picks(9), [3, 0, 10, 11, 12, 13]);
        assert_eq!(queues.pick(), None);
    }
}

#[test]
fn the_first_task_that_a_task_wakes_is_the_next_to_run() {
    for mut queues in both_kinds() {
        queues.wake([10, 11, 12]);
        assert_eq!(queues.pick(), Some(10));
        queues.wake_from_task([0, 1, 2]);
        assert_eq!(queues.picks(6), [0, 11, 12, 1, 2]);
    }
}

#[test]
fn tasks_that_a_task_wakes_are_in_order_if_nobody_else_waits() {
    for mut queues in both_kinds() {
        queues.wake([10]);
        assert_eq!(queues.pick(), Some(10));
        queues.wake_from_task([0, 1, 2]);
        assert_eq!(queues.picks(4), [0, 1, 2]);
    }
}

#[test]
fn a_task_that_a_task_wakes_beside_what_it_spawns_waits_for_its_turn() {
    for mut queues in both_kinds() {
        queues.wake([10, 11]);
        assert_eq!(queues.pick(), Some(10));
        queues.spawn([20]);
        queues.wake_from_task([0]);
        assert_eq!(queues.picks(4), [20, 11, 0]);
    }
}

/// Two tasks that wake each other by turns, and two that yield.
#[test]
fn after_some_successors_it_is_the_turn_of_the_others() {
    for mut queues in both_kinds() {
        queues.wake([0, 10, 11]);
        let mut picked = Vec::new();
        for _ in 0..12 {
            let task = queues.pick().expect("there are always three");
            picked.push(task);
            if task < 10 {
                queues.wake_from_task([1 - task]);
            } else {
                queues.wake([task]);
            }
        }
        assert_eq!(picked, [0, 1, 0, 1, 10, 11, 0, 1, 0, 1, 10, 11]);
    }
}

#[test]
fn a_usual_pick_leaves_the_injector_alone() {
    for mut queues in both_kinds() {
        queues.inject([0]);
        assert_eq!(queues.pick(), None);
        assert!(!queues.injector.is_empty());
    }
}

#[test]
fn every_interval_one_pick_is_made_from_the_far_ends_in_turn() {
    let interval = FAIRNESS_INTERVAL as usize;
    for mut queues in both_kinds() {
        queues.spawn([1000, 1001]);
        queues.wake([2000, 2001]);
        queues.inject([3000]);
        let mut fair = Vec::new();
        for pick in 1..=6 * interval {
            // There is always something that was spawned just now.
            queues.spawn([pick]);
            let picked = queues.pick().expect("there is a task");
            if pick % interval == 0 {
                fair.push(picked);
            } else {
                assert_eq!(picked, pick, "the newest spawned");
            }
            if pick == 3 * interval {
                queues.inject([3001]);
            }
        }
        assert_eq!(fair, [3000, 1000, 2000, 3001, 1001, 2001]);
    }
}

#[test]
fn a_fair_pick_from_an_empty_end_is_a_usual_pick() {
    let interval = FAIRNESS_INTERVAL as usize;
    for mut queues in both_kinds() {
        queues.spawn(0..4 * interval);
        // From the injector: nothing, so the newest.
        let newest: Vec<_> = (0..4 * interval).rev().take(interval).collect();
        assert_eq!(queues.picks(interval), newest);
        // The second is the oldest spawned, the third, from the woken, again the newest.
        let second = queues.picks(interval);
        assert_eq!(second.last(), Some(&0));
        let third = queues.picks(interval);
        assert_eq!(third.last(), Some(&(4 * interval - 3 * interval + 1)));
        drop(queues.drain());
    }
}

/// Of three turns, two: among tasks that only wake each other, nobody else needs the third.
#[test]
fn the_injector_has_the_turn_of_the_spawned_tasks_if_there_are_none() {
    let interval = FAIRNESS_INTERVAL as usize;
    for mut queues in both_kinds() {
        queues.wake([0]);
        let mut picks_to_injected = Vec::new();
        for pick in 1..=6 * interval {
            if queues.injector.is_empty() {
                queues.inject([1]);
            }
            match queues.pick().expect("somebody is always woken") {
                0 => queues.wake([0]),
                _ => picks_to_injected.push(pick),
            }
        }
        assert_eq!(picks_to_injected, [1, 2, 4, 5].map(|turn| turn * interval));
    }
}

/// How many picks it takes until `wanted` is picked, with a new spawn before each.
pub(super) fn picks_until(queues: &mut Queues, wanted: usize) -> u32 {
    for pick in 1..1_000_000 {
        queues.spawn([usize::MAX - 1]);
        if queues.pick() == Some(wanted) {
            queues.drain();
            return pick;
        }
    }
    panic!("task {wanted} is starved")
}

#[test]
fn no_task_waits_longer_than_documented() {
    for is_alone in [false, true] {
        for offset in [0, 1, FAIRNESS_INTERVAL as usize - 1, 2 * FAIRNESS_INTERVAL as usize] {
            for ahead in [0, 1, 5, 40] {
                let bound = 3 * FAIRNESS_INTERVAL * (ahead as u32 + 1);
                let start = || {
                    let mut queues = Queues::of_worker(is_alone);
                    assert_eq!(queues.picks(1), []);
                    (0..offset).for_each(|_| assert_eq!(queues.pick(), None));
                    queues
                };
                let mut queues = start();
                queues.spawn(0..=ahead);
                assert!(picks_until(&mut queues, ahead) <= bound, "spawned, {ahead} below it");
                let mut queues = start();
                queues.wake(0..=ahead);
                assert!(picks_until(&mut queues, ahead) <= bound, "woken, {ahead} ahead");
                let mut queues = start();
                queues.inject(0..=ahead);
                assert!(picks_until(&mut queues, ahead) <= bound, "injected, {ahead} ahead");
            }
        }
    }
}

/// A batch from the injector goes behind what was woken before.
#[test]
fn an_injected_task_waits_for_those_that_were_woken_before_it_too() {
    let (woken, ahead) = (10, 1);
    for mut queues in both_kinds() {
        queues.wake(100..100 + woken);
        queues.inject(0..4);
        let bound = 3 * FAIRNESS_INTERVAL * (woken + ahead + 1) as u32;
        assert!(picks_until(&mut queues, ahead) <= bound);
    }
}

#[test]
fn the_injector_gives_its_oldest_and_a_batch_in_order_behind_the_woken() {
    let mut queues = Queues::new();
    assert!(queues.local.take_injected(&queues.injector).is_none());
    queues.wake([100]);
    queues.inject(0..10);
    assert_eq!(queues.local.take_injected(&queues.injector).map(number), Some(0));
    let batch = queues.drain();
    assert_eq!(batch[0], 100);
    let taken = batch.len();
    assert_eq!(batch[1..], *(1..taken).collect::<Vec<_>>());
    assert_eq!(queues.injector.len(), 10 - taken);
}

#[test]
fn a_batch_from_the_injector_is_bounded() {
    for mut queues in both_kinds() {
        queues.inject(0..1000);
        assert_eq!(queues.local.take_injected(&queues.injector).map(number), Some(0));
        assert!(queues.drain().len() < STEAL_LIMIT);
        while let Some(task) = until_settled(|| queues.injector.steal()) {
            number(task);
        }
    }
}

#[test]
fn a_thief_takes_one_spawned_task_and_that_is_the_oldest() {
    let (mut victim, thief) = (Queues::new(), Queues::new());
    victim.spawn(0..10);
    victim.wake(100..110);
    assert_eq!(thief.local.steal_from(&victim.stealers, false).map(number), Some(0));
    assert_eq!(thief.local.steal_from(&victim.stealers, false).map(number), Some(1));
    assert!(thief.stealers.is_empty());
    assert_eq!(victim.drain(), (2..10).rev().chain(100..110).collect::<Vec<_>>());
}

#[test]
fn a_thief_takes_up_to_half_of_the_woken_tasks_and_keeps_their_order() {
    for (woken, most) in [(1, 1), (2, 1), (7, 4), (10, 5), (1000, STEAL_LIMIT)] {
        let (mut victim, mut thief) = (Queues::new(), Queues::new());
        victim.wake(0..woken);
        assert_eq!(thief.local.steal_from(&victim.stealers, false).map(number), Some(0));
        let taken = 1 + thief.stealers.len();
        assert!(taken <= most && (taken > 1 || woken < 4), "{taken} of {woken}");
        assert_eq!(thief.drain(), (1..taken).collect::<Vec<_>>());
        assert_eq!(victim.drain(), (taken..woken).collect::<Vec<_>>());
    }
}

#[test]
fn a_thief_that_is_to_take_many_takes_up_to_half_of_the_spawned_tasks_too() {
    for (spawned, most) in [(1, 1), (2, 1), (7, 4), (10, 5), (1000, STEAL_LIMIT)] {
        let (mut victim, mut thief) = (Queues::new(), Queues::new());
        victim.spawn(0..spawned);
        // The one that was taken last is run first.
        let last = thief.local.steal_from(&victim.stealers, true).map(number).expect("one");
        let taken = 1 + thief.stealers.len();
        assert_eq!(last + 1, taken);
        assert!(taken <= most && (taken > 1 || spawned < 4), "{taken} of {spawned}");
        assert_eq!(thief.drain(), (0..last).rev().collect::<Vec<_>>());
        assert_eq!(victim.drain(), (taken..spawned).rev().collect::<Vec<_>>());
    }
}

#[test]
fn there_is_nothing_to_steal_from_an_empty_queue() {
    let (victim, thief) = (Queues::new(), Queues::new());
    assert!(thief.local.steal_from(&victim.stealers, false).is_none());
    assert!(victim.stealers.drain().is_none());
}

#[test]
fn thieves_see_how_much_there_is() {
    let mut queues = Queues::new();
    assert!(queues.stealers.is_empty());
    queues.spawn(0..3);
    queues.wake(0..2);
    assert_eq!(queues.stealers.len(), 5);
    assert_eq!(queues.picks(4).len(), 4);
    assert!(!queues.stealers.is_empty());
    assert_eq!(queues.picks(1).len(), 1);
    assert!(queues.stealers.is_empty());
    assert_eq!(queues.stealers.len(), 0);
}

#[test]
fn both_sides_can_drain_everything() {
    let mut queues = Queues::new();
    queues.spawn(0..3);
    queues.wake(10..12);
    assert_eq!(queues.drain(), [2, 1, 0, 10, 11]);
    queues.spawn(0..3);
    queues.wake(10..12);
    let drained: Vec<_> = std::iter::from_fn(|| queues.stealers.drain()).map(number).collect();
    assert_eq!(drained, [0, 1, 2, 10, 11]);
}

#[test]
fn others_see_the_length_of_an_only_workers_queues_and_take_nothing() {
    let mut queues = Queues::of_worker(true);
    queues.spawn(0..3);
    queues.wake(10..12);
    queues.inject(20..30);
    assert_eq!(queues.local.take_injected(&queues.injector).map(number), Some(20));
    assert_eq!((queues.stealers.len(), queues.stealers.is_empty()), (14, false));
    assert!(queues.stealers.has_woken());
    assert!(queues.stealers.drain().is_none());
    assert!(Queues::new().local.steal_from(&queues.stealers, true).is_none());
    assert_eq!(queues.drain(), (0..3).rev().chain(10..12).chain(21..30).collect::<Vec<_>>());
    assert_eq!((queues.stealers.len(), queues.stealers.is_empty()), (0, true));
}

/// As crossbeam's deque does.
#[test]
fn an_only_workers_queue_gives_back_the_memory_of_a_flood() {
    let mut queues = Queues::of_worker(true);
    let capacity = |queues: &Queues| match &queues.local.spawned {
        Deque::Ordinary { tasks, .. } => tasks.capacity(),
        Deque::Stealing { .. } => unreachable!("there is one worker"),
    };
    queues.spawn(0..20_000);
    assert_eq!(queues.picks(20_000).len(), 20_000);
    let after = capacity(&queues);
    assert!(after < 4_096, "room for {after} tasks is kept");
    queues.spawn(0..1_000);
    let before = capacity(&queues);
    assert_eq!(queues.picks(1_000).len(), 1_000);
    assert_eq!(capacity(&queues), before, "what is filled again and again stays as it is");
}

#[test]
fn queues_that_are_dropped_cancel_their_tasks() {
    for mut queues in both_kinds() {
        let future = Arc::new(());
        let owned = || {
            let future = future.clone();
            task::new(async move { drop(future) }, Nobody, task::Memory::Thread(None)).0
        };
        queues.local.push_spawned(owned());
        queues.local.push_woken(owned());
        queues.injector.push(owned());
        assert_eq!(Arc::strong_count(&future), 4);
        drop(queues);
        assert_eq!(Arc::strong_count(&future), 1);
    }
}

#[test]
fn an_attempt_is_repeated_until_it_is_settled() {
    let mut outcomes = vec![Steal::Success(task(5)), Steal::Retry, Steal::Retry];
    let stolen = until_settled(|| outcomes.pop().expect("settled before"));
    assert_eq!(stolen.map(number), Some(5));
    let mut outcomes = vec![Steal::Empty, Steal::Retry];
    assert!(until_settled(|| outcomes.pop().expect("settled before")).is_none());
}
