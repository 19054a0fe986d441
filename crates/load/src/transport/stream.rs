//! The two halves of a stream.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::HeaderMap;
use tonic::Code;

use super::failed::{Blame, Failed};
use super::frames::{Encoding, Frames};
use super::pool::{Lease, OnStream};

/// What is sent on a stream.
#[derive(Debug)]
pub struct Sending {
    stream: SendStream<Bytes>,
    on: OnStream,
}

impl Sending {
    pub(crate) fn new(stream: SendStream<Bytes>, on: OnStream) -> Self {
        Self { stream, on }
    }

    /// Sends a framed message, as the other side has room for it.
    pub async fn send(&mut self, mut body: Bytes) -> Result<(), Failed> {
        while !body.is_empty() {
            self.stream.reserve_capacity(body.len());
            let room = match self.stream.capacity() {
                0 => poll_fn(|context| self.stream.poll_capacity(context))
                    .await
                    .ok_or_else(ended)?
                    .map_err(|error| self.on.failed(&error))?,
                room => room,
            };
            let piece = body.split_to(room.min(body.len()));
            let sent = self.stream.send_data(piece, false);
            sent.map_err(|error| self.on.failed(&error))?;
        }
        Ok(())
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) -> Result<(), Failed> {
        let ended = self.stream.send_data(Bytes::new(), true);
        ended.map_err(|error| self.on.failed(&error))
    }
}

fn ended() -> Failed {
    Failed::new(
        Code::Cancelled,
        Blame::Unknown,
        "the server ended the stream",
    )
}

#[derive(Debug)]
enum Body {
    Expected(ResponseFuture),
    Open(RecvStream),
    Over,
}

/// What is received on a stream.
#[derive(Debug)]
pub struct Receiving {
    body: Body,
    frames: Frames,
    piece: Bytes,
    message_bytes_max: usize,
    /// Whether the status stood in the headers already, and was OK.
    is_ok: bool,
    on: OnStream,
    /// The stream counts as open until here.
    _lease: Option<Lease>,
}

impl Receiving {
    pub(crate) fn new(
        answer: ResponseFuture,
        message_bytes_max: usize,
        on: OnStream,
        lease: Option<Lease>,
    ) -> Self {
        Self {
            body: Body::Expected(answer),
            frames: Frames::default(),
            piece: Bytes::new(),
            message_bytes_max,
            is_ok: false,
            on,
            _lease: lease,
        }
    }

    /// The answer's headers, unless they say that the call has failed.
    pub(crate) async fn headers(&mut self) -> Result<HeaderMap, Failed> {
        let Body::Expected(answer) = &mut self.body else {
            return Ok(HeaderMap::new());
        };
        let answer = answer.await.map_err(|error| self.on.failed(&error));
        let (head, body) = self.over_if_failed(answer)?.into_parts();
        if let Some(failed) = Failed::of_http(head.status, &head.headers) {
            self.body = Body::Over;
            return Err(failed);
        }
        self.is_ok = head.headers.contains_key("grpc-status");
        self.frames.encoding = Encoding::of(&head.headers);
        self.body = Body::Open(body);
        Ok(head.headers)
    }

    /// The next message; `None` after the last, if the stream ended well. Nothing is lost if this is dropped.
    pub async fn message(&mut self) -> Result<Option<Bytes>, Failed> {
        loop {
            if let Some(message) = self.frames.next(&mut self.piece, self.message_bytes_max)? {
                return Ok(Some(message));
            }
            let body = match &mut self.body {
                Body::Over => return Ok(None),
                Body::Expected(_) => {
                    self.headers().await?;
                    continue;
                }
                Body::Open(body) => body,
            };
            match body.data().await {
                Some(Ok(piece)) => {
                    // What the server sends is asked for again as soon as it is here: it is dealt with at once.
                    let _ = body.flow_control().release_capacity(piece.len());
                    self.piece = piece;
                }
                Some(Err(error)) => {
                    self.body = Body::Over;
                    return Err(self.on.failed(&error));
                }
                None => {
                    let trailers = body.trailers().await;
                    self.body = Body::Over;
                    let trailers = trailers.map_err(|error| self.on.failed(&error))?;
                    return self.close(trailers.as_ref()).map(|()| None);
                }
            }
        }
    }

    fn over_if_failed<T>(&mut self, outcome: Result<T, Failed>) -> Result<T, Failed> {
        if outcome.is_err() {
            self.body = Body::Over;
        }
        outcome
    }

    fn close(&self, trailers: Option<&HeaderMap>) -> Result<(), Failed> {
        // A server that has nothing to send may end a call in its headers.
        let told = trailers.filter(|it| it.contains_key("grpc-status"));
        if told.is_none() && !self.is_ok {
            let message = "the answer ended without a gRPC status";
            return Err(Failed::new(Code::Unknown, Blame::Unknown, message));
        }
        if let Some(failed) = told.and_then(Failed::of_trailers) {
            return Err(failed);
        }
        if !self.frames.is_between() {
            return Err(Failed::garbage("the answer ended within a message"));
        }
        Ok(())
    }
}
