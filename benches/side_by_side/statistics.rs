//! Medians, what surrounds them, and ratios of what was measured side by side.

use serde_json::{Value, json};

/// The median of a figure over the rounds, with its extremes.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Figure {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values = sorted(values);
        let at = |position: usize| values.get(position).copied().unwrap_or(f64::NAN);
        Figure { median: median(&values), min: at(0), max: at(values.len().saturating_sub(1)) }
    }

    pub fn json(&self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }
}

/// How one contender stands to another, round by round.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// The median of the rounds' ratios.
    pub median: f64,
    /// The interval of that median.
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    /// Of values that were measured in the same rounds. The interval is that of the median by order statistics, which asks nothing
    /// of how ratios are distributed: the tightest pair of them that holds the median in at least nine of ten cases, or the extremes
    /// where there are too few rounds for that.
    pub fn paired(of: &[f64], to: &[f64]) -> Option<Self> {
        let ratios = sorted(of.iter().zip(to).filter(|(_, to)| **to > 0.0).map(|(of, to)| of / to));
        let outside = (1..).take_while(|outside| confidence(ratios.len(), *outside) >= 0.9).count();
        Some(Ratio {
            median: median(&ratios),
            low: *ratios.get(outside)?,
            high: *ratios.get(ratios.len().checked_sub(1 + outside)?)?,
        })
    }

    pub fn json(&self) -> Value {
        json!({"median": self.median, "low": self.low, "high": self.high})
    }
}

/// How surely the median lies between the values that are left when so many are cut off at both ends of `count` sorted ones.
fn confidence(count: usize, outside: usize) -> f64 {
    let mut below = 0.0;
    let mut binomial = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    for taken in 0..=outside {
        below += binomial;
        binomial *= (count.saturating_sub(taken)) as f64 / (taken + 1) as f64;
    }
    1.0 - 2.0 * below
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let at = |position: usize| sorted.get(position).copied().unwrap_or(f64::NAN);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 } else { at(middle) }
}
