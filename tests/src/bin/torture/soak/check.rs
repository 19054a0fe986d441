//! Holds two long ledgers against each other and against what clients were told, with a bit for each document.

use std::path::Path;

use ledger::{Reader, Record};
use office::{PerPlace, Place};
use prost::Message as _;
use protocol::pb::ledger as pb;

use super::document::Origin;
use super::lane::Lane;
use crate::Failed;
use crate::check::{Findings, check_folds, check_soundness};

/// Checks the ledgers in `directory`. `live` is what the running offices said they had counted.
pub(crate) fn check(
    directory: &Path,
    seed: u64,
    lanes: &[Lane],
    live: &PerPlace<pb::Tally>,
) -> Result<Findings, Failed> {
    let mut findings = Findings::default();
    let Some(readers) = check_soundness(directory, &mut findings)? else {
        return Ok(findings);
    };
    for place in Place::BOTH {
        check_documents(&readers[place], seed, lanes, &mut findings)?;
    }
    check_folds(&readers, Some(live), &mut findings)?;
    Ok(findings)
}

/// What a ledger holds of one lane.
struct Held<'a> {
    lane: &'a Lane,
    /// A bit for each document sent.
    bits: Vec<u64>,
    last: Option<u64>,
    /// The sum of the receipts that are due.
    receipts: u64,
}

impl<'a> Held<'a> {
    fn new(lane: &'a Lane) -> Self {
        Self {
            lane,
            bits: vec![0; lane.sent.div_ceil(64) as usize],
            last: None,
            receipts: 0,
        }
    }

    /// Sets the bit of a document. False if it was set.
    fn mark(&mut self, order: u64) -> bool {
        let (word, bit) = ((order / 64) as usize, 1 << (order % 64));
        let fresh = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        fresh
    }

    fn is_marked(&self, order: u64) -> bool {
        self.bits[(order / 64) as usize] & (1 << (order % 64)) != 0
    }
}

fn check_documents(
    reader: &Reader,
    seed: u64,
    lanes: &[Lane],
    findings: &mut Findings,
) -> Result<(), Failed> {
    let here = reader.place();
    let count = lanes.iter().map(|lane| lane.number + 1).max();
    let mut helds: Vec<Option<Held<'_>>> = (0..count.unwrap_or(0)).map(|_| None).collect();
    for lane in lanes {
        helds[lane.number as usize] = Some(Held::new(lane));
    }
    let mut cursor = reader.after(0);
    let failed = |error: ledger::LedgerError| Failed(error.to_string());
    while let Some(entry) = cursor.next_entry().map_err(failed)? {
        let (author, parcel) = match &entry.record {
            Record::Outbound(parcel) => (here, parcel),
            Record::Inbound(parcel) => (here.peer(), parcel),
            _ => continue,
        };
        let step = ledger::step_of(parcel).map_err(|error| Failed(error.to_string()))?;
        let (step, request_id) = step;
        let what = || format!("entry {} of the {here} ledger", entry.sequence);
        let known = protocol::pb::office::Document::decode(parcel.payload.clone())
            .ok()
            .and_then(|document| Origin::of(&document))
            .and_then(|origin| {
                let held = helds.get_mut(origin.lane as usize)?.as_mut()?;
                (origin.order < held.lane.sent).then_some((origin, held))
            });
        let Some((origin, held)) = known else {
            findings.diverge(format!("nobody asked for {}", what()));
            continue;
        };
        let (id, document) = origin.document(seed);
        if request_id.is_none_or(|request_id| request_id.0 != id.into_bytes()) {
            findings.diverge(format!("{} has another request id", what()));
        }
        if parcel.payload != document.encode_to_vec() {
            findings.diverge(format!("{} has other bytes", what()));
        }
        if held.lane.place != author || step.id.place != author {
            findings.diverge(format!("{} has another author", what()));
        }
        if !held.mark(origin.order) {
            findings.doubled += 1;
            findings.note(format!("{} was there before: {origin:?}", what()));
            continue;
        }
        if held.last.is_some_and(|last| last > origin.order) {
            findings.diverge(format!("{} comes too late: {origin:?}", what()));
        }
        held.last = Some(origin.order);
        if origin.order < held.lane.acknowledged {
            let receipt = origin.receipt(step.id.sequence);
            held.receipts = held.receipts.wrapping_add(receipt);
        }
    }
    for held in helds.into_iter().flatten() {
        check_receipts(here, &held, findings);
    }
    Ok(())
}

/// What was acknowledged is there, under the name that the receipt gave.
fn check_receipts(here: Place, held: &Held<'_>, findings: &mut Findings) {
    let lane = held.lane;
    let lost = (0..lane.acknowledged)
        .filter(|order| !held.is_marked(*order))
        .count() as u64;
    if lost > 0 {
        findings.lost += lost;
        findings.note(format!(
            "{lost} documents of lane {} were acknowledged, and are not in the {here} ledger",
            lane.number
        ));
    } else if held.receipts != lane.receipts {
        findings.diverge(format!(
            "receipts of lane {} name other steps than the {here} ledger",
            lane.number
        ));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::Instant;

    use super::*;
    use crate::check::tests::ledgers_of;
    use crate::soak::lane::Share;
    use crate::soak::report::SoakReport;

    const SEED: u64 = 7;

    /// What the check finds, of a lane at South to which documents 0, 1 and 2 were acknowledged as steps 1, 2 and 3,
    /// when the ledgers hold these documents of it.
    fn found(sent: &[u64], received: &[u64]) -> Findings {
        let origin = |order| Origin { lane: 0, order };
        let documents = |orders: &[u64]| -> Vec<([u8; 16], Bytes)> {
            let document = |order: &u64| {
                let (id, document) = origin(*order).document(SEED);
                (id.into_bytes(), document.encode_to_vec().into())
            };
            orders.iter().map(document).collect()
        };
        let directory = ledgers_of(&documents(sent), &documents(received));
        let report = SoakReport::default();
        let mut lane = Lane::new(&report, 0, Place::South, Share::Streamed, Instant::now());
        (lane.sent, lane.acknowledged) = (4, 3);
        lane.receipts = (0..3).fold(0, |sum: u64, order| {
            sum.wrapping_add(origin(order).receipt(order + 1))
        });
        let mut findings = Findings::default();
        let readers = check_soundness(directory.path(), &mut findings).expect("readable ledgers");
        let readers = readers.expect("two ledgers");
        for place in Place::BOTH {
            check_documents(
                &readers[place],
                SEED,
                std::slice::from_ref(&lane),
                &mut findings,
            )
            .expect("readable ledgers");
        }
        findings
    }

    #[test]
    fn what_stands_once_in_each_ledger_is_found_clean() {
        // The fourth was sent, and its answer never came: it may be there or not.
        for orders in [&[0, 1, 2][..], &[0, 1, 2, 3]] {
            let findings = found(orders, orders);
            assert!(findings.is_clean(), "{findings:?}");
        }
    }

    #[test]
    fn a_document_that_both_ledgers_lack_is_lost_twice() {
        assert_eq!(found(&[0, 1], &[0, 1]).lost, 2);
    }

    #[test]
    fn a_document_that_stands_twice_is_doubled() {
        assert_eq!(found(&[0, 1, 2, 1], &[0, 1, 2, 1]).doubled, 2);
    }

    #[test]
    fn another_order_another_name_and_a_document_of_nobody_are_divergences() {
        for orders in [&[0, 2, 1][..], &[3, 0, 1, 2], &[0, 1, 2, 4]] {
            let findings = found(orders, orders);
            assert!(findings.diverged > 0, "{orders:?}: {findings:?}");
        }
    }
}
