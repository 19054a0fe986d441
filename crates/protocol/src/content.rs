//! What the rules need to know of a payload.

use bytes::Bytes;
use office::{Content, RequestId, StepKind, Violation};
use prost::Message;

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
        StepKind::DocumentSent => {
            let document = pb::Document::decode(payload.clone()).ok()?;
            Content::Document {
                deadline: optional_time(document.deadline)?,
            }
        }
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
