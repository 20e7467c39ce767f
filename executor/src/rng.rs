//! Random victims.

/// Marsaglia's xorshift with 64 bits: not for secrets, but cheap and without a pattern that would
/// send all thieves to one victim.
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator for one worker. Always the same one, so that a run can be repeated.
    pub(crate) fn new(worker: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(worker as u64 + 1))
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if cfg!(filch_loom) {
            return 0;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) as usize) % end
    }
}
