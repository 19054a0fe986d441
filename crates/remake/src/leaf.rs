//! The values that a message holds, one by one; and the message with others in their place.

use prost_reflect::{Kind, MessageDescriptor};
use template::wire::{Field, Fields};

/// Messages within messages are followed so deep.
const DEPTH_MAX: usize = 32;

/// A value that is a text, bytes or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaf {
    /// A text, or bytes.
    Bytes(Vec<u8>),
    /// A number.
    Number(u64),
}

impl Leaf {
    /// As people read it.
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// Whether it says what it is so surely that another place with it means the same: no word, no small number.
    pub(crate) fn is_telling(&self) -> bool {
        const CHARACTERS_MIN: usize = 4;
        const NUMBER_MIN: u64 = 1_000;
        match self {
            Self::Bytes(bytes) => {
                let is_text = std::str::from_utf8(bytes).is_ok();
                bytes.len() >= CHARACTERS_MIN && (!is_text || bytes.iter().any(u8::is_ascii_digit))
            }
            Self::Number(number) => *number >= NUMBER_MIN,
        }
    }
}

/// Tells each value of a message with the numbers of the fields that lead to it.
pub(crate) fn visit(
    message: &[u8],
    descriptor: Option<&MessageDescriptor>,
    mut each: impl FnMut(&[u32], Leaf),
) {
    let mut told = |path: &[u32], leaf: Leaf| {
        each(path, leaf);
        None
    };
    walk(message, descriptor, &mut Vec::new(), &mut told);
}

/// The message with what `replaced` gives in place of its values; `None` if that is nothing.
pub(crate) fn rewrite(
    message: &[u8],
    descriptor: Option<&MessageDescriptor>,
    mut replaced: impl FnMut(&[u32], Leaf) -> Option<Leaf>,
) -> Option<Vec<u8>> {
    walk(message, descriptor, &mut Vec::new(), &mut replaced)
}

fn walk(
    message: &[u8],
    descriptor: Option<&MessageDescriptor>,
    path: &mut Vec<u32>,
    replaced: &mut dyn FnMut(&[u32], Leaf) -> Option<Leaf>,
) -> Option<Vec<u8>> {
    let mut fields = Fields::of(message);
    // What has been written, once anything is another.
    let mut out: Option<Vec<u8>> = None;
    loop {
        let begin = message.len() - fields.left();
        let Some(found) = fields.next() else {
            return out;
        };
        // What follows cannot be told apart: it stays as it is.
        let Some((number, field)) = found else {
            if let Some(out) = &mut out {
                out.extend_from_slice(&message[begin..]);
            }
            return out;
        };
        let raw = &message[begin..message.len() - fields.left()];
        path.push(number);
        let changed = of_field(raw, number, field, descriptor, path, replaced);
        path.pop();
        match (changed, &mut out) {
            (None, None) => {}
            (None, Some(out)) => out.extend_from_slice(raw),
            (Some(field), Some(out)) => out.extend_from_slice(&field),
            (Some(field), None) => {
                let mut begun = message[..begin].to_vec();
                begun.extend_from_slice(&field);
                out = Some(begun);
            }
        }
    }
}

/// What a field is taken for.
enum Taken {
    Value,
    Within(Option<MessageDescriptor>),
    Left,
}

