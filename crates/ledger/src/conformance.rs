//! What every log must do, whatever lies under it.

use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use office::line::{Acknowledgement, LineHash, Mark};
use office::{Content, Place, RequestId, Step, StepId, StepKind};

use crate::entry::{CHAIN_START, Entry, Parcel, Record};
use crate::error::LedgerError;
use crate::frame::encode_frame;
use crate::log::Log;

/// How a log fails to be one.
#[derive(Debug, thiserror::Error)]
pub enum Nonconformance {
    /// It refused what it must do.
    #[error("the log failed to {what}: {source}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// Its reason.
        source: LedgerError,
    },
    /// It did something else.
    #[error("the log breaks a promise: {0}")]
    Broken(String),
}

/// Holds a log to its promises. `open` begins South's log at its first call and opens the same one at every later
/// call, after the one before was dropped.
pub fn conformance<L: Log>(mut open: impl FnMut() -> L) -> Result<(), Nonconformance> {
    let mut log = open();
    let mut held = Held {
        records: Vec::new(),
        last: Mark::default(),
    };
    held.begins(&log)?;
    for sizes in [&[][..], &[0], &[1, 200, 3], &[70_000], &[5; 40]] {
        held.append(&mut log, sizes)?;
        held.check(&log)?;
    }
    // What was durable stands when the log is opened again, and the next entry follows it.
    for sizes in [&[9][..], &[1, 1]] {
        drop(log);
        log = open();
        held.check(&log)?;
        held.append(&mut log, sizes)?;
        held.check(&log)?;
    }
    Ok(())
}

/// What the log was given.
struct Held {
    records: Vec<(Timestamp, Record)>,
    last: Mark,
}

impl Held {
    fn begins(&mut self, log: &impl Log) -> Result<(), Nonconformance> {
        let entries = read(log, 0, usize::MAX)?;
        match &entries[..] {
            [
                Entry {
                    sequence: 1,
                    recorded_at,
                    record,
                    ..
                },
            ] if matches!(
                record,
                Record::Opening {
                    place: Place::South,
                    epoch: 1,
                    ..
                }
            ) =>
            {
                self.records.push((*recorded_at, record.clone()));
                Ok(())
            }
            _ => broken(format!("a new log holds its opening, not {entries:?}")),
        }
    }

    /// One batch: documents of these sizes, and a note.
    fn append(&mut self, log: &mut impl Log, sizes: &[usize]) -> Result<(), Nonconformance> {
        // A clock may be set back: times order nothing.
        let back = SignedDuration::from_secs(self.records.len() as i64);
        let recorded_at = Timestamp::UNIX_EPOCH - back;
        let mut records: Vec<Record> = sizes.iter().map(|size| self.document(*size)).collect();
        if !records.is_empty() {
            records.push(Record::AcknowledgementTaken(Acknowledgement {
                through: self.last,
                appended: 0,
            }));
        }
        let through = log
            .append_durably(recorded_at, &records)
            .map_err(|source| Nonconformance::Failed {
                what: "append a batch",
                source,
            })?;
        self.records
            .extend(records.into_iter().map(|record| (recorded_at, record)));
        if through != self.records.len() as u64 || log.sequence() != through {
            return broken(format!(
                "{} entries are durable; it says {through}, then {}",
                self.records.len(),
                log.sequence()
            ));
        }
        Ok(())
    }

    fn document(&mut self, size: usize) -> Record {
        let sequence = self.last.sequence + 1;
        let step = Step {
            id: StepId::new(Place::South, sequence),
            parent: None,
            kind: StepKind::DocumentSent,
            authored_at: Timestamp::UNIX_EPOCH,
            content: Content::Plain,
        };
        let request_id = RequestId(u128::from(sequence).to_be_bytes());
        let envelope = protocol::encode_envelope(&step, Some(request_id));
        // No protobuf: what a log holds are bytes as they came in.
        let payload = Bytes::from(vec![0xff; size]);
        let hash: LineHash = self.last.hash.next(sequence, &envelope, &payload);
        self.last = Mark { sequence, hash };
        Record::Outbound(Parcel {
            kind: step.kind,
            envelope,
            payload,
            hash,
        })
    }

    fn check(&self, log: &impl Log) -> Result<(), Nonconformance> {
        let count = self.records.len();
        if log.sequence() != count as u64 {
            return broken(format!(
                "{count} entries were appended, {} stand",
                log.sequence()
            ));
        }
        let all = read(log, 0, usize::MAX)?;
        let mut chain = CHAIN_START;
        for (index, (recorded_at, record)) in self.records.iter().enumerate() {
            let sequence = index as u64 + 1;
            let Some(entry) = all.get(index) else {
                return broken(format!("entry {sequence} is missing"));
            };
            let given = (sequence, recorded_at, record);
            if (entry.sequence, &entry.recorded_at, &entry.record) != given {
                return broken(format!("entry {sequence} is not what was appended"));
            }
            let mut frame = BytesMut::new();
            chain = encode_frame(
                &mut frame,
                sequence,
                *recorded_at,
                record,
                entry.durable,
                &chain,
            );
            if chain != entry.chain {
                return broken(format!("the chain breaks at entry {sequence}"));
            }
        }
        for after in (0..=count + 1).chain([usize::MAX]) {
            for entries_max in [0, 1, 3, usize::MAX] {
                let from = after.min(all.len());
                let until = from.saturating_add(entries_max).min(all.len());
                if read(log, after as u64, entries_max)? != all[from..until] {
                    return broken(format!("{entries_max} entries after {after} are others"));
                }
            }
        }
        Ok(())
    }
}

fn read(log: &impl Log, after: u64, entries_max: usize) -> Result<Vec<Entry>, Nonconformance> {
    log.read_after(after, entries_max)
        .map_err(|source| Nonconformance::Failed {
            what: "read entries",
            source,
        })
}

fn broken<T>(what: String) -> Result<T, Nonconformance> {
    Err(Nonconformance::Broken(what))
}
