//! Who retires and for how long, with a clock that is turned by hand.

use super::{
    Crew, ENOUGH_TIME, EXPERIMENT, FEW_POLLS, LUGGAGE, PENALTY, Retired, SMALL_POLL, TRUST, Tempo,
    Tempos,
};
use std::time::{Duration, Instant};

const MICROSECOND: Duration = Duration::from_micros(1);
/// Enough for all workers of these tests but those that are one too many.
const PROCESSORS: usize = 4;
const ALONE: Crew = Crew { workers: 2, at_work: 1 };
const BESIDE: Crew = Crew { workers: 2, at_work: 2 };

/// A worker with its clock.
struct Worker<'a> {
    tempo: Tempo,
    all: &'a Tempos,
    now: Instant,
    polls: u64,
    queued: usize,
    /// How many tasks the others have polled; goes on if they do.
    others: u64,
    others_work: bool,
}

impl<'a> Worker<'a> {
    fn new(all: &'a Tempos) -> Self {
        Self {
            tempo: Tempo::new(),
            all,
            now: Instant::now(),
            polls: 0,
            queued: 0,
            others: 0,
            others_work: true,
        }
    }

    fn tells(&mut self, crew: Crew) -> bool {
        self.others += u64::from(self.others_work);
        let others = self.others;
        self.tempo.works(self.now, self.polls, self.queued, crew, self.all, || others)
    }

    /// Polls so often at this cost, and tells. True: it retires.
    fn polls(&mut self, polls: u64, cost: Duration, crew: Crew) -> bool {
        self.tells(crew);
        self.polls += polls;
        self.now += cost * u32::try_from(polls).expect("not that many");
        self.tells(crew)
    }

    /// Polls as often as is enough; twice, so that it can tell whether the others poll, too.
    fn works(&mut self, cost: Duration, crew: Crew) -> bool {
        let enough = ENOUGH_TIME.as_nanos().div_ceil(cost.as_nanos()) as u64;
        let enough = enough.max(FEW_POLLS);
        self.polls(enough, cost, crew) || self.polls(enough, cost, crew)
    }

    /// Is worse than one alone was, and steps aside for another one that polls as [`known`].
    fn makes_sure(&mut self, cost: Duration, crew: Crew) {
        assert!(self.works(cost, crew));
        assert_eq!(self.tempo.retired(self.now, self.all), Some(Retired::ToFindOut));
        assert_eq!(solo_cost(self.all), 0);
        assert!(!Worker::new(self.all).works(MICROSECOND, ALONE));
        assert!(!self.wait(EXPERIMENT).is_retired());
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.tempo.runs_dry(self.now, self.polls, BESIDE);
        self.now += time;
        self
    }

    fn is_retired(&mut self) -> bool {
        self.tempo.retired(self.now, self.all).is_some()
    }
}

fn solo_cost(all: &Tempos) -> u64 {
    all.solo_cost.load(super::Ordering::Relaxed)
}

fn retired(all: &Tempos) -> u64 {
    all.retired.load(super::Ordering::Relaxed)
}

/// Workers among whom somebody found out that a poll costs a microsecond.
fn known() -> Tempos {
    let all = Tempos::new(PROCESSORS);
    assert!(!Worker::new(&all).works(MICROSECOND, ALONE));
    assert_eq!(solo_cost(&all), 1_000);
    all
}

#[test]
fn who_is_worse_than_one_alone_retires_for_longer_each_time() {
    let all = known();
    let mut worker = Worker::new(&all);
    worker.makes_sure(MICROSECOND * 3, BESIDE);
    for penalty in [PENALTY.0, PENALTY.0 * 2, PENALTY.0 * 4, PENALTY.1, PENALTY.1] {
        assert!(worker.works(MICROSECOND * 2 + Duration::from_nanos(10), BESIDE));
        assert_eq!(retired(&all), 1);
        assert!(worker.wait(penalty - MICROSECOND).is_retired());
        assert!(!worker.wait(MICROSECOND).is_retired());
        assert_eq!(retired(&all), 0);
    }
}

/// What polls cost when somebody was alone, before, says little about the tasks of today.
#[test]
fn who_seems_worse_than_one_was_makes_sure_before_it_retires_for_long() {
    let all = Tempos::new(PROCESSORS);
    assert!(!Worker::new(&all).works(MICROSECOND / 10, ALONE));
    let mut worker = Worker::new(&all);
    worker.makes_sure(MICROSECOND * 2, BESIDE);
    assert!(!worker.works(MICROSECOND * 2, BESIDE), "polls have become longer for all");
    // From then on it has to make sure again.
    worker.tempo.trusted_until = None;
    worker.tempo.outdated = false;
    worker.makes_sure(MICROSECOND * 3, BESIDE);
    assert!(worker.works(MICROSECOND * 3, BESIDE));
    assert_eq!(worker.tempo.retired(worker.now, &all), Some(Retired::InTheWay));
}

