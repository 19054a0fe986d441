//! Bounds, lowered so that a test can reach them.

use std::time::Duration;

use bytes::Bytes;
use office::Place;
use prost::Message as _;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::ledger::watch_entries_response::Event;
use protocol::pb::office as pb;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use protocol::pb::office::upload_document_request::Part;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use crate::harness::meeting::{Move, propose, step};
use crate::harness::{
    Clients, Pair, Plain, Refused, arrives, document, message, refused, request_id, send, sending,
    terms, try_send, until, within,
};

async fn alone(limits: &[&str]) -> (Pair, Clients) {
    let arguments: Vec<_> = limits.iter().flat_map(|limit| ["--limit", limit]).collect();
    let mut pair = Pair::idle(&arguments).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    (pair, south)
}

/// Holds a refusal to what it must say of a bound that is reached.
#[track_caller]
fn exhausted<T: std::fmt::Debug>(answer: Result<T, Status>, limit: &str) -> Refused {
    let refused = refused(&answer.expect_err("the bound is reached"));
    assert_eq!(refused.why(), (Code::ResourceExhausted, "EXHAUSTED"));
    assert_eq!(refused.says("limit"), limit);
    assert!(refused.retry_after() > Duration::ZERO);
    let quota = refused
        .details
        .quota_failure()
        .expect("there is a QuotaFailure");
    assert_eq!(quota.violations.len(), 1);
    assert_eq!(quota.violations[0].subject, refused.says("what"));
    refused
}

