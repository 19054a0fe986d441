//! Large documents, and the bytes that nobody here knows.

use bytes::Bytes;
use office::Place;
use prost::Message as _;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;
use protocol::pb::office::upload_document_request::Part;

use crate::harness::raw::call;
use crate::harness::{Clients, Pair, arrives, document, known, message, request_id, sending};

const WHOLE: usize = 16 * 1024 * 1024;

/// Bytes that tell where they stand.
fn body(bytes: usize) -> Bytes {
    (0..bytes / 8)
        .flat_map(|word| {
            (word as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_le_bytes()
        })
        .collect::<Vec<_>>()
        .into()
}

async fn download(clients: &Clients, name: &str, offset: u64) -> Vec<u8> {
    let request = pb::DownloadDocumentRequest {
        name: name.to_owned(),
        offset,
    };
    let chunks = clients.documents.clone().download_document(request).await;
    let mut chunks = chunks.expect("it is there").into_inner();
    let mut body = Vec::new();
    while let Some(chunk) = message(&mut chunks).await.expect("the stream goes on") {
        assert_eq!(chunk.offset, offset + body.len() as u64, "in order");
        assert_eq!(chunk.total_bytes, WHOLE as u64);
        body.extend_from_slice(&chunk.chunk);
    }
    body
}

#[tokio::test]
async fn the_largest_document_goes_through_in_chunks_and_comes_out_from_any_offset() {
    let pair = Pair::start().await;
    let (mut south, north) = pair.both();
    let body = body(WHOLE);
    let header = pb::UploadHeader {
        request_id: request_id(),
        document: Some(pb::Document {
            body: Bytes::new(),
            media_type: "application/octet-stream".to_owned(),
            ..document("the largest")
        }),
        wait: pb::Wait::Delivered.into(),
    };
    let chunks = (0..WHOLE)
        .step_by(1024 * 1024)
        .map(|start| Part::Chunk(body.slice(start..start + 1024 * 1024)));
    let parts: Vec<_> = std::iter::once(Part::Header(header.clone()))
        .chain(chunks)
        .map(|part| pb::UploadDocumentRequest { part: Some(part) })
        .collect();
    let uploaded = south
        .documents
        .upload_document(tokio_stream::iter(parts.clone()))
        .await;
    let receipt = uploaded
        .expect("it is taken")
        .into_inner()
        .receipt
        .expect("a receipt");
    assert_eq!(receipt.state(), pb::DocumentState::Delivered);
    // The same upload again is the same document.
    let uploaded = south
        .documents
        .upload_document(tokio_stream::iter(parts))
        .await;
    let again = uploaded
        .expect("it is known")
        .into_inner()
        .receipt
        .expect("a receipt");
    assert_eq!(again, receipt);

    let record = known(&north, &receipt.name).await.expect("North has it");
    assert_eq!(record.body_bytes, WHOLE as u64);
    assert!(
        record.document.expect("it is there").body.is_empty(),
        "too large to show"
    );
    for (office, offset) in [(&north, 0), (&north, 5_000_001), (&south, WHOLE as u64 - 1)] {
        let got = download(office, &receipt.name, offset).await;
        assert!(got == body[offset as usize..], "the body from {offset} on");
    }
    assert_eq!(download(&north, &receipt.name, WHOLE as u64).await, b"");
    let beyond = pb::DownloadDocumentRequest {
        name: receipt.name,
        offset: WHOLE as u64 + 1,
    };
    let beyond = north.documents.clone().download_document(beyond).await;
    let status = crate::harness::refused(&beyond.expect_err("it is beyond the end"));
    assert_eq!(status.fields(), ["offset"]);
    assert_eq!(pair.finish().await.documents(), 1);
}

/// A document with a field that this software does not know, and its fields out of order, as no encoder of ours
/// writes them.
fn foreign_document() -> Bytes {
    let mut bytes = b"\xda\x3e\x07unknown".to_vec(); // field 1003
    bytes.extend(b"\x1a\x04body"); // body
    bytes.extend(b"\x12\x07foreign"); // subject
    bytes.extend(b"\xf8\x07\x96\x01"); // field 127, a number
    bytes.extend(b"\x08\x02"); // form
    bytes.into()
}

fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).expect("it is short");
    [&[tag << 3 | 2, len][..], bytes].concat()
}