#[test]
fn who_could_not_make_sure_as_another_one_had_retired_does_so_later() {
    let all = known();
    assert!(all.retire(2));
    let mut worker = Worker::new(&all);
    assert!(!worker.works(MICROSECOND * 3, BESIDE), "one stays");
    all.come_back();
    assert!(!Worker::new(&all).works(MICROSECOND, ALONE));
    worker.makes_sure(MICROSECOND * 3, BESIDE);
}

#[test]
fn who_is_of_use_is_trusted_and_then_finds_out_anew() {
    let all = known();
    let mut worker = Worker::new(&all);
    assert!(!worker.works(MICROSECOND * 2, BESIDE), "two are as good as one");
    assert!(!worker.works(MICROSECOND * 9, BESIDE), "it is trusted");
    worker.wait(TRUST.0);
    assert!(worker.works(MICROSECOND, BESIDE), "the solo cost that is known is too old");
    assert_eq!(solo_cost(&all), 0);
    assert!(worker.wait(EXPERIMENT - MICROSECOND).is_retired());
    assert!(!worker.wait(MICROSECOND).is_retired());
    // The answer is the same: twice the trust.
    assert!(!Worker::new(&all).works(MICROSECOND, ALONE));
    assert!(!worker.works(MICROSECOND, BESIDE));
    worker.wait(TRUST.0 * 2 - ENOUGH_TIME * 3);
    assert!(!worker.works(MICROSECOND / 2, BESIDE));
    assert!(worker.wait(ENOUGH_TIME * 3).works(MICROSECOND, BESIDE));
}

#[test]
fn if_nobody_worked_alone_yet_a_worker_steps_aside_to_find_out() {
    let all = Tempos::new(PROCESSORS);
    let mut worker = Worker::new(&all);
    assert!(worker.works(MICROSECOND, BESIDE));
    assert_eq!(worker.tempo.retired(worker.now, &all), Some(Retired::ToFindOut));
    assert!(!worker.wait(EXPERIMENT).is_retired());
    // The other one is alone meanwhile, and polls faster.
    assert!(!Worker::new(&all).works(MICROSECOND / 3, ALONE));
    assert!(worker.works(MICROSECOND, BESIDE));
    assert_eq!(worker.tempo.retired(worker.now, &all), Some(Retired::InTheWay));
}

#[test]
fn among_many_the_experiment_is_not_repeated_at_once() {
    let (all, crew) = (Tempos::new(PROCESSORS), Crew { workers: 3, at_work: 3 });
    let mut worker = Worker::new(&all);
    assert!(worker.works(MICROSECOND, crew));
    assert!(!worker.wait(EXPERIMENT).is_retired());
    assert!(!worker.works(MICROSECOND, crew), "nobody became alone, and would not now");
    assert!(worker.wait(TRUST.0).works(MICROSECOND, crew));
}

#[test]
fn one_worker_always_stays() {
    let all = known();
    let mut workers = [Worker::new(&all), Worker::new(&all)];
    assert!(workers[0].works(MICROSECOND * 9, BESIDE));
    assert!(!workers[1].works(MICROSECOND * 9, BESIDE));
    workers[0].tempo.come_back(&all);
    assert!(!workers[0].is_retired());
    assert!(workers[1].works(MICROSECOND * 9, BESIDE));
    assert_eq!(retired(&all), 1);
    // To come back twice is to come back once.
    workers[0].tempo.come_back(&all);
    assert_eq!(retired(&all), 1);
}

#[test]
fn who_has_much_to_give_away_stays() {
    let all = known();
    let mut worker = Worker::new(&all);
    worker.queued = LUGGAGE + 1;
    assert!(!worker.works(MICROSECOND * 9, BESIDE));
    worker.queued = LUGGAGE;
    assert!(worker.works(MICROSECOND * 9, BESIDE));
}

#[test]
fn long_polls_are_never_in_the_way() {
    let all = known();
    let mut worker = Worker::new(&all);
    assert!(!worker.works(Duration::from_nanos(SMALL_POLL + 1), BESIDE));
    assert!(worker.works(Duration::from_nanos(SMALL_POLL), BESIDE));
}

