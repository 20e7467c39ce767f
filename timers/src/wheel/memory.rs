//! The memory of a wheel, and using it again.

use super::{LATEST, Wheel};

impl<T> Wheel<T> {
    /// How many entries the wheel has memory for.
    ///
    /// ```
    /// assert_eq!(filch_timers::Wheel::<&str>::new(0).capacity(), 0);
    /// ```
    pub fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// Gets memory for `additional` entries more than there are.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::<&str>::new(0);
    /// wheel.reserve(1_000);
    /// assert!(wheel.capacity() >= 1_000);
    /// ```
    pub fn reserve(&mut self, additional: usize) {
        self.slab.reserve(additional);
    }

    /// Gives memory back that a peak has left, except for `capacity` entries.
    ///
    /// Entries do not move, as keys name their places: only what lies behind the last entry in use
    /// is given back. But from now on insertions use the places nearest to the front first, so that
    /// a later call can give back what a long-lived entry keeps this one from. Keys that were
    /// stale stay so.
    ///
    /// Takes O([`capacity`](Self::capacity)): to be called now and then, when there is time.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(0);
    /// let keys: Vec<_> = (0..10_000).map(|number| wheel.insert(number, number)).collect();
    /// for &key in &keys[100..] {
    ///     wheel.cancel(key);
    /// }
    /// wheel.shrink_to(500);
    /// assert!((500..1_000).contains(&wheel.capacity()));
    /// assert_eq!(wheel.get(keys[99]), Some(&99));
    /// ```
    pub fn shrink_to(&mut self, capacity: usize) {
        self.slab.shrink_to(capacity);
    }

    /// Sets the time of an empty wheel to `start`, also backwards, for another use. Its memory and
    /// the generations of its keys stay, so that keys that were stale stay so.
    ///
    /// # Panics
    ///
    /// If the wheel is not empty.
    ///
    /// ```
    /// let mut wheel = filch_timers::Wheel::new(1_000);
    /// let key = wheel.insert(1_500, "a");
    /// wheel.cancel(key);
    /// wheel.restart(0);
    /// assert_eq!(wheel.now(), 0);
    /// wheel.insert(10, "b");
    /// assert_eq!(wheel.get(key), None);
    /// ```
    pub fn restart(&mut self, start: u64) {
        assert!(self.is_empty(), "a wheel with entries cannot be restarted");
        self.now = start.min(LATEST);
        self.position = self.now;
    }
}
