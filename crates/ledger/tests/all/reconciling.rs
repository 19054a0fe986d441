//! Two ledgers of a pair: whatever differs is told, with what it takes to find it.

use std::sync::Arc;

use ledger::{Ledger, LedgerOptions, MemoryStorage, Reader, Record, reconcile};
use office::contact::ContactKind;
use office::{Place, StepKind};

use crate::records::{Records, at};

/// A ledger of `place` that holds these records behind its opening.
fn holding(place: Place, records: &[Record]) -> Reader {
    let storage = Arc::new(MemoryStorage::default());
    let opened = Ledger::open(storage, place, LedgerOptions::default(), at(0), |_| {});
    let (mut ledger, _) = opened.expect("a new ledger");
    for (n, record) in records.iter().enumerate() {
        ledger.append(at(n as u64), record);
    }
    if let Some(batch) = ledger.take_batch() {
        batch.commit().expect("memory");
    }
    // Not opened again: an opening would tell of records that no office writes.
    ledger.reader()
}

/// The same step as the peer's ledger holds it.
fn mirrored(record: &Record) -> Record {
    match record.clone() {
        Record::Outbound(parcel) => Record::Inbound(parcel),
        Record::Inbound(parcel) => Record::Outbound(parcel),
        local => local,
    }
}

/// Forty steps of both as South records them, and as North does: each first its own.
fn pair() -> (Vec<Record>, Vec<Record>) {
    let mut records = Records::of(Place::South);
    let (mut south, mut north) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let ours = records.document(Place::South, n);
        let theirs = records.document(Place::North, 100 + n);
        let mirror = [mirrored(&theirs), mirrored(&ours)];
        south.extend([ours, theirs, records.acknowledgement()]);
        north.extend(mirror);
    }
    (south, north)
}

fn differences(south: &[Record], north: &[Record]) -> Vec<String> {
    let (south, north) = (holding(Place::South, south), holding(Place::North, north));
    let found = reconcile(&south, &north).expect("both are whole");
    assert_eq!(found.agreed, found.differences.is_empty());
    let turned = reconcile(&north, &south).expect("both are whole");
    assert_eq!(turned.agreed, found.agreed, "whichever is named first");
    found.differences
}

#[test]
fn ledgers_of_a_pair_agree_whatever_the_order_between_the_directions() {
    let (south, north) = pair();
    let found = reconcile(
        &holding(Place::South, &south),
        &holding(Place::North, &north),
    );
    let found = found.expect("both are whole");
    assert_eq!(found.differences, Vec::<String>::new());
    assert!(found.agreed);
    assert_eq!((found.south_to_north, found.north_to_south), (20, 20));
}

#[test]
fn a_missing_step_is_named_with_the_entry_that_holds_it() {
    let (south, north) = pair();
    // North's last two entries: its own step 20, and South's step 20.
    let found = differences(&south, &north[..39]);
    assert_eq!(
        found,
        [
            "step 20 of south is missing at north: entry 59 (offices/south/steps/20, document sent) at south"
        ]
    );
    let found = differences(&south[..57], &north[..39]);
    assert_eq!(
        found,
        [
            "step 20 of north is missing at south: entry 40 (offices/north/steps/20, document sent) at north"
        ]
    );
}

#[test]
fn an_extra_step_is_named() {
    let (south, north) = pair();
    // South has lost its last step, which North holds.
    let found = differences(&[&south[..57], &south[58..]].concat(), &north);
    assert_eq!(
        found,
        [
            "step 20 of south is missing at south itself: entry 41 (offices/south/steps/20, document sent) at north"
        ]
    );
}

#[test]
fn other_bytes_are_told_wherever_they_are() {
    let (south, north) = pair();
    for what in 0..4 {
        let mut changed = north.clone();
        let Record::Inbound(parcel) = &mut changed[7] else {
            panic!("South's step 4 stands there");
        };
        match what {
            0 => parcel.payload = b"another".as_slice().into(),
            1 => parcel.envelope = [&parcel.envelope[..], &[0x78, 1]].concat().into(),
            2 => parcel.hash.0[31] ^= 1,
            _ => parcel.kind = StepKind::CallRecorded,
        }
        let found = differences(&south, &changed);
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert!(found[0].starts_with("step 4 of south has other bytes at north: entry 11 ("));
        assert!(found[0].contains("entry 9 ("), "{}", found[0]);
    }
}

#[test]
fn another_order_within_a_direction_is_told() {
    let (south, mut north) = pair();
    north.swap(1, 3);
    let found = differences(&south, &north);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("step 1 of south") && found[0].contains("offices/south/steps/2,"));
    assert!(found[1].contains("step 2 of south") && found[1].contains("offices/south/steps/1,"));
}

#[test]
fn other_counts_are_told_by_day_kind_and_office() {
    // No office records it so: South confirms a contact before it has heard of it.
    let mut records = Records::of(Place::South);
    let recorded = records.contact(Place::North, ContactKind::RegularConsultation, 60);
    let subject = Some(records.last(Place::North));
    let kind = StepKind::ContactConfirmed;
    let confirmed = records.step(Place::South, kind, subject, bytes::Bytes::new());
    let found = differences(
        &[confirmed.clone(), recorded.clone()],
        &[mirrored(&recorded), mirrored(&confirmed)],
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].ends_with(
            "contacts (CONTACT_KIND_REGULAR_CONSULTATION) on 2018-09-14 by north: \
             0 at south, 1 at north"
        ),
        "{}",
        found[0]
    );
}

#[test]
fn two_ledgers_of_one_office_are_no_pair() {
    let (south, _) = pair();
    let found = differences_of_one(&south);
    assert_eq!(
        found,
        ["both ledgers belong to the south office; name one of each"]
    );
}

fn differences_of_one(records: &[Record]) -> Vec<String> {
    let found = reconcile(
        &holding(Place::South, records),
        &holding(Place::South, records),
    );
    found.expect("both are whole").differences
}

#[test]
fn a_long_list_of_differences_ends() {
    let mut records = Records::of(Place::South);
    let south: Vec<Record> = (0..400)
        .map(|_| records.document(Place::South, 1))
        .collect();
    let found = differences(&south, &[]);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "only the first 100 differences are listed");
}
