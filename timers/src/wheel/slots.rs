//! The slots: a list of entries each, bounds of their deadlines, and bitmaps to find them by.

use super::place::{LEVELS, Place, SLOTS};
use super::slab::{Links, NIL, Slab};

/// A list of entries in the order in which they were armed.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// No deadline in the list is earlier ...
    pub(super) min: u64,
    /// ... or later than these.
    pub(super) max: u64,
    pub(super) head: u32,
    tail: u32,
}

impl Slot {
    const EMPTY: Self = Self { min: u64::MAX, max: 0, head: NIL, tail: NIL };

    /// Whether all its deadlines are known to be the same.
    pub(super) fn is_one_instant(&self) -> bool {
        self.min == self.max
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    table: Box<[Slot]>,
    /// For each level, which slots are not empty.
    occupied: [u64; LEVELS],
    /// For each level, in which slots `min` may be earlier than the earliest deadline, because the
    /// entry that it was taken from has left.
    loose: [u64; LEVELS],
    /// Which levels are not empty.
    summary: u16,
    /// On which levels the first slot is opened: time has reached it, and what it holds is being
    /// spread out to finer slots.
    opened: u16,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            table: vec![Slot::EMPTY; LEVELS * SLOTS].into_boxed_slice(),
            occupied: [0; LEVELS],
            loose: [0; LEVELS],
            summary: 0,
            opened: 0,
        }
    }

    pub(super) fn get(&self, place: Place) -> &Slot {
        &self.table[place.index()]
    }

    /// The first slot of the finest level that is not empty.
    pub(super) fn first(&self) -> Option<Place> {
        (self.summary != 0).then(|| self.first_of(self.summary.trailing_zeros() as usize))
    }

    /// The first slot of a level that is not empty.
    fn first_of(&self, level: usize) -> Place {
        Place::new(level, self.occupied[level].trailing_zeros() as usize)
    }

    fn is_loose(&self, place: Place) -> bool {
        self.loose[place.level()] & bit(place) != 0
    }

    /// Appends the entry to the slot's list.
    pub(super) fn push<T>(&mut self, slab: &mut Slab<T>, place: Place, index: u32) {
        let slot = &mut self.table[place.index()];
        let entry = slab.get_mut(index);
        debug_assert_eq!(entry.place, Place::NONE, "entry {index} is in a list already");
        let deadline = entry.deadline;
        entry.place = place;
        *slab.links_mut(index) = Links { next: NIL, prev: slot.tail };
        if slot.tail == NIL {
            slot.head = index;
        } else {
            slab.links_mut(slot.tail).next = index;
        }
        slot.tail = index;
        slot.max = slot.max.max(deadline);
        if deadline <= slot.min {
            slot.min = deadline;
            self.loose[place.level()] &= !bit(place);
        }
        self.occupied[place.level()] |= bit(place);
        self.summary |= 1 << place.level();
    }

    /// Takes the entry out of its list; true if that leaves the slot empty.
    pub(super) fn unlink<T>(&mut self, slab: &mut Slab<T>, index: u32) -> bool {
        let entry = slab.get_mut(index);
        let (deadline, place) = (entry.deadline, entry.place);
        entry.place = Place::NONE;
        let Links { next, prev } = slab.links(index);
        let slot = &mut self.table[place.index()];
        if prev == NIL {
            slot.head = next;
        } else {
            slab.links_mut(prev).next = next;
        }
        if next == NIL {
            slot.tail = prev;
        } else {
            slab.links_mut(next).prev = prev;
        }
        if slot.head == NIL {
            self.vacate(place);
            return true;
        }
        if slot.head == slot.tail {
            let only = slab.get(slot.head).deadline;
            self.tighten(place, only, only);
        } else if deadline == slot.min && slot.min != slot.max {
            self.loose[place.level()] |= bit(place);
        }
        false
    }

    /// Gives an entry that stays in its slot another deadline, unless that could put it before or
    /// behind the wrong ones of the same deadline; true if it did.
    pub(super) fn redate<T>(&mut self, slab: &mut Slab<T>, index: u32, deadline: u64) -> bool {
        let entry = slab.get_mut(index);
        let place = entry.place;
        let slot = &mut self.table[place.index()];
        // Outside the bounds no other entry has this deadline.
        if (slot.min..=slot.max).contains(&deadline) && slot.head != slot.tail {
            return false;
        }
        let old = std::mem::replace(&mut entry.deadline, deadline);
        if slot.head == slot.tail {
            self.tighten(place, deadline, deadline);
        } else if deadline < slot.min {
            self.tighten(place, deadline, self.table[place.index()].max);
        } else {
            slot.max = deadline;
            if old == slot.min {
                self.loose[place.level()] |= bit(place);
            }
        }
        true
    }

    /// The earliest deadline in any list.
    pub(super) fn earliest<T>(&mut self, slab: &Slab<T>) -> Option<u64> {
        let mut earliest = self.first().map(|first| self.settle(slab, first));
        let mut opened = self.opened;
        while opened != 0 {
            let level = opened.trailing_zeros() as usize;
            opened &= opened - 1;
            let place = self.first_of(level);
            earliest = earliest.min(Some(self.settle(slab, place)));
        }
        earliest
    }

    /// Makes the earliest deadline of the slot exact and returns it: O(entries in the slot) if an
    /// entry has left that was the earliest, O(1) otherwise.
    fn settle<T>(&mut self, slab: &Slab<T>, place: Place) -> u64 {
        let slot = self.get(place);
        if self.is_loose(place) {
            let (mut min, mut max, mut index) = (u64::MAX, 0, slot.head);
            while index != NIL {
                let entry = slab.get(index);
                min = min.min(entry.deadline);
                max = max.max(entry.deadline);
                index = slab.links(index).next;
            }
            self.tighten(place, min, max);
        }
        self.get(place).min
    }

    /// Makes the list begin with `index`, whatever came before it having been moved elsewhere.
    pub(super) fn cut<T>(&mut self, slab: &mut Slab<T>, place: Place, index: u32) {
        if index == NIL {
            self.vacate(place);
            return;
        }
        slab.links_mut(index).prev = NIL;
        self.table[place.index()].head = index;
        self.loose[place.level()] |= bit(place);
    }

    /// Notes that the slot, the first of its level, is being spread out.
    pub(super) fn open(&mut self, place: Place) {
        debug_assert_eq!(self.first_of(place.level()), place, "what is opened is the first");
        self.opened |= 1 << place.level();
    }

    pub(super) fn any_opened(&self) -> bool {
        self.opened != 0
    }

    /// The opened slots, the finest first.
    pub(super) fn opened(&self) -> impl Iterator<Item = Place> {
        let mut levels = self.opened;
        std::iter::from_fn(move || {
            let level = (levels != 0).then(|| levels.trailing_zeros() as usize)?;
            levels &= levels - 1;
            Some(self.first_of(level))
        })
    }

    /// Sets bounds that are attained.
    fn tighten(&mut self, place: Place, min: u64, max: u64) {
        let slot = &mut self.table[place.index()];
        (slot.min, slot.max) = (min, max);
        self.loose[place.level()] &= !bit(place);
    }

    fn vacate(&mut self, place: Place) {
        let level = place.level();
        self.table[place.index()] = Slot::EMPTY;
        self.occupied[level] &= !bit(place);
        self.loose[level] &= !bit(place);
        if self.occupied[level] == 0 {
            self.summary &= !(1 << level);
        }
        // An opened slot is the first of its level.
        if self.occupied[level] & (bit(place) - 1) == 0 {
            self.opened &= !(1 << level);
        }
    }
}

fn bit(place: Place) -> u64 {
    1 << place.slot()
}
