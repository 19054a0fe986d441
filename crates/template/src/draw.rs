//! Draws of a message: a function of the seed, the arrival, the message and the placeholder's place, and of nothing else.
//!
//! A block of ChaCha8 takes over 100 ns, a fifth of what a whole message may take, and most messages draw one word. So
//! this mixes the four numbers (the finalizer of SplitMix64, in whole numbers only, hence the same on any machine). It is
//! no cipher; what is drawn here needs to be spread, not to be secret.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bytes of the block that random bytes are cut from. It fits the cache beside what the calls need.
const BLOCK_BYTES: usize = 1 << 16;
/// 64 letters, so that six bits choose one.
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789  ";

/// Bytes drawn once, the same in every run: a message's bytes are a piece of them that its own draw begins.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut block = vec![0; BLOCK_BYTES];
    ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut block);
    block
});
static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let letter = |byte: &u8| LETTERS[usize::from(byte % 64)];
    BYTES.iter().map(letter).collect()
});

/// Mixes a number into one that is spread over all 64 bits.
pub fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The draws of one placeholder of one message.
#[derive(Debug, Clone)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The draws that these numbers, in this order, stand for.
    pub fn new(parts: &[u64]) -> Self {
        let join = |state: u64, part: &u64| mixed(state.wrapping_add(STEP) ^ part);
        Self {
            state: parts.iter().fold(0, join),
        }
    }

    /// A number of 64 bits, each value as likely as any other.
    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// A whole number within `range`, each as likely as any other.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        let Some(count) = high.saturating_sub(low).checked_add(1) else {
            return self.word();
        };
        loop {
            // Multiply and shift; what falls into the incomplete last slice is drawn again.
            let product = u128::from(self.word()) * u128::from(count);
            if product as u64 >= count || product as u64 >= count.wrapping_neg() % count {
                return low + (product >> 64) as u64;
            }
        }
    }
}

/// Hands `len` bytes that begin at byte `start` of the block to `take`, piece by piece.
pub(crate) fn bytes(start: u64, len: usize, take: impl FnMut(&[u8])) {
    pieces(&BYTES, start, len, take);
}

/// The same of letters, digits and spaces.
pub(crate) fn text(start: u64, len: usize, take: impl FnMut(&[u8])) {
    pieces(&TEXT, start, len, take);
}

fn pieces(block: &[u8], start: u64, mut len: usize, mut take: impl FnMut(&[u8])) {
    let mut start = start as usize % block.len();
    while len > 0 {
        let piece = &block[start..block.len().min(start + len)];
        take(piece);
        len -= piece.len();
        start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_reach_both_ends_and_no_further() {
        let mut seen = [0_u32; 7];
        for index in 0..7_000 {
            let drawn = Draw::new(&[1, index, 0, 0]).within(3..=9);
            seen[drawn as usize - 3] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
        assert_eq!(Draw::new(&[1]).within(5..=5), 5);
        assert_ne!(Draw::new(&[1]).within(0..=u64::MAX), 0);
    }

    #[test]
    fn each_part_of_the_place_tells() {
        let first = Draw::new(&[1, 2, 3, 4]).word();
        for other in [
            [2, 2, 3, 4],
            [1, 3, 3, 4],
            [1, 2, 4, 4],
            [1, 2, 3, 5],
            [2, 1, 3, 4],
        ] {
            assert_ne!(Draw::new(&other).word(), first, "{other:?}");
        }
        // The same on every machine and in every version: runs are repeated by their seed.
        assert_eq!(first, 1_733_242_638_585_956_991);
    }

    #[test]
    fn a_piece_longer_than_the_block_goes_round() {
        let mut whole = Vec::new();
        bytes(7, BLOCK_BYTES + 10, |piece| whole.extend_from_slice(piece));
        assert_eq!(whole.len(), BLOCK_BYTES + 10);
        assert_eq!(whole[BLOCK_BYTES - 7..BLOCK_BYTES], BYTES[..7]);
        let mut text_only = Vec::new();
        text(u64::MAX, 100, |piece| text_only.extend_from_slice(piece));
        assert!(text_only.iter().all(u8::is_ascii) && text_only.len() == 100);
    }
}
