//! What a newer version wrote is told as that, never as damage, and is never cut off.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use ledger::{
    FORMAT_VERSION, FRAME_HEADER_BYTES, LedgerError, MemoryStorage, Record, Storage, encode_frame,
    read, restore, verify,
};
use office::Place;
use sha2::{Digest as _, Sha256};

use crate::flips::{offsets, renew};
use crate::records::{Model, at, covered, open};

const FIRST: &str = "00000000000000000001.segment";

/// A note that no version has yet.
const NOTE: [u8; 6] = [0x18, 3, 0x6a, 2, 0x08, 1];

/// A frame around fields that come after sequence 12 and a time, chained as a ledger chains.
fn frame(before: [u8; 32], sequence: u8, fields: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let mut body = vec![0x08, sequence, 0x12, 0x02, 0x08, 0x07];
    body.extend(fields);
    framed(before, body, 0..0)
}

/// A frame around a body that has no chain yet, and whose chain leaves something out.
fn framed(before: [u8; 32], mut body: Vec<u8>, left_out: Range<usize>) -> (Vec<u8>, [u8; 32]) {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(&body[..left_out.start]);
    hasher.update(&body[left_out.end..]);
    let chain: [u8; 32] = hasher.finalize().into();
    body.extend([0x7a, 32]);
    body.extend(chain);
    let mut frame = BytesMut::new();
    frame.put_u32_le(body.len() as u32);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&(body.len() as u32).to_le_bytes()), &body);
    frame.put_u32_le(crc);
    frame.put_slice(&body);
    (frame.to_vec(), chain)
}

/// The bytes of a ledger of eleven entries, the chain through it, and where its last entry begins.
fn eleven() -> (Vec<u8>, [u8; 32], usize) {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let mut model = Model::new(Place::South);
    model.write(&mut ledger, 9).expect("memory");
    let last = memory.contents()[FIRST].len();
    model.write(&mut ledger, 1).expect("memory");
    let entry = ledger.reader().get(11).expect("whole").expect("there");
    (memory.contents()[FIRST].clone(), entry.chain, last)
}

fn holding(bytes: Vec<u8>) -> MemoryStorage {
    MemoryStorage::holding(BTreeMap::from([(FIRST.to_owned(), bytes)]))
}

/// A ledger of eleven entries, then `fields` as the twelfth, and one more note that is known.
fn with(fields: &[u8]) -> MemoryStorage {
    let (mut bytes, chain, _) = eleven();
    let (newer, chain) = frame(chain, 12, fields);
    // Local, and this office's epoch is raised to 2: note 10.
    let raised = [0x18, 3, 0x52, 4, 0x08, 1, 0x10, 2];
    bytes.extend(newer);
    bytes.extend(frame(chain, 13, &raised).0);
    holding(bytes)
}

#[test]
fn what_a_newer_version_wrote_is_never_damage() {
    for (what, fields) in [
        ("a note", &NOTE[..]),
        ("a direction", &[0x18, 9]),
        ("a kind of step", &[0x18, 1, 0x20, 99, 0x2a, 1, 7]),
    ] {
        let memory = with(fields);
        let before = memory.contents();
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let opened = open(&storage, u64::MAX).map(drop).expect_err(what);
        let seen = read(&memory).map(drop).expect_err(what);
        let restored = restore(&storage, Place::South, at(1)).map(drop);
        for error in [opened, seen, restored.expect_err(what)] {
            assert!(matches!(error, LedgerError::NewerEntry { .. }), "{error}");
            let told = error.to_string();
            assert!(
                told.contains(what) && told.contains("newer version"),
                "{told}"
            );
        }
        assert_eq!(memory.contents(), before, "{what}: something was changed");
        let found = verify(&memory).expect("a ledger");
        assert_eq!((found.newer, found.entries), (1, 12), "{what}: {found:?}");
        assert_eq!(found.faults, [], "{what}");
    }
}

