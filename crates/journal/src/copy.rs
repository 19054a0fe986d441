//! Copies: the first entries of a journal, byte for byte, in a place of their own.

use std::sync::Arc;

use crate::aside::copy_range;
use crate::error::JournalError;
use crate::form::Form;
use crate::head;
use crate::reader::Reader;
use crate::segments::{segment_name, segments_in};
use crate::snapshot;
use crate::storage::{Storage, StorageFile};

/// Takes a storage for a new journal: it must hold none, nor what is left of one.
pub fn claim(into: &dyn Storage) -> Result<(), JournalError> {
    let directory = into.path();
    let locked = into.lock();
    if !locked.map_err(JournalError::io("lock", directory.clone()))? {
        return Err(JournalError::Locked { directory });
    }
    // A head mark or a snapshot alone says that there was one.
    let left = [head::NAME, snapshot::NAME];
    let names = into
        .list()
        .map_err(JournalError::io("list", directory.clone()))?;
    if !segments_in(into)?.is_empty()
        || left
            .iter()
            .any(|left| names.iter().any(|name| name == left))
    {
        return Err(JournalError::Occupied { directory });
    }
    Ok(())
}

/// Copies what stands up to entry `through`, also beside a writer, into a storage that was claimed.
pub fn copy<F: Form>(reader: &Reader<F>, through: u64, into: &dyn Storage) -> Result<(), F::Error> {
    let mut cursor = reader.after(through - 1);
    cursor.next_entry()?;
    let (last, end) = cursor.place();
    let segments: Vec<(u64, Arc<dyn StorageFile>, u64)> = reader.index.view(|durable| {
        let kept = durable.segments.iter().filter(|it| it.first <= last);
        kept.map(|it| (it.first, Arc::clone(&it.file), it.len))
            .collect()
    });
    for (first, file, len) in segments {
        let name = segment_name(first);
        let io = |what| JournalError::io(what, into.path().join(&name));
        let copied = into.open(&name, true).map_err(io("create"))?;
        let len = if first == last { end } else { len };
        copy_range(&*file, 0, &*copied, 0, len).map_err(io("copy into"))?;
        copied.sync_data().map_err(io("sync"))?;
        copied.rest();
    }
    into.sync_directory()
        .map_err(JournalError::io("sync", into.path()))?;
    Ok(())
}
