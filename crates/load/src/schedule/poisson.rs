//! Arrivals of a Poisson process: exponential gaps, drawn in whole numbers.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Keeps these draws apart from all others of the same seed.
const STREAM: u64 = 1 << 40;
/// Parts of a nanosecond, and of a mean gap, in bits.
const PART_BITS: u32 = 32;

/// Draws one due time after another.
#[derive(Debug, Clone)]
pub(super) struct Poisson {
    rng: ChaCha8Rng,
    /// The mean gap, in parts of a nanosecond.
    mean_gap: u128,
    /// The due time of the last arrival, in parts of a nanosecond.
    at: u128,
}

impl Poisson {
    /// `rate` arrivals a second, on the mean.
    pub(super) fn new(rate: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        // Division and multiplication round alike on every machine.
        let mean_gap = (1e9 / rate * f64::from(1_u32 << (PART_BITS / 2)).powi(2)) as u128;
        Self {
            rng,
            mean_gap,
            at: 0,
        }
    }

    pub(super) fn next_due(&mut self) -> Duration {
        // A gap is rarely above 50 mean gaps, which are at most 2^47 ns: far from an overflow.
        let gap = (self.exponential() * self.mean_gap) >> PART_BITS;
        self.at = self.at.saturating_add(gap);
        let nanos = u64::try_from(self.at >> PART_BITS).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos)
    }

    /// A draw from the exponential distribution with mean 1, in parts.
    ///
    /// John von Neumann's method, which only compares: of draws that fall one after another, the first is kept if the
    /// fall ends after an odd number, which happens with a chance of e^-first. Logarithms differ between platforms.
    fn exponential(&mut self) -> u128 {
        let mut whole = 0_u128;
        loop {
            let first = self.rng.next_u64();
            let (mut last, mut is_odd) = (first, true);
            loop {
                let next = self.rng.next_u64();
                if next >= last {
                    break;
                }
                (last, is_odd) = (next, !is_odd);
            }
            if is_odd {
                return (whole << PART_BITS) | u128::from(first >> (64 - PART_BITS));
            }
            whole += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_exponential() {
        const DRAWS: usize = 200_000;
        let mut poisson = Poisson::new(1.0, 7);
        let mut drawn: Vec<f64> = (0..DRAWS)
            .map(|_| poisson.exponential() as f64 / 2_f64.powi(PART_BITS as i32))
            .collect();
        let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
        let squares = drawn.iter().map(|gap| (gap - mean).powi(2));
        let variance = squares.sum::<f64>() / DRAWS as f64;
        // The mean of so many has a standard deviation of 0.0022, the variance one of 0.0063.
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        drawn.sort_by(f64::total_cmp);
        for (rank, gap) in drawn.iter().enumerate() {
            let below = rank as f64 / DRAWS as f64;
            let wanted = 1.0 - (-gap).exp();
            // Kolmogorov and Smirnov: 0.0036 at one in a hundred.
            assert!((below - wanted).abs() < 0.005, "{gap}: {below}, {wanted}");
        }
    }

    #[test]
    fn draws_are_these_for_ever() {
        let mut poisson = Poisson::new(1_000.0, 1);
        let due: Vec<u128> = (0..4).map(|_| poisson.next_due().as_nanos()).collect();
        assert_eq!(due, [1_616_518, 1_701_716, 2_261_230, 4_402_323]);
    }
}
