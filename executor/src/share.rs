//! When a searching worker takes the work of another, and when it lets be.
//!
//! Taking a task moves three or four cache lines to another core, and its output back: several
//! hundred nanoseconds. That pays for a task that computes for a microsecond or that is the root
//! of a tree; it makes a flood of twenty-nanosecond tasks slower than one worker alone would be.
//! Nobody says beforehand which it is, so the thief measures:
//!
//! * **How long its last loot kept it busy**, per task. As long as that is more than
//!   [`WORTH_STEALING`], it goes on stealing as soon as it runs dry. Otherwise it *backs off* and
//!   tries again after a while, twice as long each time it does not pay. What lies between, by the
//!   batch, may be more than it would have cost the victim, or may not: that is [compared](comparison).
//! * **Whether that was one large task or several small ones.** The oldest spawned task may be the root
//!   of a tree, so the first theft takes that one alone. If it kept the thief busy for less than
//!   [`LARGE`], the next thefts take many at a time, which disturb the victim once and not once
//!   each, and are worth it for smaller tasks.
//! * **How fast the victim works**, by its count of polls between two looks. A victim whose polls
//!   take long has queued tasks that may be worth taking: one is taken at once, and more as long as
//!   the loot pays; if it does not, one each [`NAP`]. (A task that spawns ten thousand others is
//!   inside a long poll, too.) From a victim whose count has not moved for [`STUCK`], as many are
//!   taken at a time as a steal can; and if its queue has not grown for so long either, it is stuck,
//!   and its queue is emptied without naps.
//!
//! From a victim with more tasks than its cache holds the thief [asks](lots) for hundreds at a time, or leaves it
//! alone, whichever gets more done.
//!
//! A thief that has backed off watches its victims for [`SHORT_SPIN`], then naps, [`NAP`] at a time.
//! That bounds how long a runnable task waits behind a worker that is inside a long poll while
//! another one idles: one nap and one watch, about a tenth of a millisecond with the timer slack of
//! the system; two of them if the last loot was not worth much; and [`STUCK`] at most if the thief
//! has retired (see `tempo`) because two workers had been slower than one. A worker that was parked
//! is notified at the push and needs the watch only.
//!
//! With more than two workers the bound is one of each hand-over: one searcher at a time is woken,
//! and wakes the next one as it leaves the search. So the k-th of several tasks behind a stuck
//! worker may wait for k such moments before all the others are at work. A task that spawns without
//! a pause, faster than one in three microseconds, spawns faster than a thief that naps takes; the
//! rest waits until it pauses, but [`STUCK`] at most after that.

mod comparison;
mod lots;
#[cfg(all(test, not(filch_loom)))]
mod tests;

use crate::queue::Flood;
use crate::tempo::Retired;
use comparison::Comparison;
use lots::{ANSWER, Asked};
use std::time::{Duration, Instant};

/// What a stolen task has to be worth, in time that it keeps the thief busy.
const WORTH_STEALING: Duration = Duration::from_nanos(600);

/// The same, if it was taken together with others.
const WORTH_IN_BATCH: Duration = Duration::from_nanos(400);

/// What a task has to be worth, if it is taken together with others, for the thief to compare. It is
/// about the time that the cache misses of a smaller one take.
const WORTH_A_TRIAL: Duration = Duration::from_nanos(130);

/// A task that keeps a thief busy for so long, with all that it spawns, is taken by itself.
const LARGE: Duration = Duration::from_micros(4);

/// How many tasks a victim has to have for a thief to take more than one of the small ones.
const BATCH_FROM: usize = 8;

/// How long a victim has to be watched to tell how fast it works.
const WINDOW: Duration = Duration::from_nanos(1_500);

/// A victim that has shown no life for so long is stuck, and its queue is emptied by others at full
/// speed, whatever the tasks are worth.
const STUCK: Duration = Duration::from_micros(400);

/// What a worker that has retired (see `tempo`) takes would else have waited for so long; or for
/// [`STUCK`], if two workers were slower than one and the victim gets on. Tasks at one channel wait for a
/// tenth of a millisecond behind each other just because two workers are at it.
const RETIRED_WAIT: Duration = Duration::from_micros(100);

/// How long a thief that has backed off sleeps between two looks.
pub(crate) const NAP: Duration = Duration::from_micros(40);

/// How long a worker looks for work before it sleeps.
const SHORT_SPIN: Duration = Duration::from_micros(2);

/// The same, if work has usually come within `LONG_GAP`.
///
/// About what it costs to sleep and be woken, so that in the worst case looking and then sleeping
/// anyway costs twice of what knowing beforehand would.
const LONG_SPIN: Duration = Duration::from_micros(40);

/// What counts as a short time without work.
const LONG_GAP: Duration = Duration::from_micros(80);

