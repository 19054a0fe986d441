//! Bits that flip, entries that are rewritten, logs that are cut: each is told, and what is whole can be salvaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use journal::{
    FRAME_HEADER_BYTES, Journal, JournalError, MemoryStorage, Options, Plain, PlainEntry, Salvage,
    Shorter, SnapshotUse, Snapshots, Storage, decode_frame, each_saved_aside,
};
use proptest::prelude::*;

use crate::entries::{FIRST, Model, open, read, verify};

const SEGMENT_BYTES: u64 = 2_000;

type Files = BTreeMap<String, Vec<u8>>;

/// A journal of about 30 entries in several segments, and how many of them stand below the last durable point.
fn small() -> (Files, Model, u64) {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    for count in [3, 1, 5, 2, 7, 1, 4, 3] {
        model.write(&mut journal, count).expect("memory");
    }
    let below = model.len();
    model.write(&mut journal, 3).expect("memory");
    (memory.contents(), model, below)
}

fn last_segment(files: &Files) -> String {
    let mut segments = files.keys().filter(|name| name.ends_with(".segment"));
    segments.next_back().expect("one").clone()
}

/// Where each entry begins.
fn offsets(bytes: &[u8]) -> Vec<usize> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut offsets = Vec::new();
    while let Ok(Some((_, len))) = decode_frame::<Plain>(&rest) {
        offsets.push(bytes.len() - rest.len());
        rest = rest.slice(len..);
    }
    offsets
}

#[test]
fn every_flipped_bit_is_found_and_none_takes_an_entry_in_silence() {
    let (mut contents, model, below) = small();
    // As if the power had taken the mark back.
    contents.remove("head").expect("a head mark");
    assert!(contents.len() > 2, "segments");
    for (name, bytes) in &contents {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = contents.clone();
            flipped.get_mut(name).expect("a file")[bit / 8] ^= 1 << (bit % 8);
            let memory = MemoryStorage::holding(flipped.clone());
            let found = verify(&memory).expect("a report");
            assert_eq!(found.faults.len(), 1, "{name}, bit {bit}: {found:?}");
            assert!(
                found.faults[0].offset <= bit as u64 / 8,
                "{name}, bit {bit}"
            );
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            match open(&storage, SEGMENT_BYTES) {
                Ok((_, entries, recovery)) => {
                    assert!(entries.len() as u64 >= below, "{name}, bit {bit}");
                    model.check_prefix(&entries).expect("what was written");
                    assert!(recovery.torn.is_some(), "{name}, bit {bit}");
                }
                Err(error) => {
                    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
                    assert_eq!(memory.contents(), flipped, "something was changed");
                }
            }
        }
    }
}

/// Changes the byte before the chain of the entry that begins at `offset`, and renews its checksum.
fn forge(bytes: &mut [u8], offset: usize) {
    let body = offset + FRAME_HEADER_BYTES;
    let length: [u8; 4] = bytes[offset..offset + 4].try_into().expect("4 bytes");
    let end = body + u32::from_le_bytes(length) as usize;
    bytes[end - 35] ^= 1;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length), &bytes[body..end]);
    bytes[offset + 4..body].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn an_entry_that_was_rewritten_breaks_the_chain_although_its_checksum_holds() {
    let (contents, ..) = small();
    let last = last_segment(&contents);
    for (name, bytes) in contents.iter().filter(|(name, _)| *name != "head") {
        let at = offsets(bytes)[2];
        let mut forged = contents.clone();
        forge(forged.get_mut(name).expect("there"), at);
        let memory = MemoryStorage::holding(forged);
        let found = verify(&memory).expect("a report");
        assert_eq!(found.faults.len(), 1, "{found:?}");
        assert_eq!(found.faults[0].offset, at as u64);
        assert!(found.faults[0].what.contains("the chain breaks"));
        // Opening computes the chain where it was last written; verification everywhere.
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let opened = open(&storage, SEGMENT_BYTES).map(drop);
        let refused = matches!(opened, Err(JournalError::Damaged { .. }));
        assert_eq!(refused, *name == last, "{opened:?}");
    }
}

#[test]
fn a_log_that_was_cut_at_a_frames_end_is_short_and_salvaged_under_a_mark_that_remembers() {
    let (mut contents, mut model, _) = small();
    let last = last_segment(&contents);
    let at = *offsets(&contents[&last]).last().expect("entries");
    contents.get_mut(&last).expect("there").truncate(at);
    let memory = MemoryStorage::holding(contents.clone());
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (found, durable) = (model.len() - 1, model.len());
    for refused in [
        open(&storage, SEGMENT_BYTES).map(drop),
        read(&*storage).map(drop),
    ] {
        match refused.expect_err("an entry is missing") {
            JournalError::Shortened {
                found: is,
                durable: was,
                ..
            } => assert_eq!((is, was), (found, durable)),
            other => panic!("{other}"),
        }
    }
    assert_eq!(memory.contents(), contents, "something was changed");
    let salvage = Salvage::begin::<Plain>(&*storage).expect("nothing newer");
    assert_eq!((salvage.durable, &salvage.saved[..]), (durable, &[][..]));
    let mut kept = 0;
    let opened = Journal::<Plain>::open(
        Arc::clone(&storage),
        Options::default(),
        FIRST,
        None,
        Shorter::Taken,
        |_| Ok(()),
        |_| kept += 1,
    );
    let (mut journal, _) = opened.expect("it may be shorter");
    assert_eq!(kept, found);
    model.truncate(found as usize);
    model.write(&mut journal, 1).expect("memory");
    journal.protect().expect("memory");
    drop(journal);
    let (_, entries, _) = open(&storage, SEGMENT_BYTES).expect("it protects itself again");
    model.check_prefix(&entries).expect("what was written");
    assert_eq!(entries.len() as u64, model.len());
}

