//! What is laid out, when, and that none of it is lost.

use super::super::tests::{Queues, number, picks_until, task};
use super::super::{FAIRNESS_INTERVAL, STEAL_LIMIT};
use super::{BATCH, FLOOD, Flood, LINE_TURN, LOT};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Tasks with the numbers from 0 on, of which there are just too many to work off soon.
fn flooded() -> Queues {
    let mut victim = Queues::new();
    victim.spawn(0..FLOOD);
    victim
}

fn flood(victim: &Queues) -> Flood {
    victim.stealers.flood(victim.stealers.len())
}

/// What a thief gets: first the task that it is to run, then the others.
fn takes_lot(victim: &Queues) -> Vec<usize> {
    let mut thief = Queues::new();
    let first = thief.local.steal_lot(&victim.stealers).map(number);
    first.into_iter().chain(std::iter::from_fn(|| thief.pick())).collect()
}

#[test]
fn a_flood_is_of_so_many_tasks_and_no_fewer() {
    let mut victim = Queues::new();
    victim.spawn(0..FLOOD - 1);
    victim.wake(0..FLOOD - 1);
    assert_eq!(flood(&victim), Flood::None);
    victim.spawn([0]);
    assert_eq!(flood(&victim), Flood::Closed);
    victim.wake([0]);
    assert_eq!(flood(&victim), Flood::LaidOut, "what was woken is open to all");
}

#[test]
fn who_was_asked_lays_out_what_it_spawns_next() {
    let mut victim = flooded();
    victim.spawn(FLOOD..2 * FLOOD);
    assert_eq!(flood(&victim), Flood::Closed, "nobody has asked");
    victim.stealers.ask();
    let first = 2 * FLOOD;
    victim.spawn([first]);
    assert_eq!(victim.stealers.laid_out(), 0, "maybe it is the only one of its parent");
    victim.spawn(first + 1..first + LOT);
    assert_eq!(flood(&victim), Flood::Closed, "the lot is not complete");
    assert_eq!(victim.stealers.laid_out(), LOT - 1);
    victim.spawn([first + LOT]);
    assert_eq!(flood(&victim), Flood::LaidOut);
    victim.spawn([first + LOT + 1]);
    let lot = takes_lot(&victim);
    assert_eq!(lot, Vec::from_iter(first + 1..=first + LOT / 2), "in their order");
    assert_eq!(flood(&victim), Flood::Closed, "it has not heard that there is to be another");
    victim.spawn(first + LOT + 2..first + 2 * LOT + 2);
    assert_eq!(flood(&victim), Flood::LaidOut);
    assert_eq!(victim.pick(), Some(first + LOT + 1), "the last that was not laid out");
    assert_eq!(victim.stealers.len() + lot.len() + 1, 2 * FLOOD + 2 * LOT + 2);
}

/// Who spawns one in each poll may wait for it.
#[test]
fn a_task_that_spawns_one_task_in_each_poll_keeps_it() {
    let mut victim = flooded();
    victim.stealers.ask();
    for number in FLOOD..FLOOD + FAIRNESS_INTERVAL as usize - 1 {
        victim.spawn([number]);
        assert_eq!(victim.pick(), Some(number));
    }
    assert_eq!(flood(&victim), Flood::Closed);
    victim.picks(1);
    assert_eq!(flood(&victim), Flood::LaidOut, "it answers at its fairness tick");
    assert!(takes_lot(&victim).iter().all(|&number| number < LOT), "with its oldest");
}

/// A flood of which a lot has been laid out: the oldest.
fn laid_out() -> Queues {
    let mut victim = flooded();
    victim.spawn([FLOOD]);
    victim.stealers.ask();
    victim.local.lay_out();
    assert_eq!(flood(&victim), Flood::LaidOut);
    victim
}

/// The same, but what was spawned last.
fn laid_out_new() -> Queues {
    let mut victim = flooded();
    victim.stealers.ask();
    victim.spawn(FLOOD..=FLOOD + LOT);
    assert_eq!(flood(&victim), Flood::LaidOut);
    victim
}

#[test]
fn a_woken_task_does_not_wait_for_what_was_laid_out_before() {
    let woken = 2 * FLOOD;
    let mut victim = laid_out();
    victim.wake([woken]);
    assert!(picks_until(&mut victim, woken) <= 3 * FAIRNESS_INTERVAL);
}

