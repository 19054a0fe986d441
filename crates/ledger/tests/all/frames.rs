//! Bytes from anywhere: no panic, nothing taken for an entry, nothing allocated beyond the bound.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use ledger::{
    BODY_BYTES_MAX, CHAIN_START, DurablePoint, Entry, FORMAT_VERSION, FRAME_HEADER_BYTES,
    LedgerError, MemoryStorage, Parcel, Record, Storage, StorageFile, decode_frame, encode_frame,
    fold_entry, read, tally, verify,
};
use office::line::LineHash;
use office::{Limits, Office, Place, StepKind};
use proptest::prelude::*;
use prost::Message;
use protocol::pb::ledger as pb;

use crate::records::{Model, Records, at, open};

const FIRST: &str = "00000000000000000001.segment";

fn frame(records: usize) -> Bytes {
    let mut buffer = BytesMut::new();
    let mut chain = CHAIN_START;
    let mut made = Records::of(Place::South);
    for n in 0..records as u64 {
        let durable = (n == 0).then_some(DurablePoint {
            segment: 1,
            offset: 0,
        });
        chain = encode_frame(
            &mut buffer,
            FORMAT_VERSION,
            n + 1,
            at(n),
            &made.nth(n),
            durable,
            &chain,
        );
    }
    buffer.freeze()
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_frame(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(Some((entry, len))) = decode_frame(&Bytes::from(bytes)) {
            prop_assert!(false, "{} bytes are entry {}", len, entry.sequence);
        }
    }

    #[test]
    fn a_body_of_arbitrary_bytes_is_never_a_panic(
        body in prop::collection::vec(any::<u8>(), 1..300),
        spliced in any::<prop::sample::Index>(),
    ) {
        // Under a checksum that holds, first alone, then in the middle of a body that is well-formed.
        let whole = frame(3);
        let mut middle = whole[FRAME_HEADER_BYTES..].to_vec();
        let at = spliced.index(middle.len());
        middle.splice(at..at, body.iter().copied());
        for body in [body, middle] {
            let length = u32::try_from(body.len()).expect("short").to_le_bytes();
            let crc = crc32c::crc32c_append(crc32c::crc32c(&length), &body);
            let frame = [&length[..], &crc.to_le_bytes(), &body].concat();
            let _ = decode_frame(&frame.into());
        }
    }

    #[test]
    fn a_step_is_written_and_read_as_prost_would(
        format in 1..=FORMAT_VERSION,
        sequence in any::<u64>(),
        seconds in -60_000_000_000..250_000_000_000_i64,
        nanos in -999_999_999..999_999_999_i32,
        kind in prop::sample::select(StepKind::ALL.to_vec()),
        own in any::<bool>(),
        envelope in prop::collection::vec(any::<u8>(), 0..200),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        durable in prop::option::of((any::<u64>(), any::<u64>())),
    ) {
        let recorded_at = jiff::Timestamp::new(seconds, nanos).expect("in range");
        let parcel = Parcel {
            kind,
            envelope: envelope.into(),
            payload: payload.into(),
            hash: LineHash([7; 32]),
        };
        let record = if own { Record::Outbound(parcel) } else { Record::Inbound(parcel) };
        let durable = durable.map(|(segment, offset)| DurablePoint { segment, offset });
        let mut buffer = BytesMut::new();
        let chain = encode_frame(&mut buffer, format, sequence, recorded_at, &record, durable, &[3; 32]);
        let body = buffer.clone().freeze().slice(FRAME_HEADER_BYTES..);
        let by_prost = pb::Entry::decode(body.clone()).expect("protobuf");
        prop_assert_eq!(by_prost.encode_to_vec(), &body[..]);
        let (entry, len) = decode_frame(&buffer.freeze()).expect("sound").expect("whole");
        prop_assert_eq!(len, FRAME_HEADER_BYTES + body.len());
        prop_assert_eq!(&Entry::from_pb(by_prost).expect("an entry"), &entry);
        prop_assert_eq!(entry, Entry { sequence, recorded_at, record, durable, chain });
    }

    #[test]
    fn a_segment_of_arbitrary_bytes_is_told_or_cut(
        kept in 0_usize..2_000,
        tail in prop::collection::vec(any::<u8>(), 0..2_000),
    ) {
        let whole = frame(12);
        let bytes = [&whole[..kept.min(whole.len())], &tail].concat();
        let memory = MemoryStorage::holding(BTreeMap::from([(FIRST.to_owned(), bytes)]));
        let _ = verify(&memory).expect("a report");
        let _ = read(&memory);
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let _ = open(&storage, 1_000);
    }
}

#[test]
fn zeros_are_no_frame() {
    for len in [0, 1, 8, 9, 4096] {
        let decoded = decode_frame(&Bytes::from(vec![0; len]));
        assert!(!matches!(decoded, Ok(Some(_))), "{len} zeros are a frame");
    }
}

#[test]
#[should_panic(expected = "the limit is")]
fn an_entry_that_no_reader_would_take_is_never_written() {
    let record = Records::of(Place::South).document(Place::South, BODY_BYTES_MAX);
    encode_frame(
        &mut BytesMut::new(),
        FORMAT_VERSION,
        1,
        at(0),
        &record,
        None,
        &CHAIN_START,
    );
}

