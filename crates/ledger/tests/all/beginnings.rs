//! What a ledger begins with, and what it never takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use ledger::{
    CHAIN_START, DurablePoint, FORMAT_VERSION, Ledger, LedgerError, LedgerOptions, MemoryStorage,
    Record, Storage, encode_frame, read, verify,
};
use office::Place;

use crate::records::{at, open};

const FIRST: &str = "00000000000000000001.segment";
const SEGMENT_BYTES: u64 = 1024 * 1024;

#[test]
fn what_is_no_ledger_is_told_from_a_damaged_one() {
    for contents in [
        BTreeMap::new(),
        BTreeMap::from([("1.segment".to_owned(), b"somebody's".to_vec())]),
        BTreeMap::from([(FIRST.to_owned(), Vec::new())]),
    ] {
        let memory = MemoryStorage::holding(contents);
        let refused = read(&memory).expect_err("no ledger");
        assert!(
            matches!(refused, LedgerError::NotALedger { .. }),
            "{refused}"
        );
    }
    assert!(matches!(
        verify(&MemoryStorage::default()),
        Err(LedgerError::NotALedger { .. })
    ));
    let nowhere = ledger::DiskStorage::existing("/nonexistent/ledger");
    assert!(matches!(
        read(&nowhere),
        Err(LedgerError::NotALedger { .. })
    ));
    assert!(matches!(
        verify(&nowhere),
        Err(LedgerError::NotALedger { .. })
    ));
}

#[test]
fn a_newer_format_is_refused_and_an_older_one_read() {
    let storage = |format_version| -> Arc<dyn Storage> {
        let mut frame = bytes::BytesMut::new();
        let record = Record::Opening {
            format_version,
            place: Place::South,
            epoch: 1,
        };
        let durable = Some(ledger::DurablePoint {
            segment: 1,
            offset: 0,
        });
        let first = &ledger::CHAIN_START;
        ledger::encode_frame(
            &mut frame,
            format_version,
            1,
            at(0),
            &record,
            durable,
            first,
        );
        let files = BTreeMap::from([(FIRST.to_owned(), frame.to_vec())]);
        Arc::new(MemoryStorage::holding(files))
    };
    let open = |storage, place| {
        Ledger::open(storage, place, LedgerOptions::default(), at(0), |_| {}).map(drop)
    };
    let newer = storage(ledger::FORMAT_VERSION + 1);
    assert!(matches!(
        read(&*newer),
        Err(LedgerError::NewerFormat { .. })
    ));
    assert!(matches!(
        open(newer, Place::South),
        Err(LedgerError::NewerFormat { .. })
    ));
    let older = storage(ledger::FORMAT_VERSION - 1);
    assert_eq!(read(&*older).expect("older").sequence(), 1);
    open(older, Place::South).expect("older");
    let wrong = open(storage(ledger::FORMAT_VERSION), Place::North);
    assert!(matches!(wrong, Err(LedgerError::WrongPlace { .. })));
}

#[test]
fn a_first_entry_that_does_not_say_whose_ledger_it_is_is_damage() {
    let durable = Some(DurablePoint {
        segment: 1,
        offset: 0,
    });
    let raised = Record::EpochRaised {
        place: Place::South,
        epoch: 2,
        restoring: false,
    };
    let mut bytes = BytesMut::new();
    encode_frame(
        &mut bytes,
        FORMAT_VERSION,
        1,
        at(0),
        &raised,
        durable,
        &CHAIN_START,
    );
    let contents = BTreeMap::from([(FIRST.to_owned(), bytes.to_vec())]);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
    match open(&storage, SEGMENT_BYTES) {
        Err(LedgerError::Damaged {
            offset: 0, what, ..
        }) => {
            assert_eq!(what, "the first entry does not say whose ledger this is");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_time_that_could_not_be_read_again_is_never_written() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let far = |text: &str| text.parse::<jiff::Timestamp>().expect("a time");
    for now in [
        jiff::Timestamp::MIN,
        far("-000044-03-15T12:00:00Z"),
        far("1899-12-31T23:59:59Z"),
        far("2200-01-01T00:00:00Z"),
    ] {
        let begun = Ledger::open(
            Arc::clone(&storage),
            Place::South,
            LedgerOptions::default(),
            now,
            |_| {},
        );
        assert!(matches!(begun.map(drop), Err(LedgerError::Clock { .. })));
        assert_eq!(memory.contents(), BTreeMap::new());
    }
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let before = memory.contents();
    let raised = Record::EpochRaised {
        place: Place::North,
        epoch: 1,
        restoring: false,
    };
    ledger.append(at(1), &raised);
    ledger.append(far("-000044-03-15T12:00:00Z"), &raised);
    let refused = ledger.take_batch().expect("two").commit();
    assert!(matches!(refused, Err(LedgerError::Clock { .. })));
    assert_eq!(memory.contents(), before);
}
