//! Envelopes come back as they were written; and what a payload says, read cold, is what the rules were told
//! when its step was planned.

use bytes::Bytes;
use jiff::Timestamp;
use office::call::{Call, LineDeclaration};
use office::contact::Contact;
use office::document::Document;
use office::line::LineHash;
use office::meeting::MeetingTerms;
use office::{Content, Limits, Mutation, Office, Order, Place, RequestId, Step, StepId, StepKind};
use proptest::prelude::*;
use prost::Message;
use protocol::pb::{line, office as pb};
use protocol::{
    Checked, Fields, Original, content_of, decode_envelope, encode_envelope, timestamp_from_pb,
};

use crate::conversions::place;
use crate::foreign::{calls, contacts, declarations, documents, nearly, terms, text};

fn kind() -> impl Strategy<Value = StepKind> {
    prop::sample::select(&StepKind::ALL[..])
}

fn step_id() -> impl Strategy<Value = StepId> {
    let sequence = prop_oneof![1..9_u64, 1..=u64::MAX];
    (place(), sequence).prop_map(|(place, sequence)| StepId::new(place, sequence))
}

/// The times that can be written, to their ends.
fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        -62_135_596_800..253_402_207_200_i64,
        Just(-62_135_596_800),
        Just(253_402_207_199),
        -2..2_i64,
    ];
    (seconds, 0..1_000_000_000_i32).prop_map(|(seconds, nanos)| {
        timestamp_from_pb(&prost_types::Timestamp { seconds, nanos }).expect("it is in range")
    })
}

/// Payloads of every kind of step, and bytes that are none.
fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        nearly(documents()),
        nearly(terms()),
        nearly(contacts()),
        nearly(calls()),
        nearly(declarations()),
    ]
    .prop_map(Bytes::from)
}

