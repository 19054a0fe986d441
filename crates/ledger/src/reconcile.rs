//! Two ledgers against each other.

use office::{PerPlace, Place, Tally};
use serde::Serialize;

use crate::entry::{Parcel, Record};
use crate::error::LedgerError;
use crate::fold::tally;
use crate::reader::{Reader, Steps};

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
