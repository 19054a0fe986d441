//! What two offices are for.

use office::Place;
use office::contact::ContactKind;
use protocol::pb::office as pb;
use protocol::pb::office::{DocumentState, MeetingState};

use crate::harness::meeting::{Move, comes_to, counter, propose, step};
use crate::harness::{Pair, acknowledge, arrives, document, known, sending, terms, try_send};

#[tokio::test]
async fn a_document_is_delivered_read_acknowledged_and_counted_once() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Delivered.into(),
        ..sending(pb::Document {
            reference: "S-017".to_owned(),
            precedence: pb::Precedence::Flash.into(),
            ..document("List of persons entering")
        })
    };
    let receipt = try_send(&south, request.clone())
        .await
        .expect("it is taken");
    assert_eq!(receipt.name, "offices/south/documents/1");
    assert_eq!(receipt.state(), DocumentState::Delivered);
    assert_eq!(receipt.request_id, request.request_id);

    let there = known(&north, &receipt.name).await.expect("North has it");
    assert_eq!(there.document, request.document, "every field came through");
    assert_eq!(there.sender(), pb::Place::South);
    assert_eq!(there.sent_at, receipt.recorded_at, "by the sender's clock");
    assert_eq!(there.state(), DocumentState::Delivered);

    acknowledge(&north, &receipt.name)
        .await
        .expect("it is taken");
    let here = arrives(&south, &receipt.name, DocumentState::Acknowledged).await;
    assert_eq!(here.answer, "received");
    assert_eq!(here.answered_by.expect("an officer").name, "Jon Jong-su");

    for office in [&south, &north] {
        let tally = office.tally().await;
        assert_eq!((tally.documents, tally.exchanges), (1, 1));
    }
    let counted = pair.finish().await;
    assert_eq!((counted.documents(), counted.exchanges()), (1, 1));
}

#[tokio::test]
async fn a_meeting_is_negotiated_held_and_counted_once() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let proposed = propose(&south, terms("Roads")).await.expect("it is taken");
    let name = proposed.name;
    comes_to(&north, &name, MeetingState::Proposed).await;
    counter(&north, &name, terms("Railways"))
        .await
        .expect("it is taken");
    let countered = comes_to(&south, &name, MeetingState::Countered).await;
    assert_eq!(countered.terms.expect("it has terms").topics, ["Railways"]);
    let moves = [
        (&south, &north, Move::Accept, MeetingState::Accepted),
        (&north, &south, Move::Convene, MeetingState::Convened),
        (&south, &north, Move::Close, MeetingState::Closed),
    ];
    for (by, other, made, state) in moves {
        let meeting = step(by, made, &name).await.expect("it is taken");
        assert_eq!(meeting.state(), state);
        assert_eq!(meeting.counted, state == MeetingState::Closed);
        let there = comes_to(other, &name, state).await;
        assert_eq!(there.steps.len(), meeting.steps.len());
    }
    let counted = pair.finish().await;
    assert_eq!(counted.contacts_of(ContactKind::WorkingLevel), 1);
    assert_eq!(counted.exchanges(), 1);
}

#[tokio::test]
async fn an_office_whose_peer_is_away_takes_documents_and_delivers_them_later() {
    let mut pair = Pair::start().await;
    pair.kill(Place::North);
    let south = pair.clients(Place::South);
    for number in 0..50 {
        let request = sending(document(&format!("number {number}")));
        let receipt = try_send(&south, request).await.expect("it is taken");
        assert_eq!(receipt.state(), DocumentState::Sent);
    }
    assert_eq!(south.tally().await.documents, 50, "they count when sent");
    pair.start_office(Place::North).await;
    let north = pair.clients(Place::North);
    arrives(
        &north,
        "offices/south/documents/50",
        DocumentState::Delivered,
    )
    .await;
    assert_eq!(pair.finish().await.documents(), 50);
}

#[tokio::test]
async fn a_meeting_that_both_move_at_once_ends_the_same_at_both() {
    let pair = Pair::start_with(&["--limit", "backoff_max=200"]).await;
    let (south, north) = pair.both();
    let proposed = propose(&south, terms("Roads")).await.expect("it is taken");
    let name = proposed.name;
    comes_to(&north, &name, MeetingState::Proposed).await;
    pair.quiet().await;
    pair.cut();
    step(&south, Move::Cancel, &name)
        .await
        .expect("it is taken");
    step(&north, Move::Accept, &name)
        .await
        .expect("it is taken");
    comes_to(&north, &name, MeetingState::Accepted).await;
    pair.restore();
    let there = comes_to(&north, &name, MeetingState::Cancelled).await;
    let here = comes_to(&south, &name, MeetingState::Cancelled).await;
    assert_eq!(here.tip, there.tip);
    let lost = there
        .steps
        .iter()
        .find(|step| step.kind() == pb::StepKind::MeetingAccepted);
    assert_eq!(
        lost.expect("it is recorded").standing(),
        pb::StepStanding::Superseded
    );
    assert_eq!(pair.finish().await.exchanges(), 0);
}
