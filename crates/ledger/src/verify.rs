//! Checks a ledger from the first byte to the last, and two ledgers against each other.

use office::line::LineHash;
use office::{PerPlace, Place, Tally};
use serde::Serialize;

use crate::entry::{Entry, Parcel, Record};
use crate::error::LedgerError;
use crate::fold::{step_of, tally};
use crate::journal::{segment_name, segments_in};
use crate::reader::{CHAIN_START, Reader, Steps};
use crate::scan::{Scanned, Scanner};
use crate::storage::Storage;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Files.
    pub segments: u64,
    /// Entries whose frame, checksum, sequence, chain and line hash hold.
    pub entries: u64,
    /// Of them, this office's steps.
    pub outbound: u64,
    /// Of them, the peer's steps.
    pub inbound: u64,
    /// Everything that does not hold: file, offset, what. Empty if the ledger is sound.
    pub faults: Vec<Fault>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Reads every byte of a ledger and checks everything that can be checked.
pub fn verify(storage: &dyn Storage) -> Result<Verification, LedgerError> {
    let firsts = segments_in(storage)?;
    if firsts.is_empty() {
        return Err(LedgerError::NotALedger {
            directory: storage.path(),
        });
    }
    let mut found = Verification {
        segments: firsts.len() as u64,
        ..Verification::default()
    };
    let (mut next, mut chain) = (1, CHAIN_START);
    let mut hashes = [LineHash::ZERO; 2];
    let mut place = None;
    for first in firsts {
        let name = segment_name(first);
        let path = storage.path().join(&name);
        let file = storage
            .open(&name, false)
            .map_err(LedgerError::io("open", path.clone()))?;
        let mut scanner = Scanner::new(&*file, path, next, chain)?;
        let mut fault = |offset, what| {
            found.faults.push(Fault {
                file: name.clone(),
                offset,
                what,
            });
        };
        if first != next {
            fault(
                0,
                format!("the segment begins with {first} where {next} belongs"),
            );
            break;
        }
        loop {
            match scanner.scan()? {
                Scanned::Entry(entry, offset) => {
                    found.entries += 1;
                    if let Record::Opening { place: owner, .. } = entry.record {
                        place = Some(owner);
                    }
                    match check_step(
                        &entry,
                        place,
                        &mut hashes,
                        [&mut found.outbound, &mut found.inbound],
                    ) {
                        Ok(()) => {}
                        Err(what) => fault(offset, what),
                    }
                }
                Scanned::End => break,
                Scanned::Fault(what) => {
                    fault(scanner.offset(), what);
                    return Ok(found);
                }
            }
        }
        (next, chain) = (scanner.next, scanner.chain);
    }
    Ok(found)
}

fn check_step(
    entry: &Entry,
    place: Option<Place>,
    hashes: &mut [LineHash; 2],
    counts: [&mut u64; 2],
) -> Result<(), String> {
    let Some(place) = place else {
        return Err("the ledger does not begin with its opening".to_owned());
    };
    let (direction, author, parcel) = match &entry.record {
        Record::Outbound(parcel) => (0, place, parcel),
        Record::Inbound(parcel) => (1, place.peer(), parcel),
        _ => return Ok(()),
    };
    *counts[direction] += 1;
    let sequence = *counts[direction];
    hashes[direction] = hashes[direction].next(sequence, &parcel.envelope, &parcel.payload);
    if hashes[direction] != parcel.hash {
        return Err(format!(
            "entry {}: the line hash does not hold",
            entry.sequence
        ));
    }
    let (step, _) =
        step_of(parcel).map_err(|error| format!("entry {}: {error}", entry.sequence))?;
    if (step.id.place, step.id.sequence) != (author, sequence) {
        return Err(format!(
            "entry {}: it holds {}, where step {sequence} of {author} belongs",
            entry.sequence, step.id
        ));
    }
    Ok(())
}

/// What comparing two ledgers found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Whether the ledgers agree in everything.
    pub agreed: bool,
    /// Steps that South sent and both hold, with the same bytes in the same order.
    pub south_to_north: u64,
    /// Steps that North sent and both hold.
    pub north_to_south: u64,
    /// What differs, at most 100 lines.
    pub differences: Vec<String>,
}

/// Compares two ledgers of one pair: each outbound entry of one is the inbound entry of the other, same bytes,
/// same order, same counts. Local entries stand outside.
pub fn reconcile(one: &Reader, other: &Reader) -> Result<Reconciliation, LedgerError> {
    let mut differences = Vec::new();
    if one.place() == other.place() {
        differences.push(format!(
            "both ledgers belong to the {} office; name one of each",
            one.place()
        ));
        return Ok(Reconciliation {
            agreed: false,
            south_to_north: 0,
            north_to_south: 0,
            differences,
        });
    }
    let mut equal = PerPlace::<u64>::default();
    for author in Place::BOTH {
        let (mut sent, mut received) = if author == one.place() {
            (one.steps_of(author, 0), other.steps_of(author, 0))
        } else {
            (other.steps_of(author, 0), one.steps_of(author, 0))
        };
        loop {
            match (next_parcel(&mut sent)?, next_parcel(&mut received)?) {
                (None, None) => break,
                (Some((_, here)), Some((_, there))) if here == there => equal[author] += 1,
                (Some((sequence, _)), Some(_)) => {
                    differences.push(format!(
                        "step {sequence} of {author} has other bytes at {}",
                        author.peer()
                    ));
                }
                (Some((sequence, _)), None) => {
                    differences.push(format!(
                        "step {sequence} of {author} is missing at {}",
                        author.peer()
                    ));
                }
                (None, Some((sequence, _))) => {
                    differences.push(format!(
                        "step {sequence} of {author} is missing at {author} itself"
                    ));
                }
            }
            if differences.len() >= 100 {
                break;
            }
        }
    }
    let tallies: [Tally; 2] = [tally(one)?, tally(other)?];
    if differences.is_empty() && tallies[0] != tallies[1] {
        differences.push("the steps are the same, and the counts differ".to_owned());
    }
    Ok(Reconciliation {
        agreed: differences.is_empty(),
        south_to_north: equal[Place::South],
        north_to_south: equal[Place::North],
        differences,
    })
}

fn next_parcel(steps: &mut Steps) -> Result<Option<(u64, Parcel)>, LedgerError> {
    Ok(steps
        .next_step()?
        .and_then(|(sequence, entry)| match entry.record {
            Record::Outbound(parcel) | Record::Inbound(parcel) => Some((sequence, parcel)),
            _ => None,
        }))
}
