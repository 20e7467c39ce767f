//! Turning the wheel: firing what is due and spreading out the slots that time has reached.

use super::place::Place;
use super::slab::{Key, NIL};
use super::{LATEST, Wheel};

/// How many entries a call may move to lower levels for each that it may fire. A move costs a
/// fraction of what it costs to run the task that a timer wakes.
const MOVES_PER_FIRE: usize = 8;

/// From this level up (slots of a second and more), a slot is spread out as soon as time enters it.
/// Below, it is spread out when the first of its entries is due: most leave before that, cancelled.
/// A coarse slot cannot wait so long: it may hold a million entries, and whoever was due
/// behind them would be late by as many moves.
const EARLY: usize = 5;

/// What [`Wheel::advance`] has to do next.
enum Step {
    /// Nothing more until `now`.
    Done,
    /// Fire from this slot, whose entries are all due.
    Fire(Place),
    /// Begin to spread this slot out, as seen from this time.
    Open(Place, u64),
    /// Go on to spread this slot out.
    Spread(Place),
}

/// An entry that fired, as [`Wheel::advance`] hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<T> {
    /// The key that the entry had. It is stale already.
    pub key: Key,
    /// When the entry was due: what [`Wheel::deadline`] returned.
    pub deadline: u64,
    /// What the wheel held for it.
    pub value: T,
}

/// What a call of [`Wheel::advance`] did.
///
/// ```
/// use filch_timers::{Advance, Wheel};
///
/// let mut wheel = Wheel::new(0);
/// for name in ["a", "b", "c"] {
///     wheel.insert(10, name);
/// }
/// let mut names = Vec::new();
/// let advance = wheel.advance(10, 2, |expired| names.push(expired.value));
/// assert_eq!(advance, Advance { fired: 2, moved: 0, more: true });
/// let advance = wheel.advance(10, 2, |expired| names.push(expired.value));
/// assert_eq!(advance, Advance { fired: 1, moved: 0, more: false });
/// assert_eq!(names, ["a", "b", "c"]);
/// ```
#[must_use = "if `more` is true, entries may be due that have not fired"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// How many entries fired.
    pub fired: usize,
    /// How many times an entry was moved to a finer slot.
    pub moved: usize,
    /// Whether more may be due at the same time, so that the caller has to call again. If false,
    /// nothing is: [`Wheel::next_expiry`] is later than the time that was passed.
    pub more: bool,
}

impl<T> Wheel<T> {
    /// Turns the wheel to the time `now` and hands what is due to `fire`, at most `limit` entries.
    ///
    /// An entry fires when `now` is its exact deadline or later, never before. A `now` earlier than
    /// that of the last call counts as that one: time does not go backwards. The end of time,
    /// [`NEVER`](crate::NEVER), counts as the nanosecond before it.
    ///
    /// **Order.** Entries fire in the order of their deadlines, those of one deadline in the order
    /// in which they were armed. This holds within a call and across calls: over the life of a
    /// wheel, the deadlines of what fires never decrease.
    ///
    /// **Bounds.** A call fires at most `limit` entries and moves at most eight times as many to
    /// finer slots, so a caller decides how long it keeps others waiting. When it stops at one of
    /// the bounds, [`Advance::more`] is true, and entries may be inserted, re-armed and cancelled
    /// before the next call. With a limit of 0 the call only tells whether anything may be due.
    ///
    /// The entry that `fire` gets has left the wheel already; if `fire` panics, no other is lost.
    /// Behind a lock, `fire` should only put the value aside, to be woken or dropped after the
    /// lock.
    ///
    /// ```
    /// use filch_timers::Wheel;
    ///
    /// let mut wheel = Wheel::new(0);
    /// wheel.insert(2_000_000, "later");
    /// wheel.insert(1_000_000, "sooner");
    ///
    /// let mut due = Vec::new();
    /// while wheel.advance(1_999_999, 32, |expired| due.push(expired.value)).more {
    ///     // A worker would look at its other work here.
    /// }
    /// assert_eq!(due, ["sooner"]);
    /// assert_eq!(wheel.next_expiry(), Some(2_000_000));
    /// ```
    pub fn advance(&mut self, now: u64, limit: usize, mut fire: impl FnMut(Expired<T>)) -> Advance {
        self.now = self.now.max(now.min(LATEST));
        let mut fired = 0;
        let mut moved = 0;
        let most = limit.saturating_mul(MOVES_PER_FIRE);
        loop {
            match self.next_step() {
                Step::Fire(place) if fired < limit => {
                    fired += self.fire_from(place, limit - fired, &mut fire);
                }
                Step::Spread(place) if moved < most => moved += self.spread(place, most - moved),
                Step::Open(place, position) if moved < most => {
                    self.open(place, position);
                    moved += self.spread(place, most - moved);
                }
                Step::Done => return Advance { fired, moved, more: false },
                _ => break,
            }
        }
        Advance { fired, moved, more: self.next_expiry().is_some_and(|next| next <= self.now) }
    }

