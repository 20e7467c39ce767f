//! Median, spread, percentiles.

/// Samples of one figure, one a round.
#[derive(Clone, Debug, Default)]
pub struct Series {
    samples: Vec<f64>,
}

/// How the figure of a whole run is made from those of its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The median: for what varies round a true value.
    Median,
    /// The greatest: for worst cases.
    Max,
}

impl Series {
    /// Adds the figure of another round.
    pub fn push(&mut self, sample: f64) {
        self.samples.push(sample);
    }

    /// All figures, in the order of the rounds.
    pub fn samples(&self) -> &[f64] {
        &self.samples
    }

    /// Whether there is a figure of at least one round, and nothing but numbers.
    pub fn is_complete(&self) -> bool {
        !self.samples.is_empty() && self.samples.iter().all(|sample| sample.is_finite())
    }

    /// Least figure, if any.
    pub fn min(&self) -> Option<f64> {
        self.samples.iter().copied().min_by(f64::total_cmp)
    }

    /// Greatest figure, if any.
    pub fn max(&self) -> Option<f64> {
        self.samples.iter().copied().max_by(f64::total_cmp)
    }

    /// The figure of the run, if any.
    pub fn combined(&self, combine: Combine) -> Option<f64> {
        match combine {
            Combine::Median => median(&self.samples),
            Combine::Max => self.max(),
        }
    }
}

/// The middle of `samples`; between the middle two, their mean.
pub fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
}

/// The sample that `share` (0 to 1) of all samples do not exceed.
///
/// # Panics
/// Without samples.
pub fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn percentile_is_a_sample() {
        let samples: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        assert_eq!(percentile(&samples, 0.5), 500.0);
        assert_eq!(percentile(&samples, 0.999), 999.0);
        assert_eq!(percentile(&samples, 1.0), 1000.0);
        assert_eq!(percentile(&[7.0], 0.0), 7.0);
        // Of few samples, the last ones of a thousand are the very last.
        let [p99, p999] = [0.99, 0.999].map(|share| percentile(&samples[800..], share));
        assert_eq!([p99, p999], [198.0, 200.0]);
    }

    #[test]
    fn series_combines_as_told() {
        let mut series = Series::default();
        assert!(!series.is_complete());
        for sample in [5.0, 1.0, 2.0] {
            series.push(sample);
        }
        assert!(series.is_complete());
        assert_eq!(series.combined(Combine::Median), Some(2.0));
        assert_eq!(series.combined(Combine::Max), Some(5.0));
        series.push(f64::NAN);
        assert!(!series.is_complete());
    }
}
