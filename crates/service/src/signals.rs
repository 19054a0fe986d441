//! Being asked to stop.

/// Listens for being asked to stop, SIGTERM or Ctrl-C, from this call on; what it returns ends when that comes.
/// Call it inside a runtime, before anybody can know that there is something to stop.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .inspect_err(|error| tracing::warn!(%error, "a signal cannot be waited for"))
                .ok()
        };
        let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(listen);
        async move {
            let [mut terminate, mut interrupt] = signals;
            tokio::select! {
                () = received(&mut terminate) => {}
                () = received(&mut interrupt) => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
