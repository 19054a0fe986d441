//! What is asked for and never read keeps nobody else from reading.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use tokio::net::TcpStream;

use super::wire::alone;
use crate::harness::{Clients, document, sending, try_send, within};

/// Entries that are so many that whoever reads them from the beginning takes turns, that several fit into a frame, and that
/// all of them together fill a window.
const DOCUMENTS: usize = 160;
const BODY_BYTES: usize = 1024;
const ROUNDS: usize = 6;
const CALLERS: usize = 20;
const WATCHES: usize = 100;

/// A connection with the smallest windows, which are never opened again.
async fn connect(south: SocketAddr) -> SendRequest<Bytes> {
    let io = TcpStream::connect(south).await.expect("the office listens");
    let (send, connection) = h2::client::handshake(io).await.expect("it speaks HTTP/2");
    tokio::spawn(async move {
        // However it ends.
        let _ = connection.await;
    });
    send
}

/// Watches from the beginning, as an answer that nobody waits for.
async fn watch(send: &SendRequest<Bytes>) -> Option<ResponseFuture> {
    let mut ready = send.clone().ready().await.ok()?;
    let request = http::Request::post("http://office/liaison.ledger.v1.LedgerService/WatchEntries")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("it is a request");
    let (response, mut stream) = ready.send_request(request, false).ok()?;
    let empty = Bytes::from_static(&[0; 5]);
    stream.send_data(empty, true).ok()?;
    Some(response)
}

#[tokio::test]
async fn watches_that_nobody_reads_keep_nobody_from_reading() {
    let (pair, good) = alone(&[]).await;
    for number in 0..DOCUMENTS {
        let sent = pb::SendDocumentRequest {
            document: Some(pb::Document {
                body: vec![b'x'; BODY_BYTES].into(),
                ..document(&format!("number {number}"))
            }),
            wait: pb::Wait::Recorded.into(),
            ..sending(document(""))
        };
        try_send(&good, sent).await.expect("there is room");
    }
    let south = pair.process(office::Place::South).address;
    let mut unread = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 0..CALLERS {
            let caller = connect(south).await;
            for _ in 0..WATCHES {
                unread.extend(watch(&caller).await);
            }
        }
        assert!(unread.len() >= CALLERS, "{}", unread.len());
        read(&good).await;
    }
}

/// As many watchers as there may be, each with an entry of 1 MiB before it that nobody reads.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn watches_of_what_is_large_hold_no_more_than_they_were_given() {
    const PEAK_MIB_MAX: u64 = 200;
    let (pair, good) = alone(&[]).await;
    for _ in 0..4 {
        let sent = pb::SendDocumentRequest {
            document: Some(pb::Document {
                body: vec![b'x'; 1024 * 1024 - 1024].into(),
                ..document("large")
            }),
            wait: pb::Wait::Recorded.into(),
            ..sending(document(""))
        };
        try_send(&good, sent).await.expect("there is room");
    }
    let process = pair.process(office::Place::South);
    let mut unread = Vec::new();
    for _ in 0..CALLERS {
        let caller = connect(process.address).await;
        for _ in 0..WATCHES {
            unread.extend(watch(&caller).await);
        }
    }
    for _ in 0..4 {
        let mut documents = good.documents.clone();
        let name = "offices/south/documents/1".to_owned();
        let read = documents.get_document(pb::GetDocumentRequest { name });
        within("the document is read", read)
            .await
            .expect("it is there");
    }
    let peak = process.peak_mib();
    assert!(peak < PEAK_MIB_MAX, "{peak} MiB");
}

async fn read(good: &Clients) {
    for number in 1..=20 {
        let mut documents = good.documents.clone();
        let name = format!("offices/south/documents/{number}");
        let read = documents.get_document(pb::GetDocumentRequest { name });
        within("the document is read", read)
            .await
            .expect("it is there");
        let mut ledger = good.ledger.clone();
        let page = ledger.list_entries(ledger_pb::ListEntriesRequest::default());
        within("the page is read", page).await.expect("it is there");
    }
}