/// Remembers the longest read.
#[derive(Clone)]
struct Watched {
    memory: MemoryStorage,
    longest: Arc<AtomicUsize>,
}

struct WatchedFile {
    file: Arc<dyn StorageFile>,
    longest: Arc<AtomicUsize>,
}

impl Storage for Watched {
    fn path(&self) -> PathBuf {
        self.memory.path()
    }
    fn lock(&self) -> io::Result<bool> {
        self.memory.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.memory.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(WatchedFile {
            file: self.memory.open(name, create)?,
            longest: Arc::clone(&self.longest),
        }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.memory.sync_directory()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

impl StorageFile for WatchedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.longest.fetch_max(buffer.len(), Ordering::Relaxed);
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.longest.fetch_max(bytes.len(), Ordering::Relaxed);
        self.file.write_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[test]
fn a_long_ledger_is_read_in_short_pieces() {
    let watched = Watched {
        memory: MemoryStorage::default(),
        longest: Arc::default(),
    };
    let storage: Arc<dyn Storage> = Arc::new(watched.clone());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let mut model = Model::new(Place::South);
    while model.len() < 24_000 {
        model.write(&mut ledger, 1_000).expect("memory");
    }
    let len = watched.memory.contents()[FIRST].len();
    // Long enough to be read ahead on a second thread.
    assert!(len > 5 * 1024 * 1024, "{len} bytes");
    let longest = |what: &str, run: &dyn Fn()| {
        watched.longest.store(0, Ordering::Relaxed);
        run();
        let bytes = watched.longest.load(Ordering::Relaxed);
        assert!(bytes <= 1024 * 1024, "{what} reads {bytes} bytes at once");
    };
    longest("verify", &|| {
        assert_eq!(verify(&watched).expect("whole").faults, []);
    });
    longest("open", &|| {
        let (_, entries, _) = open(&storage, u64::MAX).expect("whole");
        assert_eq!(entries.len() as u64, model.len());
        model.check_prefix(&entries).expect("what was written");
    });
    longest("a cursor", &|| {
        let mut cursor = read(&watched).expect("whole").after(0);
        while cursor.next_entry().expect("whole").is_some() {}
    });
    longest("the counts", &|| {
        let reader = read(&watched).expect("whole");
        let mut office = Office::new(Place::South, Limits::default());
        for record in &model.records {
            fold_entry(&mut office, record);
        }
        assert_eq!(tally(&reader).expect("whole"), office.exchanges().tally);
    });
    // A long torn tail whose first frame says that it is as long as a frame can be.
    let file = storage.open(FIRST, false).expect("there");
    let length = u32::try_from(BODY_BYTES_MAX)
        .expect("bounded")
        .to_le_bytes();
    file.write_at(&length, len as u64).expect("memory");
    file.write_at(&vec![8; 3 * 1024 * 1024], len as u64 + 4)
        .expect("memory");
    watched.longest.store(0, Ordering::Relaxed);
    let (_, entries, recovery) = open(&storage, u64::MAX).expect("a torn tail");
    assert_eq!(entries.len() as u64, model.len());
    assert!(recovery.torn.is_some());
    let longest = watched.longest.load(Ordering::Relaxed);
    assert!(longest <= BODY_BYTES_MAX + FRAME_HEADER_BYTES, "{longest}");
}

#[test]
fn a_length_is_refused_before_the_bytes_are_there() {
    for length in [0, BODY_BYTES_MAX as u32 + 1, u32::MAX] {
        let header = [length.to_le_bytes(), [0; 4]].concat();
        assert!(decode_frame(&header.into()).is_err(), "{length}");
    }
    let longest = [(BODY_BYTES_MAX as u32).to_le_bytes(), [0; 4]].concat();
    assert_eq!(decode_frame(&longest.into()), Ok(None));
}

#[test]
fn a_ledger_sent_as_a_document_does_not_turn_a_torn_tail_into_damage() {
    // A copy of this office's own ledger, longer than it is now, inside the batch that is torn.
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let mut model = Model::new(Place::South);
    for _ in 0..20 {
        model.write(&mut ledger, 2).expect("memory");
    }
    let copy = memory.contents()[FIRST].clone();

    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut ledger, ..) = open(&storage, u64::MAX).expect("a new ledger");
    let head = memory.contents()["head"].clone();
    let mut records = Records::of(Place::South);
    let payload = Bytes::from(copy);
    let step = records.step(Place::South, StepKind::DocumentSent, None, payload);
    ledger.append(at(1), &step);
    ledger.take_batch().expect("one").commit().expect("memory");
    let len = memory.contents()[FIRST].len() as u64;
    storage
        .open(FIRST, false)
        .expect("there")
        .set_len(len - 1)
        .expect("memory");
    // The batch was not synced when the power went: no mark names it.
    let mark = storage.open("head", false).expect("there");
    mark.set_len(0).expect("memory");
    mark.write_at(&head, 0).expect("memory");
    match open(&storage, u64::MAX) {
        Ok((_, entries, _)) => assert_eq!(entries.len(), 1),
        Err(error @ LedgerError::Damaged { .. }) => panic!("{error}"),
        Err(error) => panic!("{error}"),
    }
}
