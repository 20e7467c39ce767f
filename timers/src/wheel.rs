#![doc = include_str!("wheel.md")]

mod advance;
mod drain;
mod memory;
mod place;
mod slab;
mod slots;

use std::fmt;

pub use self::advance::{Advance, Expired};
pub use self::drain::Drain;
pub use self::slab::Key;

use self::place::Place;
use self::slab::Slab;
use self::slots::Slots;
use crate::NEVER;

/// The latest time at which something can be due.
const LATEST: u64 = NEVER - 1;

/// A hierarchical timer wheel: values of type `T`, each with the time at which it is due.
///
/// A time is a number of nanoseconds since any moment that the user chooses, mostly the start of a
/// [`Clock`](crate::Clock). The wheel reads no clock: it knows the time that
/// [`advance`](Self::advance) was last told, which [`now`](Self::now) returns. A deadline before
/// that counts as due at that time; [`NEVER`] means what it says.
///
/// To insert, to cancel and to re-arm takes O(1); what an entry costs until it fires is O(1) for
/// each level that it comes down, at most ten. [The module's page](self) explains how it works.
///
/// **Code of others.** The wheel neither drops nor calls a value: it hands it out, from
/// [`cancel`](Self::cancel), [`advance`](Self::advance) and [`drain`](Self::drain). So it can be
/// kept behind a lock although destructors of its values may take that lock. (Dropping the wheel
/// drops what it holds; empty it before, or take it out of the lock.)
///
/// ```
/// use filch_timers::Wheel;
///
/// let mut wheel = Wheel::new(0);
/// let tea = wheel.insert(180_000_000_000, "tea");
/// let egg = wheel.insert(300_000_000_000, "egg");
/// assert_eq!(wheel.next_expiry(), Some(180_000_000_000));
///
/// assert!(wheel.reset(egg, 420_000_000_000));
/// assert_eq!(wheel.cancel(tea), Some("tea"));
///
/// let mut done = Vec::new();
/// let advance = wheel.advance(420_000_000_000, 10, |expired| done.push(expired.value));
/// assert!(!advance.more);
/// assert_eq!(done, ["egg"]);
/// ```
pub struct Wheel<T> {
    slab: Slab<T>,
    slots: Slots,
    /// The time that places are seen from: not later than `now` or any deadline in a list.
    position: u64,
    /// The time of the last advance.
    now: u64,
}

impl<T> Wheel<T> {
    /// An empty wheel at the time `start`. It allocates its table of slots, 17 KiB.
    ///
    /// ```
    /// use filch_timers::Wheel;
    ///
    /// let wheel = Wheel::<&str>::new(1_000);
    /// assert_eq!((wheel.now(), wheel.len(), wheel.next_expiry()), (1_000, 0, None));
    /// ```
    pub fn new(start: u64) -> Self {
        Self::with_capacity(start, 0)
    }

    /// An empty wheel at the time `start`, with memory for `capacity` entries.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::with_capacity(0, 1_000);
    /// let capacity = wheel.capacity();
    /// for number in 0..1_000 {
    ///     wheel.insert(number, number);
    /// }
    /// assert_eq!(wheel.capacity(), capacity);
    /// ```
    pub fn with_capacity(start: u64, capacity: usize) -> Self {
        let start = start.min(LATEST);
        Self {
            slab: Slab::with_capacity(capacity),
            slots: Slots::new(),
            position: start,
            now: start,
        }
    }

    /// Adds a value that is due at `deadline`, and returns the key to it. O(1); allocates only if
    /// the wheel holds more entries than ever before or since memory was [given
    /// back](Self::shrink_to).
    ///
    /// # Panics
    ///
    /// If the wheel holds 2<sup>32</sup> − 1 entries already.
    ///
    /// ```
    /// use filch_timers::{NEVER, Wheel};
    ///
    /// let mut wheel = Wheel::new(1_000);
    /// let key = wheel.insert(2_500, "soon");
    /// assert_eq!(wheel.deadline(key), Some(2_500));
    /// let key = wheel.insert(500, "late already");
    /// assert_eq!(wheel.deadline(key), Some(1_000));
    /// let key = wheel.insert(NEVER, "waits until it is reset or cancelled");
    /// assert_eq!(wheel.deadline(key), Some(NEVER));
    /// ```
    pub fn insert(&mut self, deadline: u64, value: T) -> Key {
        let key = self.slab.insert(value);
        self.arm(key.index, self.effective(deadline));
        key
    }

