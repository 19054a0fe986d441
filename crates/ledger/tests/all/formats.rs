//! A ledger goes on in the format that it began with; a converted one is in the newest.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ledger::{
    CHAIN_START, Converted, DurablePoint, Entry, FORMAT_VERSION, FRAME_HEADER_BYTES, Ledger,
    LedgerError, LedgerOptions, MemoryStorage, Reader, Record, Snapshots, Storage, convert,
    decode_frame, encode_frame, read, reconcile, tally, verify,
};
use office::Place;
use sha2::{Digest as _, Sha256};

use crate::records::{Model, at, begun_in, covered, open, small_segments};

const FIRST: &str = "00000000000000000001.segment";
const SEGMENT_BYTES: u64 = 2_000;

fn model(entries: u64) -> Model {
    let mut model = Model::new(Place::South);
    for n in 1..entries {
        model.next(n);
    }
    model
}

/// The format before the newest.
const OLDER: u32 = FORMAT_VERSION - 1;
/// An older format than any that there is: no record is in it.
const EMPTY: u32 = 0;

/// A ledger of an older format, as its version would have left it.
fn older(format: u32, entries: u64) -> (MemoryStorage, Model) {
    let mut model = model(entries);
    model.records[0] = Record::Opening {
        format_version: format,
        place: Place::South,
        epoch: 1,
    };
    let (mut bytes, mut chain) = (BytesMut::new(), CHAIN_START);
    for (index, record) in model.records.iter().enumerate() {
        let sequence = index as u64 + 1;
        let durable = Some(DurablePoint {
            segment: 1,
            offset: bytes.len() as u64,
        });
        let recorded_at = at(sequence);
        chain = encode_frame(
            &mut bytes,
            format,
            sequence,
            recorded_at,
            record,
            durable,
            &chain,
        );
    }
    let files = BTreeMap::from([(FIRST.to_owned(), bytes.to_vec())]);
    (MemoryStorage::holding(files), model)
}

fn entries(reader: &Reader) -> Vec<Entry> {
    let mut cursor = reader.after(0);
    std::iter::from_fn(|| cursor.next_entry().expect("whole")).collect()
}

/// The ledger of the peer that holds the same steps.
fn mirrored(records: &[Record]) -> Reader {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let options = LedgerOptions::default();
    let opened = Ledger::open(Arc::clone(&storage), Place::North, options, at(0), |_| {});
    let (mut ledger, _) = opened.expect("a new ledger");
    for record in records {
        let seen = match record {
            Record::Outbound(parcel) => Record::Inbound(parcel.clone()),
            Record::Inbound(parcel) => Record::Outbound(parcel.clone()),
            _ => continue,
        };
        ledger.append(at(9_000), &seen);
    }
    let batch = ledger.take_batch().expect("there are entries");
    batch.commit().expect("memory");
    ledger.reader()
}

