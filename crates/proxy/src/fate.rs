//! What becomes of a connection, and of each chunk on it: pure decisions, drawn from the seed.

use std::time::Duration;

use crate::draw::Draw;
use crate::quantity::{Odds, Span, Trickle};

/// What becomes of a connection when it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionFate {
    /// Its chunks are carried, each to its own fate.
    Carry,
    /// Half-open: it is accepted, and every byte is dropped.
    Drop,
}

/// What becomes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkFate {
    /// It goes on at once.
    Pass,
    /// It goes on after a while; what comes after it waits behind it.
    DeliverAfter(Duration),
    /// Its first bytes go on, then the connection is reset both ways: in mid-frame.
    ResetAfter {
        /// How many bytes go on: fewer than there are.
        bytes: usize,
    },
}

/// The rules of one way. `None` switches a rule off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Each chunk is delivered so much later; order is kept.
    pub delay: Option<Span>,
    /// Up to so much is added to each delay.
    pub jitter: Option<Duration>,
    /// So many chunks in so many are torn, and the connection is reset.
    pub reset: Option<Odds>,
    /// At most so many bytes so often.
    pub trickle: Option<Trickle>,
}

impl Rules {
    /// The fate of the next chunk, of `len` bytes.
    pub(crate) fn fate(&self, draw: &mut Draw, len: usize) -> ChunkFate {
        const NEVER: Odds = Odds { hits: 0, among: 1 };
        // All are drawn, wanted or not: see `Draw`.
        let reset = draw.hits(self.reset.unwrap_or(NEVER));
        let bytes = draw.within(0, len.saturating_sub(1) as u64) as usize;
        let (min, max) = self
            .delay
            .map_or((0, 0), |span| (micros(span.min), micros(span.max)));
        let delay = draw.within(min, max) + draw.within(0, self.jitter.map_or(0, micros));
        match (reset, delay) {
            (true, _) => ChunkFate::ResetAfter { bytes },
            (false, 0) => ChunkFate::Pass,
            (false, delay) => ChunkFate::DeliverAfter(Duration::from_micros(delay)),
        }
    }
}

/// The fate of a connection, if so many in so many are half-open.
pub(crate) fn connection_fate(half_open: Option<Odds>, draw: &mut Draw) -> ConnectionFate {
    match half_open {
        Some(odds) if draw.hits(odds) => ConnectionFate::Drop,
        _ => ConnectionFate::Carry,
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fates(seed: u64, rules: &Rules, lens: &[usize]) -> Vec<ChunkFate> {
        let mut draw = Draw::new(seed, 5);
        lens.iter().map(|len| rules.fate(&mut draw, *len)).collect()
    }

    #[test]
    fn without_rules_everything_passes() {
        let all = fates(1, &Rules::default(), &[1; 1_000]);
        assert!(all.iter().all(|fate| *fate == ChunkFate::Pass));
    }

    #[test]
    fn odds_are_kept_to() {
        let rules = Rules {
            reset: "1/10".parse().ok(),
            ..Rules::default()
        };
        let resets = fates(7, &rules, &vec![64; 10_000])
            .iter()
            .filter(|fate| matches!(fate, ChunkFate::ResetAfter { .. }))
            .count();
        assert!((850..1_150).contains(&resets), "{resets} of 10000");
        let mut draw = Draw::new(1, 1);
        assert_eq!(
            connection_fate("1/1".parse().ok(), &mut draw),
            ConnectionFate::Drop
        );
        assert_eq!(connection_fate(None, &mut draw), ConnectionFate::Carry);
    }

    proptest! {
        #[test]
        fn one_seed_gives_one_fate(
            seed: u64,
            lens in prop::collection::vec(1_usize..16_384, 1..200),
        ) {
            let rules = Rules {
                delay: "1ms..9ms".parse().ok(),
                reset: "1/20".parse().ok(),
                ..Rules::default()
            };
            prop_assert_eq!(fates(seed, &rules, &lens), fates(seed, &rules, &lens));
        }

        #[test]
        fn a_reset_falls_before_the_chunk_ends_and_a_delay_within_its_range(
            seed: u64,
            lens in prop::collection::vec(1_usize..16_384, 1..200),
        ) {
            let rules = Rules {
                delay: "20ms..80ms".parse().ok(),
                jitter: Some(Duration::from_millis(5)),
                reset: "1/4".parse().ok(),
                ..Rules::default()
            };
            for (fate, len) in fates(seed, &rules, &lens).into_iter().zip(&lens) {
                match fate {
                    ChunkFate::ResetAfter { bytes } => prop_assert!(bytes < *len),
                    ChunkFate::DeliverAfter(wait) => {
                        prop_assert!((20..=85).contains(&wait.as_millis()));
                    }
                    ChunkFate::Pass => prop_assert!(false, "at least 20 ms"),
                }
            }
        }

        #[test]
        fn a_rule_leaves_the_draws_of_the_others_alone(seed: u64, len in 1_usize..100) {
            let resets = Rules { reset: "1/3".parse().ok(), ..Rules::default() };
            let both = Rules { delay: "1ms..2ms".parse().ok(), ..resets };
            let lens = [len; 100];
            let only_resets = |fates: Vec<ChunkFate>| -> Vec<Option<usize>> {
                fates.into_iter().map(|fate| match fate {
                    ChunkFate::ResetAfter { bytes } => Some(bytes),
                    _ => None,
                }).collect()
            };
            prop_assert_eq!(
                only_resets(fates(seed, &resets, &lens)),
                only_resets(fates(seed, &both, &lens))
            );
        }
    }
}
