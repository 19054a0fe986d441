//! Calls whose time has come, of every kind.

use std::time::Duration;

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office as pb;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::upload_document_request::Part;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};

use crate::harness::{
    DEADLINE, Pair, Plain, document, message, refused, request_id, sending, try_send,
};

fn within_ms<T>(request: T, timeout_ms: u64) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(Duration::from_millis(timeout_ms));
    request
}

#[track_caller]
fn is_late(status: &Status) {
    let late = refused(status);
    assert_eq!(late.why(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn a_call_of_each_kind_ends_when_its_time_has_come() {
    let pair = Pair::start().await;
    let (plain, origin) = Plain::connect(pair.process(Place::South).address).await;
    let mut documents = DocumentServiceClient::with_origin(plain.clone(), origin.clone());
    let mut ledger = LedgerServiceClient::with_origin(plain, origin);

    // Unary. The document is recorded all the same.
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        ..sending(document("nobody answers"))
    };
    let sent = documents
        .send_document(within_ms(request.clone(), 200))
        .await;
    is_late(&sent.expect_err("nobody answered"));
    let south = pair.clients(Place::South);
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Recorded.into(),
        ..request
    };
    let receipt = try_send(&south, request).await.expect("it is known");
    assert_eq!(receipt.name, "offices/south/documents/1");

    // Client stream.
    let (parts, receiver) = mpsc::channel(1);
    let header = Part::Header(pb::UploadHeader {
        request_id: request_id(),
        document: Some(pb::Document {
            body: bytes::Bytes::new(),
            ..document("never finished")
        }),
        wait: 0,
    });
    let header = pb::UploadDocumentRequest { part: Some(header) };
    parts.try_send(header).expect("there is room");
    let uploaded = documents
        .upload_document(within_ms(ReceiverStream::new(receiver), 100))
        .await;
    is_late(&uploaded.expect_err("it was never finished"));
    drop(parts);

    // Server stream: in its trailers.
    let watch = ledger_pb::WatchEntriesRequest::default();
    let watching = ledger.watch_entries(within_ms(watch, 100)).await;
    let mut watching = watching.expect("it is taken").into_inner();
    let late = loop {
        match message(&mut watching).await {
            Ok(entry) => assert!(entry.is_some(), "it ends with a reason"),
            Err(status) => break status,
        }
    };
    is_late(&late);

    // Both ways: in its trailers, too.
    let (requests, receiver) = mpsc::channel(1);
    let receipts = documents
        .send_documents(within_ms(ReceiverStream::new(receiver), 100))
        .await;
    let mut receipts = receipts.expect("it is taken").into_inner();
    is_late(&message(&mut receipts).await.expect_err("nothing was sent"));
    drop(requests);
    assert_eq!(pair.finish().await.documents(), 1);
}

#[tokio::test]
async fn a_stream_that_is_never_at_rest_is_cut_all_the_same() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    for number in 0..24 {
        let large = pb::Document {
            body: vec![7; 1024 * 1024].into(),
            ..document(&number.to_string())
        };
        try_send(&south, sending(large)).await.expect("it is taken");
    }
    let (plain, origin) = Plain::connect(pair.process(Place::South).address).await;
    let mut ledger = LedgerServiceClient::with_origin(plain.clone(), origin.clone())
        .max_decoding_message_size(8 * 1024 * 1024);
    let watch = ledger_pb::WatchEntriesRequest::default();
    let busy = ledger.watch_entries(within_ms(watch, 300)).await;
    let mut busy = busy.expect("it is taken").into_inner();
    message(&mut busy)
        .await
        .expect("an entry")
        .expect("an entry");
    // Another with the same time, begun later, that is at rest: when it has ended, the time of the first is over.
    let rest = ledger_pb::WatchEntriesRequest {
        after_sequence: 25,
        line_events: false,
    };
    let mut elsewhere = LedgerServiceClient::new(south.channel.clone());
    let at_rest = elsewhere.watch_entries(within_ms(rest, 300)).await;
    let mut at_rest = at_rest.expect("it is taken").into_inner();
    message(&mut at_rest).await.expect_err("nothing comes");
    let mut read = 1;
    let late = loop {
        match message(&mut busy).await {
            Ok(entry) => assert!(entry.is_some(), "it ends with a reason"),
            Err(status) => break status,
        }
        read += 1;
    };
    is_late(&late);
    assert!(read < 25, "all {read} entries came, long after the time");
}

#[tokio::test]
async fn an_office_waits_for_an_answer_only_so_long() {
    let pair = Pair::start_with(&["--limit", "wait_timeout=200"]).await;
    let south = pair.clients(Place::South);
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        ..sending(document("nobody answers"))
    };
    let status = try_send(&south, request)
        .await
        .expect_err("nobody answered");
    is_late(&status);
    assert!(status.message().contains("same request_id"), "{status}");
    assert_eq!(pair.finish().await.documents(), 1);
}

/// Nobody hangs for ever, whoever forgets to set a deadline.
#[tokio::test]
async fn a_call_without_a_deadline_has_the_offices() {
    let limits = [
        "--limit",
        "wait_timeout=60000",
        "--limit",
        "call_timeout=200",
    ];
    let pair = Pair::start_with(&limits).await;
    let south = pair.clients(Place::South);
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Acknowledged.into(),
        ..sending(document("nobody answers"))
    };
    let sent = tokio::time::timeout(DEADLINE, try_send(&south, request)).await;
    is_late(&sent.expect("in time").expect_err("nobody answered"));
    assert_eq!(pair.finish().await.documents(), 1);
}

#[tokio::test]
async fn a_peer_that_is_away_is_told_in_time_and_the_document_is_delivered_later() {
    let mut pair = Pair::idle(&["--limit", "peer_timeout=200"]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let request = pb::SendDocumentRequest {
        wait: pb::Wait::Delivered.into(),
        ..sending(document("is anybody there?"))
    };
    let sent = tokio::time::timeout(DEADLINE, try_send(&south, request.clone())).await;
    let status = refused(&sent.expect("in time").expect_err("nobody is there"));
    assert_eq!(status.why(), (Code::Unavailable, "PEER_UNREACHABLE"));
    assert!(status.retry_after() > Duration::ZERO);
    assert!(
        status.message.contains("same request_id"),
        "{}",
        status.message
    );
    pair.start_office(Place::North).await;
    pair.connected(Place::South).await;
    let receipt = try_send(&south, request).await.expect("it is delivered");
    assert_eq!(receipt.state(), pb::DocumentState::Delivered);
    assert_eq!(pair.finish().await.documents(), 1);
}
