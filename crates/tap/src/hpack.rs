//! HPACK (RFC 7541): header lists out of blocks, with the place at which each value stands.
//!
//! Crates that read HPACK are for an end of a connection: they fail where the table is not known, and do not say where a value
//! stood. Whoever listens may come late, and must blank a value where it stands.

mod huffman;
mod table;

use std::ops::Range;

use bytes::Bytes;

use table::{Entry, Table};

/// One field of a header list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// In lower case, as HTTP/2 has it.
    pub name: Bytes,
    /// What it says.
    pub value: Bytes,
    /// Whether both are known. Of an entry of the table that came before anybody listened, they are not.
    pub is_known: bool,
}

impl Field {
    /// Its name, if that is text, which it always should be.
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or("?")
    }
}

/// Why a block cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HpackFault {
    /// It ends within a field.
    #[error("the header block ends within a field")]
    Short,
    /// A number is larger than any that HPACK needs.
    #[error("a number in the header block is too large")]
    Number,
    /// A string is not what the Huffman code makes.
    #[error("a string in the header block is no Huffman code")]
    Huffman,
    /// An index of nothing.
    #[error("the header block names entry {0} of the table, which has none")]
    Index(u64),
    /// The list is longer than anybody listens to.
    #[error("the header list is longer than {0} bytes")]
    TooLong(usize),
}

/// A string as it stands in a block.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    /// Where, without its length.
    pub(crate) at: Range<usize>,
    pub(crate) is_huffman: bool,
}

/// Reads the header blocks of one direction, in their order.
#[derive(Debug)]
pub(crate) struct Hpack {
    table: Table,
    list_bytes_max: usize,
}

impl Hpack {
    pub(crate) fn new(list_bytes_max: usize) -> Self {
        Self {
            table: Table::default(),
            list_bytes_max,
        }
    }

    /// From here on the table may hold what nobody knows: something was missed.
    pub(crate) fn missed(&mut self) {
        self.table.missed();
    }

    /// Reads a block; `each` is given its fields, and where their values stand if they stand in this block.
    pub(crate) fn read(
        &mut self,
        block: &[u8],
        mut each: impl FnMut(&Field, Option<Literal>),
    ) -> Result<(), HpackFault> {
        let (mut at, mut list_bytes) = (0, 0);
        while let Some(first) = block.get(at).copied() {
            let (field, literal) = if first & 0x80 != 0 {
                (self.entry(number(block, &mut at, 7)?)?, None)
            } else if first & 0xe0 == 0x20 {
                let bytes = number(block, &mut at, 5)?;
                self.table.bound(bytes);
                continue;
            } else {
                let is_kept = first & 0xc0 == 0x40;
                let (field, literal) = self.literal(block, &mut at, if is_kept { 6 } else { 4 })?;
                if is_kept {
                    self.table.push(field.clone());
                }
                (field, Some(literal))
            };
            list_bytes += field.name.len() + field.value.len();
            if list_bytes > self.list_bytes_max {
                return Err(HpackFault::TooLong(self.list_bytes_max));
            }
            each(&field, literal);
        }
        Ok(())
    }

    fn literal(
        &mut self,
        block: &[u8],
        at: &mut usize,
        bits: u32,
    ) -> Result<(Field, Literal), HpackFault> {
        let index = number(block, at, bits)?;
        let (name, is_known) = if index == 0 {
            (string(block, at)?.0, true)
        } else {
            let named = self.entry(index)?;
            (named.name, named.is_known)
        };
        let (value, literal) = string(block, at)?;
        let field = Field {
            name,
            value,
            is_known,
        };
        Ok((field, literal))
    }

    fn entry(&self, index: u64) -> Result<Field, HpackFault> {
        match self.table.get(index) {
            Entry::Known(field) => Ok(field),
            Entry::Missed => Ok(Field {
                name: Bytes::from_static(b"?"),
                value: Bytes::from_static(b"?"),
                is_known: false,
            }),
            Entry::None => Err(HpackFault::Index(index)),
        }
    }
}

/// Overwrites a value where it stands in a block, with as many bytes that say as many characters.
pub(crate) fn blank(block: &mut [u8], literal: &Literal, characters: usize) {
    let value = &mut block[literal.at.clone()];
    if literal.is_huffman {
        huffman::blank(value, characters);
    } else {
        value.fill(b'*');
    }
}

