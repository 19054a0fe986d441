//! A part of a schedule, for one of several generators.

use std::str::FromStr;

/// The most parts.
const PARTS_MAX: u64 = 1_000;

/// One part of a schedule: every so many arrivals one, such as `1/2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// Which part, from 1.
    index: u64,
    /// How many parts there are.
    of: u64,
}

/// A text that is no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no part of a schedule; write it as 1/2 or 2/2, of at most 1,000 parts")]
pub struct FaultyShard {
    text: String,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// The part `index`, from 1, `of` so many.
    pub fn new(index: u64, of: u64) -> Result<Self, FaultyShard> {
        if (1..=of).contains(&index) && of <= PARTS_MAX {
            return Ok(Self { index, of });
        }
        Err(FaultyShard {
            text: format!("{index}/{of}"),
        })
    }

    /// Which part, from 1.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many parts there are.
    pub const fn of(self) -> u64 {
        self.of
    }

    /// Whether it is all of the schedule.
    pub(crate) const fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether the arrival of that number belongs to it.
    pub const fn takes(self, arrival: u64) -> bool {
        arrival % self.of == self.index - 1
    }

    /// The number of its first arrival.
    pub const fn first(self) -> u64 {
        self.index - 1
    }

    /// How many of the first `whole` arrivals belong to it.
    pub const fn share_of(self, whole: u64) -> u64 {
        whole.saturating_sub(self.first()).div_ceil(self.of)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl FromStr for Shard {
    type Err = FaultyShard;

    fn from_str(text: &str) -> Result<Self, FaultyShard> {
        let read = text
            .split_once('/')
            .and_then(|(index, of)| Self::new(index.parse().ok()?, of.parse().ok()?).ok());
        read.ok_or_else(|| FaultyShard {
            text: text.to_owned(),
        })
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_shares_add_up() {
        let shard: Shard = "2/3".parse().expect("it is a part");
        assert_eq!((shard.index(), shard.of()), (2, 3));
        assert_eq!(shard.to_string(), "2/3");
        for text in [
            "", "1", "0/2", "3/2", "1/0", "a/b", "1/1001", "-1/2", "1/2/3",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text:?} was taken");
        }
        for whole in 0..20 {
            let share = |index| Shard::new(index, 3).expect("a part").share_of(whole);
            assert_eq!((1..=3).map(share).sum::<u64>(), whole);
        }
    }
}