/// How many naps in a row may find nothing to do, before the thief parks.
const IDLE_NAPS: u32 = 8;

/// The longest time after which a thief that has backed off tries again.
const LONGEST_BACK_OFF: Duration = Duration::from_millis(5);

/// What a look at a victim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing is queued.
    Empty,
    /// Take some of it.
    Steal,
    /// Take much of it: its owner is inside a long poll, or the tasks are small.
    StealMany,
    /// Take what is laid out.
    StealLot,
    /// Ask for some of it.
    Ask,
    /// There is work, and its owner is better off with it.
    LeaveBe,
}

/// A worker that a thief looks at.
#[derive(Clone, Copy)]
pub(crate) struct Victim {
    pub(crate) index: usize,
    /// How many tasks it has, and how many of them it may be asked for.
    pub(crate) queued: usize,
    pub(crate) flood: Flood,
    /// How many tasks it has polled in its life.
    pub(crate) polls: u64,
    /// The same with those of the thief.
    pub(crate) polls_of_both: u64,
}

/// What stealing was worth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worth {
    Nothing,
    /// It may pay, or it may not.
    Little,
    Much,
}

/// What a thief remembers of one victim.
#[derive(Clone, Copy, Default)]
struct Seen {
    polls: u64,
    /// How many tasks it had, at the last look of all.
    queued: usize,
    /// When it was looked at, as far as that is still of use.
    at: Option<Instant>,
    /// Since when its count of polls has not moved.
    polling_since: Option<Instant>,
    /// Since when its queue has not grown, besides.
    unmoved_since: Option<Instant>,
}

/// One worker's memory of what stealing was worth.
pub(crate) struct Share {
    seen: Box<[Seen]>,
    /// The loot being worked off: since when, and how many tasks.
    loot: Option<(Instant, u32)>,
    worth: Worth,
    /// Of lots, and with whom to share.
    asked: Asked,
    floods: Comparison,
    /// Of batches that are worth little.
    batches: Comparison,
    /// The tasks are small.
    in_batches: bool,
    back_off: Duration,
    next_try: Option<Instant>,
    /// Until when a slow victim alone is no reason to steal.
    calm_until: Option<Instant>,
    idle_naps: u32,
    /// Since when the worker has had nothing to do.
    idle_since: Option<Instant>,
    /// How long it usually takes until there is something to do again.
    usual_gap: Duration,
}

