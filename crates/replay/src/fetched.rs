//! What running offices recorded, as a side to be compared.

use std::collections::VecDeque;

use client::{Entries, Quiet};
use office::{PerPlace, Place};
use protocol::pb::ledger as pb;
use tokio::runtime::Handle;
use tokio::time::Duration;
use tonic::Status;
use tonic::transport::Channel;

use crate::compare::Side;
use crate::recording::{Recorded, ReplayError};

/// The ledger sequences of both offices.
pub type Sequences = PerPlace<u64>;

/// Asks both offices how far their ledgers are.
pub async fn sequences(channels: &PerPlace<Channel>) -> Result<Sequences, ReplayError> {
    client::sequences(channels).await.map_err(unreadable)
}

/// Waits until each office has acknowledged all that the other has, at most until `timeout` has passed.
pub async fn quiet(channels: &PerPlace<Channel>, timeout: Duration) -> Result<Quiet, ReplayError> {
    client::quiet(channels, timeout).await.map_err(unreadable)
}

fn unreadable((place, status): (Place, Status)) -> ReplayError {
    ReplayError::Fetch {
        place,
        status: Box::new(status),
    }
}

/// The steps of one running office within a range of its ledger, fetched a page at a time. It waits for the office,
/// so it is read on a thread of its own.
pub struct Fetched {
    place: Place,
    entries: Entries,
    page: VecDeque<pb::Entry>,
    runtime: Handle,
}

impl Fetched {
    /// The steps of `place` after one ledger sequence, through another. Made within the runtime that is to fetch.
    fn new(place: Place, channel: Channel, after: u64, through: u64) -> Self {
        Self {
            place,
            entries: Entries::new(channel, after, through),
            page: VecDeque::new(),
            runtime: Handle::current(),
        }
    }

    /// Both offices' as sides to be compared, after one ledger sequence of each, through another.
    pub fn sides(
        channels: &PerPlace<Channel>,
        after: &Sequences,
        through: &Sequences,
    ) -> PerPlace<Side> {
        let side = |place: Place| -> Side {
            let channel = channels[place].clone();
            Box::new(Self::new(place, channel, after[place], through[place]))
        };
        PerPlace::new(side(Place::South), side(Place::North))
    }

    fn next_entry(&mut self) -> Result<Option<pb::Entry>, ReplayError> {
        if self.page.is_empty() {
            let page = self.runtime.block_on(self.entries.page());
            let page = page.map_err(|status| unreadable((self.place, status)))?;
            self.page = page.unwrap_or_default().into();
        }
        Ok(self.page.pop_front())
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