/// What is laid out and what is not take turns.
#[test]
fn what_is_laid_out_and_not_taken_waits_no_longer_than_documented() {
    let bound = |ahead: usize| 2 * 3 * FAIRNESS_INTERVAL * (ahead as u32 + 1);
    for older in [0, 1, 5, BATCH, LOT - 1] {
        let ahead = older / BATCH * BATCH + BATCH - 1;
        assert!(picks_until(&mut laid_out(), older) <= bound(ahead), "{older} are older");
        let new = FLOOD + 1 + older;
        assert!(picks_until(&mut laid_out_new(), new) <= bound(older), "{older} are older");
        assert!(picks_until(&mut laid_out_new(), older) <= bound(older), "{older} are older");
    }
}

/// As many new tasks as thieves may leave, and behind them the oldest.
fn laid_out_both() -> Queues {
    let mut victim = laid_out_new();
    victim.stealers.ask();
    victim.spawn(2 * FLOOD + 1..2 * FLOOD + LOT);
    victim.local.finish_lot();
    assert_eq!(victim.stealers.laid_out(), 2 * LOT - 1);
    victim.local.lay_out();
    assert_eq!(victim.stealers.laid_out(), 3 * LOT - 1);
    victim
}

#[test]
fn an_old_task_waits_for_no_more_younger_ones_than_are_left_of_two_lots() {
    for older in [0, 1, 5, BATCH, LOT - 1] {
        let ahead = 2 * LOT - 1 + older / BATCH * BATCH + BATCH - 1;
        let bound = 2 * 3 * FAIRNESS_INTERVAL * (ahead as u32 + 1);
        assert!(picks_until(&mut laid_out_both(), older) <= bound, "{older} are older");
    }
}

#[test]
fn what_is_not_taken_does_not_pile_up() {
    let mut victim = flooded();
    for lot in 1..10 {
        victim.stealers.ask();
        victim.spawn(lot * FLOOD..=lot * FLOOD + LOT);
        victim.stealers.ask();
        victim.local.lay_out();
        assert!(victim.stealers.laid_out() < 3 * LOT);
        assert_eq!(flood(&victim), Flood::LaidOut);
    }
}

#[test]
fn a_lot_that_is_not_complete_by_the_fairness_tick_is_given_out_as_it_is() {
    let mut victim = flooded();
    victim.stealers.ask();
    victim.spawn(FLOOD..FLOOD + LOT / 2);
    assert_eq!(flood(&victim), Flood::Closed);
    victim.picks(FAIRNESS_INTERVAL as usize);
    assert_eq!(flood(&victim), Flood::LaidOut);
    assert!(takes_lot(&victim).iter().all(|&number| number > FLOOD), "no older ones behind it");
}

#[test]
fn a_lot_that_was_begun_and_given_away_is_not_gone_on_with() {
    let mut victim = flooded();
    victim.stealers.ask();
    victim.spawn(FLOOD..FLOOD + LOT / 2);
    // As a worker does that retires.
    victim.drain();
    victim.local.begin_round();
    victim.spawn(0..LOT);
    assert_eq!(victim.stealers.laid_out(), 0);
}

#[test]
fn what_is_laid_out_comes_first_for_all_others_too() {
    let (mut victim, mut thief) = (laid_out(), Queues::new());
    victim.wake([2 * FLOOD]);
    let stolen = [false, true].map(|many| thief.local.steal_from(&victim.stealers, many));
    let mut taken: Vec<_> = stolen.into_iter().map(|task| number(task.expect("a task"))).collect();
    let batch = thief.drain();
    assert!(!batch.is_empty());
    taken.extend(batch);
    assert!(taken.iter().all(|&number| number < BATCH), "{taken:?}");
    assert_eq!(victim.stealers.len(), FLOOD + 2 - taken.len());
    taken.extend(victim.stealers.drain().map(number));
    // The rest is left for their owner.
    taken.extend(std::iter::from_fn(|| victim.pick()));
    assert_eq!(taken.len(), FLOOD + 2);
    assert_eq!(HashSet::from_iter(taken), (0..=FLOOD).chain([2 * FLOOD]).collect::<HashSet<_>>());
    assert!(victim.stealers.is_empty());
}

#[test]
fn a_thief_of_a_lot_that_drops_all_it_has_drops_that_too() {
    let (victim, mut thief) = (laid_out(), Queues::new());
    let first = thief.local.steal_lot(&victim.stealers).map(number).expect("a task");
    thief.wake([2 * FLOOD]);
    let mut dropped = thief.drain();
    assert_eq!(dropped.pop(), Some(2 * FLOOD), "what was woken comes last");
    dropped.push(first);
    assert_eq!(HashSet::from_iter(dropped), (0..LOT / 2).collect::<HashSet<_>>());
    assert!(thief.stealers.is_empty());
}

