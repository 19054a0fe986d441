//! A message with one field changed, and every other byte as it came in.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use office::{Collection, StepId, StepKind};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

use crate::field_of;

const REPLY_FIELD: u32 = 7;

/// The document that a document answers.
pub fn reply_of(kind: StepKind, payload: &Bytes) -> Option<StepId> {
    if kind != StepKind::DocumentSent {
        return None;
    }
    let name = field_of(payload, REPLY_FIELD);
    Collection::Documents
        .parse(std::str::from_utf8(&name).ok()?)
        .ok()
}

/// The payload with another document answered.
pub fn with_reply(payload: &Bytes, reply: StepId) -> Bytes {
    let name = reply.name(Collection::Documents);
    with_field(payload, REPLY_FIELD, name.as_bytes())
}

/// The payload without the document answered: what is left can be compared.
pub fn without_reply(payload: &Bytes) -> Bytes {
    without_field(payload, REPLY_FIELD)
}

/// The message with field `tag` holding `value`, where it stood or else at the end.
pub fn with_field(message: &Bytes, tag: u32, value: &[u8]) -> Bytes {
    let (rest, at) = split(message, tag);
    let at = at.unwrap_or(rest.len());
    let mut spliced = BytesMut::with_capacity(rest.len() + value.len() + 16);
    spliced.put_slice(&rest[..at]);
    encode_key(tag, WireType::LengthDelimited, &mut spliced);
    encode_varint(value.len() as u64, &mut spliced);
    spliced.put_slice(value);
    spliced.put_slice(&rest[at..]);
    spliced.freeze()
}

/// The message without field `tag`.
pub fn without_field(message: &Bytes, tag: u32) -> Bytes {
    split(message, tag).0
}

/// The message without field `tag`, and where in what is left that field stood first.
fn split(message: &Bytes, tag: u32) -> (Bytes, Option<usize>) {
    let mut rest = message.clone();
    let mut kept = BytesMut::with_capacity(message.len());
    let mut at = None;
    while rest.has_remaining() {
        let begin = rest.clone();
        let Some(found) = skip_one(&mut rest) else {
            // What cannot be read stays as it is.
            kept.put_slice(&begin);
            break;
        };
        if found == tag {
            at = at.or(Some(kept.len()));
        } else {
            kept.put_slice(&begin[..begin.len() - rest.len()]);
        }
    }
    (kept.freeze(), at)
}

/// Skips one field; returns its number.
fn skip_one(rest: &mut Bytes) -> Option<u32> {
    let (tag, wire_type) = decode_key(rest).ok()?;
    if wire_type == WireType::LengthDelimited {
        let len = usize::try_from(decode_varint(rest).ok()?).ok()?;
        if len > rest.remaining() {
            return None;
        }
        rest.advance(len);
        return Some(tag);
    }
    skip_field(wire_type, tag, rest, DecodeContext::default()).ok()?;
    Some(tag)
}

#[cfg(test)]
mod tests {
    use office::Place;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::pb::office as pb;

    fn document(subject: String, body: Vec<u8>, reply: u64) -> pb::Document {
        pb::Document {
            subject,
            body: body.into(),
            in_reply_to: StepId::new(Place::North, reply).name(Collection::Documents),
            reference: "S-017".to_owned(),
            ..Default::default()
        }
    }

    proptest! {
        #[test]
        fn only_the_answered_name_changes(
            subject in ".{0,40}", body in prop::collection::vec(any::<u8>(), 0..200),
            reply in 1_u64..u64::MAX, given in 1_u64..u64::MAX, unknown in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = document(subject.clone(), body.clone(), reply).encode_to_vec();
            // A field from the future.
            encode_key(99, WireType::LengthDelimited, &mut bytes);
            encode_varint(unknown.len() as u64, &mut bytes);
            bytes.extend_from_slice(&unknown);
            let bytes = Bytes::from(bytes);
            prop_assert_eq!(reply_of(StepKind::DocumentSent, &bytes), Some(StepId::new(Place::North, reply)));
            let given = StepId::new(Place::North, given);
            let changed = with_reply(&bytes, given);
            prop_assert_eq!(reply_of(StepKind::DocumentSent, &changed), Some(given));
            prop_assert_eq!(with_reply(&changed, StepId::new(Place::North, reply)), bytes.clone(), "and back, byte for byte");
            prop_assert_eq!(field_of(&changed, 99).to_vec(), unknown);
            prop_assert_eq!(without_reply(&changed), without_reply(&bytes));
        }

        #[test]
        fn bytes_that_are_no_message_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = with_reply(&bytes, StepId::new(Place::South, 1));
            let _ = without_reply(&bytes);
        }
    }
}