/// A ledger of each format, written to, and what its chain must be: computed here, from the bytes on disk.
#[test]
fn a_ledger_goes_on_in_the_chain_that_it_began_with() {
    for format in 1..=FORMAT_VERSION {
        let memory = begun_in(format);
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let mut model = Model::of_format(format, Place::South);
        for _ in 0..3 {
            // Opened again each time, the last time behind what it has itself written.
            let (mut ledger, ..) = open(&storage, u64::MAX).expect("its format is known");
            assert_eq!(ledger.format_version(), format);
            model.write(&mut ledger, 7).expect("memory");
        }
        assert_eq!(verify(&memory).expect("a ledger").faults, []);
        let (mut rest, mut chain) = (Bytes::from(memory.contents()[FIRST].clone()), CHAIN_START);
        for record in &model.records {
            let (entry, len) = decode_frame(&rest).expect("sound").expect("whole");
            let body = &rest[FRAME_HEADER_BYTES..len - 34];
            let left_out = match format {
                1 => 0..0,
                _ => covered(body, record),
            };
            let hashed = [&chain[..], &body[..left_out.start], &body[left_out.end..]].concat();
            chain = Sha256::digest(hashed).into();
            assert_eq!(
                entry.chain, chain,
                "format {format}, entry {}",
                entry.sequence
            );
            rest = rest.slice(len..);
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn a_converted_ledger_says_the_same_and_its_peer_agrees() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let mut model = Model::new(Place::South);
    {
        let (mut ledger, ..) = open(&storage, SEGMENT_BYTES).expect("a new ledger");
        for _ in 0..20 {
            model.write(&mut ledger, 4).expect("memory");
        }
    }
    let (before, into) = (read(&*storage).expect("whole"), MemoryStorage::default());
    let into: Arc<dyn Storage> = Arc::new(into);
    let converted = convert(&before, &into).expect("there is room");
    let said = Converted {
        entries: 81,
        from_format: FORMAT_VERSION,
        to_format: FORMAT_VERSION,
    };
    assert_eq!(converted, said);

    let found = verify(&*into).expect("a ledger");
    assert_eq!((found.entries, found.faults.as_slice()), (81, &[][..]));
    let after = read(&*into).expect("whole");
    for (old, new) in entries(&before).iter().zip(entries(&after)) {
        assert_eq!(
            (old.sequence, old.recorded_at, &old.record),
            (new.sequence, new.recorded_at, &new.record)
        );
    }
    assert_eq!(after.sequence(), before.sequence());
    assert_eq!(
        tally(&after).expect("whole"),
        tally(&before).expect("whole")
    );
    let peer = mirrored(&model.records);
    for reader in [&before, &after] {
        let found = reconcile(reader, &peer).expect("they can be read");
        assert!(found.agreed, "{:?}", found.differences);
    }
    // An office goes on with it.
    let (mut ledger, ..) = open(&into, SEGMENT_BYTES).expect("it is whole");
    model.write(&mut ledger, 3).expect("memory");
}

#[test]
fn a_ledger_of_an_older_format_is_read_and_converted() {
    let (storage, model) = older(OLDER, 30);
    let into: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let before = read(&storage).expect("older formats are read");
    let converted = convert(&before, &into).expect("there is room");
    assert_eq!(converted.entries, 30);
    assert_eq!(
        (converted.from_format, converted.to_format),
        (OLDER, FORMAT_VERSION)
    );
    let after = entries(&read(&*into).expect("whole"));
    assert!(matches!(
        after[0].record,
        Record::Opening {
            format_version: FORMAT_VERSION,
            place: Place::South,
            epoch: 1
        }
    ));
    for (old, new) in entries(&before).iter().zip(&after).skip(1) {
        assert_eq!(old.record, new.record);
        assert_ne!(old.chain, new.chain, "the chain is over the opening, too");
    }
    assert_eq!(after.len(), model.records.len());
    assert_eq!(verify(&*into).expect("a ledger").faults, []);
}

#[test]
fn nothing_is_converted_into_what_holds_a_ledger() {
    let (from, into) = (older(OLDER, 9).0, older(OLDER, 7).0);
    let before = into.contents();
    let storage: Arc<dyn Storage> = Arc::new(into.clone());
    let refused = convert(&read(&from).expect("whole"), &storage);
    assert!(matches!(refused, Err(LedgerError::Occupied { .. })));
    assert_eq!(into.contents(), before);
}

#[test]
fn a_ledger_never_gets_a_record_that_its_format_lacks() {
    for with_snapshot in [false, true] {
        let (memory, mut model) = older(EMPTY, 20);
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let mut restore = |_: &[u8]| true;
        let snapshots = Snapshots {
            fold_version: 1,
            restore: &mut restore,
        };
        if with_snapshot {
            let (ledger, ..) = open(&storage, u64::MAX).expect("older formats are opened");
            let writer = ledger.snapshot_writer();
            writer.write(1, 20, b"").expect("durable");
        }
        let options = small_segments(u64::MAX);
        let opened = Ledger::open_with(
            Arc::clone(&storage),
            Place::South,
            options,
            at(0),
            Some(snapshots),
            |_| {},
        );
        let (mut ledger, recovery) = opened.expect("older formats are opened");
        assert_eq!(recovery.entries, if with_snapshot { 0 } else { 20 });
        assert_eq!(ledger.format_version(), EMPTY);
        let segment = memory.contents()[FIRST].clone();
        let refused = model
            .write(&mut ledger, 3)
            .expect_err("its format lacks it");
        let told = refused.to_string();
        assert!(
            matches!(refused, LedgerError::FormatLacks { format, since, .. }
                if (format, since) == (EMPTY, 1)),
            "{told}"
        );
        assert!(told.contains("liaison ledger convert"), "{told}");
        assert_eq!(memory.contents()[FIRST], segment, "nothing was written");
    }
}
