//! Every bit of a small ledger, flipped.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ledger::{
    Entry, FORMAT_VERSION, FRAME_HEADER_BYTES, LedgerError, MemoryStorage, Record, Storage,
    decode_frame, read, restore, verify,
};
use office::Place;

use crate::records::{Model, Records, at, begun_in, covered, open};

const SEGMENT_BYTES: u64 = 2_000;

/// A ledger of about 30 entries in three segments, and how many of them stand below the last durable point. Its head mark
/// is left out, as if the power had taken it back.
fn small_ledger() -> (BTreeMap<String, Vec<u8>>, Model, u64) {
    small_ledger_of(FORMAT_VERSION)
}

fn small_ledger_of(format: u32) -> (BTreeMap<String, Vec<u8>>, Model, u64) {
    let memory = begun_in(format);
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("it has just begun");
    let mut model = Model::of_format(format, Place::South);
    for count in [3, 1, 5, 2, 7, 1, 4, 3] {
        model.write(&mut ledger, count).expect("nothing fails");
    }
    let below = model.len();
    model.write(&mut ledger, 3).expect("nothing fails");
    let mut contents = memory.contents();
    contents.remove("head").expect("a head mark");
    assert_eq!(contents.len(), 3, "segments");
    (contents, model, below)
}

fn walk(storage: &dyn Storage) -> Result<Vec<Entry>, LedgerError> {
    let mut cursor = read(storage)?.after(0);
    let mut entries = Vec::new();
    while let Some(entry) = cursor.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

#[test]
fn every_flipped_bit_is_found_and_none_takes_an_entry_in_silence() {
    let (contents, model, below) = small_ledger();
    assert_eq!(
        verify(&MemoryStorage::holding(contents.clone()))
            .expect("whole")
            .faults,
        []
    );
    let (mut damaged, mut torn) = (0, 0);
    for (name, bytes) in &contents {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = contents.clone();
            flipped.get_mut(name).expect("a file")[bit / 8] ^= 1 << (bit % 8);
            let memory = MemoryStorage::holding(flipped.clone());
            let what = format!("{name}, bit {bit}");

            let found = verify(&memory).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(found.faults.len(), 1, "{what}: {:?}", found.faults);
            assert_eq!(found.faults[0].file, *name, "{what}");
            assert!(found.faults[0].offset <= bit as u64 / 8, "{what}");

            let read = walk(&memory);
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            match open(&storage, SEGMENT_BYTES) {
                Ok((_, entries, recovery)) => {
                    torn += 1;
                    assert!(entries.len() as u64 >= below, "{what}: an entry is gone");
                    model.check_prefix(&entries).expect(&what);
                    assert_eq!(read.expect(&what), entries, "{what}");
                    let (saved, len) = recovery.torn.expect("the tail is saved aside");
                    let tail = &flipped[name][bytes.len() - len as usize..];
                    assert_eq!(memory.contents()[&saved], tail, "{what}");
                }
                Err(error) => {
                    damaged += 1;
                    let LedgerError::Damaged { file, offset, .. } = &error else {
                        panic!("{what}: {error}");
                    };
                    assert!(
                        file.ends_with(name) && *offset <= bit as u64 / 8,
                        "{what}: {error}"
                    );
                    assert!(error.to_string().contains("liaison ledger restore"));
                    assert!(matches!(read, Err(LedgerError::Damaged { .. })), "{what}");
                    assert_eq!(memory.contents(), flipped, "{what}: something was changed");
                }
            }
        }
    }
    assert!(
        damaged > 10 * torn && torn > 100,
        "{damaged} damaged, {torn} torn"
    );
}

