//! The line between the offices: sequencing, acknowledgement, resume, settlement, restore.
//!
//! Each direction is a gapless sequence of parcels with a running hash. The receiver takes its high-water mark
//! plus one and nothing else, so there is no window to forget. Acknowledgements are cumulative, carry the
//! line hash, and say how much the acknowledging office had itself appended by then: from that follows which
//! steps are *settled*, which means that nothing that crossed them can still arrive.

mod fault;
mod hash;
mod hello;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::place::Place;

pub use fault::LineFault;
pub use hash::{LineHash, Mark};
pub use hello::{Hello, Resume};

/// The lowest line protocol version this software speaks.
pub const VERSION_MIN: u32 = 1;
/// The highest line protocol version this software speaks.
pub const VERSION_MAX: u32 = 1;

/// The highest restore counter there can be: an office raises its own by one, and nobody restores so often.
pub const EPOCH_MAX: u64 = 1 << 32;

/// How many acknowledgements may wait to be settled; beyond that the latest takes the place of the one before.
const UNSETTLED_MAX: usize = 1_024;

/// A cumulative acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Durable at the peer through here.
    pub through: Mark,
    /// The highest of the peer's own steps that was durable by then.
    pub appended: u64,
}

/// What a parcel is to its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The next one: record it.
    New,
    /// Known already, and equal: acknowledge it again.
    Repeat,
    /// Known already, but older than the mark: equal if the ledger holds the same hash at its sequence.
    CompareWithLedger,
}

/// One office's side of the line, a fold of its ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    place: Place,
    epoch: u64,
    #[serde(deserialize_with = "believable_epoch")]
    peer_epoch: u64,
    appended: Mark,
    received: Mark,
    acknowledged: u64,
    settled: u64,
    unsettled: VecDeque<(u64, u64)>,
    restoring: bool,
    /// The SHA-256 of the certificate that the peer showed last, as far as that is noted.
    peer_certificate: Option<[u8; 32]>,
    /// Heard in a Hello, not read in the ledger.
    #[serde(skip)]
    fault: Option<LineFault>,
    /// What the peer said last in answer to this office's own Hello: what a caller claims is held against it.
    #[serde(skip)]
    answered: Option<Hello>,
}

