//! Entries: the lines of a ledger.

use bytes::Bytes;
use jiff::Timestamp;
use journal::{Chain, DurablePoint, FaultyFrame, Link};
use office::line::{Acknowledgement, LineHash};
use office::{Place, StepKind};
use protocol::pb::ledger as pb;

/// The version of the format that this software writes.
///
/// 1: the chain hashes every entry whole. 2: it leaves out the envelope and the payload of a step, which the line hash in the
/// same entry covers. 3: there are notes of the peer's certificate, and envelopes say who made a step.
pub const FORMAT_VERSION: u32 = 3;

/// The first format whose envelopes may say who made a step.
pub const AUTHORS_SINCE: u32 = 3;

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A step of this office.
    Outbound(Parcel),
    /// A step of the peer.
    Inbound(Parcel),
    /// The ledger begins.
    Opening {
        /// The format's version.
        format_version: u32,
        /// Whose ledger.
        place: Place,
        /// Its restore counter.
        epoch: u64,
    },
    /// The peer acknowledged.
    AcknowledgementTaken(Acknowledgement),
    /// An office was restored.
    EpochRaised {
        /// Whose counter.
        place: Place,
        /// Its new value.
        epoch: u64,
        /// Mutations wait until the peer has given back what was missing.
        restoring: bool,
    },
    /// The line was opened under another certificate of the peer than the one noted last.
    PeerCertified {
        /// The certificate's SHA-256.
        sha256: [u8; 32],
    },
}

impl Record {
    /// The first format that has such a record. A ledger goes on in the format that it began with, so that the versions
    /// that know this format can read it to its end: one of a later format is never added to it. Whoever adds a record, or
    /// gives one a new meaning, raises [`FORMAT_VERSION`] and says so here.
    pub fn since_format(&self) -> u32 {
        match self {
            Self::Outbound(_)
            | Self::Inbound(_)
            | Self::Opening { .. }
            | Self::AcknowledgementTaken(_)
            | Self::EpochRaised { .. } => 1,
            Self::PeerCertified { .. } => 3,
        }
    }
}

/// A step as a ledger stores it and the line carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// What was done.
    pub kind: StepKind,
    /// The envelope's bytes, as they came in.
    pub envelope: Bytes,
    /// The payload's bytes, as they came in.
    pub payload: Bytes,
    /// The line hash.
    pub hash: LineHash,
}

/// A line of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Gapless, from 1.
    pub sequence: u64,
    /// When it was recorded, by this office's clock.
    pub recorded_at: Timestamp,
    /// What it holds.
    pub record: Record,
    /// In a batch's first entry: what was durable before it.
    pub durable: Option<DurablePoint>,
    /// The chain through this entry.
    pub chain: Chain,
}

impl Entry {
    /// The entry as protobuf writes it.
    pub fn to_pb(&self) -> pb::Entry {
        let mut entry = without_chain(self.sequence, self.recorded_at, &self.record, self.durable);
        entry.chain = Bytes::copy_from_slice(&self.chain);
        entry
    }

    /// Reads an entry's protobuf form.
    pub fn from_pb(entry: pb::Entry) -> Result<Self, FaultyFrame> {
        let fault = |what: &str| FaultyFrame::new(format!("entry {}: {what}", entry.sequence));
        let chain: Chain = entry.chain[..].try_into().map_err(|_| fault("no chain"))?;
        let durable = entry.durable.map(|at| DurablePoint {
            segment: at.segment,
            offset: at.offset,
        });
        // Only what is whole otherwise can be of a newer version.
        let newer = |what: &str| FaultyFrame {
            newer: Some(Link {
                sequence: entry.sequence,
                durable,
                chain,
            }),
            ..fault(what)
        };
        let recorded_at = entry
            .recorded_at
            .as_ref()
            .and_then(protocol::timestamp_from_pb)
            .ok_or_else(|| fault("no time"))?;
        let direction = pb::Direction::try_from(entry.direction)
            .map_err(|_| newer("a direction that this version does not know"))?;
        let record = match (direction, &entry.note) {
            (direction @ (pb::Direction::Outbound | pb::Direction::Inbound), None) => {
                let parcel = Parcel {
                    kind: protocol::step_kind_from_pb(entry.kind)
                        .ok_or_else(|| newer("a kind of step that this version does not know"))?,
                    envelope: entry.envelope.clone(),
                    payload: entry.payload.clone(),
                    hash: protocol::hash_from_bytes(&entry.line_hash)
                        .ok_or_else(|| fault("no line hash"))?,
                };
                if direction == pb::Direction::Outbound {
                    Record::Outbound(parcel)
                } else {
                    Record::Inbound(parcel)
                }
            }
            (pb::Direction::Local, Some(note)) => record_of(note).map_err(fault)?,
            (pb::Direction::Local, None) => {
                return Err(newer("a note that this version does not know"));
            }
            _ => return Err(fault("neither a step nor a note")),
        };
        Ok(Self {
            sequence: entry.sequence,
            recorded_at,
            record,
            durable,
            chain,
        })
    }
}