#[test]
fn a_reader_that_is_open_already_meets_damage_as_an_error() {
    let (contents, model, _) = small_ledger();
    let whole = MemoryStorage::holding(contents.clone());
    let reader = read(&whole).expect("whole");
    for (name, bytes) in &contents {
        for at in 0..bytes.len() {
            let file = whole.open(name, false).expect("there");
            file.write_at(&[bytes[at] ^ 0x10], at as u64)
                .expect("memory");
            let mut cursor = reader.after(0);
            let mut count = 0;
            let failed = loop {
                match cursor.next_entry() {
                    Ok(Some(entry)) => {
                        assert_eq!(entry.record, model.records[count]);
                        count += 1;
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert!(
                matches!(failed, Some(LedgerError::Damaged { .. })),
                "{name}, byte {at}: {failed:?} after {count} entries"
            );
            file.write_at(&bytes[at..=at], at as u64).expect("memory");
        }
    }
}

#[test]
fn verify_goes_on_behind_a_fault_and_counts_what_is_left() {
    let (mut contents, model, _) = small_ledger();
    for bytes in contents.values_mut() {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }
    let found = verify(&MemoryStorage::holding(contents.clone())).expect("a ledger");
    assert_eq!(found.faults.len(), 3, "{:?}", found.faults);
    assert_eq!(found.entries, model.len() - 3);

    // A whole segment is gone.
    contents.remove("00000000000000000001.segment");
    let found = verify(&MemoryStorage::holding(contents)).expect("a ledger");
    assert_eq!(found.faults.len(), 3, "{:?}", found.faults);
    assert!(found.faults[0].what.contains("where 1 belongs"));
}

#[test]
fn verify_tells_of_any_byte_behind_the_last_frame() {
    let (contents, ..) = small_ledger();
    let last = contents.keys().last().expect("segments").clone();
    for (tail, faults) in [
        (vec![0; 5000], 0),
        (vec![7], 1),
        ([vec![0; 5000], vec![1]].concat(), 1),
    ] {
        let mut longer = contents.clone();
        longer.get_mut(&last).expect("there").extend(tail);
        let found = verify(&MemoryStorage::holding(longer)).expect("a ledger");
        assert_eq!(found.faults.len(), faults, "{:?}", found.faults);
    }
}

/// The body of the entry that begins at `offset`.
fn body_at(bytes: &[u8], offset: usize) -> Range<usize> {
    let length: [u8; 4] = bytes[offset..offset + 4].try_into().expect("4 bytes");
    let body = offset + FRAME_HEADER_BYTES;
    body..body + u32::from_le_bytes(length) as usize
}

/// Renews the checksum of the entry that begins at `offset`.
pub(crate) fn renew(bytes: &mut [u8], offset: usize) {
    let body = body_at(bytes, offset);
    let crc = crc32c::crc32c(&bytes[offset..offset + 4]);
    let crc = crc32c::crc32c_append(crc, &bytes[body.clone()]);
    bytes[offset + 4..body.start].copy_from_slice(&crc.to_le_bytes());
}

/// Where each entry begins.
pub(crate) fn offsets(bytes: &[u8]) -> Vec<usize> {
    let mut rest = bytes::Bytes::copy_from_slice(bytes);
    let mut offsets = Vec::new();
    while let Ok(Some((_, len))) = decode_frame(&rest) {
        offsets.push(bytes.len() - rest.len());
        rest = rest.slice(len..);
    }
    offsets
}

/// The entry that begins at `offset`.
pub(crate) fn entry_at(bytes: &[u8], offset: usize) -> Entry {
    let frame = Bytes::copy_from_slice(&bytes[offset..]);
    decode_frame(&frame).expect("sound").expect("whole").0
}

/// Rewrites the payload of the step that begins at `offset`, its last byte, under a checksum that holds.
pub(crate) fn forge(bytes: &mut [u8], offset: usize) {
    let (record, body) = (entry_at(bytes, offset).record, body_at(bytes, offset));
    let end = covered(&bytes[body.clone()], &record).end;
    bytes[body.start + end - 1] ^= 1;
    renew(bytes, offset);
}

/// The chain finds it where it hashes the payload, the line hash where it does not; and a restore cuts it off.
#[test]
fn a_payload_that_was_rewritten_is_found_although_its_checksum_holds() {
    for (format, what) in [(1, "the chain breaks"), (2, "the line hash does not hold")] {
        let (contents, model, _) = small_ledger_of(format);
        for (index, (name, bytes)) in contents.iter().enumerate() {
            let offsets = offsets(bytes).into_iter();
            let steps = offsets.map(|at| (at, entry_at(bytes, at)));
            let mut own = steps.filter(|(_, entry)| matches!(entry.record, Record::Outbound(_)));
            let (offset, entry) = own.nth(2).expect("several steps");
            let mut forged = contents.clone();
            forge(forged.get_mut(name).expect("there"), offset);
            let found = verify(&MemoryStorage::holding(forged.clone())).expect("a ledger");
            assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
            assert_eq!(found.faults[0].offset, offset as u64);
            assert!(found.faults[0].what.contains(what), "{:?}", found.faults);
            assert!(found.entries >= model.len() - 1);
            // An opening looks where it was last written; `verify` everywhere.
            let last = index + 1 == contents.len();
            let memory = MemoryStorage::holding(forged.clone());
            let storage: Arc<dyn Storage> = Arc::new(memory.clone());
            for opened in [
                read(&memory).map(drop),
                open(&storage, SEGMENT_BYTES).map(drop),
            ] {
                let told = match opened {
                    Ok(()) => None,
                    Err(LedgerError::Damaged {
                        file,
                        offset,
                        what: told,
                    }) => Some((file.ends_with(name), offset, told.contains(what))),
                    Err(other) => panic!("format {format}: {other}"),
                };
                let wanted = last.then_some((true, offset as u64, true));
                assert_eq!(told, wanted, "format {format}");
            }
            let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(forged));
            let restored = restore(&storage, Place::South, at(9_000)).expect("restored");
            assert_eq!(restored.entries + 1, entry.sequence, "it is cut there");
            assert_eq!(verify(&*storage).expect("a ledger").faults, []);
        }
    }
}

/// Whoever rewrites an entry can renew its checksum: the chain and the line hash together leave no bit out.
#[test]
fn every_flipped_bit_of_an_entry_is_found_under_a_checksum_that_holds() {
    for format in 1..=FORMAT_VERSION {
        let memory = begun_in(format);
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (mut ledger, ..) = open(&storage, u64::MAX).expect("it has just begun");
        let mut model = Model::of_format(format, Place::South);
        for count in [3, 1, 5, 4] {
            model.write(&mut ledger, count).expect("memory");
        }
        drop(ledger);
        let mut contents = memory.contents();
        contents.remove("head").expect("a head mark");
        let (name, bytes) = contents.pop_first().expect("one segment");
        for at in offsets(&bytes) {
            let body = body_at(&bytes, at);
            for bit in 0..body.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[body.start + bit / 8] ^= 1 << (bit % 8);
                renew(&mut flipped, at);
                let files = BTreeMap::from([(name.clone(), flipped)]);
                let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(files));
                let found = verify(&*storage).expect("a ledger");
                let what = format!("format {format}, byte {at}, bit {bit}: {found:?}");
                assert!(found.faults.len() + found.newer as usize > 0, "{what}");
                // An opening finds it, too: this is the segment last written to.
                assert!(open(&storage, u64::MAX).is_err(), "{what}");
            }
        }
    }
}

