//! A sparse array indexed by line sequence.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::raw::Raw;

const PAGE_LEN: usize = 1024;

/// A value that pages hold.
pub trait PageValue: Copy + Default {
    /// A page's bytes, in an order that is the same on any machine.
    fn to_bytes(page: &[Self]) -> Cow<'_, [u8]>;
    /// The page again.
    fn from_bytes(bytes: &[u8]) -> Box<[Self]>;
}

impl PageValue for u8 {
    fn to_bytes(page: &[Self]) -> Cow<'_, [u8]> {
        Cow::Borrowed(page)
    }

    fn from_bytes(bytes: &[u8]) -> Box<[Self]> {
        bytes.into()
    }
}

impl PageValue for u32 {
    fn to_bytes(page: &[Self]) -> Cow<'_, [u8]> {
        page.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Box<[Self]> {
        let (values, _) = bytes.as_chunks();
        values.iter().copied().map(Self::from_le_bytes).collect()
    }
}

/// Values by line sequence, in pages that exist only where something was set. Unset values are `T::default()`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages<T> {
    pages: Vec<Option<Box<[T]>>>,
}

impl<T: PageValue> Pages<T> {
    /// The value at `sequence`.
    pub fn get(&self, sequence: u64) -> T {
        let index = usize::try_from(sequence).unwrap_or(usize::MAX);
        match self.pages.get(index / PAGE_LEN) {
            Some(Some(page)) => page[index % PAGE_LEN],
            _ => T::default(),
        }
    }

    /// Sets the value at `sequence`. Sequences are gapless, so the outer vector stays small.
    pub fn set(&mut self, sequence: u64, value: T) {
        let index = usize::try_from(sequence).expect("line sequences fit memory: they are gapless");
        if self.pages.len() <= index / PAGE_LEN {
            self.pages.resize_with(index / PAGE_LEN + 1, || None);
        }
        let page = self.pages[index / PAGE_LEN]
            .get_or_insert_with(|| vec![T::default(); PAGE_LEN].into_boxed_slice());
        page[index % PAGE_LEN] = value;
    }

    /// One more than the highest sequence that may hold a value.
    pub fn len(&self) -> u64 {
        (self.pages.len() * PAGE_LEN) as u64
    }

    /// Whether nothing was ever set.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl<T: PageValue> Serialize for Pages<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pages = self.pages.iter().map(Option::as_deref);
        serializer.collect_seq(pages.map(|page| page.map(|page| Raw(T::to_bytes(page)))))
    }
}

impl<'de, T: PageValue> Deserialize<'de> for Pages<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let page = |raw: Option<Raw<'de>>| {
            let Some(Raw(bytes)) = raw else {
                return Ok(None);
            };
            if bytes.len() != PAGE_LEN * size_of::<T>() {
                return Err(D::Error::custom("a page has another length"));
            }
            Ok(Some(T::from_bytes(&bytes)))
        };
        let raw: Vec<Option<Raw<'de>>> = Deserialize::deserialize(deserializer)?;
        let pages = raw.into_iter().map(page).collect::<Result<_, _>>()?;
        Ok(Self { pages })
    }
}
