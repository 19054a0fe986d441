//! The few pieces of the protobuf wire that templates write and kept values are read from.

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

/// How many bytes a length likely takes. A wrong guess moves what was written; it costs time and changes no byte.
pub(crate) fn reserve(min: u64, max: u64) -> usize {
    encoded_len_varint(min.midpoint(max))
}

/// Writes a length and what `write` writes behind it. `reserve` is how many bytes the length is expected to take: if it
/// takes as many, nothing is moved.
pub(crate) fn put_delimited<E>(
    out: &mut BytesMut,
    reserve: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.put_bytes(0, reserve);
    write(out)?;
    let len = out.len() - start - reserve;
    let taken = encoded_len_varint(len as u64);
    let body = start + reserve..start + reserve + len;
    if taken > reserve {
        out.put_bytes(0, taken - reserve);
        out.copy_within(body, start + taken);
    } else if taken < reserve {
        out.copy_within(body, start + taken);
        out.truncate(start + taken + len);
    }
    let mut place = &mut out[start..start + taken];
    encode_varint(len as u64, &mut place);
    Ok(())
}

/// One field of a message as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// A varint.
    Varint(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Eight bytes.
    Fixed64(u64),
    /// Bytes with their length, or a group.
    Delimited(&'a [u8]),
}

/// The fields of a message, in order; `None` where the bytes are no message.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Those of an encoded message.
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Bytes of it that are still to come.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Everything up to the end of the group `number`.
    fn take_group(&mut self, number: u64) -> Option<&'a [u8]> {
        let all = self.rest;
        let mut open = vec![number];
        loop {
            let body = all.len() - self.rest.len();
            let key = varint(&mut self.rest)?;
            match key & 7 {
                3 => open.push(key >> 3),
                4 => {
                    if open.pop()? != key >> 3 {
                        return None;
                    }
                    if open.is_empty() {
                        return Some(&all[..body]);
                    }
                }
                wire_type => {
                    self.take(wire_type)?;
                }
            }
        }
    }

    fn take(&mut self, wire_type: u64) -> Option<Field<'a>> {
        let mut fixed = |len| {
            let (taken, rest) = self.rest.split_at_checked(len)?;
            self.rest = rest;
            Some(taken)
        };
        Some(match wire_type {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => Field::Fixed64(u64::from_le_bytes(fixed(8)?.try_into().ok()?)),
            2 => {
                let len = usize::try_from(varint(&mut self.rest)?).ok()?;
                let (taken, rest) = self.rest.split_at_checked(len)?;
                self.rest = rest;
                Field::Delimited(taken)
            }
            5 => Field::Fixed32(u32::from_le_bytes(fixed(4)?.try_into().ok()?)),
            _ => return None,
        })
    }

    fn next_field(&mut self) -> Option<(u32, Field<'a>)> {
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
        let field = match key & 7 {
            3 => Field::Delimited(self.take_group(key >> 3)?),
            wire_type => self.take(wire_type)?,
        };
        Some((number, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u32, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_none() {
            // What follows cannot be told apart any more.
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a varint off the front.
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_the_bytes_it_needs() {
        for len in [0, 1, 127, 128, 300, 20_000] {
            for reserve in 1..=4 {
                let mut out = BytesMut::from(&b"before"[..]);
                let body = vec![7; len];
                put_delimited(&mut out, reserve, |out| {
                    out.put_slice(&body);
                    Ok::<(), ()>(())
                })
                .expect("nothing fails");
                let mut rest = &out[6..];
                assert_eq!(varint(&mut rest), Some(len as u64));
                assert_eq!(rest, body);
            }
        }
    }

    #[test]
    fn fields_are_read_and_broken_ones_end_it() {
        // 1: varint 5, 2: group with 3: varint 1, 4: "ab", then a cut-off field.
        let bytes = b"\x08\x05\x13\x18\x01\x14\x22\x02ab\x22\x09a";
        let fields: Vec<_> = Fields::of(bytes).collect();
        assert_eq!(
            fields,
            [
                Some((1, Field::Varint(5))),
                Some((2, Field::Delimited(b"\x18\x01"))),
                Some((4, Field::Delimited(b"ab"))),
                None,
            ]
        );
    }
}
