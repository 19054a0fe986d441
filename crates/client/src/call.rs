//! A step as the client call that makes it. Requests are put together around the recorded payload's own bytes.

use bytes::{Bytes, BytesMut};
use office::{Collection, Place, StepId, StepKind};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use protocol::{Original, field_of, pb::office as pb};

/// Of a document.
const BODY_FIELD: u32 = 3;

/// A message whose bytes are its own.
pub type Raw = Original<()>;

/// What a step is about, by the names that the offices gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// The document, meeting or contact.
    pub subject: Option<StepId>,
    /// The step of the meeting that is built upon.
    pub parent: Option<StepId>,
}

/// A client call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Of the method.
    pub path: &'static str,
    /// The request, encoded.
    pub request: Raw,
}

impl Call {
    /// The call that makes a step of this kind with this payload; `id` is its request id. `None` for a step that only a clock
    /// makes, or that is about something when nothing is said.
    pub fn of(kind: StepKind, id: &str, about: About, payload: &Bytes) -> Option<Self> {
        use StepKind as K;
        let (path, collection) = match kind {
            K::DocumentSent => ("/liaison.office.v1.DocumentService/SendDocument", None),
            K::DocumentAcknowledged => (
                "/liaison.office.v1.DocumentService/AcknowledgeDocument",
                Some(Collection::Documents),
            ),
            K::DocumentReceiptRefused => (
                "/liaison.office.v1.DocumentService/RefuseDocument",
                Some(Collection::Documents),
            ),
            K::MeetingProposed => ("/liaison.office.v1.MeetingService/ProposeMeeting", None),
            K::MeetingCountered => meeting("/liaison.office.v1.MeetingService/CounterMeeting"),
            K::MeetingAccepted => meeting("/liaison.office.v1.MeetingService/AcceptMeeting"),
            K::MeetingDeclined => meeting("/liaison.office.v1.MeetingService/DeclineMeeting"),
            K::MeetingCancelled => meeting("/liaison.office.v1.MeetingService/CancelMeeting"),
            K::MeetingConvened => meeting("/liaison.office.v1.MeetingService/ConveneMeeting"),
            K::MeetingClosed => meeting("/liaison.office.v1.MeetingService/CloseMeeting"),
            K::ContactRecorded => ("/liaison.office.v1.ContactService/RecordContact", None),
            K::ContactConfirmed => (
                "/liaison.office.v1.ContactService/ConfirmContact",
                Some(Collection::Contacts),
            ),
            K::CallRecorded => ("/liaison.office.v1.ContactService/RecordCall", None),
            K::LineDeclared => ("/liaison.office.v1.ContactService/DeclareLine", None),
            K::DocumentExpired | K::MeetingLapsed => return None,
        };
        let name = collection.map(|collection| Some(about.subject?.name(collection)));
        let parent = about.parent.map(|id| id.name(Collection::Steps));
        let fields: Vec<&[u8]> = match (&name, collection) {
            (None, _) => vec![id.as_bytes(), payload],
            (Some(name), Some(Collection::Meetings)) => vec![
                id.as_bytes(),
                name.as_ref()?.as_bytes(),
                parent.as_deref().unwrap_or_default().as_bytes(),
                payload,
            ],
            (Some(name), _) => vec![id.as_bytes(), name.as_ref()?.as_bytes(), payload],
        };
        Some(Self {
            path,
            request: raw(&message(&fields)),
        })
    }
}

const fn meeting(path: &'static str) -> (&'static str, Option<Collection>) {
    (path, Some(Collection::Meetings))
}

/// A document's payload as the parts of an upload: a header, then the body in chunks.
pub(crate) fn parts_of(id: &str, payload: &Bytes) -> Vec<Raw> {
    const CHUNK_BYTES: usize = 1024 * 1024;
    let document = protocol::without_field(payload, BODY_FIELD);
    let body = field_of(payload, BODY_FIELD);
    let header = message(&[id.as_bytes(), &document]);
    let mut parts = vec![raw(&message(&[&header]))];
    for chunk in body.chunks(CHUNK_BYTES) {
        parts.push(raw(&message(&[b"", chunk])));
    }
    parts
}

/// A message whose fields 1, 2, … are these; an empty one is left out, as protobuf does.
fn message(fields: &[&[u8]]) -> Bytes {
    let len: usize = fields.iter().map(|value| value.len() + 12).sum();
    let mut bytes = BytesMut::with_capacity(len);
    for (tag, value) in (1..).zip(fields) {
        if value.is_empty() {
            continue;
        }
        encode_key(tag, WireType::LengthDelimited, &mut bytes);
        encode_varint(value.len() as u64, &mut bytes);
        bytes.extend_from_slice(value);
    }
    bytes.freeze()
}

fn raw(bytes: &Bytes) -> Raw {
    Raw::decode(bytes.clone()).expect("fields with their lengths can be skipped")
}

/// The name of the step that an answer tells of, if later steps may build upon it.
pub fn named(place: Place, kind: StepKind, response: &Raw) -> Option<StepId> {
    let inner = field_of(response.bytes(), 1);
    let own = |collection: Collection| {
        let name = field_of(&inner, 1);
        collection.parse(std::str::from_utf8(&name).ok()?).ok()
    };
    match kind {
        StepKind::DocumentSent => own(Collection::Documents),
        StepKind::MeetingProposed => own(Collection::Meetings),
        StepKind::ContactRecorded => own(Collection::Contacts),
        StepKind::MeetingCountered
        | StepKind::MeetingAccepted
        | StepKind::MeetingDeclined
        | StepKind::MeetingCancelled
        | StepKind::MeetingConvened
        | StepKind::MeetingClosed => pb::Meeting::decode(inner)
            .ok()?
            .steps
            .iter()
            .filter_map(|step| Collection::Steps.parse(&step.name).ok())
            // The meeting is told as it stood when the step was recorded, so the last own one is it.
            .filter(|id| id.place == place)
            .max(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_a_client_would_send() {
        let document = pb::Document {
            subject: "Notice".to_owned(),
            ..Default::default()
        };
        let payload = Bytes::from(document.encode_to_vec());
        let call = Call::of(StepKind::DocumentSent, "id", About::default(), &payload);
        let wanted = pb::SendDocumentRequest {
            request_id: "id".to_owned(),
            document: Some(document),
            wait: 0,
        };
        let call = call.expect("a client sends documents");
        assert_eq!(call.request.bytes().to_vec(), wanted.encode_to_vec());
        let about = About {
            subject: Some(StepId::new(Place::North, 4)),
            parent: Some(StepId::new(Place::South, 9)),
        };
        let call = Call::of(StepKind::MeetingAccepted, "id", about, &Bytes::new());
        let wanted = pb::AcceptMeetingRequest {
            request_id: "id".to_owned(),
            name: "offices/north/meetings/4".to_owned(),
            parent: "offices/south/steps/9".to_owned(),
            remark: None,
        };
        let call = call.expect("a client accepts");
        assert_eq!(call.request.bytes().to_vec(), wanted.encode_to_vec());
        assert!(Call::of(StepKind::MeetingLapsed, "id", about, &Bytes::new()).is_none());
    }
}
