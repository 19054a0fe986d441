//! What all services of an office work with.

use std::sync::Arc;
use std::time::Duration;

use office::{Limits, Refusal, RequestId};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;

use crate::handle::{Authored, Authoring, OwnerHandle};
use crate::line::{LineEvents, PeerWatch};
use crate::read;
use crate::status::status_of;
use crate::tasks::Tasks;
use crate::timing;
use callers::Slots;

/// The owner, the line, and room for what takes long.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) owner: OwnerHandle,
    pub(crate) limits: Arc<Limits>,
    pub(crate) peer: PeerWatch,
    pub(crate) events: LineEvents,
    pub(crate) tasks: Tasks,
    /// True once the office takes no new work.
    pub(crate) draining: watch::Receiver<bool>,
    /// Room for uploads and downloads of large documents.
    pub(crate) transfers: Slots,
    /// Room for watchers.
    pub(crate) watchers: Slots,
}

impl Desk {
    /// Has the owner author a step, and waits until it is durable here.
    pub(crate) async fn author(&self, authoring: Authoring) -> Result<Authored, Status> {
        record_request_id(authoring.request_id);
        let asked = Instant::now();
        let authored = self.owner.author(authoring).await;
        let authored = authored.map_err(|refusal| status_of(&refusal))?;
        timing::recorded(asked, &authored);
        Ok(authored)
    }

    /// When a step was authored; a repeat's time stands in the ledger.
    pub(crate) fn authored_at(
        &self,
        authored: Authored,
    ) -> Result<prost_types::Timestamp, Refusal> {
        let at = match authored.at {
            Some(at) => at,
            None => {
                read::step(&self.owner.reader, authored.id)?
                    .step
                    .authored_at
            }
        };
        Ok(protocol::timestamp_to_pb(at))
    }

    /// As [`Self::author`], until it is durable at the peer.
    pub(crate) async fn deliver(&self, authoring: Authoring) -> Result<Authored, Status> {
        record_request_id(authoring.request_id);
        let asked = Instant::now();
        let authored = tokio::select! {
            biased;
            authored = self.owner.deliver(authoring) => authored,
            refusal = self.peer.unreachable(self.limits.peer_timeout) => Err(refusal),
            () = tokio::time::sleep(self.limits.wait_timeout) => Err(waited(self.limits.wait_timeout, "delivery")),
        };
        let authored = authored.map_err(|refusal| status_of(&refusal))?;
        timing::delivered(asked, &authored);
        Ok(authored)
    }
}

pub(crate) fn waited(timeout: Duration, what: &str) -> Refusal {
    let during = format!(
        "waiting {} s for {what}; the step is recorded: send the same request_id again to wait on",
        timeout.as_secs()
    );
    Refusal::DeadlineExceeded { during }
}

fn record_request_id(request_id: RequestId) {
    let span = tracing::Span::current();
    if !span.is_disabled() {
        span.record("request_id", tracing::field::display(request_id));
    }
}
