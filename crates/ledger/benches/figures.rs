//! Prints figures of the ledger, for documents of 340 bytes.
//!
//! `cargo bench -p ledger` times frames, folding and commits; `cargo bench -p ledger -- 10000000` writes a ledger of
//! so many entries to a temporary directory (474 bytes each), and times what reads it whole.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, reason = "figures are printed")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use ledger::{
    CHAIN_START, DiskStorage, FORMAT_VERSION, Ledger, LedgerOptions, MemoryStorage, Parcel, Record,
    SnapshotUse, Snapshots, Storage, count_entry, decode_frame, encode_frame, fold_entry, read,
    read_with, tally, verify,
};
use office::line::LineHash;
use office::{Content, Limits, Office, Place, RequestId, Step, StepId, StepKind};
use prost::Message;
use sha2::{Digest, Sha256};

const ROUNDS: u32 = 200;
const ROUND: u32 = 2_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let entries = std::env::args().find_map(|argument| argument.parse().ok());
    match entries {
        None => {
            frames();
            folding();
            appending()?;
            reading()?;
            commits()
        }
        Some(entries) => long_ledger(entries),
    }
}

/// Prints the best of many short rounds: what the work costs when nothing else runs.
fn best(what: &str, mut work: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..ROUND {
            work();
        }
        best = best.min(started.elapsed());
    }
    let nanoseconds = best.as_nanos() / u128::from(ROUND);
    println!("{what:<44} {nanoseconds:>6} ns");
}

fn now() -> Timestamp {
    Timestamp::from_second(1_536_883_200).expect("14 September 2018")
}

/// Documents of South and, every third, of North.
struct Documents {
    sequences: [u64; 2],
    hashes: [LineHash; 2],
    payload: Bytes,
}

impl Documents {
    fn new() -> Self {
        let document = protocol::pb::office::Document {
            subject: "Delegation list".to_owned(),
            body: vec![b'x'; 320].into(),
            ..Default::default()
        };
        Self {
            sequences: [0; 2],
            hashes: [LineHash::ZERO; 2],
            payload: document.encode_to_vec().into(),
        }
    }

    fn next(&mut self, n: u64) -> Record {
        let inbound = n.is_multiple_of(3);
        let (place, at) = if inbound {
            (Place::North, 1)
        } else {
            (Place::South, 0)
        };
        self.sequences[at] += 1;
        let step = Step {
            id: StepId::new(place, self.sequences[at]),
            parent: None,
            kind: StepKind::DocumentSent,
            authored_at: now(),
            content: Content::Plain,
        };
        let request_id = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let envelope = protocol::encode_envelope(&step, Some(RequestId(request_id.to_le_bytes())));
        self.hashes[at] = self.hashes[at].next(self.sequences[at], &envelope, &self.payload);
        let parcel = Parcel {
            kind: step.kind,
            envelope,
            payload: self.payload.clone(),
            hash: self.hashes[at],
        };
        if inbound {
            Record::Inbound(parcel)
        } else {
            Record::Outbound(parcel)
        }
    }
}

fn frames() {
    let record = Documents::new().next(1);
    let mut buffer = BytesMut::with_capacity(4 * 1024 * 1024);
    let mut chain = CHAIN_START;
    let mut sequence = 0;
    for format in 1..=FORMAT_VERSION {
        best(&format!("encode a frame of format {format}"), || {
            sequence += 1;
            if buffer.len() > 3 * 1024 * 1024 {
                buffer.clear();
            }
            chain = encode_frame(&mut buffer, format, sequence, now(), &record, None, &chain);
        });
    }
    buffer.clear();
    encode_frame(&mut buffer, 1, 1_000_000, now(), &record, None, &chain);
    let frame = buffer.freeze();
    let body = &frame[8..];
    best("  of it, in format 1, SHA-256 alone", || {
        let mut hasher = Sha256::new();
        hasher.update(chain);
        hasher.update(&body[..body.len() - 34]);
        chain = hasher.finalize().into();
    });
    best("  of it, CRC-32C alone", || {
        black_box(crc32c::crc32c(black_box(body)));
    });
    best("decode a frame, its checksum included", || {
        black_box(decode_frame(black_box(&frame)).expect("sound"));
    });
}

fn folding() {
    let mut documents = Documents::new();
    let records: Vec<Record> = (0..400_000).map(|n| documents.next(n)).collect();
    let mut office = Office::new(Place::South, Limits::default());
    let mut turn = records.iter();
    best("fold a document into an office", || {
        let record = turn.next().expect("one for each turn");
        black_box(fold_entry(&mut office, record));
    });
    let mut office = Office::new(Place::South, Limits::default());
    let mut turn = records.iter();
    best("fold a document, to count it only", || {
        let record = turn.next().expect("one for each turn");
        count_entry(&mut office, record);
    });
}

/// Prints what an entry costs that is appended and committed in memory: no disk is waited for.
fn appending() -> Result<(), Failure> {
    const ENTRIES: u64 = 8_000;
    let mut documents = Documents::new();
    let records: Vec<Record> = (1..ENTRIES).map(|n| documents.next(n)).collect();
    let mut best = Duration::MAX;
    for _ in 0..60 {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let options = LedgerOptions::default();
        let (mut ledger, _) = Ledger::open(storage, Place::South, options, now(), |_| {})?;
        let started = Instant::now();
        for records in records.chunks(100) {
            for record in records {
                ledger.append(now(), record);
            }
            ledger.take_batch().ok_or("an empty batch")?.commit()?;
        }
        best = best.min(started.elapsed());
    }
    let nanoseconds = best.as_nanos() / u128::from(ENTRIES);
    println!("{:<44} {nanoseconds:>6} ns", "append in memory, an entry");
    Ok(())
}

