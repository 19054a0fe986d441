//! Protobuf's wire format, byte by byte, with the names that the proto files give.
//!
//! A walker that knows no message: it reads tags, wire types and lengths, and asks the descriptors only for
//! names. So it explains any bytes, also those of a field that this software does not know.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::Serialize;
use std::fmt::Write as _;

use crate::{hex, json};

const DEPTH_MAX: usize = 16;

/// Some bytes, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Where they begin.
    pub offset: usize,
    /// How deep they are nested.
    pub depth: usize,
    /// The bytes, in hexadecimal; of a nested message only what stands before it.
    #[serde(serialize_with = "as_hex")]
    pub bytes: Vec<u8>,
    /// What they are.
    pub what: String,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::joined(bytes))
}

/// What a bytes field holds, where the proto files cannot say it.
pub type Inside<'a> = &'a dyn Fn(&FieldDescriptor) -> Option<MessageDescriptor>;

/// Explains an encoded message of the type `name`; `base` is the offset of its first byte.
pub fn explain(bytes: &[u8], base: usize, name: &str, inside: Inside<'_>) -> Vec<Piece> {
    explain_as(bytes, base, json::descriptor(name).as_ref(), inside)
}

/// The same of any message, whose names are those of `message`.
pub fn explain_as(
    bytes: &[u8],
    base: usize,
    message: Option<&MessageDescriptor>,
    inside: Inside<'_>,
) -> Vec<Piece> {
    let mut walker = Walker {
        pieces: Vec::new(),
        inside,
    };
    walker.message(bytes, base, 0, message);
    walker.pieces
}

struct Walker<'a> {
    pieces: Vec<Piece>,
    inside: Inside<'a>,
}

impl Walker<'_> {
    fn message(
        &mut self,
        bytes: &[u8],
        base: usize,
        depth: usize,
        message: Option<&MessageDescriptor>,
    ) {
        let mut at = 0;
        while at < bytes.len() {
            let Some(length) = self.field(&bytes[at..], base + at, depth, message) else {
                self.add(
                    base + at,
                    depth,
                    &bytes[at..],
                    "cannot be read as a field".to_owned(),
                );
                return;
            };
            at += length;
        }
    }

    /// Explains the field at the start of `bytes`; its length, or `None` if it is none.
    fn field(
        &mut self,
        bytes: &[u8],
        offset: usize,
        depth: usize,
        message: Option<&MessageDescriptor>,
    ) -> Option<usize> {
        let (key, key_length) = varint(bytes)?;
        let (number, wire_type) = (u32::try_from(key >> 3).ok()?, key & 7);
        let field = message.and_then(|message| message.get_field(number));
        let name = field.as_ref().map_or_else(
            || format!("unknown here: field {number}"),
            |field| format!("{}: field {number}", field.name()),
        );
        let rest = &bytes[key_length..];
        let value_length = match wire_type {
            0 => {
                let (value, length) = varint(rest)?;
                let meaning = varint_words(field.as_ref(), value);
                self.add(
                    offset,
                    depth,
                    &bytes[..key_length + length],
                    format!("{name}, varint = {meaning}"),
                );
                length
            }
            1 | 5 => {
                let length = if wire_type == 1 { 8 } else { 4 };
                rest.get(..length)?;
                let what = format!("{name}, fixed {length} bytes");
                self.add(offset, depth, &bytes[..key_length + length], what);
                length
            }
            2 => {
                let (length, length_length) = varint(rest)?;
                let length = usize::try_from(length).ok()?;
                let value = rest.get(length_length..length_length.checked_add(length)?)?;
                let head = key_length + length_length;
                self.delimited(&bytes[..head], value, offset, depth, &name, field.as_ref());
                length_length + length
            }
            _ => return None,
        };
        Some(key_length + value_length)
    }

    fn delimited(
        &mut self,
        head: &[u8],
        value: &[u8],
        offset: usize,
        depth: usize,
        name: &str,
        field: Option<&FieldDescriptor>,
    ) {
        let length = value.len();
        let nested = field.and_then(|field| match field.kind() {
            Kind::Message(message) => Some(message),
            _ => (self.inside)(field),
        });
        let at = offset + head.len();
        if let Some(message) = nested.filter(|_| depth < DEPTH_MAX) {
            let full = message.full_name();
            let short = full
                .strip_prefix("liaison.")
                .map_or(full, |_| message.name());
            let what = format!("{name}, length-delimited, {length} bytes: {short}");
            self.add(offset, depth, head, what);
            self.message(value, at, depth + 1, Some(&message));
            return;
        }
        self.add(
            offset,
            depth,
            head,
            format!("{name}, length-delimited, {length} bytes"),
        );
        let is_text = field.is_some_and(|field| field.kind() == Kind::String);
        let kind = if is_text { "text, UTF-8" } else { "bytes" };
        if !value.is_empty() {
            self.add(at, depth + 1, value, kind.to_owned());
        }
    }

    fn add(&mut self, offset: usize, depth: usize, bytes: &[u8], what: String) {
        self.pieces.push(Piece {
            offset,
            depth,
            bytes: bytes.to_vec(),
            what,
        });
    }
}