#[tokio::test]
async fn a_message_that_is_too_large_names_the_limit_and_the_way_in_chunks() {
    let (_pair, south) = alone(&[]).await;
    let large = pb::Document {
        body: vec![7; 4 * 1024 * 1024].into(),
        ..document("large")
    };
    let status = refused(
        &try_send(&south, sending(large))
            .await
            .expect_err("it is too large"),
    );
    assert_eq!(status.why(), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
    assert_eq!(status.says("limit_bytes"), "4194304");
    assert_eq!(status.fields(), ["message"]);
    assert!(
        status.message.contains("UploadDocument"),
        "{}",
        status.message
    );
    // The greatest that fits does.
    let mut request = sending(document("largest"));
    let room = 4 * 1024 * 1024 - request.encoded_len() - 16;
    request.document.as_mut().expect("there is one").body = vec![7; room].into();
    try_send(&south, request).await.expect("it is taken");
}

async fn upload(south: &Clients, parts: Vec<Part>) -> Result<pb::Receipt, Status> {
    let parts = parts
        .into_iter()
        .map(|part| pb::UploadDocumentRequest { part: Some(part) });
    let stream = tokio_stream::iter(parts.collect::<Vec<_>>());
    let uploaded = south.documents.clone().upload_document(stream).await?;
    Ok(uploaded.into_inner().receipt.expect("there is a receipt"))
}

fn header() -> Part {
    let document = pb::Document {
        body: Bytes::new(),
        ..document("in chunks")
    };
    Part::Header(pb::UploadHeader {
        request_id: request_id(),
        document: Some(document),
        wait: pb::Wait::Recorded.into(),
    })
}

#[tokio::test]
async fn an_upload_keeps_to_its_form_and_its_bounds() {
    let (_pair, south) = alone(&["document_bytes_max=2000000"]).await;
    let chunk = |bytes: usize| Part::Chunk(vec![7; bytes].into());
    let with_body = Part::Header(pb::UploadHeader {
        request_id: request_id(),
        document: Some(document("with a body")),
        wait: 0,
    });
    let cases = [
        (vec![], "header"),
        (vec![chunk(10)], "header"),
        (vec![header(), header()], "header"),
        (vec![with_body], "header.document.body"),
        (vec![header(), chunk(1024 * 1024 + 1)], "chunk"),
        (
            vec![header(), chunk(1_000_000), chunk(1_000_000), chunk(1)],
            "chunk",
        ),
    ];
    for (parts, field) in cases {
        let status = refused(&upload(&south, parts).await.expect_err("it must be refused"));
        assert_eq!(status.why(), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(status.fields(), [field]);
    }
    let most = vec![header(), chunk(1_000_000), chunk(1_000_000)];
    upload(&south, most).await.expect("as much as there may be");
    upload(&south, vec![header()])
        .await
        .expect("a document may be empty");
    assert_eq!(south.tally().await.documents, 2);
}

/// An upload that gets on, a piece every tenth of a second.
fn slow_upload(south: &Clients) -> impl Future<Output = Result<(), Status>> + use<> {
    let pieces = std::iter::repeat_with(|| Part::Chunk(vec![7; 32 * 1024].into()));
    let parts = std::iter::once(header()).chain(pieces.take(200));
    let parts = parts.map(|part| pb::UploadDocumentRequest { part: Some(part) });
    let paced = tokio_stream::iter(parts).throttle(Duration::from_millis(100));
    let mut documents = south.documents.clone();
    async move { documents.upload_document(paced).await.map(drop) }
}

#[tokio::test]
async fn only_so_many_uploads_and_downloads_run_at_once() {
    let (_pair, south) = alone(&["transfers_max=1"]).await;
    let receipt = try_send(&south, sending(document("sent at once"))).await;
    let name = receipt.expect("it is taken").name;
    let held = tokio::spawn(slow_upload(&south));
    let second = until("a place that is taken", async || {
        upload(&south, vec![header()]).await.err()
    });
    exhausted(Err::<(), _>(second.await), "1");
    let download = pb::DownloadDocumentRequest { name, offset: 0 };
    let third = south.documents.clone().download_document(download).await;
    exhausted(third.map(drop), "1");
    assert!(!held.is_finished(), "whoever gets on stays");
    held.abort();
    until("room again", async || {
        upload(&south, vec![header()]).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_download_that_nobody_reads_makes_room() {
    let (_pair, south) = alone(&["transfers_max=1"]).await;
    // More than the transport holds for someone who does not read.
    let large = pb::Document {
        body: vec![7; 3 * 1024 * 1024].into(),
        ..document("large")
    };
    let receipt = try_send(&south, sending(large)).await;
    let download = pb::DownloadDocumentRequest {
        name: receipt.expect("it is taken").name,
        offset: 0,
    };
    let held = south.documents.clone().download_document(download).await;
    let mut held = held.expect("there is room").into_inner();
    upload(&south, vec![header()])
        .await
        .expect("the one that stands still makes room");
    let broken = loop {
        match message(&mut held).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was not read to its end"),
            Err(status) => break status,
        }
    };
    exhausted(Err::<(), _>(broken), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_with_too_many_requests_waiting_says_when_to_ask_again() {
    let (_pair, south) = alone(&["queue_max=1"]).await;
    let refusal = until("a request too many", async || {
        let sending: Vec<_> = (0..64)
            .map(|number| {
                let (south, request) = (south.clone(), sending(document(&number.to_string())));
                tokio::spawn(async move { try_send(&south, request).await })
            })
            .collect();
        let mut refusal = None;
        for sent in sending {
            refusal = sent.await.expect("no panic").err().or(refusal);
        }
        refusal
    })
    .await;
    let refused = exhausted(Err::<(), _>(refusal), "1");
    assert!(refused.says("what").contains("waiting requests"));
    send(&south, "later", pb::Wait::Recorded).await;
}

#[tokio::test]
async fn a_full_outbox_refuses_and_empties_when_the_peer_is_back() {
    let mut pair = Pair::idle(&["--limit", "outbox_bytes_max=2000"]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let mut taken = Vec::new();
    let refusal = until("a full outbox", async || {
        match try_send(&south, sending(document("away"))).await {
            Ok(receipt) => {
                taken.push(receipt.name);
                None
            }
            Err(status) => Some(status),
        }
    })
    .await;
    let refused = exhausted(Err::<(), _>(refusal), "2000");
    assert!(refused.says("what").contains("outbox"));
    assert!(!taken.is_empty());
    assert!(south.office().await.outbox_bytes >= 2000);
    // It is as full after a restart.
    pair.kill(Place::South);
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    exhausted(try_send(&south, sending(document("away"))).await, "2000");
    pair.start_office(Place::North).await;
    let last = taken.last().expect("there is one");
    arrives(&south, last, pb::DocumentState::Delivered).await;
    send(&south, "at last", pb::Wait::Delivered).await;
    pair.quiet().await;
    // What the peer has is no part of it, after a restart either.
    assert_eq!(south.office().await.outbox_bytes, 0);
    pair.kill(Place::South);
    pair.start_office(Place::South).await;
    assert_eq!(pair.clients(Place::South).office().await.outbox_bytes, 0);
    assert_eq!(pair.finish().await.documents(), taken.len() as u64 + 1);
}

#[tokio::test]
async fn only_so_many_meetings_are_open_and_only_so_many_deadlines_wait() {
    let (_pair, south) = alone(&["open_meetings_max=1", "deadlines_max=1"]).await;
    let name = propose(&south, terms("Roads"))
        .await
        .expect("it is taken")
        .name;
    exhausted(propose(&south, terms("Railways")).await, "1");
    step(&south, Move::Cancel, &name)
        .await
        .expect("it is taken");
    propose(&south, terms("Railways"))
        .await
        .expect("there is room again");
    let urgent = || pb::Document {
        deadline: Some(prost_types::Timestamp {
            seconds: 4_000_000_000,
            nanos: 0,
        }),
        ..document("urgent")
    };
    try_send(&south, sending(urgent()))
        .await
        .expect("it is taken");
    exhausted(try_send(&south, sending(urgent())).await, "1");
}

fn from_beginning() -> ledger_pb::WatchEntriesRequest {
    ledger_pb::WatchEntriesRequest::default()
}

#[tokio::test]
async fn only_so_many_watch() {
    let (_pair, mut south) = alone(&["watchers_max=1"]).await;
    let first = south.ledger.watch_entries(from_beginning()).await;
    let mut first = first.expect("it is taken").into_inner();
    message(&mut first)
        .await
        .expect("an entry")
        .expect("an entry");
    let second = south.ledger.watch_entries(from_beginning()).await;
    exhausted(second.map(drop), "1");
    let meetings = south
        .meetings
        .watch_meetings(pb::WatchMeetingsRequest::default())
        .await;
    exhausted(meetings.map(drop), "1");
    drop(first);
    until("room for another", async || {
        south
            .ledger
            .clone()
            .watch_entries(from_beginning())
            .await
            .ok()
    })
    .await;
}

#[tokio::test]
async fn a_watcher_who_reads_too_slowly_is_told_where_to_resume() {
    let (_pair, mut south) = alone(&["watcher_entries_behind_max=8"]).await;
    let watching = south.ledger.watch_entries(from_beginning()).await;
    let mut watching = watching.expect("it is taken").into_inner();
    // More than the transport holds for someone who does not read.
    for number in 0..20 {
        let large = pb::Document {
            body: vec![7; 1024 * 1024].into(),
            ..document(&number.to_string())
        };
        try_send(&south, sending(large)).await.expect("it is taken");
    }
    let mut last = 0;
    let status = loop {
        match message(&mut watching).await {
            Ok(Some(response)) => {
                let Some(Event::Entry(entry)) = response.event else {
                    panic!("only entries were asked for");
                };
                assert_eq!(entry.sequence, last + 1, "no entry is left out");
                last = entry.sequence;
            }
            Ok(None) => panic!("the watch ends with a reason"),
            Err(status) => break refused(&status),
        }
    };
    assert_eq!(status.why(), (Code::ResourceExhausted, "WATCHER_BEHIND"));
    assert_eq!(status.says("resume_after"), last.to_string());
    assert!(status.retry_after() > Duration::ZERO);
    assert!(last < 21, "it fell behind");
    let again = ledger_pb::WatchEntriesRequest {
        after_sequence: last,
        line_events: false,
    };
    let again = south.ledger.watch_entries(again).await;
    let next = message(&mut again.expect("it is taken").into_inner()).await;
    let Some(Event::Entry(entry)) = next.expect("an entry").expect("an entry").event else {
        panic!("only entries were asked for");
    };
    assert_eq!(entry.sequence, last + 1);
}

#[tokio::test]
async fn a_connection_carries_only_so_many_streams_at_once() {
    let (pair, south) = alone(&["streams_per_connection_max=2"]).await;
    let (plain, origin) = Plain::connect(pair.process(Place::South).address).await;
    let mut ledger = LedgerServiceClient::with_origin(plain.clone(), origin.clone());
    let mut watches = Vec::new();
    for _ in 0..2 {
        let watching = ledger.watch_entries(from_beginning()).await;
        watches.push(watching.expect("it is taken").into_inner());
    }
    let mut offices = OfficeServiceClient::with_origin(plain, origin);
    let third = tokio::spawn(async move { offices.get_office(pb::GetOfficeRequest {}).await });
    for _ in 0..20 {
        // Time enough for an answer that should not come.
        south.office().await;
    }
    assert!(!third.is_finished(), "a third stream was opened");
    watches.pop();
    let third = within("the third answer", third).await.expect("no panic");
    third.expect("there is room for it");
}

#[tokio::test]
async fn a_connection_too_many_is_turned_away() {
    let (pair, south) = alone(&["connections_max=2"]).await;
    south.office().await;
    let address = pair.process(Place::South).address;
    let held = TcpStream::connect(address)
        .await
        .expect("the office listens");
    let mut turned_away = TcpStream::connect(address)
        .await
        .expect("the office listens");
    let read = within("the end of the connection", turned_away.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    drop(held);
    until("room for another", async || {
        let other = pair.clients(Place::South);
        other
            .offices
            .clone()
            .get_office(pb::GetOfficeRequest {})
            .await
            .ok()
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_no_http2_is_closed() {
    let (pair, _south) = alone(&["handshake_timeout=100"]).await;
    let address = pair.process(Place::South).address;
    let mut silent = TcpStream::connect(address)
        .await
        .expect("the office listens");
    let read = within("the end of the connection", silent.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    let mut browser = TcpStream::connect(address)
        .await
        .expect("the office listens");
    browser
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("it is open");
    let mut told = Vec::new();
    let read = browser.read_to_end(&mut told);
    // The office may close before it has read everything.
    let _ = within("the office's answer", read).await;
    let told = String::from_utf8_lossy(&told);
    assert!(
        told.contains("400 Bad Request") && told.contains("HTTP/2 only"),
        "{told}"
    );
}
