//! What every journal must do, whatever its bytes lie on.

use std::sync::Arc;

use bytes::BytesMut;

use crate::error::JournalError;
use crate::form::{CHAIN_START, Form as _};
use crate::frame::encode_frame;
use crate::journal::{Journal, Options};
use crate::opening::Shorter;
use crate::plain::{Plain, PlainEntry};
use crate::reader::Reader;
use crate::storage::Storage;
use crate::verify::verify;

/// Small, so that the cases reach over several segments.
const SEGMENT_BYTES_MAX: u64 = 5_000;
const FIRST: &[u8] = b"a journal under test";

/// How a storage fails to hold a journal.
#[derive(Debug, thiserror::Error)]
pub enum Nonconformance {
    /// It refused what it must do.
    #[error("the journal failed to {what}: {source}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// Its reason.
        source: JournalError,
    },
    /// It did something else.
    #[error("the journal breaks a promise: {0}")]
    Broken(String),
}

/// Holds a storage to its promises, by a journal on it. `open` gives an empty one at its first call, and the same one at
/// every later call, after the journal before was dropped: as it is found when the process, or the machine, has ended.
pub fn conformance(mut open: impl FnMut() -> Arc<dyn Storage>) -> Result<(), Nonconformance> {
    let mut held = Held {
        contents: vec![FIRST.to_vec()],
    };
    let mut journal = held.open(open())?;
    held.check(&journal.reader())?;
    for sizes in [&[][..], &[0], &[1, 200, 3], &[70_000], &[5; 40]] {
        held.append(&mut journal, sizes)?;
        held.check(&journal.reader())?;
    }
    // What was durable stands when the journal is opened again, and the next entry follows it.
    for sizes in [&[9][..], &[1, 1]] {
        drop(journal);
        journal = held.open(open())?;
        held.check(&journal.reader())?;
        held.append(&mut journal, sizes)?;
        held.check(&journal.reader())?;
    }
    held.torn(journal, &mut open)
}

/// What the journal was given.
struct Held {
    contents: Vec<Vec<u8>>,
}

impl Held {
    fn open(&self, storage: Arc<dyn Storage>) -> Result<Journal<Plain>, Nonconformance> {
        let options = Options {
            segment_bytes_max: SEGMENT_BYTES_MAX,
        };
        let mut folded = Vec::new();
        let opened = Journal::open(
            storage,
            options,
            FIRST,
            None,
            Shorter::Refused,
            |_| Ok(()),
            |entry: &PlainEntry| folded.push(entry.bytes.to_vec()),
        );
        let (journal, _) = opened.map_err(failed("open"))?;
        if folded != self.contents {
            return broken(format!(
                "{} entries were durable; {} were read at the opening, or others",
                self.contents.len(),
                folded.len()
            ));
        }
        Ok(journal)
    }

    /// One batch: entries of these sizes, and one behind them.
    fn append(
        &mut self,
        journal: &mut Journal<Plain>,
        sizes: &[usize],
    ) -> Result<(), Nonconformance> {
        // Bytes that look like nothing.
        let filled = |size: &usize| vec![0xff; *size];
        let mut contents: Vec<Vec<u8>> = sizes.iter().map(filled).collect();
        if !contents.is_empty() {
            contents.push(format!("behind {} entries", self.contents.len()).into_bytes());
        }
        for content in &contents {
            journal.append(content);
        }
        let through = match journal.take_batch() {
            Some(batch) => batch.commit().map_err(failed("commit a batch"))?,
            None => journal.reader().sequence(),
        };
        self.contents.extend(contents);
        let found = journal.reader().sequence();
        if through != self.contents.len() as u64 || found != through {
            return broken(format!(
                "{} entries are durable; it says {through}, then {found}",
                self.contents.len()
            ));
        }
        Ok(())
    }

