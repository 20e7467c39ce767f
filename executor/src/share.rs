//! When a searching worker takes the work of another, and when it lets be.
//!
//! Taking a task moves three or four cache lines to another core, and its output back: several
//! hundred nanoseconds. That pays for a task that computes for a microsecond or that is the root of a tree; it
//! makes a flood of twenty-nanosecond tasks slower than one worker alone would be. Nobody says
//! beforehand which it is, so the thief measures:
//!
//! * **How long its last loot kept it busy**, per task. As long as that is more than
//!   [`WORTH_STEALING`], it goes on stealing as soon as it runs dry. Otherwise it *backs off* and
//!   tries again after a while, twice as long each time it does not pay.
//! * **How fast the victim works**, by its count of polls between two looks. A victim whose polls
//!   take long has queued tasks that are worth taking, whatever the last loot was like; one whose
//!   count has not moved at all is *stuck* in a poll, and whatever it has queued is taken.
//!
//! A thief that has backed off naps between its looks, [`NAP`] at a time. That bounds how long a
//! runnable task waits behind a worker that is inside a long poll while another one idles: two
//! naps (a look to learn the victim's count, a nap, a look to see that it has not moved), which is
//! well below a millisecond, the timer slack of the system included.

use std::time::{Duration, Instant};

/// What a stolen task has to be worth, in time that it keeps the thief busy.
const WORTH_STEALING: Duration = Duration::from_nanos(600);

/// How long a thief that has backed off sleeps between two looks.
pub(crate) const NAP: Duration = Duration::from_micros(40);

/// How many naps in a row may find nothing to do, before the thief parks.
const IDLE_NAPS: u32 = 8;

/// The longest time after which a thief that has backed off tries again.
const LONGEST_BACK_OFF: Duration = Duration::from_millis(5);

/// What a look at a victim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing is queued.
    Empty,
    /// Take it.
    Steal,
    /// There is work, and its owner is better off with it.
    LeaveBe,
}

/// What a thief remembers of one victim.
#[derive(Clone, Copy, Default)]
struct Seen {
    polls: u64,
    at: Option<Instant>,
}

/// One worker's memory of what stealing was worth.
pub(crate) struct Share {
    seen: Box<[Seen]>,
    /// The loot being worked off: since when, and how many tasks.
    loot: Option<(Instant, u32)>,
    pays: bool,
    back_off: Duration,
    next_try: Option<Instant>,
    idle_naps: u32,
}

impl Share {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            seen: vec![Seen::default(); workers].into(),
            loot: None,
            pays: true,
            back_off: NAP,
            next_try: None,
            idle_naps: 0,
        }
    }

    /// The thief has run dry: what was the last loot worth?
    pub(crate) fn ran_dry(&mut self, now: Instant) {
        let Some((since, tasks)) = self.loot.take() else { return };
        self.pays = now.duration_since(since) >= WORTH_STEALING * tasks;
        if self.pays {
            self.back_off = NAP;
            self.next_try = None;
        } else {
            self.next_try = Some(now + self.back_off);
            self.back_off = (self.back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    /// Decides about a victim that has `queued` tasks and has polled `polls` times in its life.
    pub(crate) fn look(&mut self, victim: usize, queued: usize, polls: u64, now: Instant) -> Look {
        let seen = self.seen[victim];
        let since_seen = seen.at.map(|at| now.duration_since(at));
        // A look too soon after the last one says nothing about the victim's speed: keep the older.
        if since_seen.is_none_or(|since| since >= NAP / 2) {
            self.seen[victim] = Seen { polls, at: Some(now) };
        }
        if polls != seen.polls {
            self.idle_naps = 0;
        }
        if queued == 0 {
            return Look::Empty;
        }
        if self.pays || self.next_try.is_some_and(|time| now >= time) && queued > 1 {
            return Look::Steal;
        }
        match since_seen {
            Some(since) if since >= NAP / 2 => {
                let polled = polls.wrapping_sub(seen.polls);
                let slow = polled == 0 || since / u32::try_from(polled).unwrap_or(u32::MAX) >= WORTH_STEALING;
                if slow { Look::Steal } else { Look::LeaveBe }
            }
            _ => Look::LeaveBe,
        }
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
        for seen in &mut self.seen {
            seen.at = None;
        }
    }
}