/// Prints the best of several passes over a ledger in memory, for each of its entries.
fn reading() -> Result<(), Failure> {
    const ENTRIES: u32 = 8_000;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let open = || {
        Ledger::open(
            Arc::clone(&storage),
            Place::South,
            LedgerOptions::default(),
            now(),
            |_| {},
        )
    };
    let (mut ledger, _) = open()?;
    let mut documents = Documents::new();
    for n in 1..u64::from(ENTRIES) {
        ledger.append(now(), &documents.next(n));
    }
    ledger.take_batch().ok_or("an empty batch")?.commit()?;
    let reader = ledger.reader();
    let pass = |what: &str, work: &dyn Fn() -> Result<(), Failure>| -> Result<(), Failure> {
        let mut best = Duration::MAX;
        for _ in 0..60 {
            let started = Instant::now();
            work()?;
            best = best.min(started.elapsed());
        }
        let nanoseconds = best.as_nanos() / u128::from(ENTRIES);
        println!("{what:<44} {nanoseconds:>6} ns");
        Ok(())
    };
    pass("read for the index, an entry", &|| {
        black_box(read(&*storage)?);
        Ok(())
    })?;
    pass("read by cursor, an entry", &|| {
        let mut cursor = reader.after(0);
        while let Some(entry) = cursor.next_entry()? {
            black_box(entry);
        }
        Ok(())
    })?;
    pass("read the steps of one office, an entry", &|| {
        let mut steps = reader.steps_of(Place::North, 0);
        while let Some(step) = steps.next_step()? {
            black_box(step);
        }
        Ok(())
    })?;
    pass("open, an entry", &|| {
        black_box(open()?);
        Ok(())
    })?;
    pass("verify, an entry", &|| {
        black_box(verify(&*storage)?);
        Ok(())
    })
}

fn commits() -> Result<(), Failure> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (mut ledger, _) = open(directory.path(), None, |_| {})?;
    let mut documents = Documents::new();
    for (batch, batches) in [(1, 2_000), (100, 1_000), (1_000, 200)] {
        let started = Instant::now();
        for _ in 0..batches {
            for n in 0..batch {
                ledger.append(now(), &documents.next(n));
            }
            ledger.take_batch().ok_or("an empty batch")?.commit()?;
        }
        let entries = f64::from(batches) * batch as f64;
        println!(
            "append and sync, batches of {batch:<5} {:>17.0} entries/s",
            entries / started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

fn open(
    directory: &Path,
    snapshots: Option<Snapshots<'_>>,
    fold: impl FnMut(&ledger::Entry),
) -> Result<(Ledger, SnapshotUse), Failure> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::create(directory)?);
    let options = LedgerOptions::default();
    let (ledger, recovery) =
        Ledger::open_with(storage, Place::South, options, now(), snapshots, fold)?;
    Ok((ledger, recovery.snapshot))
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let (started, before) = (Instant::now(), processor_seconds());
    let done = work()?;
    let (seconds, busy) = (
        started.elapsed().as_secs_f64(),
        processor_seconds() - before,
    );
    let resident = resident_mib();
    println!("{what:<44} {seconds:>7.2} s   processors {busy:>6.2} s   resident {resident} MiB");
    Ok(done)
}

/// What all threads have used, in user and kernel: the same whatever else runs.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Counted behind the program's name, in ticks of 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// What the process holds in memory now.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0_u64) / 1024
}

fn long_ledger(entries: u64) -> Result<(), Failure> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = directory.path();
    timed("write", || {
        let (mut ledger, _) = open(path, None, |_| {})?;
        let mut documents = Documents::new();
        for n in 1..entries {
            ledger.append(now(), &documents.next(n));
            if n.is_multiple_of(1_000) {
                ledger.take_batch().ok_or("an empty batch")?.commit()?;
            }
        }
        if let Some(batch) = ledger.take_batch() {
            batch.commit()?;
        }
        Ok(())
    })?;
    timed("open, nothing folded", || open(path, None, |_| {}))?;
    timed("open, folded into an office", || {
        let mut office = Office::new(Place::South, Limits::default());
        let (ledger, _) = open(path, None, |entry| {
            fold_entry(&mut office, &entry.record);
        })?;
        // As large as a window of a million mutations.
        let state = vec![1; 64 * 1024 * 1024];
        timed("  then a snapshot with 64 MiB of state", || {
            Ok(ledger.snapshot_writer().write(1, entries, &state)?)
        })
    })?;
    timed("open behind the snapshot", || {
        let snapshots = Snapshots {
            fold_version: 1,
            restore: &mut |_| true,
        };
        let (ledger, used) = open(path, Some(snapshots), |_| {})?;
        if used != (SnapshotUse::Taken { sequence: entries }) {
            return Err(format!("{used:?}").into());
        }
        Ok(ledger)
    })?;
    let storage = DiskStorage::existing(path);
    let reader = timed("read: the index", || Ok(read(&storage)?))?;
    timed("tally, from the entries", || Ok(tally(&reader)?))?;
    timed("read and count at once", || {
        let mut office = Office::new(Place::South, Limits::default());
        Ok(read_with(&storage, None, |entry| {
            count_entry(&mut office, &entry.record);
        })?)
    })?;
    let found = timed("verify", || Ok(verify(&storage)?))?;
    if !found.faults.is_empty() {
        return Err(format!("{:?}", found.faults).into());
    }
    Ok(())
}
