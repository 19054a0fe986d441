//! What whoever runs an office sees of it: `/metrics`, `/livez`, `/readyz`.
//!
//! **The decision.** A port of its own, on loopback unless another is meant: what is seen here needs no certificate, and does nothing.

use std::net::SocketAddr;

use http::StatusCode;
use server::Seen;
use tokio::net::TcpListener;

use crate::pages::{self, Page};

/// Listens on `address`.
pub(crate) async fn bind(
    address: SocketAddr,
    may_be_elsewhere: bool,
) -> Result<TcpListener, String> {
    if !address.ip().is_loopback() && !may_be_elsewhere {
        return Err(format!(
            "failed to listen on {address} for --admin: it is not a loopback address, and whoever reaches it sees how the \
             office is; give --insecure-bind if that is meant"
        ));
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("failed to listen on {address} for --admin: {error}"))
}

/// Answers whoever asks how the office is, for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, seen: Seen) {
    pages::serve(listener, move |path| {
        let seen = seen.clone();
        async move { page(&path, &seen).await }
    })
    .await;
}

async fn page(path: &str, seen: &Seen) -> Page {
    let said = |said: Result<(), String>| match said {
        Ok(()) => Page::text(StatusCode::OK, "ok\n"),
        Err(why) => Page::text(StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    };
    match path {
        "/livez" => said(seen.is_live().await),
        "/readyz" => said(seen.is_ready().await),
        "/metrics" => match seen.metrics().await {
            Ok((text, kind)) => Page::of(StatusCode::OK, kind, text),
            Err(why) => said(Err(why)),
        },
        _ => Page::text(
            StatusCode::NOT_FOUND,
            "/metrics, /livez and /readyz are here\n",
        ),
    }
}
