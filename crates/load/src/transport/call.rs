//! Calls on the connections of a pool.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use h2::SendStream;
use h2::client::ResponseFuture;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::{Duration, Instant, sleep, timeout_at};
use tonic::Code;

use super::endpoint::Endpoint;
use super::failed::{Blame, Failed};
use super::pool::{Lease, OnStream, Pool, PoolLimits};
use super::stream::{Receiving, Sending};

/// What was refused is sent again at once, then after so long, and each time after twice as long.
const AGAIN_FIRST: Duration = Duration::from_millis(1);
const AGAIN_DOUBLINGS_MAX: u64 = 6;

/// How a call begins: everything of it but its message.
#[derive(Debug, Clone)]
pub struct Request {
    head: http::Request<()>,
    deadline: Duration,
}

/// What is told of a call while it is made: it may be sent several times, until a server takes it.
#[derive(Debug, Default)]
pub struct Attempts {
    first: Cell<Option<Instant>>,
    under_way: Cell<bool>,
    again: Cell<u64>,
}

impl Attempts {
    /// When it was sent for the first time.
    pub fn sent(&self) -> Option<Instant> {
        self.first.get()
    }

    /// How often it was sent again since a server had not taken it.
    pub fn again(&self) -> u64 {
        self.again.get()
    }

    fn begin(&self) {
        self.first.set(self.first.get().or(Some(Instant::now())));
        self.under_way.set(true);
    }

    /// A server has not taken it: so it is sent again, after a while that grows.
    pub(crate) async fn rest(&self) {
        self.under_way.set(false);
        let again = self.again.get();
        self.again.set(again + 1);
        if let Some(doublings) = again.checked_sub(1) {
            sleep(AGAIN_FIRST * (1 << doublings.min(AGAIN_DOUBLINGS_MAX))).await;
        }
    }
}

/// What a unary call was answered.
#[derive(Debug)]
pub struct Answer {
    /// The message.
    pub message: Bytes,
    /// What stood in its headers.
    pub headers: HeaderMap,
}

impl Request {
    /// A call of `path` at `endpoint`, to be answered within `deadline`.
    pub fn new(endpoint: &Endpoint, path: &PathAndQuery, deadline: Duration) -> Self {
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = endpoint.uri(path);
        let headers = head.headers_mut();
        let grpc = HeaderValue::from_static("application/grpc");
        headers.insert(http::header::CONTENT_TYPE, grpc);
        headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
        headers.insert("grpc-timeout", timeout_header(deadline));
        let agent = HeaderValue::from_static(concat!("liaison-load/", env!("CARGO_PKG_VERSION")));
        headers.insert(http::header::USER_AGENT, agent);
        Self { head, deadline }
    }

    /// A call that was recorded: its headers are those of then.
    pub fn again(
        endpoint: &Endpoint,
        path: &PathAndQuery,
        headers: HeaderMap,
        deadline: Duration,
    ) -> Self {
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = endpoint.uri(path);
        *head.headers_mut() = headers;
        let headers = head.headers_mut();
        headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
        // Logs of gRPC's libraries leave out what every call has.
        let grpc = HeaderValue::from_static("application/grpc");
        headers.entry(http::header::CONTENT_TYPE).or_insert(grpc);
        Self { head, deadline }
    }

    /// The same with one more metadata entry.
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.head.headers_mut().append(name, value);
    }

    /// Within how long it is to be answered.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// As gRPC writes it: at most eight digits and a unit.
fn timeout_header(deadline: Duration) -> HeaderValue {
    let us = deadline.as_micros();
    let text = if us < 100_000_000 {
        format!("{us}u")
    } else if us < 100_000_000_000 {
        format!("{}m", us / 1_000)
    } else {
        format!("{}S", (us / 1_000_000).min(99_999_999))
    };
    HeaderValue::from_str(&text).expect("digits and a letter")
}

impl Pool {
    /// Calls, and waits for the answer until `deadline`. What a server has surely not taken, as it refuses a stream or ends
    /// the connection before it, is sent again.
    pub async fn unary(
        self: &Rc<Self>,
        request: &Request,
        body: Bytes,
        deadline: Instant,
        attempts: &Attempts,
    ) -> Result<Answer, Failed> {
        let call = async {
            loop {
                let lease = self.lease().await?;
                attempts.begin();
                let called = call(&lease, request, body.clone(), self.limits()).await;
                match called {
                    Err(failed) if failed.blame == Blame::NotTaken => drop(lease),
                    done => return done,
                }
                attempts.rest().await;
            }
        };
        let answered = timeout_at(deadline, call).await;
        answered.unwrap_or_else(|_| Err(Failed::late(attempts.under_way.get())))
    }

    /// Opens a stream.
    pub async fn open(
        self: &Rc<Self>,
        request: &Request,
        deadline: Instant,
        attempts: &Attempts,
    ) -> Result<(Sending, Receiving), Failed> {
        let opened = timeout_at(deadline, async {
            loop {
                let lease = self.lease().await?;
                attempts.begin();
                match send(&lease, request).await {
                    Ok((answer, body, on)) => {
                        let most = self.limits().message_bytes_max;
                        let receiving = Receiving::new(answer, most, on.clone(), Some(lease));
                        return Ok((Sending::new(body, on), receiving));
                    }
                    Err(_) => drop(lease),
                }
                attempts.rest().await;
            }
        })
        .await;
        opened.unwrap_or_else(|_| Err(Failed::late(false)))
    }
}

/// Begins a call on a connection; if that fails, no server knows of it.
async fn send(
    lease: &Lease,
    request: &Request,
) -> Result<(ResponseFuture, SendStream<Bytes>, OnStream), Failed> {
    let send = lease.connection().send.clone();
    let begun = match send.ready().await {
        Ok(mut send) => send.send_request(request.head.clone(), false),
        Err(error) => Err(error),
    };
    let (answer, body) = begun.map_err(|error| {
        lease.connection().gone.set(true);
        let message = format!("the connection takes no more calls: {error}");
        Failed::new(Code::Unavailable, Blame::NotTaken, message)
    })?;
    let on = lease.on_stream(body.stream_id());
    Ok((answer, body, on))
}

async fn call(
    lease: &Lease,
    request: &Request,
    body: Bytes,
    limits: PoolLimits,
) -> Result<Answer, Failed> {
    let (answer, mut stream, on) = send(lease, request).await?;
    let sent = stream.send_data(body, true);
    sent.map_err(|error| on.failed(&error))?;
    let mut receiving = Receiving::new(answer, limits.message_bytes_max, on, None);
    let headers = receiving.headers().await?;
    let message = receiving.message().await?;
    let Some(message) = message else {
        return Err(Failed::garbage(
            "the call ended well, and without an answer",
        ));
    };
    if receiving.message().await?.is_some() {
        return Err(Failed::garbage("a second answer came to a unary call"));
    }
    Ok(Answer { message, headers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_written_as_grpc_does() {
        let written = |deadline| timeout_header(deadline);
        assert_eq!(written(Duration::from_millis(5)), "5000u");
        assert_eq!(written(Duration::from_secs(30)), "30000000u");
        assert_eq!(written(Duration::from_secs(3_600)), "3600000m");
        assert_eq!(written(Duration::MAX), "99999999S");
    }
}
