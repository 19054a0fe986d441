//! How an office is seen from outside, beside its services.

use std::sync::Arc;
use std::time::Duration;

use identity::{Certified, Tls};
use jiff::Timestamp;
use office::{Office, Refusal, StepId, Tally};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::handle::OwnerHandle;
use crate::line::{Connection, PeerWatch};
use crate::metrics::{Metrics, Read};
use crate::read;

/// The office has so long to say that it lives.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at an office, for whoever runs it.
#[derive(Clone)]
pub struct Seen {
    pub(crate) owner: OwnerHandle,
    pub(crate) metrics: Metrics,
    pub(crate) peer: PeerWatch,
    pub(crate) leaving: watch::Receiver<bool>,
    pub(crate) tls: Option<watch::Receiver<Arc<Tls>>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").finish_non_exhaustive()
    }
}

impl Seen {
    /// Everything that is counted, as OpenMetrics has it, and the type of that text.
    ///
    /// # Errors
    /// The office does not answer.
    pub async fn metrics(&self) -> Result<(String, &'static str), String> {
        let told = self.ask(marks).await?;
        let progress = self.owner.progress().borrow().clone();
        let oldest = self.oldest_unacknowledged(told.appended, told.acknowledged);
        let oldest = oldest.map_err(|refusal| refusal.to_string())?.map(|at| {
            let age = self.clock.now().duration_since(at);
            // A clock may have been set back.
            Duration::try_from(age).unwrap_or_default()
        });
        let tally = &told.tally;
        let read = Read {
            line_up: self.peer.get() == Connection::Up,
            outbox_bytes: progress.outbox_bytes,
            unacknowledged: told.appended - told.acknowledged,
            oldest_unacknowledged: oldest.unwrap_or_default(),
            queue_depth: self.owner.queue_depth(),
            ledger_entries: progress.ledger_sequence,
            ledger_bytes: self.owner.reader.bytes(),
            held: progress.held.is_some(),
            draining: *self.leaving.borrow(),
            certificate_until: self.identity().map(|own| own.not_after.as_second()),
            counted: vec![
                ("documents", tally.documents()),
                ("contacts", tally.contacts()),
                ("calls", tally.calls()),
            ],
        };
        Ok((self.metrics.told(&read), crate::metrics::CONTENT_TYPE))
    }

    /// Whether whoever owns the ledger answers: why not, if it does not.
    ///
    /// # Errors
    /// It does not.
    pub async fn is_live(&self) -> Result<(), String> {
        self.ask(|_| ()).await
    }

    /// Whether work is taken. The peer has no say in that: what it is sent waits.
    ///
    /// # Errors
    /// It is not, and why.
    pub async fn is_ready(&self) -> Result<(), String> {
        if *self.leaving.borrow() {
            return Err("it is draining".to_owned());
        }
        // Before it answers the owner looks at the disk and at the clock.
        self.ask(|_| ()).await?;
        let progress = self.owner.progress().borrow().clone();
        if progress.restoring {
            return Err("it waits for the peer to give back what was missing".to_owned());
        }
        progress.held.map_or(Ok(()), Err)
    }

    /// When the oldest step was made that the peer has not acknowledged.
    pub(crate) fn oldest_unacknowledged(
        &self,
        appended: u64,
        acknowledged: u64,
    ) -> Result<Option<Timestamp>, Refusal> {
        if appended <= acknowledged {
            return Ok(None);
        }
        let oldest = StepId::new(self.owner.place, acknowledged + 1);
        let oldest = read::step(&self.owner.reader, oldest)?;
        Ok(Some(oldest.step.authored_at))
    }

    /// Who the office is.
    pub(crate) fn identity(&self) -> Option<Certified> {
        self.tls.as_ref().map(|tls| tls.borrow().own().clone())
    }

    async fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Office) -> T + Send + 'static,
    ) -> Result<T, String> {
        let asked = tokio::time::timeout(PATIENCE, self.owner.read(look)).await;
        let answered = asked.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
        answered.map_err(|refusal: Refusal| refusal.to_string())
    }
}

struct Marks {
    appended: u64,
    acknowledged: u64,
    tally: Tally,
}

fn marks(office: &Office) -> Marks {
    Marks {
        appended: office.line().appended().sequence,
        acknowledged: office.line().acknowledged(),
        tally: office.exchanges().tally.clone(),
    }
}
