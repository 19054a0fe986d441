//! What every call passes: its deadline, its span, and the last word on statuses that the transport made.
//!
//! tonic times only the response future, and ends a late call with CANCELLED. Here a deadline covers the body
//! too, so that a stream is cut when its time has come, and both say DEADLINE_EXCEEDED.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use callers::{Budget, Call, Caller};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use office::authority::Authority;
use office::{Limits, Refusal};
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument as _;

use crate::incoming::{Bounds, Messages};
use crate::methods::{Method, Methods};
use crate::metrics::{Metrics, UnderWay};
use crate::outgoing::{keeping, packed};
use crate::status::{faulty_timeout, malformed, plain, status_of, too_large, unknown_compression};
use crate::timing;

/// Wraps the services of an office.
#[derive(Debug, Clone)]
pub(crate) struct Boundary<S> {
    inner: S,
    methods: Arc<Methods>,
    budget: Budget,
    limits: Arc<Limits>,
    authority: Authority,
    /// `None` if nobody looks.
    metrics: Option<Metrics>,
}

impl<S> Boundary<S> {
    pub(crate) fn new(
        inner: S,
        methods: Arc<Methods>,
        limits: Arc<Limits>,
        authority: Authority,
        metrics: Option<Metrics>,
    ) -> Self {
        Self {
            inner,
            methods,
            metrics,
            budget: Budget::new(&limits),
            limits,
            authority,
        }
    }

    fn bounds(&self, method: Method, gzip: bool, received: Option<Counter>) -> Bounds {
        Bounds {
            method,
            message_bytes_max: if method.is_line {
                self.limits.line_message_bytes_max
            } else {
                self.limits.client_message_bytes_max
            },
            timeout: self.limits.message_timeout,
            gzip,
            received,
        }
    }

    /// What to say to whoever may not call this. A method that is not served is told as such, to anybody.
    fn denied(&self, caller: &Caller, method: Method, path: &str) -> Option<Response<Body>> {
        let name = path.trim_start_matches('/');
        let speaker = caller.known().speaker();
        let denied = self.authority.permits(speaker, method.act, name).err()?;
        method
            .is_known
            .then(|| status_of(&denied.into()).into_http())
    }

