//! From figures to places on an axis.

/// Beyond this ratio of the greatest to the least figure the scale is logarithmic.
const LINEAR_UP_TO: f64 = 20.0;

/// Most ticks on an axis.
const TICKS: usize = 5;

/// Where a figure is on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scale {
    /// From zero.
    Linear { to: f64 },
    /// In powers of ten.
    Logarithmic { from: i32, to: i32 },
}

impl Scale {
    /// A scale on which all of these figures can be told apart.
    pub(super) fn of(figures: &[f64]) -> Self {
        let positive = || figures.iter().copied().filter(|figure| *figure > 0.0);
        let most = positive().fold(0.0, f64::max);
        let least = positive().fold(most, f64::min);
        if most == 0.0 {
            return Self::Linear { to: 1.0 };
        }
        if most <= least * LINEAR_UP_TO {
            return Self::Linear { to: round_up(most) };
        }
        // A bar as long as nothing would look like nothing, hence from below the least.
        let from = (least * 0.999).log10().floor() as i32;
        Self::Logarithmic { from, to: most.log10().ceil() as i32 }
    }

    /// From 0, the left end, to 1.
    pub(super) fn place(&self, figure: f64) -> f64 {
        let place = match *self {
            Self::Linear { to } => figure / to,
            Self::Logarithmic { .. } if figure <= 0.0 => 0.0,
            Self::Logarithmic { from, to } => {
                (figure.log10() - f64::from(from)) / f64::from(to - from)
            }
        };
        place.clamp(0.0, 1.0)
    }

    /// Figures to mark on the axis, its ends included.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match *self {
            Self::Linear { to } => vec![0.0, to / 2.0, to],
            Self::Logarithmic { from, to } => {
                let step = ((to - from) as usize).div_ceil(TICKS - 1);
                let mut powers: Vec<_> = (from..to).step_by(step).collect();
                powers.push(to);
                powers.into_iter().map(|power| 10_f64.powi(power)).collect()
            }
        }
    }

    /// In a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear scale",
            Self::Logarithmic { .. } => "logarithmic scale",
        }
    }
}

/// The next number that is 1, 1.5, 2, 3, 5 or 8 times a power of ten.
fn round_up(figure: f64) -> f64 {
    let power = 10_f64.powf(figure.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| figure <= step * power * (1.0 + 1e-9));
    step.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_figures_are_on_a_linear_scale_from_zero() {
        let scale = Scale::of(&[60.0, 480.0, 200.0]);
        assert_eq!(scale, Scale::Linear { to: 500.0 });
        assert_eq!(scale.ticks(), [0.0, 250.0, 500.0]);
        assert_eq!([0.0, 250.0, 500.0].map(|figure| scale.place(figure)), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn far_figures_are_on_a_logarithmic_one_from_below_the_least() {
        let scale = Scale::of(&[1.0, 900.0, 0.0]);
        assert_eq!(scale, Scale::Logarithmic { from: -1, to: 3 });
        assert_eq!(scale.ticks().len(), 5);
        assert!((scale.place(10.0) - 0.5).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
    }

    #[test]
    fn a_logarithmic_axis_has_its_ends_and_few_ticks() {
        for to in 2..12 {
            let ticks = Scale::Logarithmic { from: 0, to }.ticks();
            assert!(ticks.len() <= TICKS + 1, "{ticks:?}");
            assert_eq!((ticks[0], ticks.last()), (1.0, Some(&10_f64.powi(to))));
        }
    }

    #[test]
    fn nothing_but_zeros_has_a_scale() {
        assert_eq!(Scale::of(&[0.0, 0.0]).place(0.0), 0.0);
        assert_eq!(Scale::of(&[]), Scale::Linear { to: 1.0 });
    }
}
