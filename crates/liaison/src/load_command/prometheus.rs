//! The figures for Prometheus while a run lasts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use report::Report;
use service::pages::{self, Page};
use tokio::net::TcpListener;

use command::failure::Failure;
use command::output::note;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

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
    tokio::spawn(pages::serve(listener, move |path| {
        std::future::ready(page(&path, &latest))
    }));
    Ok(())
}

fn page(path: &str, latest: &Latest) -> Page {
    if path != "/metrics" {
        return Page::text(StatusCode::NOT_FOUND, "the figures are at /metrics\n");
    }
    let report = latest
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Page::of(
        StatusCode::OK,
        CONTENT_TYPE,
        report::show::prometheus(&report),
    )
}
