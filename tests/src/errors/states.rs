//! Steps that the state of things does not allow.

use office::Place;
use protocol::pb::office as pb;
use protocol::pb::office::MeetingState;
use tonic::{Code, Status};

use crate::harness::meeting::{Move, comes_to, counter, propose, step, step_from};
use crate::harness::{
    Pair, acknowledge, arrives, document, refused, request_id, send, sending, terms, try_send,
    until,
};

/// Holds a refusal to what it must say of an illegal step.
#[track_caller]
fn illegal<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    subject: &str,
    state: &str,
    allowed: &str,
) {
    let refused = refused(&answer.expect_err("it is illegal"));
    assert_eq!(refused.why(), (Code::FailedPrecondition, "ILLEGAL_STEP"));
    assert_eq!(
        (refused.says("state"), refused.says("allowed")),
        (state, allowed)
    );
    assert!(!refused.says("step").is_empty());
    let failure = refused
        .details
        .precondition_failure()
        .expect("there is a PreconditionFailure");
    let [violation] = failure.violations.as_slice() else {
        panic!("one violation: {failure:?}");
    };
    assert_eq!(
        (&*violation.r#type, &*violation.subject),
        ("STATE", subject)
    );
    let told = &violation.description;
    assert!(told.contains(state) && told.contains(allowed), "{told}");
}

#[tokio::test]
async fn an_illegal_step_names_the_state_and_what_is_allowed() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let name = send(&south, "once", pb::Wait::Delivered).await.name;
    let answer = "the receiving office acknowledges it or refuses receipt";
    illegal(
        acknowledge(&south, &name).await,
        &name,
        "SENT, sent by this office",
        answer,
    );
    acknowledge(&north, &name).await.expect("it is taken");
    illegal(
        acknowledge(&north, &name).await,
        &name,
        "ACKNOWLEDGED, sent by the peer",
        "none",
    );

    let name = propose(&south, terms("Roads"))
        .await
        .expect("it is taken")
        .name;
    let closed = step(&south, Move::Close, &name).await;
    illegal(
        closed,
        &name,
        "PROPOSED by this office",
        "meeting cancelled, meeting lapsed",
    );
    comes_to(&north, &name, MeetingState::Proposed).await;
    let convened = step(&north, Move::Convene, &name).await;
    illegal(
        convened,
        &name,
        "PROPOSED by the peer",
        "meeting countered, meeting accepted, meeting declined, meeting cancelled",
    );
    step(&north, Move::Decline, &name)
        .await
        .expect("it is taken");
    let accepted = step(&north, Move::Accept, &name).await;
    illegal(accepted, &name, "DECLINED by this office", "none");
    assert_eq!(pair.finish().await.exchanges(), 1);
}

#[tokio::test]
async fn a_second_record_of_a_contact_and_a_line_restored_twice_are_illegal() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let mut south = pair.clients(Place::South);
    let contact = pb::Contact {
        kind: pb::ContactKind::RegularConsultation.into(),
        begun_at: Some(prost_types::Timestamp::default()),
        ..Default::default()
    };
    let record = || pb::RecordContactRequest {
        request_id: request_id(),
        contact: Some(contact.clone()),
    };
    let recorded = south
        .contacts
        .record_contact(record())
        .await
        .expect("it is taken");
    let name = recorded.into_inner().contact.expect("a contact").name;
    let again = south.contacts.record_contact(record()).await;
    let state = "already recorded with this kind and time";
    illegal(again, &name, state, "confirm it at the other office");
    let confirmed = south.contacts.confirm_contact(pb::ConfirmContactRequest {
        request_id: request_id(),
        name: name.clone(),
        confirmation: None,
    });
    let status = refused(&confirmed.await.expect_err("its own record"));
    assert_eq!(status.why(), (Code::FailedPrecondition, "ILLEGAL_STEP"));
    let restored = south.contacts.declare_line(pb::DeclareLineRequest {
        request_id: request_id(),
        declaration: Some(pb::LineDeclaration {
            statement: pb::LineStatement::Restored.into(),
            remark: None,
        }),
    });
    let status = refused(&restored.await.expect_err("it is not cut"));
    assert_eq!(status.why(), (Code::FailedPrecondition, "ILLEGAL_STEP"));
    assert_eq!(status.says("allowed"), "declare it cut");
}

