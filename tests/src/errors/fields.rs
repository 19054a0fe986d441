//! Requests that cannot be meant.

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tonic::{Code, Status};

use crate::harness::{
    Clients, Pair, Refused, document, refused, request_id, sending, terms, try_send,
};

async fn alone() -> (Pair, Clients) {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    (pair, south)
}

fn invalid<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refused {
    let refused = refused(&answer.expect_err("it cannot be meant"));
    assert_eq!(refused.why(), (Code::InvalidArgument, "INVALID_FIELD"));
    refused
}

#[tokio::test]
async fn all_that_is_wrong_with_a_document_is_told_at_once() {
    let (_pair, south) = alone().await;
    let request = pb::SendDocumentRequest {
        request_id: "17".to_owned(),
        document: Some(pb::Document {
            form: 0,
            subject: String::new(),
            media_type: "t".repeat(257),
            signatory: Some(pb::Officer {
                name: "n".repeat(257),
                rank: 99,
            }),
            in_reply_to: "offices/west/documents/1".to_owned(),
            reference: "r".repeat(257),
            precedence: 77,
            deadline: Some(prost_types::Timestamp {
                seconds: 0,
                nanos: -1,
            }),
            ..Default::default()
        }),
        wait: 55,
    };
    let refused = invalid(try_send(&south, request).await);
    let mut fields = refused.fields();
    fields.sort_unstable();
    let wanted = [
        "document.deadline",
        "document.form",
        "document.in_reply_to",
        "document.media_type",
        "document.precedence",
        "document.reference",
        "document.signatory.name",
        "document.signatory.rank",
        "document.subject",
        "request_id",
        "wait",
    ];
    assert_eq!(fields, wanted);
    for part in ["1 to 1024 bytes", "77 is not a known value", "write a UUID"] {
        assert!(
            refused.message.contains(part),
            "{part}: {}",
            refused.message
        );
    }
    assert_eq!(south.marks().await.appended, 0, "nothing was recorded");
}

