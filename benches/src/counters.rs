//! What a runtime counts about itself, where it does: how its workers came by the tasks, and how they slept.

/// Sums over the workers, in the order of [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters(pub [u64; NAMES.len()]);

/// What is counted; see `filch::WorkerMetrics`.
pub const NAMES: [&str; 7] =
    ["polls", "steals", "stolen_tasks", "parks", "naps", "wakes", "needless_wakes"];

/// Each of [`NAMES`] by the number of operations.
pub type PerOperation = [f64; NAMES.len()];

impl Counters {
    /// What was added since `before`, for each of so many operations.
    pub fn per_operation_since(self, before: Self, operations: usize) -> PerOperation {
        std::array::from_fn(|index| {
            let added = self.0[index].wrapping_sub(before.0[index]);
            added as f64 / operations as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_does_not_count() {
        let before = Counters([10, 0, 3, 1, 0, 0, 7]);
        let after = Counters([30, 0, 4, 3, 10, 1, 7]);
        let each = after.per_operation_since(before, 10);
        assert_eq!(each, [2.0, 0.0, 0.1, 0.2, 1.0, 0.1, 0.0]);
    }
}
