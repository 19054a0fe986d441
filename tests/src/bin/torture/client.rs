//! A client that does not give up: it asks with the same request id until it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use office::Place;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;

use crate::account::Account;
use crate::doors::Doors;
use crate::mutation::Mutation;

/// An answer that takes longer is a failure of its own.
const PATIENCE: Duration = Duration::from_secs(60);
/// A try that takes longer is given up, told with how the offices are, and made again over a connection of its own.
const TRY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

/// What all clients of a pair share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub(crate) account: Arc<Account>,
    pub(crate) doors: Arc<Doors>,
    /// Set when no new work is to be begun; what was begun is finished.
    pub(crate) enough: Arc<AtomicBool>,
}

/// Why a request has no answer.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    /// The office refused it for good.
    ForGood(Status),
    /// Nobody answered for as long as this client waits.
    Silence(String),
}

/// Whether asking again may help. Nothing is known of the request then: it may stand in the ledger or not.
pub(crate) fn is_passing(refused: &Status) -> bool {
    client::may_pass(refused, client::Awaited::Nothing)
}

impl Client {
    pub(crate) fn has_enough(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }

    /// Asks until answered, and keeps the account.
    pub(crate) async fn ask(
        &self,
        place: Place,
        lane: u64,
        order: u64,
        mutation: &Mutation,
    ) -> Result<Bytes, Refused> {
        self.account.note(place, lane, order, mutation);
        let outcome = self.insist(place, mutation).await;
        match &outcome {
            Ok(answer) => self.account.acknowledge(mutation.id(), answer.clone()),
            Err(Refused::ForGood(status)) => {
                self.account.refuse(mutation.id(), status.to_string());
            }
            Err(Refused::Silence(what)) => self.account.wrong(what.clone()),
        }
        outcome
    }

    /// Asks until answered, and keeps no account.
    pub(crate) async fn insist(&self, place: Place, mutation: &Mutation) -> Result<Bytes, Refused> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::from("no connection");
        let mut hung = false;
        loop {
            let entered = timeout_at(deadline, self.doors.channel(place)).await;
            let attempt = async {
                let Ok(channel) = entered else {
                    return std::future::pending().await;
                };
                let channel = if hung {
                    self.doors.fresh(place).unwrap_or(channel)
                } else {
                    channel
                };
                let _flight = self.account.depart(place);
                mutation.call(channel).await
            };
            let until = deadline.min(Instant::now() + TRY);
            match timeout_at(until, attempt).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) if is_passing(&status) => last = status.to_string(),
                Ok(Err(status)) => return Err(Refused::ForGood(status)),
                Err(_) if Instant::now() < deadline => {
                    hung = true;
                    last = format!("no answer within {TRY:?}");
                    let offices = self.doors.look().await;
                    self.account.wrong(format!(
                        "{place} did not answer a try of {} within {TRY:?}: {offices}",
                        mutation.name()
                    ));
                }
                Err(_) => {
                    return Err(Refused::Silence(format!(
                        "{place} did not answer {} within {PATIENCE:?}; the last try: {last}",
                        mutation.name()
                    )));
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks again for what was answered: the account notes any other answer.
    pub(crate) async fn ask_again(&self, place: Place, mutation: &Mutation) {
        match self.insist(place, mutation).await {
            Ok(answer) => self.account.acknowledge(mutation.id(), answer),
            Err(Refused::ForGood(status)) => {
                self.account.refuse(mutation.id(), status.to_string());
            }
            Err(Refused::Silence(what)) => self.account.wrong(what),
        }
    }
}
