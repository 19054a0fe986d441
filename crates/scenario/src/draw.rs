//! Draws: the only randomness there is, from a seed, in whole numbers only.

use std::ops::RangeInclusive;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// The chance of no arrival where one is to be expected: 2^64 / e.
const NO_ARRIVAL: u64 = 6_786_177_901_268_885_274;

/// Where a part draws what was added to it; the parts draw from the streams below.
const BESIDE_STREAMS: u64 = 1 << 40;

/// Draws for one part of a scenario. Each part has a stream of its own: a change in one part of the
/// file leaves the draws of the others as they were.
#[derive(Debug)]
pub(crate) struct Draw {
    rng: ChaCha8Rng,
}

impl Draw {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng }
    }

    /// Draws for what was added to a part: those of the part stay as they were.
    pub(crate) fn beside(&self) -> Self {
        let mut rng = self.rng.clone();
        rng.set_stream(self.rng.get_stream() + BESIDE_STREAMS);
        rng.set_word_pos(0);
        Self { rng }
    }

    /// A seed for a part that draws by itself.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A whole number within `range`, each as likely as any other.
    pub(crate) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        let count = u128::from(high.saturating_sub(low)) + 1;
        // Multiply and shift; what falls into the incomplete last slice is drawn again.
        let incomplete = ((1_u128 << 64) % count) as u64;
        loop {
            let product = u128::from(self.rng.next_u64()) * count;
            if product as u64 >= incomplete {
                return low + (product >> 64) as u64;
            }
        }
    }

    /// True with a chance of `per_mille` in 1000.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.within(0..=999) < per_mille
    }

    /// How many arrivals a Poisson process has where `numerator / denominator` are to be expected.
    pub(crate) fn arrivals(&mut self, numerator: u64, denominator: u64) -> u64 {
        let whole: u64 = (0..numerator / denominator)
            .map(|_| self.arrivals_of_one())
            .sum();
        // A process thinned by chance is one of so much lower a rate.
        let rest = numerator % denominator;
        let thinned = (0..self.arrivals_of_one())
            .filter(|_| self.within(0..=denominator - 1) < rest)
            .count();
        whole + thinned as u64
    }

    /// How many where one is to be expected: the inverse of the distribution, in whole numbers.
    fn arrivals_of_one(&mut self) -> u64 {
        let mut left = self.rng.next_u64();
        let (mut count, mut chance) = (0, NO_ARRIVAL);
        while left >= chance && chance > 0 {
            left -= chance;
            count += 1;
            chance /= count.max(1);
        }
        count
    }

    /// One of `items`, which are not empty.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let last = items
            .len()
            .checked_sub(1)
            .expect("a list that is drawn from has an item");
        &items[self.within(0..=last as u64) as usize]
    }

    /// Brings the first `count` items into a drawn order; they are a fair sample of all.
    pub(crate) fn shuffle_first<T>(&mut self, items: &mut [T], count: usize) {
        let len = items.len();
        for index in 0..count.min(len) {
            let other = self.within(index as u64..=len as u64 - 1);
            items.swap(index, other as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_reach_both_ends_and_no_further() {
        let mut draw = Draw::new(1, 0);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[draw.within(3..=9) as usize - 3] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1200).contains(count)),
            "{seen:?}"
        );
        assert_eq!(Draw::new(1, 0).within(5..=5), 5);
    }

    #[test]
    fn arrivals_are_spread_as_those_of_a_poisson_process() {
        let mut draw = Draw::new(3, 0);
        let drawn: Vec<u64> = (0..20_000).map(|_| draw.arrivals(5, 2)).collect();
        let mean = drawn.iter().sum::<u64>() as f64 / 20_000.0;
        let squares = drawn.iter().map(|count| (*count as f64 - mean).powi(2));
        let variance = squares.sum::<f64>() / 20_000.0;
        assert!((mean - 2.5).abs() < 0.05, "{mean}");
        assert!((variance - 2.5).abs() < 0.1, "{variance}");
        let none = drawn.iter().filter(|count| **count == 0).count() as f64 / 20_000.0;
        assert!((none - (-2.5_f64).exp()).abs() < 0.01, "{none}");
        assert_eq!(draw.arrivals(0, 7), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..50).collect();
        Draw::new(2, 0).shuffle_first(&mut items, 50);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