    /// What has to be done next for the wheel to stand at `now`.
    fn next_step(&mut self) -> Step {
        if self.slots.any_opened() {
            return self.next_step_amid_opened();
        }
        let Some(first) = self.slots.first() else {
            self.position = self.now;
            return Step::Done;
        };
        let slot = self.slots.get(first);
        if slot.min <= self.now {
            return self.fire_or_open(first);
        }
        let reached = Place::of(self.now, self.position);
        if reached < first {
            // Nothing stands between: what is armed from now on gets the finest slots.
            self.position = self.now;
        } else if first.level() >= EARLY {
            return Step::Open(first, self.now);
        }
        Step::Done
    }

    /// The same when slots are opened already. What one of them still holds may be due before what
    /// the first slot holds, so it comes first, unless nothing in it is due.
    #[cold]
    fn next_step_amid_opened(&mut self) -> Step {
        let finest = self.slots.opened().next().expect("a slot is opened");
        let urgent = self.slots.opened().any(|opened| self.slots.get(opened).min <= self.now);
        match self.slots.first() {
            Some(first) if !urgent && self.slots.get(first).min <= self.now => {
                self.fire_or_open(first)
            }
            _ => Step::Spread(finest),
        }
    }

    /// What to do with the first slot once its earliest deadline has come.
    fn fire_or_open(&self, place: Place) -> Step {
        let slot = self.slots.get(place);
        if slot.is_one_instant() { Step::Fire(place) } else { Step::Open(place, slot.min) }
    }

    /// Fires from a slot whose entries are all due at the same instant.
    fn fire_from(
        &mut self,
        place: Place,
        limit: usize,
        fire: &mut impl FnMut(Expired<T>),
    ) -> usize {
        let deadline = self.slots.get(place).min;
        let mut fired = 0;
        let mut emptied = false;
        while fired < limit && !emptied {
            let index = self.slots.get(place).head;
            let key = self.slab.key(index).expect("what is in a list is in use");
            emptied = self.slots.unlink(&mut self.slab, index);
            if emptied {
                // Not before: the slot is a place as seen from the old position.
                self.position = deadline;
            }
            let value = self.slab.remove(index);
            fired += 1;
            fire(Expired { key, deadline, value });
        }
        fired
    }

    /// Begins to spread out a slot: from `position`, which is in it, its entries have finer places.
    fn open(&mut self, place: Place, position: u64) {
        self.position = position;
        self.slots.open(place);
    }

    /// Moves entries from a slot that time has reached to finer slots, at most `most`; returns how
    /// many.
    fn spread(&mut self, place: Place, most: usize) -> usize {
        let mut moved = 0;
        let mut index = self.slots.get(place).head;
        while moved < most && index != NIL {
            let next = self.slab.links(index).next;
            let entry = self.slab.get_mut(index);
            let finer = Place::of(entry.deadline, self.position);
            entry.place = Place::NONE;
            self.slots.push(&mut self.slab, finer, index);
            index = next;
            moved += 1;
        }
        self.slots.cut(&mut self.slab, place, index);
        moved
    }
}