    /// When a call must be answered: what the client says, or what no call without a stream takes.
    fn deadline(&self, method: Method, timeout: Option<Duration>) -> Option<Instant> {
        let own = (!method.takes_many && !method.gives_many).then_some(self.limits.call_timeout);
        timeout.or(own).map(|timeout| Instant::now() + timeout)
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Boundary<S> {
    fn answering<B>(
        &mut self,
        mut request: Request<B>,
        caller: Arc<Caller>,
        method: Method,
        under_way: Option<UnderWay>,
    ) -> Answering
    where
        S: Service<Request<Messages<B>>, Response = Response<Body>, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let asked = match Asked::of(&request) {
            Ok(asked) => asked,
            Err(refused) => return refused_at_once(under_way, refused),
        };
        let limit = self.limits.client_message_bytes_max;
        let deadline = self.deadline(method, asked.timeout);
        let span = tracing::info_span!(
            "call",
            method = request.uri().path(),
            request_id = tracing::field::Empty
        );
        let timed = timing::is_wanted(request.headers());
        if asked.gzip {
            // It is unpacked before anybody else sees it.
            request.headers_mut().remove(&GRPC_ENCODING);
        }
        if let Some(denied) = self.denied(&caller, method, request.uri().path()) {
            return refused_at_once(under_way, denied);
        }
        if !method.is_for_all && !caller.finds_place() {
            let refusal = Refusal::Exhausted {
                what: "the number of connections (this one is kept for the peer, and for looking how the office is)",
                limit: self.limits.connections_max,
                retry_after: Duration::from_secs(1),
            };
            return refused_at_once(under_way, status_of(&refusal).into_http());
        }
        let received = under_way.as_ref().map(UnderWay::received);
        let call = Arc::new(Call::new(caller, self.budget.clone()));
        let (bounds, of_call) = (self.bounds(method, asked.gzip, received), Arc::clone(&call));
        let request = request.map(|body| Messages::new(body, bounds, of_call));
        let answering = timing::taken(timed, self.inner.call(request));
        let answering = Arc::clone(&call).answer(answering);
        Box::pin(
            async move {
                let response = match deadline {
                    None => answering.await?,
                    Some(deadline) => {
                        let answered = tokio::time::timeout_at(deadline, answering).await;
                        let Ok(response) = answered else {
                            let late = late("before the call was answered").into_http();
                            return Ok(counted(under_way, late));
                        };
                        response?
                    }
                };
                let mut response = last_word(response, limit);
                if let Some(bytes_min) = asked.gzip_back
                    && !response.headers().contains_key(Status::GRPC_STATUS)
                {
                    let gzip = HeaderValue::from_static("gzip");
                    response.headers_mut().insert(&GRPC_ENCODING, gzip);
                    response = response.map(|body| packed(body, bytes_min));
                }
                let leases = call.take_kept();
                if !leases.is_empty() {
                    response = response.map(|body| keeping(body, leases));
                }
                // A unary answer is there when it begins.
                if let Some(deadline) = deadline.filter(|_| asked.timeout.is_some()) {
                    response = response.map(|body| Body::new(Bounded::new(body, deadline)));
                }
                Ok(counted(under_way, response))
            }
            .instrument(span),
        )
    }
}

impl<S, B> Service<Request<B>> for Boundary<S>
where
    S: Service<Request<Messages<B>>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        // Every connection has one; without, a call is its own caller.
        let caller = caller.unwrap_or_else(|| Arc::new(Caller::new(0, None)));
        let method = self.methods.get(request.uri().path());
        let under_way = self.metrics.as_ref();
        let under_way = under_way.map(|it| it.begin(method, Arc::clone(&caller)));
        self.answering(request, caller, method, under_way)
    }
}

fn refused_at_once(under_way: Option<UnderWay>, refused: Response<Body>) -> Answering {
    Box::pin(std::future::ready(Ok(counted(under_way, refused))))
}

fn counted(under_way: Option<UnderWay>, response: Response<Body>) -> Response<Body> {
    match under_way {
        Some(under_way) => under_way.answered(response),
        None => response,
    }
}

/// What a call's headers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    timeout: Option<Duration>,
    /// Messages come compressed.
    gzip: bool,
    /// Messages of so many bytes are to go back compressed: the client says that it takes them so, or sends its own so
    /// and does not say.
    gzip_back: Option<usize>,
}

impl Asked {
    /// Reads the headers, or says why this is no call that can be answered.
    fn of<B>(request: &Request<B>) -> Result<Self, Response<Body>> {
        if request.method() != http::Method::POST {
            let text =
                "This is a gRPC office: a call is a POST. Try grpcurl, or the liaison command.\n";
            let mut response = in_http(StatusCode::METHOD_NOT_ALLOWED, text);
            let post = HeaderValue::from_static("POST");
            response.headers_mut().insert(http::header::ALLOW, post);
            return Err(response);
        }
        if !is_grpc(request.headers()) {
            let text = "This is a gRPC office: it takes content-type application/grpc, and neither gRPC-web nor JSON.\n";
            return Err(in_http(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let timeout = timeout_of(request.headers()).map_err(Status::into_http)?;
        let gzip = match request
            .headers()
            .get(&GRPC_ENCODING)
            .map(HeaderValue::as_bytes)
        {
            None | Some(b"identity") => false,
            Some(b"gzip") => true,
            Some(other) => {
                let status = unknown_compression(&String::from_utf8_lossy(other));
                let mut response = status.into_http();
                let known = HeaderValue::from_static("identity,gzip");
                response.headers_mut().insert(&GRPC_ACCEPT_ENCODING, known);
                return Err(response);
            }
        };
        Ok(Self {
            timeout,
            gzip,
            gzip_back: takes_gzip(request.headers())
                .unwrap_or(gzip)
                .then_some(if gzip { 0 } else { PACKED_BYTES_MIN }),
        })
    }
}

/// Many clients take gzip without a thought: what is shorter is not worth the work to them.
const PACKED_BYTES_MIN: usize = 1024;
// Names that are made once: a text would be read again at every look.
static GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
static GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Whether a client takes gzip; `None` if it does not say what it takes.
fn takes_gzip(headers: &HeaderMap) -> Option<bool> {
    let mut said = None;
    for value in headers.get_all(&GRPC_ACCEPT_ENCODING) {
        let mut taken = value.as_bytes().split(|byte| *byte == b',');
        let gzip = taken.any(|it| it.trim_ascii().eq_ignore_ascii_case(b"gzip"));
        said = Some(said.unwrap_or(false) || gzip);
    }
    said
}

/// `application/grpc`, or the same with `+proto`; parameters may follow.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value == "application/grpc") {
        return true;
    }
    let content_type = content_type.and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        ["application/grpc", "application/grpc+proto"]
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
    })
}

