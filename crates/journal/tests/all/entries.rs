//! Entries for journals under test: bytes of many lengths.

use std::sync::Arc;

use journal::{
    Journal, JournalError, Options, Plain, PlainEntry, Reader, Recovery, Shorter, Storage,
};

/// What every journal here begins with.
pub(crate) const FIRST: &[u8] = b"a journal under test";

/// Opens a journal whose segments are as long, and gives what it holds.
pub(crate) fn open(
    storage: &Arc<dyn Storage>,
    segment_bytes_max: u64,
) -> Result<(Journal<Plain>, Vec<PlainEntry>, Recovery), JournalError> {
    let mut entries = Vec::new();
    let (journal, recovery) = Journal::open(
        Arc::clone(storage),
        Options { segment_bytes_max },
        FIRST,
        None,
        Shorter::Refused,
        |_| Ok(()),
        |entry: &PlainEntry| entries.push(entry.clone()),
    )?;
    Ok((journal, entries, recovery))
}

/// Opens a journal for reading.
pub(crate) fn read(storage: &dyn Storage) -> Result<Reader<Plain>, JournalError> {
    journal::read(storage, None, |_| Ok(()), |_| {}).map(|(reader, ..)| reader)
}

/// What a verification finds wrong, and how many entries hold.
pub(crate) fn verify(storage: &dyn Storage) -> Result<journal::Verification, JournalError> {
    journal::verify::<Plain>(storage, |_| Ok(()))
}

/// What a journal should hold.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) contents: Vec<Vec<u8>>,
}

impl Model {
    /// A journal that has just begun.
    pub(crate) fn new() -> Self {
        Self {
            contents: vec![FIRST.to_vec()],
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.contents.len() as u64
    }

    /// Forgets what was not kept.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.contents.truncate(len.max(1));
    }

    /// Makes the next entry; many are short, some empty, some longer than a sector.
    pub(crate) fn next(&mut self) -> &[u8] {
        let n = self.contents.len();
        let len = match n % 11 {
            5 => 0,
            9 => n * 37 % 2_000,
            _ => 130 + n * 13 % 90,
        };
        let content = (0..len).map(|at| (n * 31 + at * 7) as u8).collect();
        self.contents.push(content);
        self.contents.last().expect("it was pushed")
    }

    /// Appends and commits `count` entries.
    pub(crate) fn write(
        &mut self,
        journal: &mut Journal<Plain>,
        count: u64,
    ) -> Result<u64, JournalError> {
        for _ in 0..count {
            let sequence = self.len() + 1;
            assert_eq!(journal.append(self.next()), sequence);
        }
        journal.take_batch().expect("there are entries").commit()
    }

    /// Checks that `entries` are the first of this model, gapless and in order.
    pub(crate) fn check_prefix(&self, entries: &[PlainEntry]) -> Result<(), String> {
        if entries.len() > self.contents.len() {
            return Err(format!(
                "{} entries of {} written",
                entries.len(),
                self.contents.len()
            ));
        }
        for (index, entry) in entries.iter().enumerate() {
            let known = (index as u64 + 1, &self.contents[index][..]);
            if (entry.link.sequence, &entry.bytes[..]) != known {
                return Err(format!(
                    "entry {} stands at place {}, or is not what was written",
                    entry.link.sequence,
                    index + 1
                ));
            }
        }
        Ok(())
    }
}
