//! Distributions, written as quantiles: evenly spaced, from the least to the most, straight lines between.
//!
//! Two numbers are an even spread, a hundred and one the percentiles of whatever was measured.

use std::ops::RangeInclusive;

use crate::draw::Draw;
use reading::Value;

const QUANTILES_MAX: usize = 1_001;
/// Parts of the way from one quantile to the next.
const PARTS: u64 = 1 << 20;

/// A distribution of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantiles(Vec<u64>);

impl Quantiles {
    pub(crate) fn read(value: &Value<'_>, bounds: &RangeInclusive<u64>) -> Option<Self> {
        let quantiles = value.filled_list(|item| item.integer(bounds.clone()))?;
        if quantiles.len() > QUANTILES_MAX {
            let message = format!("`{}` has {} quantiles", value.path(), quantiles.len());
            value.mistake(message, format!("write at most {QUANTILES_MAX}"));
            return None;
        }
        if let Some(at) = quantiles.windows(2).position(|pair| pair[0] > pair[1]) {
            let (before, after) = (quantiles[at], quantiles[at + 1]);
            value.mistake(
                format!("`{}` falls from {before} to {after}", value.path()),
                "write quantiles from the least to the most",
            );
            return None;
        }
        Some(Self(quantiles))
    }

    pub(crate) fn draw(&self, draw: &mut Draw) -> u64 {
        let last = self.0.len() as u64 - 1;
        if last == 0 {
            return self.0[0];
        }
        let at = draw.within(0..=last * PARTS - 1);
        let (index, part) = ((at / PARTS) as usize, at % PARTS);
        let (low, high) = (self.0[index], self.0[index + 1]);
        low + ((u128::from(high - low) * u128::from(part)) / u128::from(PARTS)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_draws_are_below_the_middle_quantile() {
        let quantiles = Quantiles(vec![10, 20, 1_000]);
        let mut draw = Draw::new(1, 0);
        let drawn: Vec<u64> = (0..10_000).map(|_| quantiles.draw(&mut draw)).collect();
        assert!(drawn.iter().all(|value| (10..=1_000).contains(value)));
        let below = drawn.iter().filter(|value| **value < 20).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        assert_eq!(Quantiles(vec![7]).draw(&mut draw), 7);
        assert_eq!(Quantiles(vec![7, 7]).draw(&mut draw), 7);
    }
}
