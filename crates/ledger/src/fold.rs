//! Entries folded into an office, and the tally of a ledger.

use bytes::Bytes;
use jiff::tz::TimeZone;
use office::{Applied, Count, Limits, Mutation, Office, RequestId, Step, Tally};

use crate::entry::{Entry, Parcel, Record};
use crate::error::LedgerError;
use crate::reader::Reader;

/// Reads the step of a stored parcel.
pub fn step_of(parcel: &Parcel) -> Result<(Step, Option<RequestId>), protocol::FaultyEnvelope> {
    protocol::decode_envelope(&parcel.envelope, &parcel.payload)
}

/// Takes an entry into an office: the one way an office's state comes about, live and at recovery.
/// `None` for entries that are no step. An envelope that cannot be read changes nothing.
pub fn fold_entry(office: &mut Office, record: &Record) -> Option<Applied> {
    match record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => {
            let written = protocol::read_envelope(&parcel.envelope, &parcel.payload).ok()?;
            let mutation = Mutation {
                request_id: written.request_id,
                payload: &parcel.payload,
                author: &written.author,
            };
            Some(office.record(&written.step, parcel.hash, mutation))
        }
        Record::AcknowledgementTaken(acknowledgement) => {
            office.record_acknowledgement(acknowledgement);
            None
        }
        Record::Opening { place, epoch, .. } => {
            office.record_epoch(*place, *epoch, false);
            None
        }
        Record::EpochRaised {
            place,
            epoch,
            restoring,
        } => {
            office.record_epoch(*place, *epoch, *restoring);
            None
        }
        Record::PeerCertified { sha256 } => {
            office.line_mut().record_peer_certificate(*sha256);
            None
        }
    }
}

/// Takes an entry into an office that only counts: requests are not remembered, which costs most of a fold.
pub fn count_entry(office: &mut Office, record: &Record) {
    match record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => {
            if let Ok((step, _)) = step_of(parcel) {
                office.record(&step, parcel.hash, Mutation::default());
            }
        }
        _ => {
            fold_entry(office, record);
        }
    }
}

/// The office that a ledger's entries come to.
pub fn fold(reader: &Reader, limits: Limits) -> Result<Office, LedgerError> {
    let mut office = Office::new(reader.place(), limits);
    reader.for_each(|entry| {
        fold_entry(&mut office, &entry.record);
    })?;
    Ok(office)
}

/// The counts of a ledger, from its entries alone.
pub fn tally(reader: &Reader) -> Result<Tally, LedgerError> {
    let mut office = Office::new(reader.place(), Limits::default());
    reader.for_each(|entry| count_entry(&mut office, &entry.record))?;
    Ok(office.exchanges().tally.clone())
}

/// The same, with the days of `zone`: of an entry alone the days are those at the offices.
pub fn tally_in(reader: &Reader, zone: &TimeZone) -> Result<Tally, LedgerError> {
    let mut office = Office::new(reader.place(), Limits::default());
    let mut tally = Tally::default();
    reader.for_each(|entry| {
        let (Record::Outbound(parcel) | Record::Inbound(parcel)) = &entry.record else {
            return;
        };
        let Ok((step, _)) = step_of(parcel) else {
            return;
        };
        let applied = office.record(&step, parcel.hash, Mutation::default());
        if let (Some(count), Some(at)) = (applied.counted, applied.counted_at) {
            let day = zone.to_datetime(at).date();
            tally.add(Count { day, ..count });
        }
    })?;
    Ok(tally)
}

/// The payload of a step, if the ledger holds it.
pub fn payload_of(entry: &Entry) -> Option<&Bytes> {
    match &entry.record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => Some(&parcel.payload),
        _ => None,
    }
}
