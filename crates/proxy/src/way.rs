//! The two ways through the proxy.

use std::fmt;
use std::ops::{Index, IndexMut};

/// A way through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From whoever dials the proxy to the service behind it.
    Up,
    /// From the service back to whoever dialled.
    Down,
}

impl Way {
    /// All there are.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// Which ways are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Up and down.
    Both,
    /// One of them.
    Only(Way),
}

impl Ways {
    pub(crate) fn contains(self, way: Way) -> bool {
        self == Self::Both || self == Self::Only(way)
    }
}

/// Something for each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PerWay<T> {
    pub(crate) up: T,
    pub(crate) down: T,
}

impl<T> PerWay<T> {
    /// Changes what stands for the ways meant.
    pub(crate) fn set(&mut self, ways: Ways, mut change: impl FnMut(&mut T)) {
        for way in Way::BOTH {
            if ways.contains(way) {
                change(&mut self[way]);
            }
        }
    }
}

impl<T> Index<Way> for PerWay<T> {
    type Output = T;

    fn index(&self, way: Way) -> &T {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

impl<T> IndexMut<Way> for PerWay<T> {
    fn index_mut(&mut self, way: Way) -> &mut T {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}
