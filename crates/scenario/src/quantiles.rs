//! Distributions, written as quantiles: evenly spaced, from the least to the most, straight lines between.
//!
//! Two numbers are an even spread, a hundred and one the percentiles of whatever was measured.

use std::ops::RangeInclusive;

use crate::draw::Draw;
use reading::Value;

const QUANTILES_MAX: usize = 1_001;
/// Parts of the way from one quantile to the next.
const PARTS: u64 = 1 << 20;
/// How many draws in a row have the shape of their distribution.
const ROW: u64 = 100;

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

    /// The last of them.
    pub(crate) fn most(&self) -> u64 {
        self.0[self.0.len() - 1]
    }

    pub(crate) fn draw(&self, draw: &mut Draw) -> u64 {
        let parts = self.parts();
        if parts == 0 {
            return self.0[0];
        }
        self.at(draw.within(0..=parts - 1))
    }

    /// `count` draws, one of each of as many equal parts of the distribution: together they have its shape under every seed.
    /// So has each hundred of them in a row; their order within it is drawn.
    pub(crate) fn spread(&self, count: u64, draw: &mut Draw) -> Vec<u64> {
        let parts = self.parts();
        let ascending: Vec<u64> = (0..count)
            .map(|index| {
                let part = index * PARTS + draw.within(0..=PARTS - 1);
                let at = u128::from(parts) * u128::from(part) / u128::from(count * PARTS);
                self.at(at as u64)
            })
            .collect();
        let mut rows = vec![Vec::new(); count.div_ceil(ROW).max(1) as usize];
        let mut turns: Vec<usize> = (0..rows.len()).collect();
        for alike in ascending.chunks(rows.len()) {
            draw.shuffle_first(&mut turns, alike.len());
            for (value, turn) in alike.iter().zip(&turns) {
                rows[*turn].push(*value);
            }
        }
        for row in &mut rows {
            let length = row.len();
            draw.shuffle_first(row, length);
        }
        rows.concat()
    }

    fn parts(&self) -> u64 {
        (self.0.len() as u64 - 1) * PARTS
    }

    fn at(&self, at: u64) -> u64 {
        if self.0.len() == 1 {
            return self.0[0];
        }
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
