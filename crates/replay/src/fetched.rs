//! What running offices recorded, as a side to be compared.

use std::collections::VecDeque;

use office::{PerPlace, Place};
use protocol::pb::ledger as pb;
use protocol::pb::ledger::ledger_service_client::LedgerServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use protocol::pb::office::{GetOfficeRequest, GetOfficeResponse};
use tokio::runtime::Handle;
use tokio::time::{Duration, Instant, sleep};
use tonic::Status;
use tonic::transport::Channel;

use crate::recording::{Recorded, ReplayError};

const PAGE_ENTRIES: i32 = 1_000;
const ANSWER_BYTES_MAX: usize = 18 * 1024 * 1024;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The ledger sequences of both offices.
pub type Sequences = PerPlace<u64>;

/// Asks both offices how far their ledgers are.
pub async fn sequences(channels: &PerPlace<Channel>) -> Result<Sequences, ReplayError> {
    let south = office(channels, Place::South).await?;
    let north = office(channels, Place::North).await?;
    Ok(PerPlace::new(south.ledger_sequence, north.ledger_sequence))
}

/// Waits until each office has acknowledged all that the other has; returns how far their ledgers are then. If it
/// takes longer than `timeout`, as they are.
pub async fn quiet(
    channels: &PerPlace<Channel>,
    timeout: Duration,
) -> Result<Sequences, ReplayError> {
    let end = Instant::now() + timeout;
    loop {
        let south = office(channels, Place::South).await?;
        let north = office(channels, Place::North).await?;
        let rests = |own: &GetOfficeResponse, other: &GetOfficeResponse| {
            let (own, other) = (
                own.marks.unwrap_or_default(),
                other.marks.unwrap_or_default(),
            );
            own.appended == own.acknowledged && own.appended == other.received
        };
        let quiet = rests(&south, &north) && rests(&north, &south);
        if quiet || Instant::now() >= end {
            return Ok(PerPlace::new(south.ledger_sequence, north.ledger_sequence));
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn office(
    channels: &PerPlace<Channel>,
    place: Place,
) -> Result<GetOfficeResponse, ReplayError> {
    let mut client = OfficeServiceClient::new(channels[place].clone());
    let answer = client.get_office(GetOfficeRequest {}).await;
    let answer = answer.map_err(|status| unreadable(place, status))?;
    Ok(answer.into_inner())
}

fn unreadable(place: Place, status: Status) -> ReplayError {
    ReplayError::Fetch {
        place,
        status: Box::new(status),
    }
}

/// The steps of one running office within a range of its ledger, fetched a page at a time. It waits for the office,
/// so it is read on a thread of its own.
pub struct Fetched {
    place: Place,
    client: LedgerServiceClient<Channel>,
    after: u64,
    through: u64,
    page: VecDeque<pb::Entry>,
    runtime: Handle,
}

impl Fetched {
    /// The steps of `place` after one ledger sequence, through another. Made within the runtime that is to fetch.
    pub fn new(place: Place, channel: Channel, after: u64, through: u64) -> Self {
        Self {
            place,
            client: LedgerServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX),
            after,
            through,
            page: VecDeque::new(),
            runtime: Handle::current(),
        }
    }

    fn next_entry(&mut self) -> Result<Option<pb::Entry>, ReplayError> {
        if self.page.is_empty() {
            if self.after >= self.through {
                return Ok(None);
            }
            let request = pb::ListEntriesRequest {
                page_size: PAGE_ENTRIES,
                after_sequence: self.after,
                ..Default::default()
            };
            let answer = self.runtime.block_on(self.client.list_entries(request));
            let answer = answer.map_err(|status| unreadable(self.place, status))?;
            self.page = answer.into_inner().entries.into();
        }
        let entry = self.page.pop_front();
        self.after = entry.as_ref().map_or(u64::MAX, |entry| entry.sequence);
        Ok(entry.filter(|entry| entry.sequence <= self.through))
    }

    fn next_step(&mut self) -> Result<Option<Recorded>, ReplayError> {
        while let Some(entry) = self.next_entry()? {
            if entry.direction() != pb::Direction::Outbound {
                continue;
            }
            let sequence = entry.sequence;
            let entry = ledger::Entry::from_pb(entry).map_err(|fault| ReplayError::Envelope {
                place: self.place,
                entry: sequence,
                what: fault.to_string(),
            })?;
            if let Some(step) = Recorded::from_entry(self.place, entry)? {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }
}

impl Iterator for Fetched {
    type Item = Result<Recorded, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_step().transpose()
    }
}
