//! What the office says of itself to whoever asks grpc.health.v1.

use tokio::sync::{oneshot, watch};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::handle::Progress;
use crate::phase::reached;

/// Those that take mutations, and the office as a whole.
const RECORDING: [&str; 4] = [
    "",
    "liaison.office.v1.DocumentService",
    "liaison.office.v1.MeetingService",
    "liaison.office.v1.ContactService",
];
/// Those that only read.
const READING: [&str; 2] = [
    "liaison.office.v1.OfficeService",
    "liaison.ledger.v1.LedgerService",
];

/// Tells how the office is, for as long as it runs.
pub(crate) struct Health {
    pub(crate) reporter: HealthReporter,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) leaving: watch::Receiver<bool>,
    /// Dropped when nobody is told any more that the office serves.
    pub(crate) left: oneshot::Sender<()>,
}

impl Health {
    /// SERVING never waits for the peer, except after a restore. An office that records nothing still serves reads.
    pub(crate) async fn run(self) {
        let Self {
            reporter,
            mut progress,
            mut leaving,
            left,
        } = self;
        let mut told = None;
        loop {
            let now = {
                let progress = progress.borrow_and_update();
                (
                    !progress.restoring && progress.held.is_none(),
                    !progress.restoring,
                )
            };
            if told != Some(now) {
                report(&reporter, &RECORDING, now.0).await;
                report(&reporter, &READING, now.1).await;
                told = Some(now);
            }
            tokio::select! {
                biased;
                () = reached(&mut leaving) => break,
                changed = progress.changed() => if changed.is_err() { break },
            }
        }
        report(&reporter, &RECORDING, false).await;
        report(&reporter, &READING, false).await;
        drop(left);
    }
}

async fn report(reporter: &HealthReporter, services: &[&str], serving: bool) {
    let status = if serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in services {
        reporter.set_service_status(*service, status).await;
    }
}