#[tokio::test]
async fn a_step_upon_what_is_built_upon_already_is_superseded() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let proposed = propose(&south, terms("Roads")).await.expect("it is taken");
    let name = proposed.name;
    comes_to(&north, &name, MeetingState::Proposed).await;
    let countered = counter(&north, &name, terms("Railways"))
        .await
        .expect("it is taken");
    let late = step_from(&north, Move::Accept, &name, &proposed.tip).await;
    let status = refused(&late.expect_err("North has countered"));
    assert_eq!(status.why(), (Code::Aborted, "SUPERSEDED"));
    assert_eq!(
        (status.says("subject"), status.says("by")),
        (&*proposed.tip, &*countered.tip)
    );
    let strange = step_from(&north, Move::Accept, &name, "offices/south/steps/99").await;
    let status = refused(&strange.expect_err("there is no such step"));
    assert_eq!(status.why(), (Code::NotFound, "NOT_FOUND"));
    pair.finish().await;
}

#[tokio::test]
async fn a_request_id_with_other_content_is_a_conflict_and_names_the_first_step() {
    let pair = Pair::start().await;
    let south = pair.clients(Place::South);
    let request = sending(document("the one"));
    try_send(&south, request.clone())
        .await
        .expect("it is taken");
    let other = pb::SendDocumentRequest {
        document: Some(document("the other")),
        ..request.clone()
    };
    let status = refused(&try_send(&south, other).await.expect_err("it is another"));
    assert_eq!(status.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    assert_eq!(status.says("request_id"), request.request_id);
    let resource = status
        .details
        .resource_info()
        .expect("there is ResourceInfo");
    assert_eq!(resource.resource_name, "offices/south/steps/1");
    // Another method with the same id is other content, too.
    let proposed = pb::ProposeMeetingRequest {
        request_id: request.request_id.clone(),
        terms: Some(terms("Roads")),
    };
    let proposed = south.meetings.clone().propose_meeting(proposed).await;
    let status = refused(&proposed.expect_err("it is another"));
    assert_eq!(status.why(), (Code::AlreadyExists, "IDEMPOTENCY_CONFLICT"));
    // A refusal is not remembered.
    let refused_first = sending(document(""));
    try_send(&south, refused_first.clone())
        .await
        .expect_err("it has no subject");
    let mended = pb::SendDocumentRequest {
        document: Some(document("mended")),
        ..refused_first
    };
    try_send(&south, mended).await.expect("it is new");
    assert_eq!(pair.finish().await.documents(), 2);
}

#[tokio::test]
async fn a_meeting_is_not_closed_before_its_convening_is_final() {
    let pair = Pair::start_with(&["--limit", "backoff_max=200"]).await;
    let (south, north) = pair.both();
    let name = propose(&south, terms("Roads"))
        .await
        .expect("it is taken")
        .name;
    comes_to(&north, &name, MeetingState::Proposed).await;
    step(&north, Move::Accept, &name)
        .await
        .expect("it is taken");
    comes_to(&south, &name, MeetingState::Accepted).await;
    pair.quiet().await;
    pair.cut();
    step(&south, Move::Convene, &name)
        .await
        .expect("it is taken");
    let closed = step(&south, Move::Close, &name).await;
    let status = refused(&closed.expect_err("North may have cancelled"));
    assert_eq!(status.why(), (Code::Unavailable, "NOT_SETTLED"));
    assert_eq!(status.says("subject"), name);
    assert!(status.retry_after().as_millis() > 0);
    pair.restore();
    let meeting = until("the close", async || {
        step(&south, Move::Close, &name).await.ok()
    })
    .await;
    assert!(meeting.counted);
    assert_eq!(pair.finish().await.meetings(), 1);
}

#[tokio::test]
async fn a_document_answered_by_the_peer_tells_the_answer_to_who_waits() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        ..sending(document("in whose name?"))
    };
    let waiting = tokio::spawn(async move { try_send(&south, request).await });
    let name = "offices/south/documents/1";
    arrives(&north, name, pb::DocumentState::Delivered).await;
    let refusal = pb::RefuseDocumentRequest {
        request_id: request_id(),
        name: name.to_owned(),
        refusal: Some(pb::ReceiptRefusal {
            reason: "the signatory is not known here".to_owned(),
            officer: None,
        }),
    };
    north
        .documents
        .clone()
        .refuse_document(refusal)
        .await
        .expect("it is taken");
    let receipt = waiting.await.expect("no panic").expect("it is answered");
    assert_eq!(receipt.state(), pb::DocumentState::ReceiptRefused);
    assert_eq!(pair.finish().await.documents(), 1, "it counts all the same");
}