/// What a note of a local entry says.
fn record_of(note: &pb::entry::Note) -> Result<Record, &'static str> {
    let place = |number| protocol::place_from_pb(number).ok_or("unknown place");
    Ok(match note {
        pb::entry::Note::Opening(opening) => Record::Opening {
            format_version: opening.format_version,
            place: place(opening.place)?,
            epoch: opening.epoch,
        },
        pb::entry::Note::AcknowledgementTaken(taken) => {
            let acknowledgement = taken
                .acknowledgement
                .as_ref()
                .and_then(protocol::acknowledgement_from_pb);
            Record::AcknowledgementTaken(acknowledgement.ok_or("an incomplete acknowledgement")?)
        }
        pb::entry::Note::EpochRaised(raised) => Record::EpochRaised {
            place: place(raised.place)?,
            epoch: raised.epoch,
            restoring: raised.restoring,
        },
        pb::entry::Note::PeerCertified(certified) => Record::PeerCertified {
            sha256: certified.certificate_sha256[..]
                .try_into()
                .map_err(|_| "a certificate's SHA-256 that is not 32 bytes")?,
        },
    })
}

/// The entry as protobuf writes it, before it has its chain.
pub(crate) fn without_chain(
    sequence: u64,
    recorded_at: Timestamp,
    record: &Record,
    durable: Option<DurablePoint>,
) -> pb::Entry {
    let mut entry = pb::Entry {
        sequence,
        recorded_at: Some(protocol::timestamp_to_pb(recorded_at)),
        durable: durable.map(|at| pb::DurablePoint {
            segment: at.segment,
            offset: at.offset,
        }),
        ..Default::default()
    };
    let mut direction = pb::Direction::Local;
    match record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => {
            direction = match record {
                Record::Outbound(_) => pb::Direction::Outbound,
                _ => pb::Direction::Inbound,
            };
            entry.kind = protocol::step_kind_to_pb(parcel.kind).into();
            entry.envelope = parcel.envelope.clone();
            entry.payload = parcel.payload.clone();
            entry.line_hash = Bytes::copy_from_slice(&parcel.hash.0);
        }
        Record::Opening {
            format_version,
            place,
            epoch,
        } => {
            entry.note = Some(pb::entry::Note::Opening(pb::Opening {
                format_version: *format_version,
                place: protocol::place_to_pb(*place).into(),
                epoch: *epoch,
            }));
        }
        Record::AcknowledgementTaken(acknowledgement) => {
            entry.note = Some(pb::entry::Note::AcknowledgementTaken(
                pb::AcknowledgementTaken {
                    acknowledgement: Some(protocol::acknowledgement_to_pb(acknowledgement)),
                },
            ));
        }
        Record::EpochRaised {
            place,
            epoch,
            restoring,
        } => {
            entry.note = Some(pb::entry::Note::EpochRaised(pb::EpochRaised {
                place: protocol::place_to_pb(*place).into(),
                epoch: *epoch,
                restoring: *restoring,
            }));
        }
        Record::PeerCertified { sha256 } => {
            entry.note = Some(pb::entry::Note::PeerCertified(pb::PeerCertified {
                certificate_sha256: Bytes::copy_from_slice(sha256),
            }));
        }
    }
    entry.direction = direction.into();
    entry
}
