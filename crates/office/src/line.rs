//! The line between the offices: sequencing, acknowledgement, resume, settlement, restore.
//!
//! Each direction is a gapless sequence of parcels with a running hash. The receiver takes its high-water mark
//! plus one and nothing else, so there is no window to forget. Acknowledgements are cumulative, carry the
//! line hash, and say how much the acknowledging office had itself appended by then: from that follows which
//! steps are *settled*, which means that nothing that crossed them can still arrive.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::place::Place;
use serde::{Deserialize, Serialize};

/// The lowest line protocol version this software speaks.
pub const VERSION_MIN: u32 = 1;
/// The highest line protocol version this software speaks.
pub const VERSION_MAX: u32 = 1;

/// How many acknowledgements may wait to be settled; beyond that the latest takes the place of the one before.
const UNSETTLED_MAX: usize = 1_024;

/// SHA-256 over everything one direction of the line has carried.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineHash(pub [u8; 32]);

impl LineHash {
    /// The hash before the first parcel.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash after one more parcel.
    #[must_use]
    pub fn next(&self, sequence: u64, envelope: &[u8], payload: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(sequence.to_be_bytes());
        hasher.update(
            u32::try_from(envelope.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        hasher.update(envelope);
        hasher.update(payload);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(6)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineHash({self}…)")
    }
}

/// A position in one direction of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The line sequence; 0 before the first parcel.
    pub sequence: u64,
    /// The line hash there.
    pub hash: LineHash,
}

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Who speaks.
    pub place: Place,
    /// Its restore counter.
    pub epoch: u64,
    /// The lowest protocol version it knows.
    pub version_min: u32,
    /// The highest protocol version it knows.
    pub version_max: u32,
    /// The last of its own steps in its ledger.
    pub appended: Mark,
    /// The last of the hearer's steps in its ledger.
    pub received: Mark,
    /// It is being restored, and asks for its own steps back.
    pub restoring: bool,
}

/// A cumulative acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Durable at the peer through here.
    pub through: Mark,
    /// The highest of the peer's own steps that was durable by then.
    pub appended: u64,
}

/// Why the line stays down, or a stream breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The caller says it is the called office, or a stranger.
    #[error(
        "the caller says it is the {said} office; the {wanted} office was expected. Check --peer on both sides"
    )]
    WrongPlace {
        /// Who it says it is.
        said: Place,
        /// Who was expected.
        wanted: Place,
    },
    /// No protocol version that both know.
    #[error(
        "no common protocol version: this office speaks {min} to {max}; upgrade the older office"
    )]
    UnsupportedVersion {
        /// Lowest here.
        min: u32,
        /// Highest here.
        max: u32,
    },
    /// The peer speaks from before a restore.
    #[error(
        "the peer speaks with epoch {said}, but its epoch {known} is known: a ledger from before a restore is in use"
    )]
    StaleEpoch {
        /// The epoch it speaks with.
        said: u64,
        /// The epoch known.
        known: u64,
    },
    /// The ledgers disagree.
    #[error(
        "the two ledgers disagree: {what}. Run `liaison ledger restore` on the office that lost data"
    )]
    Diverged {
        /// What disagrees.
        what: String,
    },
    /// A parcel that is not the next one.
    #[error("parcel {got} came where {expected} was expected")]
    Gap {
        /// The sequence that was expected.
        expected: u64,
        /// The sequence that came.
        got: u64,
    },
    /// A known sequence with other content, or a wrong hash.
    #[error("parcel {sequence} came with other content than its sequence or hash says")]
    Conflict {
        /// Its sequence.
        sequence: u64,
    },
    /// An envelope that cannot be read.
    #[error("parcel {sequence} has a faulty envelope: {what}")]
    FaultyEnvelope {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        what: String,
    },
    /// An acknowledgement that cannot be.
    #[error("the peer acknowledged {through}, with {what}")]
    FalseAcknowledgement {
        /// What it acknowledged.
        through: u64,
        /// What is wrong.
        what: String,
    },
    /// Hello was missing, or came twice.
    #[error("{what}")]
    Order {
        /// What came out of order.
        what: String,
    },
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

/// What to do after a Hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Send own parcels after this sequence.
    pub send_after: u64,
    /// Give the restoring peer its own parcels back, after this sequence.
    pub return_after: Option<u64>,
    /// The peer's epoch is news, to be logged before anything else.
    pub new_peer_epoch: Option<u64>,
}

