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
