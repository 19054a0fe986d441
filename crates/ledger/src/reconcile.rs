//! Two ledgers against each other.

use std::collections::BTreeSet;

use bytes::Bytes;
use office::{Count, Counted, PerPlace, Place, Tally};
use serde::Serialize;

use crate::entry::{Entry, Parcel, Record};
use crate::error::LedgerError;
use crate::fold::{step_of, tally};
use crate::reader::{Reader, Steps};
use crate::verify::could_not_be;

/// Differences that are listed.
const DIFFERENCES_MAX: usize = 100;

/// What comparing two ledgers found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Whether the ledgers agree in everything.
    pub agreed: bool,
    /// Steps that South sent and both hold, with the same bytes in the same order.
    pub south_to_north: u64,
    /// Steps that North sent and both hold.
    pub north_to_south: u64,
    /// What differs, at most 100 lines and one that says so. Each names the step, and the entry at either office.
    pub differences: Vec<String>,
}

/// Compares two ledgers of one pair: each outbound entry of one is the inbound entry of the other, same bytes,
/// same order, same counts. Local entries stand outside.
pub fn reconcile(one: &Reader, other: &Reader) -> Result<Reconciliation, LedgerError> {
    Ok(reconcile_and_count(one, other)?.0)
}

/// The same, with what each ledger counts: of the one and of the other. Counted is only what agrees.
pub fn reconcile_and_count(
    one: &Reader,
    other: &Reader,
) -> Result<(Reconciliation, Option<(Tally, Tally)>), LedgerError> {
    let mut compared = Compared::default();
    if one.place() == other.place() {
        compared.differences.push(format!(
            "both ledgers belong to the {} office; name one of each",
            one.place()
        ));
        return Ok((compared.into_reconciliation(), None));
    }
    for author in Place::BOTH {
        let (own, peers) = if author == one.place() {
            (one, other)
        } else {
            (other, one)
        };
        compared.steps_of(author, own, peers)?;
    }
    let mut counted = None;
    if compared.differences.is_empty() {
        counted = Some(compared.counts(one, other)?);
    }
    Ok((compared.into_reconciliation(), counted))
}

#[derive(Default)]
struct Compared {
    equal: PerPlace<u64>,
    differences: Vec<String>,
}

impl Compared {
    fn steps_of(&mut self, author: Place, own: &Reader, peers: &Reader) -> Result<(), LedgerError> {
        let (mut sent, mut received) = (own.steps_of(author, 0), peers.steps_of(author, 0));
        let peer = author.peer();
        for sequence in 1_u64.. {
            if self.differences.len() >= DIFFERENCES_MAX {
                self.differences.truncate(DIFFERENCES_MAX);
                let more = format!("only the first {DIFFERENCES_MAX} differences are listed");
                self.differences.push(more);
                break;
            }
            let difference = match (next_parcel(&mut sent)?, next_parcel(&mut received)?) {
                (None, None) => break,
                (Some((entry, here)), Some((_, there))) if here == there => {
                    self.equal[author] += 1;
                    match forged(&here) {
                        Some(why) => format!("entry {entry} at {author}: {why}"),
                        None => continue,
                    }
                }
                (Some(here), Some(there)) => format!(
                    "step {sequence} of {author} has other bytes at {peer}: {} at {author}, {} at {peer}",
                    name(&here),
                    name(&there)
                ),
                (Some(here), None) => format!(
                    "step {sequence} of {author} is missing at {peer}: {} at {author}",
                    name(&here)
                ),
                (None, Some(there)) => format!(
                    "step {sequence} of {author} is missing at {author} itself: {} at {peer}",
                    name(&there)
                ),
            };
            self.differences.push(difference);
        }
        Ok(())
    }

    fn counts(&mut self, one: &Reader, other: &Reader) -> Result<(Tally, Tally), LedgerError> {
        let (here, there) = (tally(one)?, tally(other)?);
        let cells: BTreeSet<Count> = here
            .cells()
            .chain(there.cells())
            .map(|(cell, _)| cell)
            .collect();
        for cell in cells {
            let times = |tally: &Tally| tally.sum(|count| *count == cell);
            if times(&here) != times(&there) && self.differences.len() < DIFFERENCES_MAX {
                self.differences.push(format!(
                    "the steps are the same, and the counts differ: {} on {} by {}: {} at {}, {} at {}",
                    words(cell.what),
                    cell.day,
                    cell.office,
                    times(&here),
                    one.place(),
                    times(&there),
                    other.place()
                ));
            }
        }
        Ok((here, there))
    }

    fn into_reconciliation(self) -> Reconciliation {
        Reconciliation {
            agreed: self.differences.is_empty(),
            south_to_north: self.equal[Place::South],
            north_to_south: self.equal[Place::North],
            differences: self.differences,
        }
    }
}

/// Why a step that both hold cannot be of whom it says made it.
fn forged(parcel: &Parcel) -> Option<String> {
    let written = protocol::read_envelope(&parcel.envelope, &Bytes::new()).ok()?;
    could_not_be(&written)
}

/// What stands at one office in a step's place: the entry, and the step it says it is.
fn name((entry, parcel): &(u64, Parcel)) -> String {
    match step_of(parcel) {
        Ok((step, _)) => format!("entry {entry} ({}, {})", step.id, step.kind),
        Err(error) => format!("entry {entry} ({error})"),
    }
}

fn words(counted: Counted) -> String {
    match counted {
        Counted::Document => "documents".to_owned(),
        Counted::Call => "calls".to_owned(),
        Counted::Contact(kind) => {
            let kind = protocol::contact_kind_to_pb(kind).as_str_name();
            format!("contacts ({kind})")
        }
    }
}

/// The next step's entry sequence and parcel.
fn next_parcel(steps: &mut Steps) -> Result<Option<(u64, Parcel)>, LedgerError> {
    let parcel = |entry: Entry| match entry.record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => Some((entry.sequence, parcel)),
        _ => None,
    };
    Ok(steps.next_step()?.and_then(|(_, entry)| parcel(entry)))
}
