//! A last batch that is cut off at every byte, and first files that hold little or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::{Ledger, LedgerError, LedgerOptions, MemoryStorage, Record, Storage, read, verify};
use office::Place;

use crate::records::{Model, at, open};

const FIRST: &str = "00000000000000000001.segment";
const SEGMENT_BYTES: u64 = 1024 * 1024;

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_saved_aside() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    model.write(&mut ledger, 20).expect("nothing fails");
    let durable = memory.contents()[FIRST].len();
    model.write(&mut ledger, 6).expect("nothing fails");
    let whole = memory.contents()[FIRST].clone();

    for end in durable..whole.len() {
        // The rest is missing, or zeros stand in its place.
        for zeros in [0, whole.len() - end] {
            let mut bytes = whole[..end].to_vec();
            bytes.resize(end + zeros, 0);
            let memory =
                MemoryStorage::holding(BTreeMap::from([(FIRST.to_owned(), bytes.clone())]));
            let seen = read(&memory).expect("whole entries").sequence();
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            let (mut ledger, entries, recovery) =
                open(&storage, SEGMENT_BYTES).unwrap_or_else(|error| panic!("byte {end}: {error}"));
            assert!(entries.len() >= 21, "byte {end}");
            assert_eq!(seen, entries.len() as u64, "byte {end}");
            model.check_prefix(&entries).expect("what was written");
            let kept = memory.contents()[FIRST].len();
            match recovery.torn {
                Some((saved, len)) => {
                    assert_eq!(memory.contents()[&saved], bytes[kept..], "byte {end}");
                    assert_eq!(len as usize, bytes.len() - kept);
                }
                None => assert!(bytes[kept..].iter().all(|byte| *byte == 0), "byte {end}"),
            }
            let mut model = model.clone();
            model.truncate(entries.len());
            model.write(&mut ledger, 2).expect("nothing fails");
            assert_eq!(
                verify(&*storage).expect("a ledger").faults,
                [],
                "byte {end}"
            );
            let (_, entries, recovery) = open(&storage, SEGMENT_BYTES).expect("whole");
            assert_eq!((entries.len() as u64, recovery.torn), (model.len(), None));
        }
    }
}

#[test]
fn tails_torn_at_one_place_are_all_kept() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(open(&storage, SEGMENT_BYTES).expect("a new ledger"));
    let len = memory.contents()[FIRST].len() as u64;
    let mut saved = Vec::new();
    for tail in [b"one", b"two", b"one", b"six"] {
        let file = storage.open(FIRST, false).expect("there");
        file.write_at(tail, len).expect("memory");
        let (_, _, recovery) = open(&storage, SEGMENT_BYTES).expect("a torn tail");
        let (name, _) = recovery.torn.expect("saved aside");
        assert_eq!(memory.contents()[&name], tail);
        saved.push(name);
    }
    assert_eq!(saved[0], saved[2], "equal bytes are kept once");
    saved.sort();
    saved.dedup();
    assert_eq!(saved.len(), 3);
}

#[test]
fn a_first_batch_that_is_torn_lets_the_office_begin_anew() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(open(&storage, SEGMENT_BYTES).expect("a new ledger"));
    let whole = memory.contents()[FIRST].clone();
    for end in 0..whole.len() {
        let torn = BTreeMap::from([(FIRST.to_owned(), whole[..end].to_vec())]);
        let memory = MemoryStorage::holding(torn);
        assert!(matches!(read(&memory), Err(LedgerError::NotALedger { .. })));
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (_, entries, _) = open(&storage, SEGMENT_BYTES).expect("it begins anew");
        assert_eq!(entries.len(), 1);
        assert_eq!(memory.contents()[FIRST], whole);
    }
}

#[test]
fn an_empty_last_segment_is_written_to() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, 1).expect("a new ledger");
    let mut model = Model::new(Place::South);
    model.write(&mut ledger, 2).expect("nothing fails");
    let mut contents = memory.contents();
    contents.insert("00000000000000000004.segment".to_owned(), Vec::new());
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
    assert_eq!(read(&*storage).expect("whole").sequence(), 3);
    let (mut ledger, entries, _) = open(&storage, 1).expect("whole");
    assert_eq!(entries.len(), 3);
    for _ in 0..2 {
        model.write(&mut ledger, 2).expect("nothing fails");
    }
    assert_eq!(
        ledger
            .reader()
            .get(4)
            .expect("whole")
            .expect("there")
            .record,
        model.records[3]
    );
    let (_, entries, _) = open(&storage, 1).expect("whole");
    model.check_prefix(&entries).expect("what was written");
    assert_eq!(entries.len(), 7);
}

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
        ledger::encode_frame(&mut frame, 1, at(0), &record, durable, &ledger::CHAIN_START);
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
fn a_whole_entry_in_the_wrong_place_is_never_a_torn_tail() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
    let mut model = Model::new(Place::South);
    model.write(&mut ledger, 1).expect("nothing fails");
    let mut bytes = memory.contents()[FIRST].clone();
    let again = bytes.clone();
    bytes.extend(again);
    let twice = MemoryStorage::holding(BTreeMap::from([(FIRST.to_owned(), bytes)]));
    let storage: Arc<dyn Storage> = Arc::new(twice);
    let refused = open(&storage, SEGMENT_BYTES)
        .map(drop)
        .expect_err("entry 1 stands twice");
    assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused}");
}