impl Share {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            seen: vec![Seen::default(); workers].into(),
            loot: None,
            worth: Worth::Much,
            asked: Asked::default(),
            floods: Comparison::new(),
            batches: Comparison::new(),
            in_batches: false,
            back_off: NAP,
            next_try: None,
            calm_until: None,
            idle_naps: 0,
            idle_since: None,
            usual_gap: LONG_GAP * 2,
        }
    }

    /// How long to look for work before sleeping, the worker being without work at `now`.
    pub(crate) fn patience(&mut self, now: Instant) -> Duration {
        self.idle_since.get_or_insert(now);
        if self.asked.awaits_answer(now) {
            return ANSWER;
        }
        if self.usual_gap < LONG_GAP { LONG_SPIN } else { SHORT_SPIN }
    }

    /// The worker found something to do.
    pub(crate) fn found_work(&mut self, now: Instant) {
        if let Some(since) = self.idle_since.take() {
            let gap = now.duration_since(since).min(LONG_GAP * 8);
            self.usual_gap = (self.usual_gap * 3 + gap) / 4;
        }
    }

    /// The thief has run dry: what was the last loot worth?
    pub(crate) fn ran_dry(&mut self, now: Instant) {
        let Some((since, tasks)) = self.loot.take() else { return };
        let busy = now.duration_since(since);
        let each = busy / tasks;
        let much = if tasks == 1 { WORTH_STEALING } else { WORTH_IN_BATCH };
        // What was not worth a theft by itself may be worth one together with others.
        let tries_batches = tasks == 1 && busy < LARGE && !self.in_batches;
        self.in_batches = (self.in_batches || tries_batches) && each < LARGE;
        self.worth = match each {
            _ if tries_batches || each >= much => Worth::Much,
            _ if tasks > 1 && each >= WORTH_A_TRIAL => Worth::Little,
            _ => Worth::Nothing,
        };
        self.calm_until = (self.worth != Worth::Much).then_some(now + NAP);
        if self.worth == Worth::Nothing {
            self.batches.disturb();
            self.next_try = Some(now + self.back_off);
            self.back_off = (self.back_off * 2).min(LONGEST_BACK_OFF);
        } else {
            self.back_off = NAP;
            self.next_try = None;
        }
    }

    /// Decides about a victim. `retired`: what would not wait long is left be.
    pub(crate) fn look(&mut self, victim: Victim, now: Instant, retired: Option<Retired>) -> Look {
        let look = self.look_at_flood(victim, now);
        look.unwrap_or_else(|| self.look_at_queue(victim, now, retired))
    }

    fn look_at_queue(&mut self, victim: Victim, now: Instant, retired: Option<Retired>) -> Look {
        let Victim { index, queued, polls, .. } = victim;
        let seen = self.seen[index];
        if polls != seen.polls {
            self.idle_naps = 0;
        }
        let cost = seen.at.map(|at| now.duration_since(at)).filter(|&since| since >= WINDOW).map(
            |since| {
                let polled = u32::try_from(polls.wrapping_sub(seen.polls)).unwrap_or(u32::MAX);
                since / polled.max(1)
            },
        );
        let same_poll = polls == seen.polls;
        let polling_since = seen.polling_since.filter(|_| same_poll).unwrap_or(now);
        let unmoved = same_poll && queued <= seen.queued;
        let unmoved_since = seen.unmoved_since.filter(|_| unmoved).unwrap_or(now);
        self.seen[index].queued = queued;
        self.seen[index].polling_since = Some(polling_since);
        self.seen[index].unmoved_since = Some(unmoved_since);
        // A look too soon after the last one says nothing about the victim's speed: keep the older.
        if seen.at.is_none() || cost.is_some() {
            self.seen[index].polls = polls;
            self.seen[index].at = Some(now);
        }
        if queued == 0 {
            self.batches.ebbed(index);
            return Look::Empty;
        }
        // One that spawns within its long poll would be held up if it were emptied.
        let in_long_poll = now.duration_since(polling_since) >= STUCK;
        let stuck = now.duration_since(unmoved_since) >= STUCK;
        let calm = self.calm_until.is_some_and(|time| now < time);
        let slow = !calm && cost.is_some_and(|cost| cost >= WORTH_STEALING);
        let tries = self.next_try.is_some_and(|time| now >= time);
        // A victim that works fast runs its only task before a thief has moved it.
        let steals = slow || queued > 1 && (self.pays(victim, now) || tries);
        let waits_long = |retired| {
            let queued = u32::try_from(queued).unwrap_or(u32::MAX);
            let long =
                if retired == Retired::InTheWay && !same_poll { STUCK } else { RETIRED_WAIT };
            cost.is_some_and(|cost| cost.saturating_mul(queued) >= long)
        };
        let may_take = in_long_poll || retired.is_none_or(waits_long);
        match (stuck, steals && may_take) {
            (true, _) => Look::StealMany,
            (false, true) if in_long_poll || self.in_batches && queued >= BATCH_FROM => {
                Look::StealMany
            }
            (false, true) => Look::Steal,
            (false, false) => Look::LeaveBe,
        }
    }

    /// Whether what the last loot was worth speaks for another one.
    fn pays(&mut self, victim: Victim, now: Instant) -> bool {
        match self.worth {
            Worth::Nothing => false,
            // What a flood is better off without is found out by lots.
            Worth::Little if victim.flood != Flood::None => false,
            Worth::Little => self.batches.may_share(victim.index, victim.polls_of_both, now),
            Worth::Much => true,
        }
    }

    /// Decides about a victim that may have more than it can work off soon. `None`: there is no flood, or
    /// it is better off with it.
    fn look_at_flood(&mut self, victim: Victim, now: Instant) -> Option<Look> {
        if victim.flood == Flood::None {
            self.floods.ebbed(victim.index);
            return None;
        }
        if !self.floods.may_share(victim.index, victim.polls_of_both, now) {
            return None;
        }
        match victim.flood {
            Flood::LaidOut => Some(Look::StealLot),
            _ => self.asked.may_ask(victim.index, now).then_some(Look::Ask),
        }
    }

    /// The thief took a lot.
    pub(crate) fn took_lot(&mut self) {
        self.idle_naps = 0;
        self.asked.took();
    }

    /// The thief took `tasks` tasks.
    pub(crate) fn took(&mut self, tasks: usize, now: Instant) {
        self.idle_naps = 0;
        self.loot = Some((now, u32::try_from(tasks).unwrap_or(u32::MAX)));
    }

    /// Whether a search that found nothing to take should nap and look again, and not park.
    ///
    /// While others are at work it pays to stay around for a moment: a worker that parks has to be
    /// woken at the next push, which costs the pusher a system call.
    pub(crate) fn should_nap(&mut self, left_work: bool, others_at_work: bool) -> bool {
        if left_work || !others_at_work {
            return left_work;
        }
        self.idle_naps += 1;
        self.idle_naps <= IDLE_NAPS
    }

    /// The worker parks: what it knows of others will be stale.
    pub(crate) fn forget_looks(&mut self) {
        self.idle_naps = 0;
        self.calm_until = None;
        self.asked.took();
        self.floods.forget();
        self.batches.forget();
        for seen in &mut self.seen {
            *seen = Seen::default();
        }
    }
}