impl Line {
    /// A line that has carried nothing.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            epoch: 1,
            peer_epoch: 0,
            appended: Mark::default(),
            received: Mark::default(),
            acknowledged: 0,
            settled: 0,
            unsettled: VecDeque::new(),
            restoring: false,
            peer_certificate: None,
            fault: None,
            answered: None,
        }
    }

    /// The last own step in the ledger.
    pub fn appended(&self) -> Mark {
        self.appended
    }

    /// The last of the peer's steps in the ledger: the high-water mark.
    pub fn received(&self) -> Mark {
        self.received
    }

    /// The highest own step that the peer has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The highest own step that nothing can still cross.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// This office's restore counter.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The peer's, as far as known.
    pub fn peer_epoch(&self) -> u64 {
        self.peer_epoch
    }

    /// The SHA-256 of the certificate that the peer showed last, as far as the ledger says.
    pub fn peer_certificate(&self) -> Option<[u8; 32]> {
        self.peer_certificate
    }

    /// Takes the note of a certificate of the peer that is in the ledger.
    pub fn record_peer_certificate(&mut self, sha256: [u8; 32]) {
        self.peer_certificate = Some(sha256);
    }

    /// Whether mutations wait for the peer to give back what was lost.
    pub fn is_restoring(&self) -> bool {
        self.restoring
    }

    /// Why the line stays down, if the ledgers disagree.
    pub fn fault(&self) -> Option<&LineFault> {
        self.fault.as_ref()
    }

    /// Judges a parcel of the peer.
    pub fn take_parcel(
        &self,
        sequence: u64,
        envelope: &[u8],
        payload: &[u8],
        hash: LineHash,
    ) -> Result<Taken, LineFault> {
        take(self.received, sequence, envelope, payload, hash)
    }

    /// Judges a parcel of this office that the peer gives back during a restore.
    pub fn take_returned(
        &self,
        sequence: u64,
        envelope: &[u8],
        payload: &[u8],
        hash: LineHash,
    ) -> Result<Taken, LineFault> {
        if !self.restoring {
            return Err(LineFault::Order {
                what: "a parcel was given back to an office that is not being restored".to_owned(),
            });
        }
        take(self.appended, sequence, envelope, payload, hash)
    }

    /// Judges an acknowledgement. `own_at` gives this ledger's line hash at one of its own sequences.
    /// Returns false if it says nothing new.
    pub fn judge_acknowledgement(
        &self,
        acknowledgement: &Acknowledgement,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<bool, LineFault> {
        let through = acknowledgement.through.sequence;
        if through > self.appended.sequence {
            return Err(LineFault::FalseAcknowledgement {
                through,
                what: format!("only {} steps sent", self.appended.sequence),
            });
        }
        if through < self.acknowledged {
            return Ok(false);
        }
        if own_at(through) != Some(acknowledgement.through.hash) {
            return Err(LineFault::FalseAcknowledgement {
                through,
                what: "another line hash".to_owned(),
            });
        }
        let news = through > self.acknowledged
            || (self.settled < through
                && self.unsettled.back() != Some(&(through, acknowledgement.appended)));
        Ok(news)
    }

    pub(crate) fn record_outbound(&mut self, sequence: u64, hash: LineHash) {
        debug_assert_eq!(
            sequence,
            self.appended.sequence + 1,
            "own steps are gapless"
        );
        self.appended = Mark { sequence, hash };
    }

    pub(crate) fn record_inbound(&mut self, sequence: u64, hash: LineHash) {
        debug_assert_eq!(
            sequence,
            self.received.sequence + 1,
            "the peer's steps are gapless"
        );
        self.received = Mark { sequence, hash };
        self.settle();
    }

    pub(crate) fn record_acknowledgement(&mut self, acknowledgement: &Acknowledgement) {
        let through = acknowledgement.through.sequence;
        self.acknowledged = self.acknowledged.max(through);
        if self.unsettled.len() == UNSETTLED_MAX {
            // A later acknowledgement settles all that an earlier one does, only perhaps later.
            self.unsettled.pop_back();
        }
        self.unsettled
            .push_back((through, acknowledgement.appended));
        self.settle();
    }

    pub(crate) fn record_epoch(&mut self, place: Place, epoch: u64, restoring: bool) {
        if place == self.place {
            self.epoch = epoch;
            self.restoring = restoring;
        } else if epoch <= EPOCH_MAX {
            // A ledger may hold a greater one that a stranger claimed and version 0.1.0 believed: it would shut the peer
            // out for ever.
            self.peer_epoch = epoch;
        }
    }

    fn settle(&mut self) {
        while let Some((through, mark)) = self.unsettled.front().copied() {
            if mark > self.received.sequence {
                break;
            }
            self.settled = self.settled.max(through);
            self.unsettled.pop_front();
        }
    }
}

/// A snapshot may hold an epoch that nobody can have, too: then none is known.
fn believable_epoch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let epoch = u64::deserialize(deserializer)?;
    Ok(if epoch <= EPOCH_MAX { epoch } else { 0 })
}

fn take(
    mark: Mark,
    sequence: u64,
    envelope: &[u8],
    payload: &[u8],
    hash: LineHash,
) -> Result<Taken, LineFault> {
    let expected = mark.sequence + 1;
    if sequence == 0 || sequence > expected {
        return Err(LineFault::Gap {
            expected,
            got: sequence,
        });
    }
    if sequence < mark.sequence {
        return Ok(Taken::CompareWithLedger);
    }
    if sequence == mark.sequence {
        return if hash == mark.hash {
            Ok(Taken::Repeat)
        } else {
            Err(LineFault::Conflict { sequence })
        };
    }
    if mark.hash.next(sequence, envelope, payload) != hash {
        return Err(LineFault::Conflict { sequence });
    }
    Ok(Taken::New)
}
