//! What goes to disk together, and in which order.
//!
//! A segment grows by what is written, so nothing need be trimmed before its successor exists. Preallocated, a
//! batch of 350 bytes was synced in 102 µs instead of 130, and larger ones as fast as before (ext4): too little
//! for tails of zeros.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::JournalError;
use crate::form::Form;
use crate::head::{Head, HeadMark};
use crate::index::{Index, Point, Segment};
use crate::segments::segment_name;
use crate::storage::{Storage, StorageFile};

/// Entries that go to disk together.
pub struct Batch<F: Form> {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) index: Index<F::Mark>,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) points: Vec<Point<F::Mark>>,
    /// Of every entry.
    pub(crate) recent: Vec<Point<F::Mark>>,
    pub(crate) first: u64,
    pub(crate) bytes: Bytes,
    /// What is durable when it is.
    pub(crate) head: Head,
    pub(crate) mark: Arc<HeadMark>,
    /// Why it must not be written.
    pub(crate) refused: Option<F::Error>,
    /// The segment will soon be full.
    pub(crate) prepares: bool,
}

impl<F: Form> std::fmt::Debug for Batch<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("first", &self.first)
            .field("through", &self.head.sequence)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl<F: Form> Batch<F> {
    /// Writes the batch, syncs it, and shows it to readers. Returns the highest sequence that is durable now.
    ///
    /// Each batch names its own place as the durable point before it. That is true only if nothing of it is
    /// written before the batch taken before it is synced, so any other order is refused. After an error every
    /// later batch is refused too: pages that failed to sync may look clean, and are never synced again.
    pub fn commit(mut self) -> Result<u64, F::Error> {
        let stopped = self.index.view(|durable| match &durable.failed {
            Some(reason) => Some(reason.clone()),
            None if durable.sequence + 1 != self.first => Some(format!(
                "a batch that begins with entry {} came where entry {} is next",
                self.first,
                durable.sequence + 1
            )),
            None => None,
        });
        if let Some(reason) = stopped {
            return Err(JournalError::Stopped { reason }.into());
        }
        let (index, through) = (self.index.clone(), self.head.sequence);
        let written = match self.refused.take() {
            Some(error) => Err(error),
            None => self.write().map_err(F::Error::from),
        };
        written.map(|()| through).inspect_err(|error| {
            index.update(|durable| durable.failed = Some(error.to_string()));
        })
    }

    fn write(self) -> Result<(), JournalError> {
        let name = segment_name(self.segment);
        let path = self.storage.path().join(&name);
        let io = |what| JournalError::io(what, path.clone());
        let known = self.segment_file();
        let created = known.is_none();
        let file = match known {
            Some(file) => file,
            None => self.storage.open(&name, true).map_err(io("create"))?,
        };
        file.write_at(&self.bytes, self.offset)
            .map_err(io("write"))?;
        file.sync_data().map_err(io("sync"))?;
        if created {
            self.storage
                .sync_directory()
                .map_err(JournalError::io("sync", self.storage.path()))?;
        }
        self.mark.advance(self.head)?;
        if self.prepares {
            // Without a handle now there may be one before it is needed.
            let _ = self.storage.prepare_segment();
        }
        self.index.update(|durable| {
            if created {
                if let Some(before) = durable.segments.last() {
                    before.file.rest();
                }
                durable.segments.push(Segment {
                    first: self.segment,
                    file,
                    path,
                    len: 0,
                    points: Vec::new(),
                });
            }
            let segment = durable
                .segments
                .last_mut()
                .expect("the segment written to is known");
            segment.len = self.offset + self.bytes.len() as u64;
            segment.points.extend(self.points);
            durable.remember(self.segment, self.recent);
            durable.sequence = self.head.sequence;
        });
        Ok(())
    }

    /// The file of the segment; `None` if this batch begins it.
    fn segment_file(&self) -> Option<Arc<dyn StorageFile>> {
        self.index.view(|durable| {
            let last = durable.segments.last()?;
            (last.first == self.segment).then(|| Arc::clone(&last.file))
        })
    }
}
