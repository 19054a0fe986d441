//! Draws: the only randomness there is, from the seed, in whole numbers only.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::quantity::Odds;

/// Draws of one stream of a seed. Each draw takes one number from the stream, whatever it is asked for, so
/// that a rule switched on or off leaves the draws of the others as they were.
#[derive(Debug)]
pub(crate) struct Draw {
    numbers: ChaCha8Rng,
}

impl Draw {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream(stream);
        Self { numbers }
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        let count = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.numbers.next_u64()) * count) >> 64) as u64
    }

    pub(crate) fn hits(&mut self, odds: Odds) -> bool {
        self.within(1, u64::from(odds.among)) <= u64::from(odds.hits)
    }
}