/// Nobody knows how a newer format chains: behind its first entry all would look like damage.
#[test]
fn a_ledger_that_began_in_a_newer_format_is_told_as_that_and_left_alone() {
    let format = FORMAT_VERSION + 1;
    // Local; this ledger begins, South's, epoch 1: note 8.
    let opening = [0x18, 3, 0x42, 6, 0x08, format as u8, 0x10, 1, 0x18, 1];
    let (mut bytes, _) = frame([0; 32], 1, &opening);
    let (others, ..) = eleven();
    bytes.extend(&others[offsets(&others)[1]..]);
    let memory = holding(bytes);
    let before = memory.contents();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    for told in [
        verify(&memory).map(drop),
        read(&memory).map(drop),
        open(&storage, u64::MAX).map(drop),
        restore(&storage, Place::South, at(1)).map(drop),
    ] {
        match told {
            Err(LedgerError::NewerFormat { found, known, .. }) => {
                assert_eq!((found, known), (format, FORMAT_VERSION));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(memory.contents(), before, "something was changed");
    }
    // Without a chain that holds it is an entry that somebody has rewritten.
    let mut contents = before;
    let bytes = contents.get_mut(FIRST).expect("there");
    let chain_end = offsets(bytes)[1] - 1;
    bytes[chain_end] ^= 1;
    renew(bytes, 0);
    let found = verify(&MemoryStorage::holding(contents)).expect("it is damaged");
    assert_eq!(found.faults[0].what, "the chain breaks at entry 1");
}

#[test]
fn a_newer_entry_that_does_not_follow_is_damage() {
    let memory = with(&NOTE);
    let mut contents = memory.contents();
    let bytes = contents.get_mut(FIRST).expect("there");
    // The entry before it says something else, under a checksum that holds.
    let at_entry = bytes.len() - 2;
    bytes[at_entry] ^= 1;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::holding(contents));
    assert_eq!(verify(&*storage).expect("a ledger").newer, 1);
    assert_eq!(verify(&*storage).expect("a ledger").faults.len(), 1);
}

#[test]
fn fields_that_a_newer_version_adds_to_an_entry_are_passed_over() {
    // This office's epoch, and a field 14 that nobody knows.
    let memory = with(&[0x18, 3, 0x52, 4, 0x08, 1, 0x10, 2, 0x70, 5]);
    assert_eq!(read(&memory).expect("known").sequence(), 13);
    assert_eq!(verify(&memory).expect("a ledger").faults, []);
}

/// A newer version added a field to a step: its bytes are in the chain, and its reader knows what to do with it.
#[test]
fn fields_that_a_newer_version_adds_to_a_step_are_passed_over() {
    let (mut bytes, chain, last) = eleven();
    let mut records = Model::new(Place::South);
    for n in 1..=11 {
        records.next(n);
    }
    let record = &records.records[11];
    let mut known = BytesMut::new();
    encode_frame(&mut known, FORMAT_VERSION, 12, at(12), record, None, &chain);
    let mut body = known[FRAME_HEADER_BYTES..known.len() - 34].to_vec();
    body.extend([0x72, 2, 0xc0, 0xde]);
    let covered = covered(&body, record);
    bytes.extend(framed(chain, body, covered).0);
    assert!(last < bytes.len());
    let memory = holding(bytes);
    let reader = read(&memory).expect("known");
    let entry = reader.get(12).expect("known").expect("there");
    assert_eq!(entry.record, *record);
    assert!(matches!(record, Record::Outbound(_) | Record::Inbound(_)));
    let found = verify(&memory).expect("a ledger");
    assert_eq!((found.entries, found.newer, found.faults.len()), (12, 0, 0));
}

/// Damage in front of it: what is whole behind that is not cut off with it.
#[test]
fn a_restore_does_not_cut_off_what_a_newer_version_wrote_behind_damage() {
    let mut contents = with(&NOTE).contents();
    contents.get_mut(FIRST).expect("there")[300] ^= 1;
    let memory = MemoryStorage::holding(contents.clone());
    let found = verify(&memory).expect("a ledger");
    assert_eq!((found.newer, found.faults.len()), (1, 1), "{found:?}");
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let refused = restore(&storage, Place::South, at(1)).expect_err("it would be cut off");
    assert!(
        matches!(refused, LedgerError::NewerEntry { .. }),
        "{refused}"
    );
    assert_eq!(memory.contents(), contents, "something was changed");
}

/// What a newer version wrote after a sync says that the sync was.
#[test]
fn a_fault_below_a_durable_point_that_a_newer_entry_names_is_no_torn_tail() {
    let (mut bytes, chain, last) = eleven();
    // Note 13, and the durable point: segment 1, and its own place.
    let at_newer = bytes.len();
    let [low, high] = [at_newer as u8 & 0x7f | 0x80, (at_newer >> 7) as u8];
    assert!(
        (0x80..0x4000).contains(&at_newer),
        "two bytes do for {at_newer}"
    );
    let fields = [&NOTE[..2], &[0x5a, 5, 0x08, 1, 0x10, low, high], &NOTE[2..]].concat();
    bytes.extend(frame(chain, 12, &fields).0);
    bytes[last + FRAME_HEADER_BYTES + 20] ^= 1;
    let memory = holding(bytes);
    let before = memory.contents();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let refused = open(&storage, u64::MAX).map(drop).expect_err("damaged");
    assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused}");
    assert_eq!(memory.contents(), before, "something was cut");
}

/// Its checksum holds, and its chain does not: nobody wrote it there, whatever it says.
#[test]
fn a_newer_entry_of_another_chain_is_damage_and_is_restored() {
    let (mut bytes, ..) = eleven();
    let whole = bytes.len();
    bytes.extend(frame([9; 32], 12, &NOTE).0);
    let memory = holding(bytes);
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let refused = open(&storage, u64::MAX).map(drop).expect_err("damaged");
    assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused}");
    let restored = restore(&storage, Place::South, at(1)).expect("it is damage");
    assert_eq!((restored.entries, restored.saved.len()), (11, 1));
    assert!(
        memory.contents()[FIRST].len() > whole,
        "the epoch was raised"
    );
}