/// The first entry says in which format the ledger is. Behind its loss the others are checked all the same.
#[test]
fn behind_a_lost_opening_a_ledger_of_any_format_is_checked() {
    for format in 1..=FORMAT_VERSION {
        let (mut contents, model, _) = small_ledger_of(format);
        let (first, last) = {
            let mut names = contents.keys().cloned();
            (
                names.next().expect("several"),
                names.next_back().expect("several"),
            )
        };
        contents.get_mut(&first).expect("there")[FRAME_HEADER_BYTES + 3] ^= 1;
        let found = verify(&MemoryStorage::holding(contents.clone())).expect("a ledger");
        assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
        assert_eq!(found.entries, model.len() - 1);
        // A recording time, in the middle of the last segment.
        let bytes = contents.get_mut(&last).expect("there");
        let at = offsets(bytes)[4];
        bytes[at + FRAME_HEADER_BYTES + 6] ^= 1;
        renew(bytes, at);
        let found = verify(&MemoryStorage::holding(contents)).expect("a ledger");
        assert_eq!(found.faults.len(), 2, "{:?}", found.faults);
        assert!(found.faults[1].what.contains("the chain breaks"));
    }
}

#[test]
fn a_segment_of_another_ledger_does_not_fit() {
    let (contents, ..) = small_ledger();
    let other = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(other.clone());
    let opened = ledger::Ledger::open(
        Arc::clone(&storage),
        Place::South,
        crate::records::small_segments(SEGMENT_BYTES),
        crate::records::at(1),
        |_| {},
    );
    let mut model = Model::new(Place::South);
    let mut ledger = opened.expect("a new ledger").0;
    for count in [3, 1, 5, 2, 7, 1, 4, 3, 3] {
        model.write(&mut ledger, count).expect("nothing fails");
    }
    let names: Vec<&String> = contents.keys().collect();
    for name in &names[1..] {
        let mut mixed = contents.clone();
        mixed.insert((*name).clone(), other.contents()[*name].clone());
        let refused = read(&MemoryStorage::holding(mixed)).expect_err("another ledger's");
        match refused {
            LedgerError::Damaged {
                file, offset: 0, ..
            } => assert!(file.ends_with(name), "{name}: {}", file.display()),
            other => panic!("{name}: {other}"),
        }
    }
}

