//! The entries, by index and generation.
//!
//! An entry keeps its generation for ever: odd while the entry is in use, even while it is vacant.
//! A [`Key`] names an index and an odd generation, so that a key whose entry has gone, or has been
//! used again, matches nothing. An index whose generations are used up is never used again.
//! Entries that are given back leave the greatest of their generations behind, after which those
//! that come in their place begin.
//!
//! Why not the `slab` crate: it has no generations, and an entry of the wheel needs links anyway,
//! which serve as the list of vacant entries too. With `slab` an entry would have both.

use std::num::NonZeroU32;

use super::place::Place;

/// An entry with a greater generation is not given back: what comes in the place of those that are
/// begins after the greatest of their generations, and has to have enough of its own.
const WORN: u32 = 1 << 31;

/// The end of a list.
pub(super) const NIL: u32 = u32::MAX;

/// Names an entry of a [`Wheel`](super::Wheel) until it fires or is cancelled.
///
/// A key is 8 bytes, and so is an `Option<Key>`. It is a value like a number: copying it gives no
/// second claim to the entry, and dropping it does nothing. It is meaningful only to the wheel that
/// made it.
///
/// ```
/// use filch_timers::{Key, Wheel};
///
/// let mut wheel = Wheel::new(0);
/// let key: Key = wheel.insert(100, "a");
/// assert_eq!(wheel.cancel(key), Some("a"));
///
/// // The place in memory is used again, the key is not.
/// let other = wheel.insert(100, "b");
/// assert_ne!(key, other);
/// assert_eq!(wheel.cancel(key), None);
/// assert_eq!(size_of::<Option<Key>>(), 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(super) index: u32,
    generation: NonZeroU32,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    /// When it is due; `NEVER` is never in a list.
    pub(super) deadline: u64,
    generation: u32,
    /// The slot that it is in.
    pub(super) place: Place,
    value: Option<T>,
}

/// The neighbours of an entry in the slot's list; of a vacant entry, `next` is the next vacant one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) next: u32,
    pub(super) prev: u32,
}

/// Half a line of the cache for an entry that holds a waker.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Entry<&u8>>() == 24);
    assert!(size_of::<Entry<std::task::Waker>>() == 32);
    assert!(size_of::<Links>() == 8);
};

impl<T> Entry<T> {
    fn is_vacant(&self) -> bool {
        self.generation.is_multiple_of(2)
    }

    /// Whether it has gone through all generations.
    fn is_used_up(&self) -> bool {
        self.generation == 0
    }

    fn can_be_given_back(&self) -> bool {
        self.is_vacant() && !self.is_used_up() && self.generation <= WORN
    }
}

#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// One for each entry. Beside them and not in them: to take an entry out of a list touches both
    /// its neighbours' links and nothing else of theirs, and eight times as many of these fit in a
    /// line of the cache.
    links: Vec<Links>,
    /// The vacant entry to be used next: the one vacated last, which is likely in cache.
    vacant: u32,
    len: usize,
    /// No entry that was given back had a generation greater than this even one.
    spent: u32,
    /// No entry before this index is in use.
    first: u32,
}

impl<T> Slab<T> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let (entries, links) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        Self { entries, links, vacant: NIL, len: 0, spent: 0, first: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many entries there are, the vacant ones included.
    pub(super) fn extent(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn reserve(&mut self, additional: usize) {
        let vacant = self.entries.len() - self.len;
        let more = additional.saturating_sub(vacant);
        self.entries.reserve(more);
        self.links.reserve(more);
    }

    /// Adds a value that is in no list.
    pub(super) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        if self.vacant == NIL {
            return self.push(value);
        }
        let index = self.vacant;
        let entry = &mut self.entries[index as usize];
        self.vacant = self.links[index as usize].next;
        self.first = self.first.min(index);
        entry.generation += 1;
        entry.value = Some(value);
        Key { index, generation: odd(entry.generation) }
    }

    #[cold]
    fn push(&mut self, value: T) -> Key {
        let index = self.extent();
        assert!(index < NIL, "a wheel holds fewer than 2^32 - 1 timers");
        self.entries.push(Entry {
            deadline: 0,
            generation: self.spent + 1,
            place: Place::NONE,
            value: Some(value),
        });
        self.links.push(Links { next: NIL, prev: NIL });
        Key { index, generation: odd(self.spent + 1) }
    }

    /// Gives back what lies behind the last entry in use, except for `capacity` entries.
    pub(super) fn shrink_to(&mut self, capacity: usize) {
        while self.entries.len() > capacity
            && let Some(vacant) = self.entries.pop_if(|last| last.can_be_given_back())
        {
            self.spent = self.spent.max(vacant.generation);
        }
        self.links.truncate(self.entries.len());
        self.entries.shrink_to(capacity);
        self.links.shrink_to(capacity);
        self.first = self.first.min(self.extent());
        self.vacant = NIL;
        for (index, entry) in self.entries.iter().enumerate().rev() {
            if entry.is_vacant() && !entry.is_used_up() {
                self.links[index].next = self.vacant;
                self.vacant = index as u32;
            }
        }
    }

    /// Takes an entry out that is in no list any more.
    pub(super) fn remove(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        debug_assert_eq!(entry.place, Place::NONE, "entry {index} is still in a list");
        let value = entry.value.take().expect("an entry in use has a value");
        entry.generation = entry.generation.wrapping_add(1);
        self.len -= 1;
        if !entry.is_used_up() {
            self.links[index as usize].next = self.vacant;
            self.vacant = index;
        }
        value
    }

    /// The index that `key` names, unless the key is stale.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation.get()).then_some(key.index)
    }

    /// The key of the entry at `index`, if it is in use.
    pub(super) fn key(&self, index: u32) -> Option<Key> {
        let entry = self.entries.get(index as usize)?;
        (!entry.is_vacant()).then(|| Key { index, generation: odd(entry.generation) })
    }

    /// The key of the first entry in use.
    pub(super) fn first(&mut self) -> Option<Key> {
        while self.first < self.extent() {
            if let Some(key) = self.key(self.first) {
                return Some(key);
            }
            self.first += 1;
        }
        None
    }

    pub(super) fn get(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    pub(super) fn links(&self, index: u32) -> Links {
        self.links[index as usize]
    }

    pub(super) fn links_mut(&mut self, index: u32) -> &mut Links {
        &mut self.links[index as usize]
    }

    pub(super) fn value(&self, index: u32) -> Option<&T> {
        self.get(index).value.as_ref()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().filter_map(|entry| entry.value.as_mut())
    }

    pub(super) fn value_mut(&mut self, index: u32) -> Option<&mut T> {
        self.get_mut(index).value.as_mut()
    }
}

fn odd(generation: u32) -> NonZeroU32 {
    debug_assert!(generation % 2 == 1, "generation {generation} of an entry in use");
    NonZeroU32::new(generation).expect("an odd number is not zero")
}

#[cfg(test)]
mod tests;