/// A number whose first byte has `bits` bits of it.
fn number(block: &[u8], at: &mut usize, bits: u32) -> Result<u64, HpackFault> {
    let mut next = || {
        let byte = block.get(*at).copied().ok_or(HpackFault::Short)?;
        *at += 1;
        Ok(u64::from(byte))
    };
    let most = (1 << bits) - 1;
    let mut number = next()? & most;
    if number < most {
        return Ok(number);
    }
    for shift in (0..35).step_by(7) {
        let byte = next()?;
        number += (byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(HpackFault::Number)
}

fn string(block: &[u8], at: &mut usize) -> Result<(Bytes, Literal), HpackFault> {
    let is_huffman = block.get(*at).is_some_and(|first| first & 0x80 != 0);
    let len = number(block, at, 7)?;
    let end = usize::try_from(len)
        .ok()
        .and_then(|len| at.checked_add(len));
    let end = end.filter(|end| *end <= block.len());
    let end = end.ok_or(HpackFault::Short)?;
    let literal = Literal {
        at: *at..end,
        is_huffman,
    };
    let stands = &block[literal.at.clone()];
    *at = end;
    let text = if is_huffman {
        Bytes::from(huffman::decode(stands).ok_or(HpackFault::Huffman)?)
    } else {
        Bytes::copy_from_slice(stands)
    };
    Ok((text, literal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(hpack: &mut Hpack, block: &[u8]) -> Result<Vec<String>, HpackFault> {
        let mut told = Vec::new();
        hpack.read(block, |field, _| {
            told.push(format!(
                "{}: {}",
                field.name(),
                String::from_utf8_lossy(&field.value)
            ));
        })?;
        Ok(told)
    }

    /// RFC 7541, C.4: three requests on one connection.
    #[test]
    fn the_requests_of_the_rfc_are_read() {
        let mut hpack = Hpack::new(1_000);
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
            0x90, 0xf4, 0xff,
        ];
        let mut expected = vec![
            ":method: GET",
            ":scheme: http",
            ":path: /",
            ":authority: www.example.com",
        ];
        assert_eq!(told(&mut hpack, &first).expect("a block"), expected);
        let second = [
            0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf,
        ];
        expected.push("cache-control: no-cache");
        assert_eq!(told(&mut hpack, &second).expect("a block"), expected);
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f,
            0x89, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        let expected = [
            ":method: GET",
            ":scheme: https",
            ":path: /index.html",
            ":authority: www.example.com",
            "custom-key: custom-value",
        ];
        assert_eq!(told(&mut hpack, &third).expect("a block"), expected);
    }

    #[test]
    fn whoever_comes_late_knows_what_came_since() {
        let mut hpack = Hpack::new(1_000);
        assert_eq!(told(&mut hpack, &[0xbe]), Err(HpackFault::Index(62)));
        hpack.missed();
        assert_eq!(
            told(&mut hpack, &[0xbe]).expect("it is not known"),
            ["?: ?"]
        );
        let known = [0x40, 1, b'a', 1, b'b', 0xbe, 0xbf];
        let said = told(&mut hpack, &known).expect("a block");
        assert_eq!(said, ["a: b", "a: b", "?: ?"]);
    }

    #[test]
    fn what_is_too_long_or_too_short_is_refused() {
        let mut hpack = Hpack::new(10);
        let long = [&[0x40, 1, b'a', 20][..], &[b'b'; 20]].concat();
        assert_eq!(told(&mut hpack, &long), Err(HpackFault::TooLong(10)));
        for end in 1..long.len() {
            assert_eq!(told(&mut hpack, &long[..end]), Err(HpackFault::Short));
        }
        let large = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(told(&mut hpack, &large), Err(HpackFault::Number));
    }

    proptest! {
        #[test]
        fn any_block_is_read_or_refused(
            blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
            late in any::<bool>(),
        ) {
            let mut hpack = Hpack::new(500);
            if late {
                hpack.missed();
            }
            for block in blocks {
                let mut blanked = block.clone();
                let mut places = Vec::new();
                let _ = hpack.read(&block, |field, literal| {
                    places.extend(literal.map(|it| (it, field.value.len())));
                });
                for (literal, characters) in &places {
                    blank(&mut blanked, literal, *characters);
                }
                prop_assert_eq!(blanked.len(), block.len());
            }
        }
    }
}
