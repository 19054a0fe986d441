//! A compiled template: bytes, messages on the way to a placeholder, and fields with placeholders.

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::error::TemplateError;
use crate::leaf::Leaf;
use crate::values::Values;
use crate::wire::{put_delimited, reserve};

/// A piece of an encoded message.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Without placeholders.
    Static(Vec<u8>),
    /// A message, map entry or packed list with placeholders inside.
    Nested {
        key: Vec<u8>,
        /// How many bytes its length is expected to take.
        reserve: usize,
        /// Whether nothing is written if there is nothing inside.
        omits_empty: bool,
        pieces: Vec<Piece>,
    },
    /// A field with placeholders.
    Leaf(Leaf),
}

impl Piece {
    /// A field whose content is a message, map entry or packed list.
    pub(super) fn nested(key: Vec<u8>, pieces: Vec<Self>) -> Self {
        Self::of(key, pieces, false)
    }

    /// The same of a bytes field that holds an encoded message, and is left out if that is empty.
    pub(super) fn enclosed(key: Vec<u8>, pieces: Vec<Self>) -> Self {
        Self::of(key, pieces, true)
    }

    fn of(key: Vec<u8>, pieces: Vec<Self>, omits_empty: bool) -> Self {
        let pieces = joined(pieces);
        let fixed = match &pieces[..] {
            [] => Some(&[][..]),
            [Self::Static(bytes)] => Some(&bytes[..]),
            _ => None,
        };
        if let Some(bytes) = fixed {
            if bytes.is_empty() && omits_empty {
                return Self::Static(Vec::new());
            }
            let mut whole = key;
            encode_varint(bytes.len() as u64, &mut whole);
            whole.extend_from_slice(bytes);
            return Self::Static(whole);
        }
        let (min, max) = bounds(&pieces);
        Self::Nested {
            key,
            reserve: reserve(min, max),
            omits_empty,
            pieces,
        }
    }

    pub(super) fn encode(
        &self,
        values: &Values<'_>,
        out: &mut BytesMut,
    ) -> Result<(), TemplateError> {
        match self {
            Self::Static(bytes) => {
                out.put_slice(bytes);
                Ok(())
            }
            Self::Nested {
                key,
                reserve,
                omits_empty,
                pieces,
            } => {
                let start = out.len();
                out.put_slice(key);
                put_delimited(out, *reserve, |out| {
                    pieces
                        .iter()
                        .try_for_each(|piece| piece.encode(values, out))
                })?;
                // Nothing inside is a key and a zero.
                if *omits_empty && out.len() == start + key.len() + 1 {
                    out.truncate(start);
                }
                Ok(())
            }
            Self::Leaf(leaf) => leaf.encode(values, out),
        }
    }

    fn len_bounds(&self) -> (u64, u64) {
        match self {
            Self::Static(bytes) => (bytes.len() as u64, bytes.len() as u64),
            Self::Nested { key, pieces, .. } => {
                let (min, max) = bounds(pieces);
                let len = |body: u64| key.len() as u64 + encoded_len_varint(body) as u64 + body;
                (len(min), len(max))
            }
            Self::Leaf(leaf) => leaf.len_bounds(),
        }
    }
}

/// The same pieces with bytes that follow bytes made one.
pub(super) fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (_, Piece::Static(more)) if more.is_empty() => {}
            (Some(Piece::Static(bytes)), Piece::Static(more)) => bytes.extend(more),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

fn bounds(pieces: &[Piece]) -> (u64, u64) {
    let each = pieces.iter().map(Piece::len_bounds);
    each.fold((0, 0), |sum, (min, max)| (sum.0 + min, sum.1 + max))
}