fn envelopes() -> impl Strategy<Value = line::Envelope> {
    let id =
        || (0..4_i32, any::<u64>()).prop_map(|(place, sequence)| pb::StepId { place, sequence });
    let time = any::<(i64, i32)>();
    let request_id = prop::collection::vec(any::<u8>(), 0..20);
    let ids = (prop::option::of(id()), prop::option::of(id()));
    let author = ".{0,80}";
    (ids, 0..60_i32, prop::option::of(time), request_id, author).prop_map(
        |(ids, kind, time, request_id, author)| line::Envelope {
            step: ids.0,
            parent: ids.1,
            kind,
            authored_at: time.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
            request_id: request_id.into(),
            author,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn an_envelope_comes_back(
        id in step_id(),
        parent in prop::option::of(step_id()),
        kind in kind(),
        authored_at in time(),
        payload in payload(),
        request_id in any::<Option<[u8; 16]>>(),
    ) {
        let content = content_of(kind, &payload);
        let step = Step { id, parent, kind, authored_at, content };
        let request_id = request_id.map(RequestId);
        let envelope = encode_envelope(&step, request_id);
        prop_assert_eq!(decode_envelope(&envelope, &payload), Ok((step, request_id)));
    }

    /// A faulty envelope is an error, and one that is taken is written again to the same step.
    #[test]
    fn an_envelope_is_read_or_refused(envelope in nearly(envelopes()), payload in payload()) {
        if let Ok((step, request_id)) = decode_envelope(&envelope, &payload) {
            prop_assert!(step.id.sequence > 0);
            let again = encode_envelope(&step, request_id);
            prop_assert_eq!(decode_envelope(&again, &payload), Ok((step, request_id)));
        }
    }

    /// Every kind takes every payload, and says something that belongs to the kind.
    #[test]
    fn a_payload_says_what_its_kind_can_say(payload in payload()) {
        for kind in StepKind::ALL {
            use StepKind as K;
            let belongs = match content_of(kind, &payload) {
                Content::Document { .. } => kind == K::DocumentSent,
                Content::Terms { .. } => matches!(kind, K::MeetingProposed | K::MeetingCountered),
                Content::Contact { .. } => kind == K::ContactRecorded,
                Content::Call(_) => kind == K::CallRecorded,
                Content::Declaration(_) => kind == K::LineDeclared,
                Content::Unreadable => true,
                Content::Plain => !matches!(
                    kind,
                    K::DocumentSent
                        | K::MeetingProposed
                        | K::MeetingCountered
                        | K::ContactRecorded
                        | K::CallRecorded
                        | K::LineDeclared
                ),
            };
            prop_assert!(belongs, "{kind}");
        }
    }
}

/// The times that rules measure stand far behind: nothing has passed yet.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A South office to which North has sent a document and a proposal, and which has declared the line cut if the
/// next declaration is to restore it.
fn office(restores: bool) -> Office {
    let mut office = Office::new(Place::South, Limits::default());
    let peers = [
        (StepKind::DocumentSent, Content::Document { deadline: None }),
        (
            StepKind::MeetingProposed,
            Content::Terms {
                kind: office::contact::ContactKind::Chiefs,
                answer_by: None,
            },
        ),
    ];
    for (sequence, (kind, content)) in (1..).zip(peers) {
        let id = StepId::new(Place::North, sequence);
        let step = Step {
            id,
            parent: None,
            kind,
            authored_at: NOW,
            content,
        };
        office.record(&step, LineHash::ZERO, Mutation::default());
    }
    if restores {
        let cut = office.plan(NOW, &Order::DeclareLine(LineDeclaration::Cut));
        let cut = cut.expect("a line can be cut");
        office.record(&cut, LineHash::ZERO, Mutation::default());
    }
    office
}

/// A request as it came in, taken as a service takes it: what the planned step says is what is read in the
/// payload from then on, here and at the peer.
fn live_is_cold<R, M, T>(
    bytes: &[u8],
    tag: u32,
    content: fn(R) -> Option<M>,
    order: fn(T) -> Order,
) -> Result<(), TestCaseError>
where
    R: Message + Default,
    M: Message + Default,
    T: Checked<M>,
{
    let Ok(original) = Original::<R>::decode(bytes) else {
        return Ok(());
    };
    let payload = original.field(tag);
    let Some(content) = content(original.into_message()) else {
        return Ok(());
    };
    let Ok(taken) = T::checked(content, &Fields::default()) else {
        return Ok(());
    };
    let order = order(taken);
    let restores = matches!(order, Order::DeclareLine(LineDeclaration::Restored));
    // An answer to a document that nobody sent is refused; what it says is the same without it.
    let order = match order {
        Order::SendDocument(document) => Order::SendDocument(Document {
            in_reply_to: None,
            ..document
        }),
        order => order,
    };
    let step = office(restores).plan(NOW, &order);
    let step = step.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
    let envelope = encode_envelope(&step, None);
    prop_assert_eq!(decode_envelope(&envelope, &payload), Ok((step, None)));
    Ok(())
}

fn counter(terms: MeetingTerms) -> Order {
    Order::MoveMeeting {
        meeting: StepId::new(Place::North, 2),
        parent: None,
        kind: StepKind::MeetingCountered,
        terms: Some(terms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn a_document_says_the_same_live_and_cold(bytes in nearly((text(), documents()).prop_map(
        |(request_id, document)| pb::SendDocumentRequest { request_id, document: Some(document), wait: 0 },
    ))) {
        live_is_cold(&bytes, 2, |request: pb::SendDocumentRequest| request.document, Order::SendDocument)?;
    }

    #[test]
    fn a_proposal_says_the_same_live_and_cold(bytes in nearly((text(), terms()).prop_map(
        |(request_id, terms)| pb::ProposeMeetingRequest { request_id, terms: Some(terms) },
    ))) {
        live_is_cold(&bytes, 2, |request: pb::ProposeMeetingRequest| request.terms, Order::ProposeMeeting)?;
    }

    #[test]
    fn a_counter_says_the_same_live_and_cold(bytes in nearly((text(), terms()).prop_map(
        |(request_id, terms)| pb::CounterMeetingRequest {
            request_id,
            terms: Some(terms),
            ..Default::default()
        },
    ))) {
        live_is_cold(&bytes, 4, |request: pb::CounterMeetingRequest| request.terms, counter)?;
    }

    #[test]
    fn a_contact_says_the_same_live_and_cold(bytes in nearly((text(), contacts()).prop_map(
        |(request_id, contact)| pb::RecordContactRequest { request_id, contact: Some(contact) },
    ))) {
        let order = |contact: Contact| Order::RecordContact(contact);
        live_is_cold(&bytes, 2, |request: pb::RecordContactRequest| request.contact, order)?;
    }

    #[test]
    fn a_call_says_the_same_live_and_cold(bytes in nearly((text(), calls()).prop_map(
        |(request_id, call)| pb::RecordCallRequest { request_id, call: Some(call) },
    ))) {
        let order = |call: Call| Order::RecordCall(call);
        live_is_cold(&bytes, 2, |request: pb::RecordCallRequest| request.call, order)?;
    }

    #[test]
    fn a_declaration_says_the_same_live_and_cold(bytes in nearly((text(), declarations()).prop_map(
        |(request_id, declaration)| pb::DeclareLineRequest { request_id, declaration: Some(declaration) },
    ))) {
        live_is_cold(&bytes, 2, |request: pb::DeclareLineRequest| request.declaration, Order::DeclareLine)?;
    }

    /// Whatever an answer's payload says, the rules need to know its kind only.
    #[test]
    fn an_answer_says_the_same_live_and_cold(payload in payload()) {
        let office = office(false);
        let (document, meeting) = (StepId::new(Place::North, 1), StepId::new(Place::North, 2));
        let moved = |kind| Order::MoveMeeting { meeting, parent: None, kind, terms: None };
        for order in [
            Order::AcknowledgeDocument(document),
            Order::RefuseDocument(document),
            moved(StepKind::MeetingAccepted),
            moved(StepKind::MeetingDeclined),
            moved(StepKind::MeetingCancelled),
        ] {
            let step = office.plan(NOW, &order).expect("the order is legal");
            prop_assert_eq!(content_of(step.kind, &payload), step.content);
        }
    }
}
