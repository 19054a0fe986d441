//! Small pages over plain HTTP, for whoever runs something here.
//!
//! **The invariant.** A page elsewhere that has a browser come to a loopback address under a name of its own is not answered: there the
//! Host is an address, or `localhost`. Whoever is let in from other machines comes under whatever name they have for this one.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take to come.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
const TEXT: &str = "text/plain; charset=utf-8";

/// A page: its status, the type of its content, and that.
#[derive(Debug)]
pub struct Page {
    status: StatusCode,
    kind: &'static str,
    text: String,
}

impl Page {
    /// Of plain text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self::of(status, TEXT, text)
    }

    /// Of text of that type.
    pub fn of(status: StatusCode, kind: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, kind, text }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Answers whoever asks for a page by its path, for as long as it is polled. Nothing but GET and HEAD comes so far.
pub async fn serve<F>(
    listener: TcpListener,
    page: impl Fn(String) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Page> + Send + 'static,
{
    let is_loopback = listener.local_addr().is_ok_and(|at| at.ip().is_loopback());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection for a page could not be accepted");
                // There may be no handles left: it is tried again, and not at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = connection(stream, is_loopback, page.clone());
        tokio::spawn(async move {
            // Whoever goes away, or is slow, is no concern of what runs here.
            let _ = tokio::time::timeout(TIMEOUT, connection).await;
            drop(permit);
        });
    }
}

async fn connection<F>(stream: TcpStream, is_loopback: bool, page: impl Fn(String) -> F)
where
    F: Future<Output = Page>,
{
    let service = hyper::service::service_fn(|request: Request<_>| {
        let refused = refused(&request, is_loopback);
        let page = refused.map_or_else(|| Ok(page(request.uri().path().to_owned())), Err);
        async {
            Ok::<_, Infallible>(match page {
                Ok(page) => page.await.into_response(),
                Err(refused) => refused,
            })
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = serving.await {
        tracing::debug!(%error, "a connection for a page broke");
    }
}

fn refused<B>(request: &Request<B>, is_loopback: bool) -> Option<Response<Full<Bytes>>> {
    if is_loopback && !is_here(request.headers().get(HOST)) {
        let text = "this is asked for by its address, or as localhost\n";
        return Some(Page::text(StatusCode::MISDIRECTED_REQUEST, text).into_response());
    }
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return None;
    }
    let text = "there is nothing here but pages to GET\n";
    let mut response = Page::text(StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, allowed);
    Some(response)
}

/// Whether the Host that was asked for is an address, or this machine.
fn is_here(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return false;
    };
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_this_machine() {
        for host in [
            "127.0.0.1:9464",
            "localhost:9464",
            "LOCALHOST",
            "[::1]:9464",
            "[::1]",
            "10.0.0.7",
        ] {
            assert!(is_here(Some(&HeaderValue::from_static(host))), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9464",
        ] {
            assert!(!is_here(Some(&HeaderValue::from_static(host))), "{host}");
        }
        assert!(!is_here(None));
    }
}
