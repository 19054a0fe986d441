//! What every call passes: its deadline, its span, and the last word on statuses that the transport made.
//!
//! tonic times only the response future, and ends a late call with CANCELLED. Here a deadline covers the body
//! too, so that a stream is cut when its time has come, and both say DEADLINE_EXCEEDED.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use office::Refusal;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument as _;

use crate::status::{malformed, plain, status_of, too_large};
use crate::timing;

/// Wraps the services of an office.
#[derive(Debug, Clone)]
pub(crate) struct Boundary<S> {
    inner: S,
    client_message_bytes_max: u64,
}

impl<S> Boundary<S> {
    pub(crate) fn new(inner: S, client_message_bytes_max: u64) -> Self {
        Self {
            inner,
            client_message_bytes_max,
        }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S, B> Service<Request<B>> for Boundary<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let limit = self.client_message_bytes_max;
        let deadline = timeout_of(request.headers()).map(|timeout| Instant::now() + timeout);
        let span = tracing::info_span!(
            "call",
            method = request.uri().path(),
            request_id = tracing::field::Empty
        );
        let timed = timing::is_wanted(request.headers());
        let answering = timing::taken(timed, self.inner.call(request));
        Box::pin(
            async move {
                let response = match deadline {
                    None => answering.await?,
                    Some(deadline) => match tokio::time::timeout_at(deadline, answering).await {
                        Ok(response) => response?,
                        Err(_) => return Ok(late("before the call was answered").into_http()),
                    },
                };
                let response = last_word(response, limit);
                Ok(match deadline {
                    None => response,
                    Some(deadline) => response.map(|body| Body::new(Bounded::new(body, deadline))),
                })
            }
            .instrument(span),
        )
    }
}

fn late(during: &str) -> Status {
    let during = during.to_owned();
    status_of(&Refusal::DeadlineExceeded { during })
}

/// Statuses that the transport made say nothing of why: they are told again in the office's words.
pub(crate) fn in_own_words(status: Status, message_bytes_max: u64) -> Status {
    match status.code() {
        Code::OutOfRange if status.message().contains("message length too large") => {
            too_large(message_bytes_max)
        }
        // The office never says INTERNAL: it is what the transport says of bytes that are no frame or no message.
        Code::Internal if status.details().is_empty() => malformed(status.message()),
        Code::Unimplemented if status.details().is_empty() => plain(
            Code::Unimplemented,
            "UNKNOWN_METHOD",
            "this office has no such method; list them by reflection".to_owned(),
        ),
        _ => status,
    }
}

fn last_word(response: Response<Body>, message_bytes_max: u64) -> Response<Body> {
    let foreign = response
        .headers()
        .get(Status::GRPC_STATUS)
        .is_some_and(|code| matches!(code.as_bytes(), b"11" | b"12" | b"13"));
    if !foreign {
        return response;
    }
    match Status::from_header_map(response.headers()) {
        Some(status) => in_own_words(status, message_bytes_max).into_http(),
        None => response,
    }
}

/// Reads `grpc-timeout`: at most 8 digits and a unit.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

/// A body that ends with DEADLINE_EXCEEDED when its time has come.
struct Bounded {
    /// `None` once it is late.
    inner: Option<Body>,
    sleep: Pin<Box<Sleep>>,
}

impl Bounded {
    fn new(inner: Body, deadline: Instant) -> Self {
        Self {
            inner: Some(inner),
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
        }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { inner, sleep } = &mut *self;
        let Some(body) = inner else {
            return Poll::Ready(None);
        };
        // First: a stream that always has something to say would never be cut.
        if sleep.as_mut().poll(context).is_pending() {
            return Pin::new(body).poll_frame(context);
        }
        // Dropping it ends the work behind it.
        *inner = None;
        let mut trailers = HeaderMap::new();
        late("while the stream was open").add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().expect("a header"));
            timeout_of(&headers)
        };
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(
            read("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
        for wrong in ["", "S", "1", "1x", "-1S", "123456789S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