/// An answer to somebody who does not speak gRPC.
fn in_http(status: StatusCode, text: &'static str) -> Response<Body> {
    let text = http_body_util::Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(Body::new(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, plain);
    response
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
            protocol::reasons::UNKNOWN_METHOD,
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
fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(&GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let faulty = || faulty_timeout(&String::from_utf8_lossy(value.as_bytes()));
    let text = value.to_str().map_err(|_| faulty())?;
    let parts = text
        .len()
        .checked_sub(1)
        .and_then(|at| text.split_at_checked(at));
    let (digits, unit) = parts.ok_or_else(faulty)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let value: u64 = digits
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(faulty)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return Err(faulty()),
    }))
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

    fn headers(name: &'static str, text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, text.parse().expect("a header"));
        headers
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let read = |text: &str| timeout_of(&headers("grpc-timeout", text));
        assert_eq!(read("100m").ok(), Some(Some(Duration::from_millis(100))));
        assert_eq!(read("2S").ok(), Some(Some(Duration::from_secs(2))));
        assert_eq!(
            read("99999999H").ok(),
            Some(Some(Duration::from_secs(99_999_999 * 3600)))
        );
        assert_eq!(timeout_of(&HeaderMap::new()).ok(), Some(None));
        for wrong in ["", "S", "1", "1x", "-1S", "+1S", "123456789S", "1 S"] {
            let refused = read(wrong).expect_err(wrong);
            assert_eq!(refused.code(), Code::InvalidArgument, "{wrong:?}");
        }
    }

    #[test]
    fn an_answer_is_packed_where_that_is_asked_and_never_where_it_is_not_taken() {
        for (encoding, accepted, bytes_min) in [
            (None, None, None),
            (Some("gzip"), None, Some(0)),
            (None, Some("gzip"), Some(1024)),
            (None, Some("identity, deflate, GZIP"), Some(1024)),
            (Some("gzip"), Some("identity"), None),
            (Some("gzip"), Some("identity,gzip"), Some(0)),
            (None, Some("deflate"), None),
            (None, Some(""), None),
        ] {
            let mut request = Request::post("/").header("content-type", "application/grpc");
            for (name, value) in [
                (&GRPC_ENCODING, encoding),
                (&GRPC_ACCEPT_ENCODING, accepted),
            ] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let request = request.body(()).expect("a request");
            let asked = Asked::of(&request).expect("a call that can be answered");
            assert_eq!(asked.gzip, encoding.is_some());
            assert_eq!(asked.gzip_back, bytes_min, "{encoding:?}, {accepted:?}");
        }
    }

    #[test]
    fn only_grpc_itself_is_answered() {
        for (content_type, is_taken) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grpc+json", false),
            ("text/plain", false),
            ("", false),
        ] {
            let headers = headers("content-type", content_type);
            assert_eq!(is_grpc(&headers), is_taken, "{content_type}");
        }
    }
}