    fn check(&self, reader: &Reader<Plain>) -> Result<(), Nonconformance> {
        let count = self.contents.len();
        if reader.sequence() != count as u64 {
            return broken(format!(
                "{count} entries were appended, {} stand",
                reader.sequence()
            ));
        }
        let all = read_after(reader, 0, usize::MAX)?;
        let mut chain = CHAIN_START;
        for (index, content) in self.contents.iter().enumerate() {
            let sequence = index as u64 + 1;
            let Some(entry) = all.get(index) else {
                return broken(format!("entry {sequence} is missing"));
            };
            if (entry.link.sequence, &entry.bytes[..]) != (sequence, content) {
                return broken(format!("entry {sequence} is not what was appended"));
            }
            let mut frame = BytesMut::new();
            let durable = Plain::link(entry).durable;
            chain = encode_frame(&Plain, &mut frame, sequence, content, durable, &chain);
            if chain != entry.link.chain {
                return broken(format!("the chain breaks at entry {sequence}"));
            }
        }
        for after in (0..=count + 1).chain([usize::MAX]) {
            for entries_max in [0, 1, 3, usize::MAX] {
                let from = after.min(all.len());
                let until = from.saturating_add(entries_max).min(all.len());
                if read_after(reader, after as u64, entries_max)? != all[from..until] {
                    return broken(format!("{entries_max} entries after {after} are others"));
                }
            }
        }
        Ok(())
    }

    /// Bytes behind the last entry, as a torn batch leaves them, are cut and saved aside, and take nothing with them.
    fn torn(
        &mut self,
        journal: Journal<Plain>,
        open: &mut impl FnMut() -> Arc<dyn Storage>,
    ) -> Result<(), Nonconformance> {
        drop(journal);
        let storage = open();
        // Longer than what is written over it.
        let tail = b"what was never synced ".repeat(40);
        tear(&*storage, &tail).map_err(failed("tear the last segment"))?;
        drop(storage);
        let mut journal = self.open(open())?;
        self.check(&journal.reader())?;
        self.append(&mut journal, &[4])?;
        let storage = Arc::clone(journal.storage());
        drop(journal);
        let names = storage
            .list()
            .map_err(JournalError::io("list", storage.path()))
            .map_err(failed("list its files"))?;
        if !names.iter().any(|name| name.contains(".torn-at-")) {
            return broken("a torn tail was thrown away".to_owned());
        }
        let found = verify::<Plain>(&*storage, |_| Ok(())).map_err(failed("verify"))?;
        if (found.entries, found.faults.len()) != (self.contents.len() as u64, 0) {
            return broken(format!("it does not verify: {found:?}"));
        }
        Ok(())
    }
}

/// Puts `tail` behind the last segment's last frame.
fn tear(storage: &dyn Storage, tail: &[u8]) -> Result<(), JournalError> {
    let io = |what| JournalError::io(what, storage.path());
    let names = storage.list().map_err(io("list"))?;
    let segments = names.iter().filter(|name| name.ends_with(".segment"));
    let Some(last) = segments.max() else {
        return Err(io("find a segment in")(std::io::ErrorKind::NotFound.into()));
    };
    let file = storage.open(last, false).map_err(io("open"))?;
    let len = file.len().map_err(io("read"))?;
    file.write_at(tail, len).map_err(io("write"))?;
    file.sync_data().map_err(io("sync"))
}

fn read_after(
    reader: &Reader<Plain>,
    after: u64,
    entries_max: usize,
) -> Result<Vec<PlainEntry>, Nonconformance> {
    let mut cursor = reader.after(after);
    let mut entries = Vec::new();
    while entries.len() < entries_max
        && let Some(entry) = cursor.next_entry().map_err(failed("read entries"))?
    {
        entries.push(entry);
    }
    Ok(entries)
}

fn failed(what: &'static str) -> impl FnOnce(JournalError) -> Nonconformance {
    move |source| Nonconformance::Failed { what, source }
}

fn broken<T>(what: String) -> Result<T, Nonconformance> {
    Err(Nonconformance::Broken(what))
}
