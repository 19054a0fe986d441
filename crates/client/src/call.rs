//! A step as the client call that makes it. Requests are put together around the recorded payload's own bytes.

use bytes::{Bytes, BytesMut};
use office::{Collection, Place, StepId, StepKind};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use protocol::{Original, field_of, pb::office as pb};

use crate::REQUEST_BYTES_MAX;

/// Of a document that is sent, and of the header of one that is uploaded: they have their fields in common.
const DOCUMENT_FIELD: u32 = 2;
const WAIT_FIELD: u32 = 3;
/// Of a document.
const BODY_FIELD: u32 = 3;
const SEND: &str = "/liaison.office.v1.DocumentService/SendDocument";
const UPLOAD: &str = "/liaison.office.v1.DocumentService/UploadDocument";
/// The longest chunk that an office takes.
const CHUNK_BYTES: usize = 1024 * 1024;

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
            K::DocumentSent => (SEND, None),
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

    /// The same, of a document that is sent: answered once it has come so far.
    #[must_use]
    pub fn waiting(mut self, wait: pb::Wait) -> Self {
        if self.path == SEND && wait != pb::Wait::Unspecified {
            let mut bytes = BytesMut::from(&self.request.bytes()[..]);
            prost::encoding::int32::encode(WAIT_FIELD, &wait.into(), &mut bytes);
            self.request = raw(&bytes.freeze());
        }
        self
    }

    /// Of a document that is too long for one request: the method that takes it in parts, and the parts.
    pub(crate) fn in_parts(&self) -> Option<(&'static str, Vec<Raw>)> {
        let request = self.request.bytes();
        (self.path == SEND && request.len() > REQUEST_BYTES_MAX)
            .then(|| (UPLOAD, parts_of(request)))
    }
}

const fn meeting(path: &'static str) -> (&'static str, Option<Collection>) {
    (path, Some(Collection::Meetings))
}

/// A document that is sent as the parts of an upload: a header, then the body in chunks.
fn parts_of(request: &Bytes) -> Vec<Raw> {
    let document = field_of(request, DOCUMENT_FIELD);
    let body = field_of(&document, BODY_FIELD);
    let document = protocol::without_field(&document, BODY_FIELD);
    let header = protocol::with_field(request, DOCUMENT_FIELD, &document);
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

    fn sent(body: Vec<u8>) -> (pb::Document, Call) {
        let document = pb::Document {
            subject: "Annex".to_owned(),
            body: body.into(),
            reference: "S-017".to_owned(),
            ..Default::default()
        };
        let payload = Bytes::from(document.encode_to_vec());
        let call = Call::of(StepKind::DocumentSent, "id", About::default(), &payload);
        let call = call.expect("a client sends documents");
        (document, call.waiting(pb::Wait::Delivered))
    }

    #[test]
    fn a_document_that_fits_goes_in_one_request_and_says_when_to_answer() {
        let (document, call) = sent(b"Hello".to_vec());
        let wanted = pb::SendDocumentRequest {
            request_id: "id".to_owned(),
            document: Some(document),
            wait: pb::Wait::Delivered.into(),
        };
        assert_eq!(call.request.bytes().to_vec(), wanted.encode_to_vec());
        assert!(call.in_parts().is_none());
    }

    #[test]
    fn one_that_does_not_is_a_header_and_the_whole_body_in_chunks() {
        use pb::upload_document_request::Part;
        let body: Vec<u8> = (0..=5 * CHUNK_BYTES).map(|at| at as u8).collect();
        let (document, call) = sent(body.clone());
        let (path, parts) = call.in_parts().expect("it is too long for one request");
        assert_eq!((path, parts.len()), (UPLOAD, 7));
        let mut parts = parts.iter().map(|part| {
            let part = pb::UploadDocumentRequest::decode(part.bytes().clone());
            part.expect("it is one").part.expect("it is not empty")
        });
        let header = pb::UploadHeader {
            request_id: "id".to_owned(),
            document: Some(pb::Document {
                body: Bytes::new(),
                ..document
            }),
            wait: pb::Wait::Delivered.into(),
        };
        assert_eq!(parts.next(), Some(Part::Header(header)));
        let mut joined = Vec::new();
        for part in parts {
            let Part::Chunk(chunk) = part else {
                panic!("a second header");
            };
            assert!(chunk.len() <= CHUNK_BYTES);
            joined.extend_from_slice(&chunk);
        }
        assert!(joined == body, "the body is another");
    }

    #[test]
    fn what_is_no_document_waits_for_nothing_and_has_no_parts() {
        let about = About {
            subject: Some(StepId::new(Place::North, 4)),
            parent: None,
        };
        let remark = Bytes::from(vec![0; REQUEST_BYTES_MAX + 1]);
        let call = Call::of(StepKind::DocumentAcknowledged, "id", about, &remark);
        let call = call.expect("a client acknowledges");
        let before = call.request.bytes().clone();
        let call = call.waiting(pb::Wait::Delivered);
        assert_eq!(call.request.bytes(), &before);
        assert!(call.in_parts().is_none());
    }

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
