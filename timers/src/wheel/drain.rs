//! Emptying the wheel.

use std::iter::FusedIterator;

use super::Wheel;

/// Takes everything out of a wheel; made by [`Wheel::drain`].
///
/// What the iterator was not asked for stays in the wheel, armed as it was. So nothing is dropped
/// that the caller does not hold, whenever it stops.
///
/// ```
/// let mut wheel = filch_timers::Wheel::new(0);
/// wheel.insert(100, "a");
/// wheel.insert(200, "b");
/// assert_eq!(wheel.drain().next(), Some("a"));
/// assert_eq!((wheel.len(), wheel.next_expiry()), (1, Some(200)));
/// ```
#[must_use = "an iterator takes out only what it is asked for"]
#[derive(Debug)]
pub struct Drain<'a, T> {
    wheel: &'a mut Wheel<T>,
}

impl<T> Wheel<T> {
    /// Takes the values out one by one, those included that are never due. In no particular
    /// order, but always the same. Their keys become stale; the memory is kept.
    ///
    /// To empty the wheel takes O([`capacity`](Self::capacity)), however far ahead the entries are
    /// due, and in however many batches. Behind a lock, the values can be dropped between batches:
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use filch_timers::Wheel;
    ///
    /// let wheel = Mutex::new(Wheel::new(0));
    /// for number in 0..100_u64 {
    ///     wheel.lock().unwrap().insert(u64::MAX - number, number.to_string());
    /// }
    /// loop {
    ///     let batch: Vec<String> = wheel.lock().unwrap().drain().take(32).collect();
    ///     if batch.is_empty() {
    ///         break;
    ///     }
    ///     drop(batch);
    /// }
    /// assert!(wheel.lock().unwrap().is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { wheel: self }
    }
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let key = self.wheel.slab.first()?;
        self.wheel.cancel(key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.wheel.len(), Some(self.wheel.len()))
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> FusedIterator for Drain<'_, T> {}
