//! The files of a journal, by name.

use crate::error::JournalError;
use crate::storage::Storage;

/// A segment is named by its first sequence.
pub fn segment_name(first: u64) -> String {
    format!("{first:020}.segment")
}

/// The first sequences of all segments, in order.
pub(crate) fn segments_in(storage: &dyn Storage) -> Result<Vec<u64>, JournalError> {
    let names = storage
        .list()
        .map_err(JournalError::io("list", storage.path()))?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| {
            let first = name.strip_suffix(".segment")?.parse().ok()?;
            // `1.segment` or `+1.segment` is somebody else's file.
            (segment_name(first) == *name).then_some(first)
        })
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}