fn varint_words(field: Option<&FieldDescriptor>, value: u64) -> String {
    match field.map(FieldDescriptor::kind) {
        Some(Kind::Enum(words)) => {
            let word = i32::try_from(value)
                .ok()
                .and_then(|value| words.get_value(value));
            word.map_or_else(
                || format!("{value}, unknown here"),
                |word| format!("{value}, {}", word.name()),
            )
        }
        Some(Kind::Bool) => (value != 0).to_string(),
        Some(Kind::Int32 | Kind::Int64) => (value as i64).to_string(),
        _ => value.to_string(),
    }
}

/// The varint at the start of `bytes`, and its length.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// The pieces as a hex dump with explanations beside it.
pub fn render(pieces: &[Piece]) -> String {
    const ROW_BYTES: usize = 8;
    const ROWS_MAX: usize = 64;
    let mut text = String::new();
    for piece in pieces {
        let rows = piece.bytes.chunks(ROW_BYTES);
        let row_count = rows.len();
        for (index, row) in rows.enumerate().take(ROWS_MAX) {
            let what = match (index, row_count) {
                (0, 1) => piece.what.clone(),
                (0, _) => format!("{}  |{}|", piece.what, hex::letters(row)),
                _ => format!(
                    "{}  |{}|",
                    " ".repeat(piece.what.chars().count()),
                    hex::letters(row)
                ),
            };
            let line = format!(
                "{:06x}  {:<23}  {}{what}",
                piece.offset + index * ROW_BYTES,
                hex::spaced(row),
                "  ".repeat(piece.depth),
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if row_count > ROWS_MAX {
            let left = piece.bytes.len() - ROWS_MAX * ROW_BYTES;
            let _ = writeln!(text, "        … {left} more bytes of the same");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use protocol::pb::office as pb;

    use super::*;

    const NOTHING_INSIDE: Inside<'static> = &|_| None;

    #[test]
    fn every_byte_is_explained_once() {
        let document = pb::Document {
            form: pb::DocumentForm::Note.into(),
            subject: "Notice".to_owned(),
            signatory: Some(pb::Officer {
                name: "Chun Hae-sung".to_owned(),
                rank: pb::Rank::Chief.into(),
            }),
            ..Default::default()
        };
        let bytes = document.encode_to_vec();
        let pieces = explain(&bytes, 0, "liaison.office.v1.Document", NOTHING_INSIDE);
        let joined: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.bytes.clone())
            .collect();
        assert_eq!(joined, bytes);
        let mut at = 0;
        for piece in &pieces {
            assert_eq!(piece.offset, at);
            at += piece.bytes.len();
        }
        let told: Vec<&str> = pieces.iter().map(|piece| piece.what.as_str()).collect();
        assert_eq!(
            told,
            [
                "form: field 1, varint = 3, DOCUMENT_FORM_NOTE",
                "subject: field 2, length-delimited, 6 bytes",
                "text, UTF-8",
                "signatory: field 5, length-delimited, 17 bytes: Officer",
                "name: field 1, length-delimited, 13 bytes",
                "text, UTF-8",
                "rank: field 2, varint = 1, RANK_CHIEF",
            ]
        );
    }

    #[test]
    fn an_unknown_field_is_shown_too() {
        let pieces = explain(
            &[0xf8, 0x07, 0x01],
            8,
            "liaison.office.v1.Officer",
            NOTHING_INSIDE,
        );
        assert_eq!(pieces[0].what, "unknown here: field 127, varint = 1");
        assert_eq!(pieces[0].offset, 8);
    }

    #[test]
    fn bytes_that_are_no_message_end_the_walk() {
        for bytes in [&[0x0a, 0x05, 0x61][..], &[0x0b], &[0xff; 11], &[0x09, 0]] {
            let pieces = explain(bytes, 0, "liaison.office.v1.Officer", NOTHING_INSIDE);
            assert_eq!(
                pieces.last().map(|piece| piece.bytes.len()),
                Some(bytes.len())
            );
        }
    }

    #[test]
    fn a_dump_has_eight_bytes_a_row() {
        let piece = Piece {
            offset: 8,
            depth: 0,
            bytes: vec![0x61; 20],
            what: "bytes".to_owned(),
        };
        let text = render(&[piece]);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[1].starts_with("000010  61 61 61 61 "));
    }
}