#[test]
fn who_was_asked_and_spawns_nothing_answers_at_its_fairness_tick() {
    let mut victim = flooded();
    victim.spawn(FLOOD..2 * FLOOD);
    victim.stealers.ask();
    let before = victim.picks(FAIRNESS_INTERVAL as usize - 1);
    assert_eq!(flood(&victim), Flood::Closed, "after {} picks", before.len());
    victim.picks(1);
    assert_eq!(flood(&victim), Flood::LaidOut);
}

#[test]
fn a_flood_that_has_ebbed_away_is_not_laid_out() {
    let mut victim = flooded();
    victim.stealers.ask();
    let stolen = (0..FLOOD * 3 / 4).filter(|_| victim.stealers.drain().map(number).is_some());
    assert_eq!(stolen.count(), FLOOD * 3 / 4);
    victim.picks(FAIRNESS_INTERVAL as usize);
    assert_eq!(flood(&victim), Flood::None);
    assert!(!victim.stealers.has_woken());
    // Nor does it lie in wait for the next one.
    victim.spawn(0..FLOOD);
    assert_eq!(flood(&victim), Flood::Closed);
}

#[test]
fn of_a_flood_of_woken_tasks_a_lot_is_taken_unasked_in_their_order() {
    let mut victim = Queues::new();
    victim.wake(0..FLOOD);
    assert_eq!(takes_lot(&victim), Vec::from_iter(0..LOT));
}

/// Of which its owner takes one in 93 picks.
#[test]
fn a_long_line_of_woken_tasks_has_its_turn_while_tasks_are_laid_out() {
    for owner_answers in [true, false] {
        let (mut victim, mut thief) = (laid_out(), Queues::new());
        let woken = 2 * FLOOD;
        victim.wake(woken..=woken + STEAL_LIMIT);
        let mut takes = || {
            let first = thief.local.steal_lot(&victim.stealers).map(number).expect("a task");
            let lot =
                Vec::from_iter([first].into_iter().chain(std::iter::from_fn(|| thief.pick())));
            if owner_answers {
                victim.local.lay_out();
            }
            lot
        };
        for _ in 1..LINE_TURN {
            let lot = takes();
            assert!(lot.iter().all(|&number| number < woken), "{lot:?}");
        }
        assert_eq!(takes(), Vec::from_iter(woken..=woken + STEAL_LIMIT / 2));
        assert_ne!(victim.stealers.laid_out(), 0, "there still is what was asked for");
    }
}

#[test]
fn a_flood_is_over_with_the_last_task_and_the_next_one_can_be_asked_for() {
    let mut victim = laid_out();
    while victim.pick().is_some() {}
    assert_eq!(flood(&victim), Flood::None);
    victim.spawn(0..FLOOD);
    assert_eq!(flood(&victim), Flood::Closed);
    victim.stealers.ask();
    victim.spawn(FLOOD..=FLOOD + LOT);
    assert_eq!(flood(&victim), Flood::LaidOut);
}

#[test]
fn each_task_runs_once_whoever_takes_it() {
    const TASKS: usize = 8 * FLOOD;
    let Queues { mut local, stealers, injector } = Queues::new();
    let done = AtomicBool::new(false);
    let (own, taken) = thread::scope(|scope| {
        let thief = scope.spawn(|| {
            let mut thief = Queues::new();
            let mut taken = Vec::new();
            while !done.load(Ordering::Acquire) {
                match stealers.flood(stealers.len()) {
                    Flood::None => thread::yield_now(),
                    Flood::Closed => stealers.ask(),
                    Flood::LaidOut => taken.extend(thief.local.steal_lot(&stealers).map(number)),
                }
                taken.extend(std::iter::from_fn(|| thief.pick()));
            }
            taken
        });
        let mut own = Vec::new();
        for number in 0..TASKS {
            local.push_new(task(number));
            if number.is_multiple_of(4) {
                own.extend(local.pick(&injector).map(self::number));
            }
        }
        own.extend(std::iter::from_fn(|| local.pick(&injector).map(number)));
        done.store(true, Ordering::Release);
        (own, thief.join().expect("no panic"))
    });
    assert_eq!(own.len() + taken.len(), TASKS);
    assert_eq!(own.into_iter().chain(taken).collect::<HashSet<_>>().len(), TASKS);
}