/// Frames and chain hold here: only what the entries say is wrong.
#[test]
fn verify_tells_what_no_office_would_have_written() {
    let mut records = Records::of(Place::South);
    let first = records.document(Place::South, 1);
    let second = records.document(Place::South, 2);
    let (Record::Outbound(parcel), north) = (&first, records.document(Place::North, 3)) else {
        panic!("South's own");
    };
    let mut rehashed = parcel.clone();
    rehashed.hash.0[0] ^= 1;
    let Record::Inbound(norths) = &north else {
        panic!("North's");
    };
    let opening = Record::Opening {
        format_version: 1,
        place: Place::South,
        epoch: 1,
    };
    for (record, what) in [
        (Record::Outbound(rehashed), "the line hash does not hold"),
        (
            second,
            "it holds offices/south/steps/2, where step 1 of south belongs",
        ),
        (
            Record::Outbound(norths.clone()),
            "it holds offices/north/steps/1, where step 1 of south belongs",
        ),
        (
            Record::Inbound(parcel.clone()),
            "it holds offices/south/steps/1, where step 1 of north belongs",
        ),
        (opening, "only the first entry begins a ledger"),
    ] {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
        ledger.append(at(1), &record);
        let batch = ledger.take_batch().expect("an entry");
        batch.commit().expect("memory");
        let found = verify(&*storage).expect("a ledger");
        let told: Vec<_> = found.faults.iter().map(|fault| &fault.what[..]).collect();
        assert_eq!(told, [format!("entry 2: {what}")]);
        assert_eq!((found.entries, found.outbound + found.inbound), (1, 0));
    }
}

#[test]
fn verify_counts_the_steps_of_each_office() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let mut records = Records::of(Place::South);
    for author in [Place::South, Place::North, Place::South, Place::South] {
        ledger.append(at(1), &records.document(author, 1));
    }
    let batch = ledger.take_batch().expect("entries");
    batch.commit().expect("memory");
    let found = verify(&*storage).expect("a ledger");
    assert_eq!(found.faults, []);
    assert_eq!((found.entries, found.outbound, found.inbound), (5, 3, 1));
}
