//! Calls on the connections of a pool.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::{Duration, Instant, timeout_at};
use tonic::Code;

use super::endpoint::Endpoint;
use super::failed::{Blame, Failed};
use super::pool::{Lease, Pool};
use super::stream::{Receiving, Sending};

/// How a call begins: everything of it but its message.
#[derive(Debug, Clone)]
pub struct Request {
    head: http::Request<()>,
    deadline: Duration,
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
    /// Calls, and waits for the answer until `deadline`. `sent` is set when the request goes to the connection.
    pub async fn unary(
        self: &Rc<Self>,
        request: &Request,
        body: Bytes,
        deadline: Instant,
        sent: &Cell<Option<Instant>>,
    ) -> Result<Answer, Failed> {
        let call = async {
            let lease = self.lease().await?;
            sent.set(Some(Instant::now()));
            call(&lease, request, body, self.limits().message_bytes_max).await
        };
        let answered = timeout_at(deadline, call).await;
        answered.unwrap_or_else(|_| Err(Failed::late(sent.get().is_some())))
    }

    /// Opens a stream. `sent` is set when its head goes to the connection.
    pub async fn open(
        self: &Rc<Self>,
        request: &Request,
        deadline: Instant,
        sent: &Cell<Option<Instant>>,
    ) -> Result<(Sending, Receiving), Failed> {
        let opened = timeout_at(deadline, async {
            let lease = self.lease().await?;
            sent.set(Some(Instant::now()));
            let mut send = ready(&lease).await?;
            let (answer, body) = send
                .send_request(request.head.clone(), false)
                .map_err(|error| not_sent(&lease, &error))?;
            let receiving = Receiving::new(answer, self.limits().message_bytes_max, lease);
            Ok((Sending::new(body), receiving))
        })
        .await;
        opened.unwrap_or_else(|_| Err(Failed::late(false)))
    }
}

async fn ready(lease: &Lease) -> Result<SendRequest<Bytes>, Failed> {
    let send = lease.connection().send.clone();
    send.ready().await.map_err(|error| not_sent(lease, &error))
}

fn not_sent(lease: &Lease, error: &h2::Error) -> Failed {
    lease.connection().gone.set(true);
    let message = format!("the connection takes no more calls: {error}");
    Failed::new(Code::Unavailable, Blame::NotSent, message)
}

async fn call(
    lease: &Lease,
    request: &Request,
    body: Bytes,
    message_bytes_max: usize,
) -> Result<Answer, Failed> {
    let mut send = ready(lease).await?;
    let (answer, mut stream) = send
        .send_request(request.head.clone(), false)
        .map_err(|error| not_sent(lease, &error))?;
    stream
        .send_data(body, true)
        .map_err(|error| Failed::of_h2(&error))?;
    let (head, body) = answer
        .await
        .map_err(|error| Failed::of_h2(&error))?
        .into_parts();
    if let Some(failed) = Failed::of_http(head.status, &head.headers) {
        return Err(failed);
    }
    let mut receiving = Receiving::answered(body, message_bytes_max);
    let message = receiving.message().await?;
    let Some(message) = message else {
        return Err(Failed::garbage(
            "the call ended well, and without an answer",
        ));
    };
    if receiving.message().await?.is_some() {
        return Err(Failed::garbage("a second answer came to a unary call"));
    }
    Ok(Answer {
        message,
        headers: head.headers,
    })
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
