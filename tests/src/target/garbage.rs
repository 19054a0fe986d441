//! Answers that are no answers.

use std::convert::Infallible;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Garbage {
    /// A whole gRPC frame whose message is no protobuf, then OK.
    Message,
    /// A frame whose first byte is neither 0 nor 1.
    Frame,
    /// A frame that says it is 4 GiB long.
    Length,
    /// A frame that ends early, then OK.
    Cut,
    /// A good message, and no status after it.
    NoStatus,
    /// A status that is no number.
    Status,
    /// A page of HTML, with 200.
    ContentType,
    /// 503 as a proxy sends it, without gRPC.
    Http,
}

impl Garbage {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Message,
        Self::Frame,
        Self::Length,
        Self::Cut,
        Self::NoStatus,
        Self::Status,
        Self::ContentType,
        Self::Http,
    ];

    /// The answer. `good` is the message that a good one would have.
    pub(super) fn response(self, good: &[u8]) -> Response<Body> {
        // Field 0 and wire type 7: neither exists.
        const NO_MESSAGE: &[u8] = &[0x07, 0xff, 0xff, 0xff];
        match self {
            Self::Message => grpc(frame(0, NO_MESSAGE.len(), NO_MESSAGE), Some("0")),
            Self::Frame => grpc(frame(7, good.len(), good), Some("0")),
            Self::Length => grpc(frame(0, u32::MAX as usize, good), Some("0")),
            Self::Cut => grpc(frame(0, good.len() + 1, good), Some("0")),
            Self::NoStatus => grpc(frame(0, good.len(), good), None),
            Self::Status => grpc(frame(0, good.len(), good), Some("fine")),
            Self::ContentType => page(200, "text/html", "<html><body>It works!</body></html>"),
            Self::Http => page(503, "text/plain", "no healthy upstream"),
        }
    }
}

fn frame(flag: u8, length: usize, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(length as u32);
    frame.put_slice(message);
    frame.freeze()
}

fn grpc(data: Bytes, status: Option<&'static str>) -> Response<Body> {
    let trailers = status.map(|status| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        Ok::<_, Infallible>(trailers)
    });
    let body = Full::new(data).with_trailers(std::future::ready(trailers));
    response(200, "application/grpc", Body::new(body))
}

fn page(status: u16, content_type: &'static str, text: &'static str) -> Response<Body> {
    let body = Body::new(Full::new(Bytes::from_static(text.as_bytes())));
    response(status, content_type, body)
}

fn response(status: u16, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status of HTTP");
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, content_type);
    response
}