    /// Takes the entry out and returns its value; `None` if it has fired or was cancelled. O(1).
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(100, "a");
    /// assert_eq!(wheel.cancel(key), Some("a"));
    /// assert_eq!(wheel.cancel(key), None);
    /// ```
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let index = self.slab.find(key)?;
        self.disarm(index);
        Some(self.slab.remove(index))
    }

    /// Re-arms the entry: gives it another deadline, earlier or later, in its place in memory.
    /// False if it has fired or was cancelled. O(1), and cheapest if the entry stays in its slot,
    /// as it does when a long time-out starts again and again.
    ///
    /// Among those that are due at the same time it becomes the last one, unless that was its
    /// deadline already.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(100, "a");
    /// assert!(wheel.reset(key, 40));
    /// assert_eq!(wheel.next_expiry(), Some(40));
    /// wheel.cancel(key);
    /// assert!(!wheel.reset(key, 60));
    /// ```
    pub fn reset(&mut self, key: Key, deadline: u64) -> bool {
        let Some(index) = self.slab.find(key) else { return false };
        let deadline = self.effective(deadline);
        let entry = self.slab.get(index);
        if entry.deadline == deadline {
            return true;
        }
        let stays = entry.place != Place::NONE
            && deadline != NEVER
            && self.place_of(deadline) == entry.place;
        // Its neighbours in the list, whose memory is likely not in cache, are not touched then.
        if stays && self.slots.redate(&mut self.slab, index, deadline) {
            return true;
        }
        self.disarm(index);
        self.arm(index, deadline);
        true
    }

    /// When the entry is due; `None` if it has fired or was cancelled. Not before the time at which
    /// it was armed.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(123_456_789, "a");
    /// assert_eq!(wheel.deadline(key), Some(123_456_789));
    /// ```
    pub fn deadline(&self, key: Key) -> Option<u64> {
        Some(self.slab.get(self.slab.find(key)?).deadline)
    }

    /// The entry's value; `None` if it has fired or was cancelled.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(100, "a");
    /// assert_eq!(wheel.get(key), Some(&"a"));
    /// ```
    pub fn get(&self, key: Key) -> Option<&T> {
        self.slab.value(self.slab.find(key)?)
    }

    /// The entry's value, to be changed; `None` if it has fired or was cancelled.
    ///
    /// Assigning drops the old value, under a lock if the wheel is behind one: exchange the two
    /// instead, and drop the old one later.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(100, String::from("old"));
    /// let old = wheel.get_mut(key).map(|value| std::mem::replace(value, String::from("new")));
    /// assert_eq!(old.as_deref(), Some("old"));
    /// ```
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let index = self.slab.find(key)?;
        self.slab.value_mut(index)
    }

    /// A time before which nothing is due, for the caller to sleep until; `None` if nothing is ever
    /// due. O(1), and O(levels) while a batch was left unfinished.
    ///
    /// It is never later than the earliest deadline. It is that deadline, unless the entry that had
    /// it was cancelled or re-armed, while others were in the same slot. Then it may be too early:
    /// a caller that sleeps until then and [advances](Self::advance) finds nothing due, and gets a
    /// better answer; for one entry, that happens at most once a level. Who would rather pay with
    /// time than with a wake-up calls [`earliest`](Self::earliest).
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let first = wheel.insert(5_000_000, "a");
    /// wheel.insert(5_000_100, "b");
    /// wheel.insert(5_000_200, "c");
    /// assert_eq!(wheel.next_expiry(), Some(5_000_000));
    ///
    /// wheel.cancel(first);
    /// assert!(wheel.next_expiry() <= Some(5_000_100));
    /// assert_eq!(wheel.earliest(), Some(5_000_100));
    /// assert_eq!(wheel.next_expiry(), Some(5_000_100));
    /// ```
    pub fn next_expiry(&self) -> Option<u64> {
        let places = self.slots.first().into_iter().chain(self.slots.opened());
        places.map(|place| self.slots.get(place).min).min()
    }

    /// The earliest deadline, and makes [`next_expiry`](Self::next_expiry) exact until something
    /// leaves.
    ///
    /// O(1) if it is exact already, else it looks at every entry in the nearest slot, of which
    /// there may be many.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// assert_eq!(wheel.earliest(), None);
    /// wheel.insert(30, "b");
    /// wheel.insert(20, "a");
    /// assert_eq!(wheel.earliest(), Some(20));
    /// ```
    pub fn earliest(&mut self) -> Option<u64> {
        self.slots.earliest(&self.slab)
    }

    /// The time that the wheel was last advanced to; at most [`NEVER`] − 1.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::<&str>::new(5);
    /// assert!(!wheel.advance(8, 1, drop).more);
    /// assert_eq!(wheel.now(), 8);
    /// ```
    pub fn now(&self) -> u64 {
        self.now
    }

    /// How many entries there are, those that are never due included.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// wheel.insert(100, "a");
    /// wheel.insert(filch_timers::NEVER, "b");
    /// assert_eq!(wheel.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are no entries.
    ///
    /// ```
    /// assert!(filch_timers::Wheel::<&str>::new(0).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// The values, to be changed; in the order that [`drain`](Self::drain) has. Takes
    /// O([`capacity`](Self::capacity)).
    ///
    /// As with [`get_mut`](Self::get_mut), assigning drops the old value.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let key = wheel.insert(100, 1);
    /// wheel.values_mut().for_each(|value| *value += 1);
    /// assert_eq!(wheel.get(key), Some(&2));
    /// ```
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.values_mut()
    }

    /// The deadline that the wheel goes by.
    fn effective(&self, deadline: u64) -> u64 {
        deadline.max(self.now)
    }

    /// The slot for a deadline that is not before `position`: the finest, unless entries with the
    /// same deadline may still wait to be spread out. Then it is behind those, to keep the order.
    fn place_of(&self, deadline: u64) -> Place {
        debug_assert!(deadline >= self.position, "{deadline} is before {}", self.position);
        let finest = Place::of(deadline, self.position);
        self.slots
            .opened()
            .filter(|&opened| finest < opened && deadline >= self.slots.get(opened).min)
            .last()
            .unwrap_or(finest)
    }

    /// Dates an entry that is in no list, and puts it into one unless it is never due.
    fn arm(&mut self, index: u32, deadline: u64) {
        self.slab.get_mut(index).deadline = deadline;
        if deadline != NEVER {
            let place = self.place_of(deadline);
            self.slots.push(&mut self.slab, place, index);
        }
    }

    /// Takes an entry out of its list, if it is in one.
    fn disarm(&mut self, index: u32) {
        if self.slab.get(index).place != Place::NONE {
            self.slots.unlink(&mut self.slab, index);
        }
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("len", &self.len())
            .field("now", &self.now)
            .field("next_expiry", &self.next_expiry())
            .finish_non_exhaustive()
    }
}
