//! Offices asked to stop.

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tonic::Code;

use crate::harness::{
    Pair, document, known, message, refused, send, sending, try_send, until, within,
};

#[tokio::test]
async fn an_office_at_rest_drains_at_once_and_ends_well() {
    let mut pair = Pair::start().await;
    let south = pair.clients(Place::South);
    send(&south, "the last", pb::Wait::Delivered).await;
    for place in Place::BOTH {
        pair.stop(place).await;
    }
    assert_eq!(pair.reconciled().documents(), 1);
}

/// The peer is frozen, so that the drain waits for its acknowledgement, and what an office does while it drains
/// can be looked at.
#[tokio::test]
async fn while_an_office_drains_work_under_way_ends_and_new_work_is_refused() {
    let mut pair = Pair::start().await;
    let south = pair.clients(Place::South);
    send(&south, "before", pb::Wait::Delivered).await;
    pair.process(Place::North).signal("STOP");

    let under_way = tokio::spawn({
        let (south, request) = (south.clone(), sending(document("under way")));
        let request = pb::SendDocumentRequest {
            wait: pb::Wait::Delivered.into(),
            ..request
        };
        async move { try_send(&south, request).await }
    });
    let watching = ledger_pb::WatchEntriesRequest {
        after_sequence: 0,
        line_events: false,
    };
    let watching = south.ledger.clone().watch_entries(watching).await;
    let mut watching = watching.expect("it is taken").into_inner();
    until("the document in the ledger", async || {
        (south.marks().await.appended == 2).then_some(())
    })
    .await;
    pair.process(Place::South).signal("TERM");

    let ended = loop {
        match message(&mut watching).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a watch ends with a reason"),
            Err(status) => break refused(&status),
        }
    };
    assert_eq!(ended.why(), (Code::Unavailable, "DRAINING"));
    assert!(ended.retry_after().as_millis() > 0);
    let status = try_send(&south, sending(document("too late"))).await;
    let status = refused(&status.expect_err("it drains"));
    assert_eq!(status.why(), (Code::Unavailable, "DRAINING"));
    assert!(status.retry_after().as_millis() > 0);
    assert!(!south.serves().await, "health says NOT_SERVING");
    assert!(south.office().await.draining);
    assert!(
        known(&south, "offices/south/documents/2").await.is_some(),
        "reads go on"
    );

    pair.process(Place::North).signal("CONT");
    let receipt = within("the receipt", under_way).await.expect("no panic");
    let receipt = receipt.expect("work under way ends well");
    assert_eq!(receipt.state(), pb::DocumentState::Delivered);
    let ended = pair.take(Place::South).wait().await;
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    pair.stop(Place::North).await;
    assert_eq!(pair.reconciled().documents(), 2);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever_for_a_peer_that_is_frozen() {
    let mut pair = Pair::start_with(&["--limit", "drain_timeout=300"]).await;
    let south = pair.clients(Place::South);
    pair.process(Place::North).signal("STOP");
    send(&south, "on the way", pb::Wait::Recorded).await;
    pair.stop(Place::South).await;
    pair.process(Place::North).signal("CONT");
    pair.start_office(Place::South).await;
    assert_eq!(pair.finish().await.documents(), 1);
}

#[tokio::test]
async fn a_stream_of_documents_gets_its_receipts_before_the_office_ends() {
    let mut pair = Pair::start().await;
    let mut south = pair.clients(Place::South);
    let requests: Vec<_> = (0..500)
        .map(|number| {
            let pb::SendDocumentRequest {
                request_id,
                document,
                ..
            } = sending(document(&number.to_string()));
            pb::SendDocumentsRequest {
                request_id,
                document,
            }
        })
        .collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(requests.len());
    for request in &requests {
        sender.try_send(request.clone()).expect("there is room");
    }
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let receipts = south.documents.send_documents(stream).await;
    let mut receipts = receipts.expect("it is taken").into_inner();
    let first = message(&mut receipts).await.expect("a receipt");
    assert_eq!(first.expect("a receipt").request_id, requests[0].request_id);
    pair.process(Place::South).signal("TERM");
    // The client's half stays open: the office ends the stream by itself.
    let (mut delivered, mut refusals) = (1, 0);
    let ended = loop {
        match message(&mut receipts).await {
            Ok(Some(response)) => match response.outcome.expect("an outcome") {
                pb::send_documents_response::Outcome::Receipt(_) => delivered += 1,
                pb::send_documents_response::Outcome::Refusal(refusal) => {
                    assert_eq!(refusal.code, i32::from(Code::Unavailable));
                    refusals += 1;
                }
            },
            Ok(None) => panic!("the client's half is open"),
            Err(status) => break refused(&status),
        }
    };
    assert_eq!(ended.why(), (Code::Unavailable, "DRAINING"));
    let office_ended = pair.take(Place::South).wait().await;
    assert_eq!(office_ended.code, Some(0), "{}", office_ended.log);
    drop(sender);
    pair.start_office(Place::South).await;
    let counted = pair.finish().await.documents();
    assert_eq!(
        counted, delivered,
        "each receipt is a document; {refusals} were refused"
    );
}
