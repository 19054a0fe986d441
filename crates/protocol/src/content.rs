//! What the rules need to know of a payload.

use bytes::Bytes;
use office::{Content, RequestId, StepKind, Violation};
use prost::encoding::{
    DecodeContext, WireType, check_wire_type, decode_key, decode_varint, skip_field,
};
use prost::{DecodeError, Message};

use crate::convert::{contact_kind_from_pb, timestamp_from_pb};
use crate::pb::office as pb;
use crate::validate::{Checked, Fields};

/// Reads as much of a payload as the rules need.
pub fn content_of(kind: StepKind, payload: &Bytes) -> Content {
    read(kind, payload).unwrap_or(Content::Unreadable)
}

fn read(kind: StepKind, payload: &Bytes) -> Option<Content> {
    let optional_time = |time: Option<prost_types::Timestamp>| match time {
        None => Some(None),
        Some(time) => timestamp_from_pb(&time).map(Some),
    };
    Some(match kind {
        StepKind::DocumentSent => Content::Document {
            deadline: optional_time(deadline_of_document(payload).ok()?)?,
        },
        StepKind::MeetingProposed | StepKind::MeetingCountered => {
            let terms = pb::MeetingTerms::decode(payload.clone()).ok()?;
            Content::Terms {
                kind: contact_kind_from_pb(terms.kind)?,
                answer_by: optional_time(terms.answer_by)?,
            }
        }
        StepKind::ContactRecorded => {
            let contact = pb::Contact::decode(payload.clone()).ok()?;
            Content::Contact {
                kind: contact_kind_from_pb(contact.kind)?,
                begun_at: timestamp_from_pb(&contact.begun_at?)?,
            }
        }
        StepKind::CallRecorded => {
            let call = pb::Call::decode(payload.clone()).ok()?;
            Content::Call(office::call::Call::checked(call, &Fields::default()).ok()?)
        }
        StepKind::LineDeclared => {
            let declaration = pb::LineDeclaration::decode(payload.clone()).ok()?;
            Content::Declaration(
                office::call::LineDeclaration::checked(declaration, &Fields::default()).ok()?,
            )
        }
        _ => Content::Plain,
    })
}

/// The deadline of a document, or why it is none: what `pb::Document::decode` takes and refuses, without the
/// strings it would allocate. Every document passes here at its receiver.
fn deadline_of_document(payload: &[u8]) -> Result<Option<prost_types::Timestamp>, DecodeError> {
    let mut rest = payload;
    let mut deadline: Option<prost_types::Timestamp> = None;
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest)?;
        match tag {
            1 | 9 => {
                check_wire_type(WireType::Varint, wire_type)?;
                decode_varint(&mut rest)?;
            }
            2 | 4 | 7 | 8 => {
                let text = take_field(wire_type, &mut rest)?;
                if std::str::from_utf8(text).is_err() {
                    // What prost says of it; the words are lost on the way.
                    String::decode(INVALID_TEXT)?;
                }
            }
            3 => {
                take_field(wire_type, &mut rest)?;
            }
            5 | 6 => {
                pb::Officer::decode(take_field(wire_type, &mut rest)?)?;
            }
            10 => {
                let time = take_field(wire_type, &mut rest)?;
                deadline.get_or_insert_default().merge(time)?;
            }
            _ => skip_field(wire_type, tag, &mut rest, DecodeContext::default())?,
        }
    }
    Ok(deadline)
}

/// A string field that is no UTF-8.
const INVALID_TEXT: &[u8] = b"\x0a\x01\xff";

fn take_field<'a>(wire_type: WireType, rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let len = usize::try_from(decode_varint(rest)?).unwrap_or(usize::MAX);
    match rest.split_at_checked(len) {
        Some((field, behind)) => {
            *rest = behind;
            Ok(field)
        }
        // What prost says of a field that is cut off.
        None => Vec::<u8>::decode(&b"\x0a\x7f"[..]).map(|_| &[][..]),
    }
}

/// Reads a client's request id.
pub fn parse_request_id(text: &str) -> Result<RequestId, Violation> {
    match uuid::Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() => Ok(RequestId(id.into_bytes())),
        _ => Err(Violation {
            field: "request_id".to_owned(),
            description: "write a UUID, such as 0e6f1a52-92c5-4d4c-8a43-6d7f0f3a2b10; a new one for each new step".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document() -> impl Strategy<Value = Vec<u8>> {
        let officer = |name: &str| pb::Officer {
            name: name.to_owned(),
            rank: 1,
        };
        (".{0,12}", any::<Option<(i64, i32)>>(), 0..3_i32).prop_map(move |(text, time, rank)| {
            let document = pb::Document {
                form: rank,
                subject: text.clone(),
                body: text.clone().into_bytes().into(),
                signatory: (rank > 0).then(|| officer(&text)),
                reference: text,
                deadline: time.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
                ..Default::default()
            };
            document.encode_to_vec()
        })
    }

    /// Documents, joined, cut, and with bytes changed.
    fn nearly_documents() -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let joined = prop::collection::vec(document(), 1..3);
        (joined, changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
            |(joined, changes, cut, is_cut)| {
                let mut bytes = joined.concat();
                for (at, byte) in changes {
                    if !bytes.is_empty() {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                }
                if is_cut && !bytes.is_empty() {
                    bytes.truncate(cut.index(bytes.len()));
                }
                bytes
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn a_deadline_is_read_as_the_whole_document_would_be(payload in nearly_documents()) {
            let whole = pb::Document::decode(&payload[..]).map(|document| document.deadline);
            prop_assert_eq!(deadline_of_document(&payload).ok(), whole.ok());
        }
    }
}
