//! The policy, with a clock that is turned by hand.

use super::comparison::{PAUSE, TRIAL};
use super::{
    BATCH_FROM, IDLE_NAPS, LARGE, LONG_GAP, LONG_SPIN, LONGEST_BACK_OFF, Look, NAP, RETIRED_WAIT,
    SHORT_SPIN, STUCK, Share, Victim, WINDOW, WORTH_A_TRIAL, WORTH_IN_BATCH, WORTH_STEALING,
};
use crate::queue::Flood;
use crate::tempo::Retired;
use std::time::{Duration, Instant};

/// One that is not flooded.
fn victim(index: usize, queued: usize, polls: u64) -> Victim {
    Victim { index, queued, flood: Flood::None, polls, polls_of_both: polls }
}

const TICK: Duration = Duration::from_nanos(1);
const MICROSECOND: Duration = Duration::from_micros(1);

/// A thief with its clock, among three workers.
struct Thief {
    share: Share,
    start: Instant,
    now: Instant,
}

impl Thief {
    fn new() -> Self {
        let start = Instant::now();
        Self { share: Share::new(3), start, now: start }
    }

    /// One whose last loot did not pay, with nothing else that keeps it from stealing.
    fn backed_off() -> Self {
        let mut thief = Self::new();
        thief.takes_what_is_not_worth_it();
        thief.wait(NAP);
        thief
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn look_at(&mut self, index: usize, queued: usize, polls: u64) -> Look {
        self.share.look(victim(index, queued, polls), self.now, None)
    }

    fn look(&mut self, queued: usize, polls: u64) -> Look {
        self.look_at(0, queued, polls)
    }

    /// Takes tasks that keep it busy for so long altogether.
    fn takes(&mut self, tasks: usize, time: Duration) {
        self.share.took(tasks, self.now);
        self.wait(time);
        self.share.ran_dry(self.now);
    }

    fn takes_what_is_not_worth_it(&mut self) {
        if !self.share.in_batches {
            self.takes(1, TICK);
        }
        self.takes(1, TICK);
    }

    /// How many polls a victim has made that needs a tenth of a microsecond for each.
    fn polls_of_a_fast_victim(&self) -> u64 {
        self.now.duration_since(self.start).as_nanos() as u64 / 100
    }
}

#[test]
fn there_is_nothing_to_take_from_an_empty_queue() {
    let mut thief = Thief::new();
    assert_eq!(thief.look(0, 0), Look::Empty);
    assert_eq!(thief.wait(STUCK).look(0, 0), Look::Empty, "stuck or not");
    let mut thief = Thief::backed_off();
    assert_eq!(thief.wait(LONGEST_BACK_OFF).look(0, 0), Look::Empty, "time to try or not");
}

#[test]
fn a_thief_takes_at_once_until_that_does_not_pay() {
    let mut thief = Thief::new();
    assert_eq!(thief.look(2, 0), Look::Steal);
    assert_eq!(thief.look(2, 1_000_000), Look::Steal, "however fast the victim is");
    thief.takes(4, WORTH_IN_BATCH * 4);
    assert_eq!(thief.look(2, 2_000_000), Look::Steal, "it just paid");
    thief.takes(4, WORTH_A_TRIAL * 4 - TICK);
    assert_eq!(thief.look(2, 3_000_000), Look::LeaveBe, "it just did not pay");
    thief.wait(NAP);
    thief.takes_what_is_not_worth_it();
    thief.takes(1, WORTH_STEALING - TICK);
    assert_eq!(thief.look(2, 4_000_000), Look::LeaveBe, "nor did that");
    thief.takes(1, WORTH_STEALING);
    assert_eq!(thief.look(2, 5_000_000), Look::Steal, "one is more work than one of many");
}

#[test]
fn tasks_that_turn_out_small_are_taken_many_at_a_time_until_they_turn_out_large() {
    let mut thief = Thief::new();
    let look = |thief: &mut Thief, queued| {
        let polls = thief.polls_of_a_fast_victim();
        thief.look(queued, polls)
    };
    assert_eq!(look(&mut thief, 1_000), Look::Steal, "it may be the root of a tree");
    thief.takes(1, LARGE);
    assert_eq!(look(&mut thief, 1_000), Look::Steal, "it was");
    thief.takes(1, LARGE - TICK);
    assert_eq!(look(&mut thief, BATCH_FROM), Look::StealMany, "it was not");
    assert_eq!(look(&mut thief, BATCH_FROM - 1), Look::Steal, "they are few");
    thief.takes(30, WORTH_IN_BATCH * 30);
    assert_eq!(look(&mut thief, BATCH_FROM), Look::StealMany);
    thief.takes(30, LARGE * 30);
    assert_eq!(look(&mut thief, 1_000), Look::Steal, "they are large");
}

#[test]
fn small_tasks_are_tried_in_batches_before_the_thief_backs_off() {
    let mut thief = Thief::new();
    let look = |thief: &mut Thief| {
        let polls = thief.polls_of_a_fast_victim();
        thief.look(1_000, polls)
    };
    thief.takes(1, TICK);
    assert_eq!(look(&mut thief), Look::StealMany);
    thief.takes(30, WORTH_A_TRIAL * 30 - TICK);
    assert_eq!(look(&mut thief), Look::LeaveBe);
    thief.wait(NAP);
    assert_eq!(look(&mut thief), Look::StealMany, "it is time to try again");
    thief.takes(1, TICK);
    assert_eq!(look(&mut thief), Look::LeaveBe, "no second trial");
}

impl Thief {
    /// Takes batches of tasks that are worth little from a victim that polls without a pause, alone or with
    /// the thief so many in a microsecond, for so long; gives for how many microseconds it did.
    fn shares(&mut self, together: u64, alone: u64, time: Duration) -> usize {
        let end = self.now + time;
        let mut polls = 0;
        let mut thefts = 0;
        while self.now < end {
            match self.look(1_000, polls) {
                Look::StealMany => {
                    self.takes(4, MICROSECOND);
                    polls += together;
                    thefts += 1;
                }
                Look::LeaveBe => {
                    self.wait(MICROSECOND);
                    polls += alone;
                }
                look => panic!("{look:?}"),
            }
        }
        thefts
    }
}

/// A quarter of a microsecond each, in `shares`.
#[test]
fn tasks_that_are_worth_little_are_shared_if_two_workers_get_more_of_them_done() {
    assert!((WORTH_A_TRIAL..WORTH_IN_BATCH).contains(&(MICROSECOND / 4)));
    let time = MICROSECOND * 20_000;
    let mut thief = Thief::new();
    thief.takes(1, TICK);
    let shared = thief.shares(30, 20, time);
    assert!(shared > 17_000 && shared < 20_000, "{shared}");
    let mut thief = Thief::new();
    thief.takes(1, TICK);
    let shared = thief.shares(20, 20, time);
    assert!(shared > 300 && shared < 3_000, "{shared}");
}

#[test]
fn a_victim_that_two_workers_get_no_more_done_of_is_let_be_when_it_spawns_too() {
    let mut thief = Thief::new();
    thief.takes(1, TICK);
    thief.shares(20, 20, TRIAL + PAUSE);
    // It is inside one poll, but not stuck: its queue grows. As what is worth nothing, it is taken once each nap.
    let mut thefts = 0;
    for queued in 1_000..1_400 {
        if thief.wait(MICROSECOND).look(queued, 7) == Look::StealMany {
            thefts += 1;
            thief.takes(8, MICROSECOND * 2);
        }
    }
    let naps = (MICROSECOND.as_nanos() * 400 / NAP.as_nanos()) as usize;
    assert!((naps / 2..=naps + 1).contains(&thefts), "{thefts}");
}

#[test]
fn tasks_that_are_worth_little_are_left_to_a_victim_that_is_flooded() {
    let mut thief = Thief::new();
    thief.takes(1, TICK);
    let mut look = |worth, flood, now_alone| {
        thief.takes(10, worth * 10);
        thief.wait(if now_alone { TRIAL } else { Duration::ZERO });
        let polls = thief.polls_of_a_fast_victim();
        let victim = Victim { flood, ..victim(0, 1_000, polls) };
        thief.share.look(victim, thief.now, None)
    };
    assert_eq!(look(WORTH_A_TRIAL, Flood::None, false), Look::StealMany);
    assert_eq!(look(WORTH_A_TRIAL, Flood::LaidOut, false), Look::StealLot);
    assert_eq!(look(WORTH_A_TRIAL, Flood::LaidOut, true), Look::LeaveBe, "how fast is it alone?");
    assert_eq!(look(WORTH_IN_BATCH, Flood::LaidOut, false), Look::StealMany);
    assert_eq!(look(WORTH_A_TRIAL, Flood::LaidOut, false), Look::LeaveBe);
}

#[test]
fn the_only_task_of_a_victim_that_works_is_left_to_it() {
    let mut thief = Thief::new();
    for _ in 0..10 {
        let polls = thief.polls_of_a_fast_victim();
        assert_eq!(thief.look(1, polls), Look::LeaveBe);
        thief.wait(WINDOW);
    }
}

#[test]
fn running_dry_without_loot_says_nothing() {
    let mut thief = Thief::new();
    thief.share.ran_dry(thief.now);
    assert_eq!(thief.look(2, 0), Look::Steal);
    thief.takes_what_is_not_worth_it();
    thief.share.ran_dry(thief.now);
    assert_eq!(thief.look(2, 0), Look::LeaveBe);
}

/// Looks at a fast victim every microsecond; gives the time until the thief steals.
fn back_off(thief: &mut Thief) -> Duration {
    let since = thief.now;
    loop {
        let polls = thief.polls_of_a_fast_victim();
        match thief.look(2, polls) {
            Look::Steal => return thief.now.duration_since(since),
            look => assert_eq!(look, Look::LeaveBe),
        }
        thief.wait(MICROSECOND);
    }
}

#[test]
fn a_thief_that_was_not_paid_backs_off_twice_as_long_each_time_up_to_the_longest() {
    let mut thief = Thief::new();
    let mut expected = NAP;
    for _ in 0..12 {
        thief.takes_what_is_not_worth_it();
        let waited = back_off(&mut thief);
        assert!(waited >= expected && waited <= expected + MICROSECOND, "{waited:?}");
        expected = (expected * 2).min(LONGEST_BACK_OFF);
    }
    assert_eq!(expected, LONGEST_BACK_OFF);
    // Once it pays, everything is forgotten.
    thief.takes(1, WORTH_STEALING);
    assert_eq!(back_off(&mut thief), Duration::ZERO);
    thief.takes_what_is_not_worth_it();
    assert!(back_off(&mut thief) <= NAP + MICROSECOND);
}

#[test]
fn a_try_is_not_spent_on_the_only_task_of_a_fast_victim() {
    let mut thief = Thief::new();
    thief.takes_what_is_not_worth_it();
    for _ in 0..10 {
        thief.wait(NAP);
        let polls = thief.polls_of_a_fast_victim();
        assert_eq!(thief.look(1, polls), Look::LeaveBe);
    }
    let polls = thief.polls_of_a_fast_victim();
    assert_eq!(thief.look(2, polls), Look::Steal);
}

#[test]
fn a_slow_victim_is_told_from_a_fast_one_at_what_is_worth_stealing() {
    for (polled, look) in
        [(0, Look::Steal), (9, Look::Steal), (10, Look::Steal), (11, Look::LeaveBe)]
    {
        let mut thief = Thief::backed_off();
        assert_eq!(thief.look(1, 100), Look::LeaveBe, "the first look only learns");
        assert_eq!(thief.wait(WORTH_STEALING * 10).look(1, 100 + polled), look, "{polled} polls");
    }
}

#[test]
fn a_stuck_victim_is_stolen_from_at_the_second_look() {
    for mut thief in [Thief::new(), Thief::backed_off()] {
        assert_eq!(thief.look(1, 5), Look::LeaveBe);
        assert_eq!(thief.wait(WINDOW - TICK).look(1, 5), Look::LeaveBe, "too soon to tell");
        assert_eq!(thief.wait(TICK).look(1, 5), Look::Steal);
    }
}

#[test]
fn looks_that_come_too_soon_do_not_begin_the_watch_anew() {
    let mut thief = Thief::backed_off();
    let begin = thief.now;
    while thief.now.duration_since(begin) < WINDOW {
        assert_eq!(thief.look(1, 5), Look::LeaveBe);
        thief.wait(WINDOW / 10);
    }
    assert_eq!(thief.look(1, 5), Look::Steal);
}

#[test]
fn after_a_loot_that_did_not_pay_slowness_is_no_reason_for_the_time_of_a_nap() {
    let mut thief = Thief::new();
    thief.takes_what_is_not_worth_it();
    let calm_until = thief.now + NAP;
    while thief.now < calm_until {
        assert_eq!(thief.look(1, 5), Look::LeaveBe);
        thief.wait(WINDOW);
    }
    thief.wait(WINDOW);
    assert_eq!(thief.look(1, 5), Look::Steal);
}

#[test]
fn worthless_tasks_behind_a_long_poll_are_taken_one_each_nap_and_all_once_it_is_stuck() {
    let mut thief = Thief::backed_off();
    let (begin, mut taken) = (thief.now, 0);
    while thief.now.duration_since(begin) < STUCK {
        if thief.look(1, 5) == Look::Steal {
            taken += 1;
            thief.takes_what_is_not_worth_it();
        }
        thief.wait(MICROSECOND);
    }
    let naps = (STUCK.as_nanos() / NAP.as_nanos()) as u32;
    assert!((naps / 2..=naps + 1).contains(&taken), "{taken}");
    for _ in 0..100 {
        thief.wait(WINDOW);
        assert_eq!(thief.look(1, 5), Look::StealMany, "nothing holds it back any more");
        thief.takes_what_is_not_worth_it();
    }
    // The poll is over: back to one each nap.
    thief.wait(WINDOW);
    assert_eq!(thief.look(1, 6), Look::LeaveBe);
}

#[test]
fn a_stuck_victim_is_emptied_without_a_wait_between_two_steals() {
    let mut thief = Thief::backed_off();
    thief.look(5, 7);
    assert_eq!(thief.wait(STUCK).look(5, 7), Look::StealMany);
    for queued in (1..5).rev() {
        assert_eq!(thief.look(queued, 7), Look::StealMany);
    }
}

#[test]
fn victims_are_watched_one_by_one() {
    let mut thief = Thief::backed_off();
    for round in 0..5 {
        let fast = thief.polls_of_a_fast_victim();
        assert_eq!(thief.look_at(1, 1, fast), Look::LeaveBe);
        let stuck = if round == 0 { Look::LeaveBe } else { Look::Steal };
        assert_eq!(thief.look_at(2, 1, 5), stuck);
        thief.wait(WINDOW);
    }
}

#[test]
fn a_count_of_polls_may_wrap() {
    let mut thief = Thief::backed_off();
    assert_eq!(thief.look(1, u64::MAX), Look::LeaveBe);
    assert_eq!(thief.wait(WINDOW).look(1, 1_000_000), Look::LeaveBe);
    assert_eq!(thief.wait(WINDOW).look(1, u64::MAX), Look::LeaveBe, "a difference past 2^32");
}

#[test]
fn a_retired_worker_takes_only_what_would_wait_long() {
    for retired in [Retired::ToFindOut, Retired::InTheWay] {
        let mut thief = Thief::new();
        let look = |thief: &mut Thief, queued, polls| {
            thief.share.look(victim(0, queued, polls), thief.now, Some(retired))
        };
        // Five microseconds a poll.
        let long = if retired == Retired::ToFindOut { RETIRED_WAIT } else { STUCK };
        let many = (long.as_micros() / 5) as usize;
        assert_eq!(look(&mut thief, many - 1, 0), Look::LeaveBe);
        thief.wait(MICROSECOND * 50);
        assert_eq!(look(&mut thief, many - 1, 10), Look::LeaveBe);
        thief.wait(MICROSECOND * 50);
        assert_eq!(look(&mut thief, many, 20), Look::Steal);
        // One poll that does not end.
        thief.wait(RETIRED_WAIT - MICROSECOND);
        assert_eq!(look(&mut thief, 1, 20), Look::LeaveBe);
        thief.wait(RETIRED_WAIT);
        assert_eq!(look(&mut thief, 1, 20), Look::Steal);
        let mut thief = Thief::new();
        look(&mut thief, 1, 20);
        while thief.now.duration_since(thief.start) < STUCK {
            look(thief.wait(WINDOW), 1, 20);
        }
        assert_eq!(look(&mut thief, 1, 20), Look::StealMany, "a stuck one is emptied");
    }
}

/// Many at a time, so that a thief that naps keeps up with all but a flood.
#[test]
fn a_victim_that_spawns_in_a_long_poll_is_not_stuck_but_much_is_taken_each_nap() {
    let mut thief = Thief::backed_off();
    let mut thefts = 0;
    for queued in BATCH_FROM..2_000 {
        match thief.wait(MICROSECOND).look(queued, 7) {
            Look::StealMany => thefts += 1,
            Look::LeaveBe => continue,
            look => panic!("{look:?}"),
        }
        thief.takes_what_is_not_worth_it();
    }
    let naps = (MICROSECOND.as_nanos() * 2_000 / NAP.as_nanos()) as u32;
    assert!((naps / 2..=naps + 1).contains(&thefts), "{thefts}");
    // It goes on without spawning.
    thief.wait(STUCK);
    assert_eq!(thief.look(1_999, 7), Look::StealMany);
    assert_eq!(thief.look(1_998, 7), Look::StealMany);
}

#[test]
fn a_worker_that_parked_learns_anew() {
    let mut thief = Thief::new();
    thief.look(1, 5);
    thief.wait(STUCK).share.forget_looks();
    assert_eq!(thief.look(1, 5), Look::LeaveBe);
    assert_eq!(thief.wait(WINDOW).look(1, 5), Look::Steal);
    // What it knew of the worth of stealing, it still knows.
    let mut thief = Thief::new();
    thief.takes_what_is_not_worth_it();
    thief.share.forget_looks();
    assert_eq!(thief.look(2, 5), Look::LeaveBe);
}

/// How often it naps before it parks.
fn naps(share: &mut Share) -> u32 {
    (0..1000).take_while(|_| share.should_nap(false, true)).count() as u32
}

#[test]
fn a_search_that_left_work_is_followed_by_a_nap() {
    let mut share = Share::new(2);
    for at_work in [false, true] {
        assert!((0..100).all(|_| share.should_nap(true, at_work)));
    }
    assert_eq!(naps(&mut share), IDLE_NAPS, "those did not count");
}

#[test]
fn a_worker_that_nobody_can_leave_work_for_parks() {
    let mut share = Share::new(2);
    assert!(!share.should_nap(false, false));
}

#[test]
fn naps_that_find_nothing_come_to_an_end() {
    let mut thief = Thief::new();
    assert_eq!(thief.look(0, 5), Look::Empty);
    assert_eq!(naps(&mut thief.share), IDLE_NAPS);
    assert_eq!(naps(&mut thief.share), 0);
    assert_eq!(thief.look(0, 5), Look::Empty);
    assert_eq!(naps(&mut thief.share), 0, "nothing has moved");
}

#[test]
fn naps_are_counted_anew_when_something_happens() {
    let happenings: [fn(&mut Thief); 3] = [
        |thief| assert_eq!(thief.look(0, 6), Look::Empty, "the victim polls"),
        |thief| thief.share.took(1, thief.now),
        |thief| thief.share.forget_looks(),
    ];
    for happens in happenings {
        let mut thief = Thief::new();
        thief.look(0, 5);
        assert_eq!(naps(&mut thief.share), IDLE_NAPS);
        happens(&mut thief);
        assert_eq!(naps(&mut thief.share), IDLE_NAPS);
    }
}

impl Thief {
    /// Is without work for so long; gives its patience.
    fn idles(&mut self, gap: Duration) -> Duration {
        let patience = self.share.patience(self.now);
        self.wait(gap);
        self.share.found_work(self.now);
        patience
    }
}

#[test]
fn a_worker_is_patient_while_work_usually_comes_soon() {
    let mut thief = Thief::new();
    assert_eq!(thief.idles(MICROSECOND), SHORT_SPIN, "it does not know yet");
    assert!((0..10).any(|_| thief.idles(MICROSECOND) == LONG_SPIN));
    assert!((0..10).all(|_| thief.idles(LONG_GAP / 2) == LONG_SPIN));
    assert!((0..10).any(|_| thief.idles(LONG_GAP * 2) == SHORT_SPIN));
    assert!((0..10).all(|_| thief.idles(LONG_GAP * 2) == SHORT_SPIN));
}

#[test]
fn one_long_gap_is_forgotten_soon() {
    let mut thief = Thief::new();
    for _ in 0..20 {
        thief.idles(MICROSECOND);
    }
    thief.idles(Duration::from_secs(1000));
    let impatient = (0..20).filter(|_| thief.idles(MICROSECOND) == SHORT_SPIN).count();
    assert!(impatient < 10, "{impatient}");
}

#[test]
fn a_gap_is_measured_from_its_beginning_and_counted_once() {
    let mut thief = Thief::new();
    for _ in 0..20 {
        thief.idles(MICROSECOND);
    }
    // Without a gap there is nothing to count.
    thief.wait(LONG_GAP * 100);
    (0..20).for_each(|_| thief.share.found_work(thief.now));
    assert_eq!(thief.idles(MICROSECOND), LONG_SPIN);
    // To look again in between does not begin it anew.
    for _ in 0..20 {
        for _ in 0..100 {
            thief.share.patience(thief.now);
            thief.wait(LONG_GAP / 50);
        }
        thief.share.found_work(thief.now);
    }
    assert_eq!(thief.idles(MICROSECOND), SHORT_SPIN);
}
