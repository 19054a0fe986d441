//! Where another log can take the place of the file ledger later.
//!
//! The seam lies at entries and durable batches: what an existing replicated engine can give. An office itself
//! writes to a [`Ledger`], since it judges the next batch while the last one syncs; a log that takes its place
//! begins with [`crate::conformance`].

use bytes::BytesMut;
use jiff::Timestamp;
use office::Place;

use crate::entry::{CHAIN_START, Entry, FORMAT_VERSION, Record};
use crate::error::LedgerError;
use crate::frame::encode_frame;
use crate::journal::Ledger;

/// An append-only log of entries, begun with its opening. One writer.
pub trait Log {
    /// Appends records in order; returns the highest sequence once all of them are durable. After an error the log
    /// is opened again before anything is appended.
    fn append_durably(
        &mut self,
        recorded_at: Timestamp,
        records: &[Record],
    ) -> Result<u64, LedgerError>;

    /// The highest durable sequence.
    fn sequence(&self) -> u64;

    /// The entries after `sequence`, in order, at most `entries_max`.
    fn read_after(&self, sequence: u64, entries_max: usize) -> Result<Vec<Entry>, LedgerError>;
}

impl Log for Ledger {
    fn append_durably(
        &mut self,
        recorded_at: Timestamp,
        records: &[Record],
    ) -> Result<u64, LedgerError> {
        for record in records {
            self.append(recorded_at, record);
        }
        match self.take_batch() {
            Some(batch) => batch.commit(),
            None => Ok(self.reader().sequence()),
        }
    }

    fn sequence(&self) -> u64 {
        self.reader().sequence()
    }

    fn read_after(&self, sequence: u64, entries_max: usize) -> Result<Vec<Entry>, LedgerError> {
        let mut cursor = self.reader().after(sequence);
        let mut entries = Vec::new();
        while entries.len() < entries_max
            && let Some(entry) = cursor.next_entry()?
        {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// A log in memory: durable for as long as it lives.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    entries: Vec<Entry>,
}

impl MemoryLog {
    /// Begins the log of an office.
    pub fn begin(place: Place, now: Timestamp) -> Self {
        let mut log = Self {
            entries: Vec::new(),
        };
        let opening = Record::Opening {
            format_version: FORMAT_VERSION,
            place,
            epoch: 1,
        };
        log.push(now, opening);
        log
    }

    fn push(&mut self, recorded_at: Timestamp, record: Record) {
        let chain = self.entries.last().map_or(CHAIN_START, |last| last.chain);
        let sequence = self.sequence() + 1;
        let mut frame = BytesMut::new();
        let chain = encode_frame(&mut frame, sequence, recorded_at, &record, None, &chain);
        self.entries.push(Entry {
            sequence,
            recorded_at,
            record,
            durable: None,
            chain,
        });
    }
}

impl Log for MemoryLog {
    fn append_durably(
        &mut self,
        recorded_at: Timestamp,
        records: &[Record],
    ) -> Result<u64, LedgerError> {
        for record in records {
            self.push(recorded_at, record.clone());
        }
        Ok(self.sequence())
    }

    fn sequence(&self) -> u64 {
        self.entries.len() as u64
    }

    fn read_after(&self, sequence: u64, entries_max: usize) -> Result<Vec<Entry>, LedgerError> {
        let after = usize::try_from(sequence).unwrap_or(usize::MAX);
        let entries = self.entries.iter().skip(after).take(entries_max);
        Ok(entries.cloned().collect())
    }
}
