//! The two offices.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the two offices. Each is the other's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// The South office. Where both offices do the same at once, South's stands.
    South,
    /// The North office.
    North,
}

impl Place {
    /// Both places, South first.
    pub const BOTH: [Self; 2] = [Self::South, Self::North];

    /// The other office.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::South => Self::North,
            Self::North => Self::South,
        }
    }

    /// The lower-case word used in names, flags and paths: `south` or `north`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::South => "south",
            Self::North => "north",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names neither office.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not an office: write `south` or `north`")]
pub struct UnknownPlace {
    /// The word given.
    pub word: String,
}

impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(word: &str) -> Result<Self, UnknownPlace> {
        match word {
            "south" => Ok(Self::South),
            "north" => Ok(Self::North),
            _ => Err(UnknownPlace {
                word: word.to_owned(),
            }),
        }
    }
}

/// One value for each office.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerPlace<T> {
    south: T,
    north: T,
}

impl<T> PerPlace<T> {
    /// A pair of values.
    pub const fn new(south: T, north: T) -> Self {
        Self { south, north }
    }
}

impl<T> Index<Place> for PerPlace<T> {
    type Output = T;

    fn index(&self, place: Place) -> &T {
        match place {
            Place::South => &self.south,
            Place::North => &self.north,
        }
    }
}

impl<T> IndexMut<Place> for PerPlace<T> {
    fn index_mut(&mut self, place: Place) -> &mut T {
        match place {
            Place::South => &mut self.south,
            Place::North => &mut self.north,
        }
    }
}
