//! Request ids.

use office::Place;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

/// The request id that 16 random bytes make: a UUID of version 4.
pub fn request_id(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random)
        .into_uuid()
        .to_string()
}

/// Request ids from a seed.
///
/// The officers of a simulation and those of a replay draw alike, so a simulated ledger that is replayed under its own seed
/// comes out the same.
#[derive(Debug, Clone)]
pub struct RequestIds(ChaCha8Rng);

impl RequestIds {
    /// Those of the officers who act at `place`.
    pub fn of_acting(seed: u64, place: Place) -> Self {
        Self::new(seed, 16 + place as u64)
    }

    /// Those of the officers who answer at `place`.
    pub fn of_answering(seed: u64, place: Place) -> Self {
        Self::new(seed, 32 + place as u64)
    }

    fn new(seed: u64, stream: u64) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(stream);
        Self(draws)
    }

    /// The next one.
    pub fn draw(&mut self) -> String {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        request_id(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_fresh_for_each_seed_and_office(seed in any::<u64>()) {
            let draw = |seed, place| RequestIds::of_acting(seed, place).draw();
            prop_assert_eq!(draw(seed, Place::South), draw(seed, Place::South));
            prop_assert_ne!(draw(seed, Place::South), draw(seed, Place::North));
            prop_assert_ne!(draw(seed, Place::South), draw(seed.wrapping_add(1), Place::South));
            let answering = RequestIds::of_answering(seed, Place::South).draw();
            prop_assert_ne!(draw(seed, Place::South), answering);
        }
    }
}
