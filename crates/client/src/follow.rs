//! An office's ledger as it grows.

use protocol::pb::ledger as pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::ledger::watch_entries_response::Event;
use tokio::time::{Instant, sleep_until};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::ANSWER_BYTES_MAX;
use crate::retry::{Patience, Tries};

/// What comes after a place in the ledger, on and on: a stream that breaks is begun again behind what it has told, so that
/// nothing is missed and nothing told twice.
#[derive(Debug)]
pub struct Follow {
    client: LedgerServiceClient<Channel>,
    after: u64,
    line_events: bool,
    patience: Patience,
    tries: Tries,
    events: Option<Streaming<pb::WatchEntriesResponse>>,
    /// When to try again.
    again: Option<Instant>,
}

/// What a follower is told.
#[derive(Debug)]
pub enum Followed {
    /// The office has taken the watch.
    Began,
    /// Something was recorded, or happened on the line.
    Event(Box<Event>),
    /// The stream has broken, or could not be begun, for this reason. The next one is begun after a while.
    Lost(Status),
}

impl Follow {
    /// Follows the office behind `channel` from the sequence `after` on; with `line_events`, the line's as well, of which
    /// those that happen while a stream is broken are missed.
    pub fn new(channel: Channel, after: u64, line_events: bool, patience: Patience) -> Self {
        let client = LedgerServiceClient::new(channel);
        Self {
            client: client.max_decoding_message_size(ANSWER_BYTES_MAX),
            after,
            line_events,
            patience,
            tries: patience.tries(),
            events: None,
            again: None,
        }
    }

    /// The sequence of the last entry told.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// What comes next, however long that takes. It may be dropped and asked again: nothing is missed by that.
    ///
    /// # Errors
    /// A refusal that would be the same again.
    pub async fn next(&mut self) -> Result<Followed, Status> {
        if let Some(again) = self.again {
            sleep_until(again).await;
            self.again = None;
        }
        let Some(events) = &mut self.events else {
            let request = pb::WatchEntriesRequest {
                after_sequence: self.after,
                line_events: self.line_events,
            };
            return match self.client.watch_entries(request).await {
                Ok(events) => {
                    self.events = Some(events.into_inner());
                    Ok(Followed::Began)
                }
                Err(status) => self.lost(status),
            };
        };
        loop {
            match events.message().await {
                Ok(Some(pb::WatchEntriesResponse { event: None })) => {}
                Ok(Some(pb::WatchEntriesResponse { event: Some(event) })) => {
                    if let Event::Entry(entry) = &event {
                        self.after = entry.sequence;
                    }
                    self.tries = self.patience.tries();
                    return Ok(Followed::Event(Box::new(event)));
                }
                Ok(None) => return self.lost(Status::unavailable("the office ended the watch")),
                Err(status) => return self.lost(status),
            }
        }
    }

    fn lost(&mut self, why: Status) -> Result<Followed, Status> {
        self.events = None;
        match self.tries.wait_after(&why) {
            Some(wait) => {
                self.again = Some(Instant::now() + wait);
                Ok(Followed::Lost(why))
            }
            None => Err(why),
        }
    }
}
