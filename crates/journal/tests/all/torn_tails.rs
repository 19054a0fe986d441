//! A last batch that is cut off at every byte, and first files that hold little or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use journal::faulty::FaultyStorage;
use journal::{JournalError, MemoryStorage, Storage};

use crate::entries::{Model, open, read, verify};

const FIRST: &str = "00000000000000000001.segment";
const SEGMENT_BYTES: u64 = 1024 * 1024;

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_saved_aside() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    model.write(&mut journal, 20).expect("nothing fails");
    let durable = memory.contents()[FIRST].len();
    model.write(&mut journal, 6).expect("nothing fails");
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
            let (mut journal, entries, recovery) =
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
            model.write(&mut journal, 2).expect("nothing fails");
            assert_eq!(
                verify(&*storage).expect("a journal").faults,
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
    drop(open(&storage, SEGMENT_BYTES).expect("a new journal"));
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
fn a_tail_of_many_zeros_and_one_other_byte_is_saved_aside() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(open(&storage, SEGMENT_BYTES).expect("a new journal"));
    let len = memory.contents()[FIRST].len() as u64;
    let zeros = 3 * 1024 * 1024;
    let file = storage.open(FIRST, false).expect("there");
    file.write_at(b"x", len + zeros).expect("memory");
    let (_, _, recovery) = open(&storage, SEGMENT_BYTES).expect("a torn tail");
    let (name, saved) = recovery.torn.expect("saved aside");
    assert_eq!(saved, zeros + 1);
    assert_eq!(memory.contents()[&name].last(), Some(&b'x'));
}

/// What follows the damage is longer than what is read at a time, and full of what looks like short frames.
/// The one frame behind it that proves damage is as long.
#[test]
fn damage_far_before_the_next_batch_is_no_torn_tail() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, u64::MAX).expect("a new journal");
    let mut starts = Vec::new();
    for copies in [1, 250_000, 250_000] {
        starts.push(memory.contents()[FIRST].len());
        journal.append(&[5, 0, 0, 0, 1, 2, 3, 4, 0xe1].repeat(copies));
        let batch = journal.take_batch().expect("an entry");
        batch.commit().expect("memory");
    }
    drop(journal);
    let mut contents = memory.contents();
    let segment = contents.get_mut(FIRST).expect("the only segment");
    segment[starts[1] + 4] ^= 1;
    let memory = MemoryStorage::holding(contents.clone());
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    match open(&storage, u64::MAX) {
        Err(JournalError::Damaged { offset, .. }) => assert_eq!(offset, starts[1] as u64),
        other => panic!("{other:?}"),
    }
    assert_eq!(memory.contents(), contents, "nothing is thrown away");
}

#[test]
fn a_first_batch_that_is_torn_lets_the_office_begin_anew() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    drop(open(&storage, SEGMENT_BYTES).expect("a new journal"));
    let whole = memory.contents()[FIRST].clone();
    for end in 0..whole.len() {
        let torn = BTreeMap::from([(FIRST.to_owned(), whole[..end].to_vec())]);
        let memory = MemoryStorage::holding(torn);
        assert!(matches!(
            read(&memory),
            Err(JournalError::NotAJournal { .. })
        ));
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
    let (mut journal, ..) = open(&storage, 1).expect("a new journal");
    let mut model = Model::new();
    model.write(&mut journal, 2).expect("nothing fails");
    let mut contents = memory.contents();
    contents.insert("00000000000000000004.segment".to_owned(), Vec::new());
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
    assert_eq!(read(&*storage).expect("whole").sequence(), 3);
    let (mut journal, entries, _) = open(&storage, 1).expect("whole");
    assert_eq!(entries.len(), 3);
    for _ in 0..2 {
        model.write(&mut journal, 2).expect("nothing fails");
    }
    assert_eq!(
        journal
            .reader()
            .get(4)
            .expect("whole")
            .expect("there")
            .bytes,
        model.contents[3]
    );
    let (_, entries, _) = open(&storage, 1).expect("whole");
    model.check_prefix(&entries).expect("what was written");
    assert_eq!(entries.len(), 7);
}

#[test]
fn what_is_no_journal_is_told_from_a_damaged_one() {
    for contents in [
        BTreeMap::new(),
        BTreeMap::from([("1.segment".to_owned(), b"somebody's".to_vec())]),
        BTreeMap::from([(FIRST.to_owned(), Vec::new())]),
    ] {
        let memory = MemoryStorage::holding(contents);
        let refused = read(&memory).expect_err("no journal");
        assert!(
            matches!(refused, JournalError::NotAJournal { .. }),
            "{refused}"
        );
    }
    assert!(matches!(
        verify(&MemoryStorage::default()),
        Err(JournalError::NotAJournal { .. })
    ));
    let nowhere = journal::DiskStorage::existing("/nonexistent/journal");
    assert!(matches!(
        read(&nowhere),
        Err(JournalError::NotAJournal { .. })
    ));
    assert!(matches!(
        verify(&nowhere),
        Err(JournalError::NotAJournal { .. })
    ));
}

#[test]
fn a_whole_entry_in_the_wrong_place_is_never_a_torn_tail() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    model.write(&mut journal, 1).expect("nothing fails");
    let mut bytes = memory.contents()[FIRST].clone();
    let again = bytes.clone();
    bytes.extend(again);
    let twice = MemoryStorage::holding(BTreeMap::from([(FIRST.to_owned(), bytes)]));
    let storage: Arc<dyn Storage> = Arc::new(twice);
    let refused = open(&storage, SEGMENT_BYTES)
        .map(drop)
        .expect_err("entry 1 stands twice");
    assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
}

/// On a full disk the copy cannot be finished; each start tries again, and leaves nothing more than the one before.
#[test]
fn failed_starts_leave_one_unfinished_copy() {
    let faulty = FaultyStorage::new(1);
    let storage: Arc<dyn Storage> = Arc::new(faulty.clone());
    drop(open(&storage, SEGMENT_BYTES).expect("a new journal"));
    let file = storage.open(FIRST, false).expect("there");
    let len = file.len().expect("there");
    file.write_at(&[7; 5_000], len).expect("room");
    let mut left = None;
    for start in 0..5 {
        // Of what a start does, the first write is the copy's.
        let next = faulty.operations().len() as u64;
        let create = u64::from(left.is_none());
        faulty.fail_at(next + create + 1, std::io::ErrorKind::StorageFull);
        let refused = open(&storage, SEGMENT_BYTES).map(drop).expect_err("full");
        assert!(refused.to_string().contains("aside.new"), "{refused}");
        let files = storage.list().expect("there");
        assert_eq!(left.get_or_insert(files.clone()), &files, "start {start}");
    }
    let (_, _, recovery) = open(&storage, SEGMENT_BYTES).expect("there is room again");
    assert_eq!(recovery.torn.map(|(_, bytes)| bytes), Some(5_000));
    assert!(
        !storage
            .list()
            .expect("there")
            .contains(&"aside.new".to_owned())
    );
}