#[tokio::test]
async fn a_text_may_be_as_long_as_its_limit_and_no_longer() {
    let (_pair, south) = alone().await;
    let longest = document(&"s".repeat(1024));
    try_send(&south, sending(longest))
        .await
        .expect("it is taken");
    let longer = sending(document(&"s".repeat(1025)));
    let refused = invalid(try_send(&south, longer).await);
    assert_eq!(refused.fields(), ["document.subject"]);
    assert!(
        refused.message.contains("1025 bytes; write at most 1024"),
        "{}",
        refused.message
    );

    let officer = pb::Officer {
        name: "Chun Hae-sung".to_owned(),
        rank: pb::Rank::Chief.into(),
    };
    for (count, is_taken) in [(64, true), (65, false)] {
        let request = pb::ProposeMeetingRequest {
            request_id: request_id(),
            terms: Some(pb::MeetingTerms {
                participants: vec![officer.clone(); count],
                ..terms("Roads")
            }),
        };
        let proposed = south.meetings.clone().propose_meeting(request).await;
        assert_eq!(proposed.is_ok(), is_taken, "{proposed:?}");
        if !is_taken {
            assert_eq!(invalid(proposed).fields(), ["terms.participants"]);
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let (_pair, mut south) = alone().await;
    let empty = south
        .documents
        .send_document(pb::SendDocumentRequest::default());
    assert_eq!(invalid(empty.await).fields(), ["request_id", "document"]);
    let empty = south
        .documents
        .acknowledge_document(pb::AcknowledgeDocumentRequest::default());
    assert_eq!(invalid(empty.await).fields(), ["request_id", "name"]);
    let empty = south
        .documents
        .refuse_document(pb::RefuseDocumentRequest::default());
    assert_eq!(
        invalid(empty.await).fields(),
        ["refusal", "request_id", "name"]
    );
    let empty = south
        .meetings
        .propose_meeting(pb::ProposeMeetingRequest::default());
    assert_eq!(invalid(empty.await).fields(), ["request_id", "terms"]);
    let empty = south
        .meetings
        .counter_meeting(pb::CounterMeetingRequest::default());
    assert_eq!(
        invalid(empty.await).fields(),
        ["terms", "request_id", "name"]
    );
    let empty = south
        .meetings
        .close_meeting(pb::CloseMeetingRequest::default());
    assert_eq!(invalid(empty.await).fields(), ["request_id", "name"]);
    let empty = south.contacts.record_contact(pb::RecordContactRequest {
        contact: Some(pb::Contact::default()),
        ..Default::default()
    });
    let fields = invalid(empty.await);
    assert_eq!(
        fields.fields(),
        ["request_id", "contact.kind", "contact.begun_at"]
    );
    let empty = south.contacts.record_call(pb::RecordCallRequest {
        call: Some(pb::Call::default()),
        ..Default::default()
    });
    let fields = invalid(empty.await);
    assert_eq!(
        fields.fields(),
        ["request_id", "call.kind", "call.outcome", "call.day"]
    );
    let empty = south.contacts.declare_line(pb::DeclareLineRequest {
        declaration: Some(pb::LineDeclaration::default()),
        ..Default::default()
    });
    assert_eq!(
        invalid(empty.await).fields(),
        ["request_id", "declaration.statement"]
    );
}

#[tokio::test]
async fn a_kind_in_the_wrong_method_is_told_where_it_belongs() {
    let (_pair, mut south) = alone().await;
    let consultation = pb::ProposeMeetingRequest {
        request_id: request_id(),
        terms: Some(pb::MeetingTerms {
            kind: pb::ContactKind::RegularConsultation.into(),
            ..Default::default()
        }),
    };
    let refused = invalid(south.meetings.propose_meeting(consultation).await);
    assert_eq!(refused.fields(), ["terms.kind"]);
    let meeting = pb::RecordContactRequest {
        request_id: request_id(),
        contact: Some(pb::Contact {
            kind: pb::ContactKind::Chiefs.into(),
            begun_at: Some(prost_types::Timestamp::default()),
            ..Default::default()
        }),
    };
    let refused = invalid(south.contacts.record_contact(meeting).await);
    assert_eq!(refused.fields(), ["contact.kind"]);
}

#[tokio::test]
async fn what_a_reader_cannot_mean_is_told_too() {
    let (_pair, mut south) = alone().await;
    let asked = pb::ListDocumentsRequest {
        sender: 9,
        ..Default::default()
    };
    assert_eq!(
        invalid(south.documents.list_documents(asked).await).fields(),
        ["sender"]
    );
    let asked = pb::ListDocumentsRequest {
        state: 77,
        ..Default::default()
    };
    assert_eq!(
        invalid(south.documents.list_documents(asked).await).fields(),
        ["state"]
    );
    let asked = pb::ListMeetingsRequest {
        page_size: -1,
        ..Default::default()
    };
    assert_eq!(
        invalid(south.meetings.list_meetings(asked).await).fields(),
        ["page_size"]
    );
    let asked = pb::ListContactsRequest {
        page_token: "the next".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        invalid(south.contacts.list_contacts(asked).await).fields(),
        ["page_token"]
    );
    let asked = ledger_pb::GetTallyRequest { by: 9 };
    assert_eq!(
        invalid(south.ledger.get_tally(asked).await).fields(),
        ["by"]
    );
    let asked = ledger_pb::ListEntriesRequest {
        page_token: "the next".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        invalid(south.ledger.list_entries(asked).await).fields(),
        ["page_token"]
    );
    let asked = ledger_pb::WatchEntriesRequest {
        after_sequence: 100,
        line_events: false,
    };
    assert_eq!(
        invalid(south.ledger.watch_entries(asked).await).fields(),
        ["after_sequence"]
    );
    let asked = pb::GetDocumentRequest {
        name: "offices/south/documents/01".to_owned(),
    };
    assert_eq!(
        invalid(south.documents.get_document(asked).await).fields(),
        ["name"]
    );
}

#[tokio::test]
async fn what_is_not_there_is_named_with_its_kind() {
    fn missing<T: std::fmt::Debug>(answer: Result<T, Status>, kind: &str, name: &str) {
        let refused = refused(&answer.expect_err("it is not there"));
        assert_eq!(refused.why(), (Code::NotFound, "NOT_FOUND"));
        assert_eq!(refused.says("name"), name);
        let resource = refused
            .details
            .resource_info()
            .expect("there is ResourceInfo");
        assert_eq!(
            (&*resource.resource_type, &*resource.resource_name),
            (kind, name)
        );
    }
    let (_pair, mut south) = alone().await;
    let document_name = "offices/north/documents/9";
    let (id, name) = (request_id(), document_name.to_owned());
    let asked = pb::GetDocumentRequest { name: name.clone() };
    missing(south.documents.get_document(asked).await, "document", &name);
    let asked = pb::DownloadDocumentRequest {
        name: name.clone(),
        offset: 0,
    };
    missing(
        south.documents.download_document(asked).await,
        "document",
        &name,
    );
    let asked = pb::AcknowledgeDocumentRequest {
        request_id: id.clone(),
        name: name.clone(),
        acknowledgement: None,
    };
    missing(
        south.documents.acknowledge_document(asked).await,
        "document",
        &name,
    );
    let answer = pb::Document {
        in_reply_to: name.clone(),
        ..document("in answer")
    };
    missing(try_send(&south, sending(answer)).await, "document", &name);
    let name = "offices/north/meetings/9".to_owned();
    let asked = pb::GetMeetingRequest { name: name.clone() };
    missing(south.meetings.get_meeting(asked).await, "meeting", &name);
    let asked = pb::AcceptMeetingRequest {
        request_id: id.clone(),
        name: name.clone(),
        ..Default::default()
    };
    missing(south.meetings.accept_meeting(asked).await, "meeting", &name);
    let name = "offices/north/contacts/9".to_owned();
    let asked = pb::ConfirmContactRequest {
        request_id: id,
        name: name.clone(),
        confirmation: None,
    };
    missing(
        south.contacts.confirm_contact(asked).await,
        "contact",
        &name,
    );
    let asked = ledger_pb::GetEntryRequest { sequence: 99 };
    missing(south.ledger.get_entry(asked).await, "entry", "99");
}