/// One office's side of the line, a fold of its ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    place: Place,
    epoch: u64,
    peer_epoch: u64,
    appended: Mark,
    received: Mark,
    acknowledged: u64,
    settled: u64,
    unsettled: VecDeque<(u64, u64)>,
    restoring: bool,
    /// Heard in a Hello, not read in the ledger.
    #[serde(skip)]
    fault: Option<LineFault>,
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
            fault: None,
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

    /// Whether mutations wait for the peer to give back what was lost.
    pub fn is_restoring(&self) -> bool {
        self.restoring
    }

    /// Why the line stays down, if the ledgers disagree.
    pub fn fault(&self) -> Option<&LineFault> {
        self.fault.as_ref()
    }

    /// What this office says first.
    pub fn hello(&self) -> Hello {
        Hello {
            place: self.place,
            epoch: self.epoch,
            version_min: VERSION_MIN,
            version_max: VERSION_MAX,
            appended: self.appended,
            received: self.received,
            restoring: self.restoring,
        }
    }

    /// Judges the peer's Hello. `own_at` and `peer_at` give the line hash that this ledger holds at one of
    /// its own or the peer's sequences, if it can be read already. A disagreement is remembered: the line
    /// stays down from then on.
    ///
    /// `said` is the Hello of this office that this one answers; `None` if the peer calls. The two directions
    /// run on connections of their own, so parcels overtake a Hello: what the peer says it has is held
    /// against what stood here when it was asked, not against what has come since. A caller's Hello may be
    /// older than its newest stream (a cut line delivers late), and proves nothing lost: it is refused, and
    /// the answer to this office's own call decides.
    pub fn take_hello(
        &mut self,
        hello: &Hello,
        said: Option<&Hello>,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
        peer_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<Resume, LineFault> {
        let outcome = self.judge_hello(hello, said, own_at, peer_at);
        let is_late = said.is_none() && hello.appended.sequence < self.received.sequence;
        match &outcome {
            Err(LineFault::Diverged { .. }) if is_late => {}
            Err(fault @ LineFault::Diverged { .. }) => self.fault = Some(fault.clone()),
            Ok(_) => self.fault = None,
            Err(_) => {}
        }
        outcome
    }

    fn judge_hello(
        &self,
        hello: &Hello,
        said: Option<&Hello>,
        own_at: impl FnOnce(u64) -> Option<LineHash>,
        peer_at: impl FnOnce(u64) -> Option<LineHash>,
    ) -> Result<Resume, LineFault> {
        let wanted = self.place.peer();
        if hello.place != wanted {
            return Err(LineFault::WrongPlace {
                said: hello.place,
                wanted,
            });
        }
        if hello.version_min > VERSION_MAX
            || hello.version_max < VERSION_MIN
            || hello.version_min > hello.version_max
        {
            return Err(LineFault::UnsupportedVersion {
                min: VERSION_MIN,
                max: VERSION_MAX,
            });
        }
        if hello.epoch < self.peer_epoch {
            return Err(LineFault::StaleEpoch {
                said: hello.epoch,
                known: self.peer_epoch,
            });
        }
        let diverged = |what: String| Err(LineFault::Diverged { what });
        let peer = wanted;
        if hello.received.sequence > self.appended.sequence {
            if !self.restoring {
                return diverged(format!(
                    "the {peer} office has received {} of this office's steps, and this ledger holds {}",
                    hello.received.sequence, self.appended.sequence
                ));
            }
        } else if own_at(hello.received.sequence) != Some(hello.received.hash) {
            return diverged(format!(
                "this office's step {} has another hash at the {peer} office",
                hello.received.sequence
            ));
        }
        let (there, here) = (hello.appended.sequence, self.received.sequence);
        let known = said.map_or(here, |said| said.received.sequence);
        if there < known && !hello.restoring {
            return diverged(format!(
                "this ledger holds {known} of the {peer} office's steps, and that office says it has {there}"
            ));
        }
        let held = match there.cmp(&here) {
            Ordering::Less => peer_at(there),
            Ordering::Equal => Some(self.received.hash),
            Ordering::Greater => None,
        };
        if held.is_some_and(|hash| hash != hello.appended.hash) {
            return diverged(format!(
                "the {peer} office's step {there} has another hash here"
            ));
        }
        let return_after = (hello.restoring && there < here).then_some(there);
        Ok(Resume {
            send_after: hello.received.sequence.min(self.appended.sequence),
            return_after,
            new_peer_epoch: (hello.epoch > self.peer_epoch).then_some(hello.epoch),
        })
    }

    /// Whether a restore is complete: all is back that the peer had, by its Hello, of both offices' steps.
    /// The peer's own count too, for this office acknowledged them once: the peer may hold for settled what
    /// a step authored without them would cross.
    pub fn is_restored_by(&self, hello: &Hello) -> bool {
        self.restoring
            && hello.received.sequence <= self.appended.sequence
            && hello.appended.sequence <= self.received.sequence
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
        } else {
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
