//! How the transport to the peer is, as this office knows it.

use std::time::Duration;

use office::Refusal;
use tokio::sync::watch;
use tokio::time::Instant;

/// The state of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not up since `since`.
    Dialling { since: Instant, reason: String },
    /// Hello has passed.
    Up,
}

/// Tells and watches the state of the transport.
#[derive(Debug, Clone)]
pub(crate) struct PeerWatch {
    state: watch::Sender<Connection>,
}

impl PeerWatch {
    pub(crate) fn new(reason: &str) -> Self {
        let dialling = Connection::Dialling {
            since: Instant::now(),
            reason: reason.to_owned(),
        };
        Self {
            state: watch::channel(dialling).0,
        }
    }

    pub(crate) fn get(&self) -> Connection {
        self.state.borrow().clone()
    }

    pub(crate) fn up(&self) {
        self.state.send_replace(Connection::Up);
    }

    /// The transport is down; since when is kept from the first time.
    pub(crate) fn down(&self, why: String) {
        self.state.send_modify(|state| match state {
            Connection::Dialling { reason, .. } => *reason = why,
            Connection::Up => {
                *state = Connection::Dialling {
                    since: Instant::now(),
                    reason: why,
                };
            }
        });
    }

    /// Ends with a refusal when the transport has been down for `timeout`, and never otherwise.
    pub(crate) async fn unreachable(&self, timeout: Duration) -> Refusal {
        let mut state = self.state.subscribe();
        loop {
            let seen = state.borrow_and_update().clone();
            let lost = async {
                match &seen {
                    Connection::Up => std::future::pending().await,
                    Connection::Dialling { since, reason } => {
                        tokio::time::sleep_until(*since + timeout).await;
                        reason.clone()
                    }
                }
            };
            tokio::select! {
                biased;
                reason = lost => return refusal(timeout, &reason),
                changed = state.changed() => {
                    if changed.is_err() {
                        return crate::status::stopped();
                    }
                }
            }
        }
    }
}

fn refusal(timeout: Duration, reason: &str) -> Refusal {
    Refusal::Unavailable {
        reason: protocol::reasons::PEER_UNREACHABLE.name,
        why: format!(
            "the peer has not been reached for {} s ({reason}). The step is recorded here and will be \
             delivered; send the same request_id again to wait for it",
            timeout.as_secs_f32()
        ),
        retry_after: Duration::from_secs(1),
    }
}