#[tokio::test]
async fn the_bytes_that_came_in_are_what_both_ledgers_hold() {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    let document = foreign_document();
    let request = [field(1, request_id().as_bytes()), field(2, &document)].concat();
    let method = "/liaison.office.v1.DocumentService/SendDocument";
    call(&south.channel, method, request)
        .await
        .expect("it is taken");
    let name = "offices/south/documents/1";
    let there = arrives(&north, name, pb::DocumentState::Delivered).await;
    let read = there.document.expect("it is there");
    assert_eq!(
        (&*read.subject, read.form()),
        ("foreign", pb::DocumentForm::Notice)
    );

    // An upload's header is no different: the chunks become a body behind what came.
    let header = [field(1, request_id().as_bytes()), field(2, &without_body())].concat();
    let parts = [field(1, &header), field(2, b"in "), field(2, b"chunks")];
    upload_raw(&south, &parts).await;
    arrives(
        &north,
        "offices/south/documents/2",
        pb::DocumentState::Delivered,
    )
    .await;
    let uploaded = [&without_body()[..], b"\x1a\x09in chunks"].concat();
    pair.quiet().await;
    for (office, direction) in [
        (&south, ledger_pb::Direction::Outbound),
        (&north, ledger_pb::Direction::Inbound),
    ] {
        let entries = office.entries().await;
        let mut payloads = entries
            .iter()
            .filter(|entry| entry.direction() == direction)
            .map(|entry| entry.payload.clone());
        assert_eq!(payloads.next().as_ref(), Some(&document));
        assert_eq!(payloads.next().as_deref(), Some(&uploaded[..]));
    }
    // A restart reads and forwards the same.
    let [here, there] = [south.entries().await, north.entries().await].map(|entries| {
        let steps = entries
            .into_iter()
            .filter(|entry| !entry.envelope.is_empty());
        let bytes = steps.map(|entry| (entry.envelope, entry.payload, entry.line_hash));
        bytes.collect::<Vec<_>>()
    });
    assert_eq!(here, there);
    let counted = pair.finish().await;
    assert_eq!(counted.documents(), 2);
}

fn without_body() -> Bytes {
    let mut bytes = b"\xda\x3e\x07unknown".to_vec();
    bytes.extend(b"\x12\x07foreign\xf8\x07\x96\x01\x08\x02");
    bytes.into()
}

/// Uploads parts of bytes: the generated client cannot say what it does not know.
async fn upload_raw(south: &Clients, parts: &[Vec<u8>]) {
    let method = "/liaison.office.v1.DocumentService/UploadDocument";
    let parts: Vec<Bytes> = parts.iter().map(|part| part.clone().into()).collect();
    let answered = crate::harness::raw::call_with(&south.channel, method, parts).await;
    let response = pb::UploadDocumentResponse::decode(answered.expect("it is taken"));
    assert!(response.expect("a response").receipt.is_some());
}

#[tokio::test]
async fn what_the_line_carries_after_a_crash_is_what_came_in() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let document = foreign_document();
    let request = [field(1, request_id().as_bytes()), field(2, &document)].concat();
    let method = "/liaison.office.v1.DocumentService/SendDocument";
    call(&south.channel, method, request)
        .await
        .expect("it is taken");
    pair.kill(Place::South);
    for place in Place::BOTH {
        pair.start_office(place).await;
    }
    let north = pair.clients(Place::North);
    arrives(
        &north,
        "offices/south/documents/1",
        pb::DocumentState::Delivered,
    )
    .await;
    let entries = north.entries().await;
    let inbound = entries
        .iter()
        .find(|entry| entry.direction() == ledger_pb::Direction::Inbound);
    assert_eq!(inbound.expect("it is there").payload, document);
    pair.finish().await;
}

#[tokio::test]
async fn the_same_foreign_bytes_again_are_the_same_request() {
    let mut pair = Pair::idle(&[]).await;
    pair.start_office(Place::South).await;
    let south = pair.clients(Place::South);
    let id = request_id();
    let method = "/liaison.office.v1.DocumentService/SendDocument";
    let foreign = [field(1, id.as_bytes()), field(2, &foreign_document())].concat();
    let first = call(&south.channel, method, foreign.clone())
        .await
        .expect("it is taken");
    let again = call(&south.channel, method, foreign)
        .await
        .expect("it is known");
    assert_eq!(first, again);
    // Known fields alone are other content.
    let request = pb::SendDocumentRequest {
        request_id: id,
        document: Some(pb::Document::decode(foreign_document()).expect("a document")),
        ..sending(document(""))
    };
    let status = crate::harness::try_send(&south, request).await;
    assert_eq!(
        status.expect_err("it differs").code(),
        tonic::Code::AlreadyExists
    );
}