#[test]
fn what_stands_behind_damage_is_saved_aside_and_can_be_read_there() {
    let (mut contents, model, _) = small();
    let first = contents.keys().next().expect("segments").clone();
    let at = offsets(&contents[&first])[2];
    contents.get_mut(&first).expect("there")[at + FRAME_HEADER_BYTES + 9] ^= 1;
    let memory = MemoryStorage::holding(contents);
    let salvage = Salvage::begin::<Plain>(&memory).expect("nothing newer");
    assert!(salvage.saved.len() > 1, "{:?}", salvage.saved);
    let mut aside = Vec::new();
    each_saved_aside::<Plain>(&memory, |entry| aside.push(entry.clone())).expect("memory");
    aside.sort_by_key(|entry| entry.link.sequence);
    aside.dedup_by_key(|entry| entry.link.sequence);
    let all: Vec<u64> = aside.iter().map(|entry| entry.link.sequence).collect();
    let but_third: Vec<u64> = (1..=model.len())
        .filter(|sequence| *sequence != 3)
        .collect();
    assert_eq!(all, but_third);
    for PlainEntry { link, bytes } in aside {
        assert_eq!(bytes, model.contents[link.sequence as usize - 1]);
    }
}

#[test]
fn behind_a_snapshot_only_what_follows_is_read() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    model.write(&mut journal, 40).expect("memory");
    let writer = journal.snapshot_writer();
    writer.write(3, 30, b"thirty").expect("durable");
    assert!(writer.write(3, 42, b"").is_err(), "it is not durable");
    drop(journal);
    let behind = |fold_version| {
        let (mut state, mut read) = (Vec::new(), Vec::new());
        let snapshots = Snapshots {
            fold_version,
            restore: &mut |taken| {
                state = taken.to_vec();
                true
            },
        };
        let (_, recovery) = Journal::<Plain>::open(
            Arc::clone(&storage),
            Options::default(),
            FIRST,
            Some(snapshots),
            Shorter::Refused,
            |_| Ok(()),
            |entry| read.push(entry.link.sequence),
        )
        .expect("whole");
        (recovery.snapshot, state, read)
    };
    let (used, state, read) = behind(3);
    assert_eq!(used, SnapshotUse::Taken { sequence: 30 });
    assert_eq!((state, read), (b"thirty".to_vec(), (31..=41).collect()));
    let (used, _, read) = behind(4);
    assert!(matches!(used, SnapshotUse::Ignored { .. }), "{used:?}");
    assert_eq!(read.len(), 41);
}

#[test]
fn a_batch_that_holds_what_must_not_be_written_is_refused_and_stops_the_journal() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let before = memory.contents();
    journal.append(b"well");
    let why = |reason: &str| JournalError::Stopped {
        reason: reason.to_owned(),
    };
    journal.refuse(why("this must not be written"));
    journal.refuse(why("nor this"));
    let refused = journal.take_batch().expect("an entry").commit();
    let told = refused.expect_err("it was refused").to_string();
    assert!(told.contains("this must not"), "{told}");
    journal.append(b"later");
    let later = journal.take_batch().expect("an entry").commit();
    assert!(matches!(later, Err(JournalError::Stopped { .. })));
    assert_eq!(memory.contents(), before);
}

proptest! {
    #[test]
    fn bytes_from_anywhere_are_told_or_cut(
        kept in 0_usize..2_000,
        tail in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let (contents, ..) = small();
        let (name, whole) = contents.first_key_value().expect("segments");
        let bytes = [&whole[..kept.min(whole.len())], &tail].concat();
        let memory = MemoryStorage::holding(BTreeMap::from([(name.clone(), bytes)]));
        verify(&memory).expect("a report");
        let _ = read(&memory);
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let _ = open(&storage, SEGMENT_BYTES);
    }

    #[test]
    fn a_body_of_arbitrary_bytes_is_never_a_panic(body in prop::collection::vec(any::<u8>(), 1..120)) {
        let length = (body.len() as u32).to_le_bytes();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&length), &body);
        let _ = decode_frame::<Plain>(&[&length[..], &crc.to_le_bytes(), &body].concat().into());
    }
}
