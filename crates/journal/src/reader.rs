//! Reading: by cursor, by sequence, by what is counted. Constant memory, and only what is durable.

use std::path::PathBuf;

use crate::ahead::fold_behind;
use crate::cursor::Cursor;
use crate::form::Form;
use crate::index::{Index, Start};

/// Reads a journal. Cheap to clone; safe beside the writer.
pub struct Reader<F: Form> {
    pub(crate) index: Index<F::Mark>,
}

impl<F: Form> Clone for Reader<F> {
    fn clone(&self) -> Self {
        Self {
            index: self.index.clone(),
        }
    }
}

impl<F: Form> std::fmt::Debug for Reader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("sequence", &self.sequence())
            .finish_non_exhaustive()
    }
}

impl<F: Form> Reader<F> {
    /// The highest sequence that can be read.
    pub fn sequence(&self) -> u64 {
        self.index.view(|durable| durable.sequence)
    }

    /// The directory, for messages.
    pub fn directory(&self) -> PathBuf {
        let parent = |path: &PathBuf| path.parent().map(PathBuf::from);
        self.index
            .view(|durable| durable.segments.first().and_then(|it| parent(&it.path)))
            .unwrap_or_default()
    }

    /// Its length on disk, in bytes.
    pub fn bytes(&self) -> u64 {
        self.index
            .view(|durable| durable.segments.iter().map(|segment| segment.len).sum())
    }

    /// A cursor over the entries after `sequence`.
    pub fn after(&self, sequence: u64) -> Cursor<F> {
        let start = self
            .index
            .start(|point| point.sequence <= sequence.saturating_add(1));
        Cursor::new(self.index.clone(), start, sequence)
    }

    /// A cursor that begins at the last place in the index that `wanted` takes, by what was counted before it; `wanted`
    /// holds up to some place, and no further. Also gives what was counted before the cursor's first entry.
    pub fn where_counted(&self, wanted: impl Fn(&F::Mark) -> bool) -> (Cursor<F>, F::Mark) {
        let start = self.index.start(|point| wanted(&point.before));
        (self.cursor(start), start.point.before)
    }

    /// A cursor that begins at the last index point before `sequence`, or at it; and what was counted before.
    pub(crate) fn at(&self, sequence: u64) -> (Cursor<F>, F::Mark) {
        let start = self.index.start(|point| point.sequence <= sequence);
        (self.cursor(start), start.point.before)
    }

    fn cursor(&self, start: Start<F::Mark>) -> Cursor<F> {
        Cursor::new(self.index.clone(), start, 0)
    }

    /// The entry with this sequence.
    pub fn get(&self, sequence: u64) -> Result<Option<F::Entry>, F::Error> {
        if sequence == 0 || sequence > self.sequence() {
            return Ok(None);
        }
        self.after(sequence - 1).next_entry()
    }

    /// Gives every entry to `each`, in order; a long journal is read ahead on a second thread.
    pub fn for_each(&self, mut each: impl FnMut(F::Entry)) -> Result<(), F::Error> {
        let mut cursor = self.after(0);
        fold_behind(self.bytes(), F::kept_bytes, &mut each, move |found| {
            while let Some(entry) = cursor.next_entry()? {
                found(entry);
            }
            Ok(())
        })
    }
}