/// A field with other values in it, with its key; `None` if they are the same.
fn of_field(
    raw: &[u8],
    number: u32,
    field: Field<'_>,
    descriptor: Option<&MessageDescriptor>,
    path: &mut Vec<u32>,
    replaced: &mut dyn FnMut(&[u32], Leaf) -> Option<Leaf>,
) -> Option<Vec<u8>> {
    let key = raw.len() - after_key(raw).len();
    let is_group = raw[0] & 7 == 3;
    let taken = taken(number, field, descriptor, path.len());
    let mut out = raw[..key].to_vec();
    match (taken, field) {
        (Taken::Value, Field::Delimited(bytes)) if !is_group => {
            let Leaf::Bytes(bytes) = replaced(path, Leaf::Bytes(bytes.to_vec()))? else {
                return None;
            };
            put_varint(&mut out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
        (Taken::Value, Field::Varint(value)) => {
            let Leaf::Number(value) = replaced(path, Leaf::Number(value))? else {
                return None;
            };
            put_varint(&mut out, value);
        }
        (Taken::Value, Field::Fixed64(value)) => {
            let Leaf::Number(value) = replaced(path, Leaf::Number(value))? else {
                return None;
            };
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Taken::Within(within), Field::Delimited(bytes)) if !is_group => {
            let bytes = walk(bytes, within.as_ref(), path, replaced)?;
            put_varint(&mut out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
        _ => return None,
    }
    Some(out)
}

fn taken(
    number: u32,
    field: Field<'_>,
    descriptor: Option<&MessageDescriptor>,
    depth: usize,
) -> Taken {
    if depth > DEPTH_MAX {
        return Taken::Left;
    }
    if let Some(known) = descriptor.and_then(|it| it.get_field(number)) {
        return match (known.kind(), field) {
            (Kind::Message(within), Field::Delimited(_)) => Taken::Within(Some(within)),
            (Kind::String | Kind::Bytes, Field::Delimited(_))
            | (Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64, Field::Varint(_))
            | (Kind::Fixed64 | Kind::Sfixed64, Field::Fixed64(_)) => Taken::Value,
            _ => Taken::Left,
        };
    }
    match field {
        Field::Delimited(bytes) => {
            let is_text = std::str::from_utf8(bytes).is_ok_and(|text| {
                !text
                    .chars()
                    .any(|it| it.is_control() && !it.is_whitespace())
            });
            let is_message = || Fields::of(bytes).all(|field| field.is_some());
            if is_text || !is_message() {
                Taken::Value
            } else {
                Taken::Within(None)
            }
        }
        Field::Varint(_) | Field::Fixed64(_) => Taken::Value,
        Field::Fixed32(_) => Taken::Left,
    }
}

fn after_key(raw: &[u8]) -> &[u8] {
    let len = raw.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &raw[len.min(raw.len())..]
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Leaf {
        Leaf::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn values_are_found_and_replaced_where_they_stand() {
        // 1: "doc-1", 2: { 1: "doc-1", 3: 300 }, 5: 7
        let message = b"\x0a\x05doc-1\x12\x0a\x0a\x05doc-1\x18\xac\x02\x28\x07";
        let mut found = Vec::new();
        visit(message, None, |path, leaf| {
            found.push((path.to_vec(), leaf));
        });
        assert_eq!(
            found,
            [
                (vec![1], text("doc-1")),
                (vec![2, 1], text("doc-1")),
                (vec![2, 3], Leaf::Number(300)),
                (vec![5], Leaf::Number(7)),
            ]
        );
        let longer = rewrite(message, None, |path, leaf| {
            (path.len() == 2 && leaf == text("doc-1")).then(|| text("document-12"))
        });
        let wanted = b"\x0a\x05doc-1\x12\x10\x0a\x0bdocument-12\x18\xac\x02\x28\x07";
        assert_eq!(longer.as_deref(), Some(&wanted[..]));
        assert_eq!(rewrite(message, None, |_, _| None), None);
    }

    #[test]
    fn words_and_small_numbers_are_of_many_places() {
        for (leaf, is_telling) in [
            (text("offices/south/documents/1"), true),
            (text("done"), false),
            (text("a1"), false),
            (Leaf::Bytes(vec![0xff; 16]), true),
            (Leaf::Number(7), false),
            (Leaf::Number(70_001), true),
        ] {
            assert_eq!(leaf.is_telling(), is_telling, "{leaf:?}");
        }
    }

    proptest! {
        #[test]
        fn the_same_values_give_the_same_bytes(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let same = rewrite(&message, None, |_, leaf| Some(leaf));
            // A length or number may have been written longer than it need be.
            if let Some(same) = same {
                let mut found = [Vec::new(), Vec::new()];
                visit(&message, None, |path, leaf| found[0].push((path.to_vec(), leaf)));
                visit(&same, None, |path, leaf| found[1].push((path.to_vec(), leaf)));
                let [before, after] = found;
                prop_assert_eq!(before, after);
            }
        }
    }
}
