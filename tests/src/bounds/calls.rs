//! Calls that are no calls, or not whole ones: each is told why, and records nothing.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use office::Place;
use prost::Message as _;
use protocol::pb::office as pb;
use tonic::{Code, Status};

use super::wire::alone;
use crate::harness::{Refused, document, refused, sending, within};

const SEND: &str = "/liaison.office.v1.DocumentService/SendDocument";

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let io = tokio::net::TcpStream::connect(address).await;
    let (send, connection) = h2::client::handshake(io.expect("the office listens"))
        .await
        .expect("it speaks HTTP/2");
    tokio::spawn(connection);
    send
}

fn post(path: &str) -> http::request::Builder {
    Request::post(format!("http://office{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
}

impl Answer {
    fn refused(&self) -> Refused {
        let status = Status::from_header_map(&self.trailers);
        let status = status.or_else(|| Status::from_header_map(&self.headers));
        refused(&status.expect("there is a status"))
    }
}

/// Makes a call of these bytes; without `ends` the rest of them never comes.
async fn call(
    send: &SendRequest<Bytes>,
    request: http::request::Builder,
    body: impl Into<Bytes>,
    ends: bool,
) -> Answer {
    let mut ready = send.clone().ready().await.expect("it is open");
    let request = request.body(()).expect("it is a request");
    let (response, mut stream) = ready.send_request(request, false).expect("it is open");
    // An office that refuses by the headers may have ended the stream.
    let _ = stream.send_data(body.into(), ends);
    let answering = async {
        let response = response.await.expect("it is answered");
        let (head, mut received) = response.into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = received.data().await {
            let chunk = chunk.expect("it comes whole");
            let _ = received.flow_control().release_capacity(chunk.len());
            body.extend_from_slice(&chunk);
        }
        let trailers = received.trailers().await.expect("it ends well");
        Answer {
            status: head.status,
            headers: head.headers,
            body,
            trailers: trailers.unwrap_or_default(),
        }
    };
    within("an answer", answering).await
}

fn a_document() -> Vec<u8> {
    sending(document("by hand")).encode_to_vec()
}

#[tokio::test]
async fn what_is_no_call_of_ours_is_told_why_and_recorded_never() {
    let (pair, south) = alone(&[]).await;
    let send = connect(pair.process(Place::South).address).await;
    let message = framed(0, &a_document());
    let get =
        Request::get(format!("http://office{SEND}")).header("content-type", "application/grpc");
    let answer = call(&send, get, message.clone(), true).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "POST");
    for other in [
        "text/plain",
        "application/json",
        "application/grpc-web+proto",
    ] {
        let request = Request::post(format!("http://office{SEND}")).header("content-type", other);
        let answer = call(&send, request, message.clone(), true).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other}");
        assert!(String::from_utf8_lossy(&answer.body).contains("application/grpc"));
    }
    for (header, value, code, reason) in [
        (
            "grpc-timeout",
            "soon",
            Code::InvalidArgument,
            "FAULTY_TIMEOUT",
        ),
        (
            "grpc-timeout",
            "123456789S",
            Code::InvalidArgument,
            "FAULTY_TIMEOUT",
        ),
        (
            "grpc-encoding",
            "snappy",
            Code::Unimplemented,
            "UNSUPPORTED_COMPRESSION",
        ),
    ] {
        let answer = call(
            &send,
            post(SEND).header(header, value),
            message.clone(),
            true,
        )
        .await;
        assert_eq!(answer.refused().why(), (code, reason), "{value}");
    }
    let twice = [message.clone(), message.clone()].concat();
    let answer = call(&send, post(SEND), twice, true).await;
    assert_eq!(
        answer.refused().why(),
        (Code::InvalidArgument, "SECOND_MESSAGE")
    );
    let half = message.slice(..message.len() - 1);
    let answer = call(&send, post(SEND), half, true).await;
    assert_eq!(
        answer.refused().why(),
        (Code::InvalidArgument, "MALFORMED_MESSAGE")
    );
    assert_eq!(south.tally().await.documents, 0);
    let answer = call(&send, post(SEND), message, true).await;
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!(south.tally().await.documents, 1);
}

#[tokio::test]
async fn gzip_is_taken_and_given_back_and_no_bomb_goes_off() {
    let (pair, south) = alone(&["client_message_bytes_max=100000"]).await;
    let send = connect(pair.process(Place::South).address).await;
    let pack = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).expect("memory");
        packer.finish().expect("memory")
    };
    let request = || post(SEND).header("grpc-encoding", "gzip");
    let answer = call(&send, request(), framed(1, &pack(&a_document())), true).await;
    assert_eq!(answer.trailers["grpc-status"], "0", "{answer:?}");
    assert_eq!(answer.headers["grpc-encoding"], "gzip");
    assert_eq!(answer.body[0], 1, "it comes packed");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[5..])
        .read_to_end(&mut unpacked)
        .expect("it is gzip");
    let receipt = pb::SendDocumentResponse::decode(&unpacked[..]).expect("it is a receipt");
    assert!(receipt.receipt.is_some());

    let bomb = pack(&vec![0; 50_000_000]);
    assert!(bomb.len() < 100_000, "it is small as it comes");
    let answer = call(&send, request(), framed(1, &bomb), true).await;
    assert_eq!(
        answer.refused().why(),
        (Code::InvalidArgument, "MESSAGE_TOO_LARGE")
    );
    let answer = call(&send, request(), framed(1, b"no gzip"), true).await;
    assert_eq!(
        answer.refused().why(),
        (Code::InvalidArgument, "MALFORMED_MESSAGE")
    );
    assert_eq!(south.tally().await.documents, 1);
}

#[tokio::test]
async fn a_request_that_never_becomes_whole_ends_in_time() {
    let (pair, _south) = alone(&["message_timeout=200"]).await;
    let send = connect(pair.process(Place::South).address).await;
    let message = framed(0, &a_document());
    for cut in [0, 3, 5, message.len() - 1] {
        let answer = call(&send, post(SEND), message.slice(..cut), false).await;
        let why = answer.refused();
        assert_eq!(
            why.why(),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            "{cut}"
        );
    }
    // An upload whose next part does not come.
    let part = pb::upload_document_request::Part::Header(pb::UploadHeader {
        request_id: sending(document("")).request_id,
        document: Some(document("an upload")),
        ..Default::default()
    });
    let header = pb::UploadDocumentRequest { part: Some(part) };
    let upload = post("/liaison.office.v1.DocumentService/UploadDocument");
    let answer = call(&send, upload, framed(0, &header.encode_to_vec()), false).await;
    let why = answer.refused();
    assert_eq!(why.why(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}
