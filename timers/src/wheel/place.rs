//! Where in the wheel a deadline belongs: arithmetic only.

/// Bits of a deadline that one level tells apart.
const BITS: u32 = 6;
/// Slots of a level: one bit of a `u64` for each.
pub(super) const SLOTS: usize = 1 << BITS;
/// Enough levels for all 64 bits; the topmost uses 16 of its slots.
pub(super) const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;

/// A slot of the wheel: its level times [`SLOTS`] plus its number in the level.
///
/// Seen from one position of the wheel, places are ordered like the times that they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u16);

impl Place {
    /// No place: the entry is in no list.
    pub(super) const NONE: Self = Self(u16::MAX);

    /// The slot `slot` of level `level`.
    pub(super) fn new(level: usize, slot: usize) -> Self {
        debug_assert!(level < LEVELS && slot < SLOTS, "level {level}, slot {slot}");
        Self((level * SLOTS + slot) as u16)
    }

    /// The slot of level `level` that holds `time`.
    pub(super) fn at(level: usize, time: u64) -> Self {
        Self::new(level, (time >> (BITS * level as u32)) as usize % SLOTS)
    }

    /// The place of `time` as seen from `position`, which must not be later.
    pub(super) fn of(time: u64, position: u64) -> Self {
        Self::at(level_between(time, position), time)
    }

    pub(super) fn level(self) -> usize {
        usize::from(self.0) / SLOTS
    }

    /// The number in the level.
    pub(super) fn slot(self) -> usize {
        usize::from(self.0) % SLOTS
    }

    /// The number in the wheel.
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The level of the highest digit in which the two times differ; 0 if they are equal.
pub(super) fn level_between(a: u64, b: u64) -> usize {
    (((a ^ b) | 1).ilog2() / BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_levels_cover_all_nanoseconds() {
        assert_eq!(LEVELS, 11);
        assert_eq!(Place::of(u64::MAX, 0), Place::new(10, 15));
        assert_eq!(Place::of(0, 0), Place::new(0, 0));
    }

    #[test]
    fn a_level_begins_at_each_power_of_64() {
        for level in 1..LEVELS {
            let boundary = 1 << (BITS * level as u32);
            assert_eq!(Place::of(boundary - 1, 0), Place::new(level - 1, 63));
            assert_eq!(Place::of(boundary, 0), Place::new(level, 1));
            assert_eq!(Place::of(boundary, boundary - 1), Place::new(level, 1));
            assert_eq!(Place::of(boundary + 1, boundary), Place::new(0, 1));
        }
    }

    #[test]
    fn places_are_ordered_like_the_times_that_they_stand_for() {
        let position = 0x0123_4567_89ab_cdef;
        let mut previous = Place::new(0, 0);
        for shift in 0..56 {
            let place = Place::of(position + (1 << shift), position);
            assert!(place >= previous, "2^{shift} ns ahead: {place:?} after {previous:?}");
            previous = place;
        }
    }
}
