//! Saves bytes aside before they are cut: nothing is thrown away.

use crate::error::JournalError;
use crate::storage::{Storage, StorageFile};

/// Copies of one piece that may lie side by side. Each tear at the same place makes another one.
const COPIES_MAX: u32 = 1_000;

/// Bytes copied at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// A copy while it is made. One that could not be finished, on a full disk, is made again under this name, so that
/// failed starts do not leave a file each.
const NAME_WHILE_WRITTEN: &str = "aside.new";

/// Copies what stands in `file` from `from` on into a file of its own, durably. Returns its name and length. A
/// copy that is there already, from a recovery that was interrupted, is taken as it is; other bytes under
/// the same name are left alone.
pub(crate) fn save_aside(
    storage: &dyn Storage,
    file: &dyn StorageFile,
    from: u64,
    stem: &str,
) -> Result<(String, u64), JournalError> {
    let io = |what, name: &str| JournalError::io(what, storage.path().join(name));
    let len = file.len().map_err(io("read", stem))?.saturating_sub(from);
    let names = storage
        .list()
        .map_err(JournalError::io("list", storage.path()))?;
    for name in names_for(stem) {
        let sync_directory = || {
            storage
                .sync_directory()
                .map_err(JournalError::io("sync", storage.path()))
        };
        if names.contains(&name) {
            let saved = storage.open(&name, false).map_err(io("open", &name))?;
            if !equal(file, from, &*saved, len).map_err(io("compare", &name))? {
                continue;
            }
            // It may have been renamed, and not reached the disk.
            saved.sync_data().map_err(io("sync", &name))?;
            sync_directory()?;
            return Ok((name, len));
        }
        let saved = storage
            .open(NAME_WHILE_WRITTEN, true)
            .map_err(io("create", NAME_WHILE_WRITTEN))?;
        saved
            .set_len(0)
            .map_err(io("truncate", NAME_WHILE_WRITTEN))?;
        copy_range(file, from, &*saved, 0, len).map_err(io("write", NAME_WHILE_WRITTEN))?;
        saved.sync_data().map_err(io("sync", NAME_WHILE_WRITTEN))?;
        storage
            .rename(NAME_WHILE_WRITTEN, &name)
            .map_err(io("rename", &name))?;
        sync_directory()?;
        return Ok((name, len));
    }
    Err(crowded(storage, stem))
}

/// The names that copies of one piece may have.
pub(crate) fn names_for(stem: &str) -> impl Iterator<Item = String> {
    (1..=COPIES_MAX).map(move |copy| match copy {
        1 => stem.to_owned(),
        _ => format!("{stem}-{copy}"),
    })
}

pub(crate) fn crowded(storage: &dyn Storage, stem: &str) -> JournalError {
    let why = format!("{COPIES_MAX} copies lie there already; move them away");
    JournalError::io("save aside", storage.path().join(stem))(std::io::Error::other(why))
}

/// Copies a range in pieces.
pub(crate) fn copy_range(
    from: &dyn StorageFile,
    from_offset: u64,
    to: &dyn StorageFile,
    to_offset: u64,
    len: u64,
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES.min(usize::try_from(len).unwrap_or(PIECE_BYTES))];
    let mut done = 0;
    while done < len {
        let wanted = piece
            .len()
            .min(usize::try_from(len - done).unwrap_or(usize::MAX));
        let count = from.read_at(&mut piece[..wanted], from_offset + done)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        to.write_at(&piece[..count], to_offset + done)?;
        done += count as u64;
    }
    Ok(())
}

fn equal(
    file: &dyn StorageFile,
    from: u64,
    saved: &dyn StorageFile,
    len: u64,
) -> std::io::Result<bool> {
    if saved.len()? != len {
        return Ok(false);
    }
    let size = PIECE_BYTES.min(usize::try_from(len).unwrap_or(PIECE_BYTES));
    let (mut ours, mut theirs) = (vec![0; size], vec![0; size]);
    let mut done = 0;
    while done < len {
        let wanted = size.min(usize::try_from(len - done).unwrap_or(usize::MAX));
        let count = file.read_at(&mut ours[..wanted], from + done)?;
        if count == 0
            || saved.read_at(&mut theirs[..count], done)? != count
            || ours[..count] != theirs[..count]
        {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}
