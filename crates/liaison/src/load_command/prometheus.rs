//! The figures for Prometheus while a run lasts.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use report::Report;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use command::failure::Failure;
use command::output::note;

const CONNECTIONS_MAX: usize = 16;
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);

/// What has been seen so far.
pub(super) type Latest = Arc<Mutex<Report>>;

/// Serves `latest` at `address`, for as long as the runtime lives.
pub(super) async fn serve(address: SocketAddr, latest: Latest) -> Result<(), Failure> {
    if !address.ip().is_loopback() {
        note(&format!(
            "the figures are served at {address}, to anyone who can reach it"
        ));
    }
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
            "failed to listen at {address} for Prometheus: {error}"
        ))
    })?;
    if let Ok(address) = listener.local_addr() {
        note(&format!("Prometheus may scrape http://{address}/metrics"));
    }
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::spawn(async move {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let latest = Arc::clone(&latest);
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    std::future::ready(Ok::<_, Infallible>(answer(&request, &latest)))
                });
                let serving = hyper::server::conn::http1::Builder::new()
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                // A scraper that goes away or is slow is no concern of the run's.
                let _ = tokio::time::timeout(SCRAPE_TIMEOUT, serving).await;
                drop(permit);
            });
        }
    });
    Ok(())
}

fn answer(request: &Request<Incoming>, latest: &Latest) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    if request.uri().path() == "/metrics" {
        let report = latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        *response.body_mut() = Full::from(report::show::prometheus(&report));
        let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, kind);
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
        *response.body_mut() = Full::from("the figures are at /metrics\n");
    }
    response
}