#[test]
fn what_was_polled_before_and_after_a_dry_spell_counts_and_the_spell_does_not() {
    let all = known();
    let mut worker = Worker::new(&all);
    let pieces = FEW_POLLS - 1;
    for _ in 0..pieces {
        assert!(!worker.polls(1, MICROSECOND * 5, BESIDE), "not enough to tell");
        worker.wait(Duration::from_secs(1));
    }
    assert_eq!(worker.tempo.sample.polls, pieces);
    assert_eq!(worker.tempo.sample.time, MICROSECOND * 5 * pieces as u32);
    worker.polls(20 - pieces, MICROSECOND * 5, BESIDE);
    assert_eq!(worker.tempo.sample.polls, 0, "that was enough");
    assert!(worker.works(MICROSECOND * 5, BESIDE));
}

#[test]
fn a_few_polls_that_took_time_are_enough() {
    let all = Tempos::new(PROCESSORS);
    let mut worker = Worker::new(&all);
    let cost = ENOUGH_TIME / FEW_POLLS as u32;
    assert!(!worker.polls(FEW_POLLS - 1, cost, ALONE));
    assert_eq!(solo_cost(&all), 0);
    assert!(!worker.polls(1, cost, ALONE));
    assert_eq!(u128::from(solo_cost(&all)), cost.as_nanos());
}

#[test]
fn a_piece_in_which_the_company_changed_says_nothing() {
    let all = Tempos::new(PROCESSORS);
    let mut worker = Worker::new(&all);
    worker.tempo.works(worker.now, 0, 0, BESIDE, &all, || 0);
    worker.now += Duration::from_secs(1);
    worker.tempo.works(worker.now, 1, 0, ALONE, &all, || 0);
    assert_eq!(worker.tempo.sample.polls, 0);
    // Nor is what was polled alone counted with what was polled beside another.
    worker.polls = 1;
    worker.polls(5, MICROSECOND, ALONE);
    assert_eq!((worker.tempo.sample.polls, worker.tempo.sample.alone), (5, true));
    worker.tempo.runs_dry(worker.now, worker.polls, ALONE);
    worker.polls(3, MICROSECOND, BESIDE);
    assert_eq!((worker.tempo.sample.polls, worker.tempo.sample.alone), (3, false));
}

/// In a long poll, or in the hook with which its thread starts.
#[test]
fn who_is_the_only_one_to_get_anywhere_does_not_step_aside() {
    let all = Tempos::new(PROCESSORS);
    let mut worker = Worker::new(&all);
    worker.others_work = false;
    for _ in 0..10 {
        assert!(!worker.works(MICROSECOND * 3, BESIDE));
    }
    assert_eq!((solo_cost(&all), retired(&all)), (3_000, 0));
    worker.others_work = true;
    assert!(worker.works(MICROSECOND * 9, BESIDE));
}

/// It had tasks that nobody else took, and never runs dry.
#[test]
fn a_retired_worker_that_stays_busy_comes_back_in_time_and_is_counted_once() {
    let all = known();
    let crew = Crew { workers: 4, at_work: 2 };
    let mut worker = Worker::new(&all);
    worker.makes_sure(MICROSECOND * 9, crew);
    assert!(worker.works(MICROSECOND * 9, crew));
    let begin = worker.now;
    while worker.now.duration_since(begin) < PENALTY.0 {
        assert_eq!(retired(&all), 1);
        assert!(!worker.polls(10, MICROSECOND * 10, crew));
    }
    assert!(!worker.polls(1, MICROSECOND, crew));
    assert_eq!(retired(&all), 0);
    assert!(worker.works(MICROSECOND * 9, crew));
    assert_eq!(retired(&all), 1);
}

#[test]
fn of_more_workers_than_processors_the_rest_retires_trusted_or_not_for_longer_each_time() {
    let all = known();
    let crowd = Crew { workers: PROCESSORS + 1, at_work: PROCESSORS + 1 };
    let mut worker = Worker::new(&all);
    assert!(!worker.works(MICROSECOND, BESIDE), "it is trusted from now on");
    let mut penalty = PENALTY.0;
    for _ in 0..6 {
        assert!(worker.works(MICROSECOND, crowd), "fast as it is");
        worker.wait(penalty - MICROSECOND);
        assert!(worker.is_retired());
        worker.wait(MICROSECOND);
        assert!(!worker.is_retired());
        penalty = (penalty * 2).min(PENALTY.1);
    }
    worker.queued = LUGGAGE + 1;
    assert!(!worker.works(MICROSECOND, crowd), "with so many tasks it stays");
    worker.queued = 0;
    assert!(!worker.works(MICROSECOND * 100, crowd), "so does one whose polls are long");
}
