//! Draws: every choice of a cycle, from the seed and the cycle's name alone.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Draws of one cycle, or of one part of it.
#[derive(Debug)]
pub(crate) struct Draw {
    numbers: ChaCha8Rng,
}

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            numbers: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Draws of a part: what another part draws does not change them.
    pub(crate) fn part(&mut self) -> Self {
        Self::new(self.numbers.next_u64())
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        let count = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.numbers.next_u64()) * count) >> 64) as u64
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.within(0, 99) < percent
    }

    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.within(0, items.len() as u64 - 1) as usize]
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.numbers.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn request_id(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.numbers.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// The seed of a cycle: of its kind and number under the run's seed, whatever other cycles there are.
pub(crate) fn cycle_seed(seed: u64, kind: u64, number: u64) -> u64 {
    let mut numbers = ChaCha8Rng::seed_from_u64(seed);
    numbers.set_stream((kind << 32) | number);
    numbers.next_u64()
}
