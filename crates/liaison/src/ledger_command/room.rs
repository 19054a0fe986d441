//! Room for ledgers that are made of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{DiskStorage, Storage};

use crate::failure::Failure;
use crate::simulate::make_room;
use crate::source;

/// A ledger that is read, and where what is made of it goes.
pub(super) struct Room {
    pub(super) from: PathBuf,
    pub(super) out: PathBuf,
    pub(super) storage: Arc<dyn Storage>,
}

/// Room for each of the ledgers at `read`: at `out` for a ledger, at `out/south` and `out/north` for a pair.
pub(super) fn rooms(read: &Path, out: &Path, force: bool) -> Result<Vec<Room>, Failure> {
    let ledgers = source::ledgers_in(read)?;
    room_at(out, force, read)?;
    let each = ledgers.into_iter().map(|from| {
        let out = if from == read {
            out.to_owned()
        } else {
            out.join(from.file_name().unwrap_or_default())
        };
        let storage = create(&out)?;
        Ok(Room { from, out, storage })
    });
    each.collect()
}

/// Sees to it that `out` can take ledgers: it is empty, or with `force` what an earlier run left there goes. The
/// ledgers that are read must lie elsewhere.
pub(super) fn room_at(out: &Path, force: bool, read: &Path) -> Result<(), Failure> {
    let (ours, theirs) = (canonical(out), canonical(read));
    if ours.starts_with(&theirs) || theirs.starts_with(&ours) {
        return Err(Failure::Usage(format!(
            "{} is where {} is read from; name another --out",
            out.display(),
            read.display()
        )));
    }
    make_room(out, force)?;
    if source::is_ledger(out) {
        fs::remove_dir_all(out).map_err(|error| {
            Failure::Failed(format!("failed to make room at {}: {error}", out.display()))
        })?;
    }
    Ok(())
}

/// A directory for a ledger.
pub(super) fn create(directory: &Path) -> Result<Arc<dyn Storage>, Failure> {
    match DiskStorage::create(directory) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(error) => Err(Failure::Failed(format!(
            "failed to create {}: {error}; name another --out",
            directory.display()
        ))),
    }
}

/// The path without links, as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for base in path.ancestors() {
        if let (Ok(found), Ok(rest)) = (fs::canonicalize(base), path.strip_prefix(base)) {
            return found.join(rest);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_it_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let pair = directory.path().join("pair");
        fs::create_dir_all(pair.join("south")).expect("it is new");
        for (out, read) in [
            (pair.clone(), pair.clone()),
            (pair.join("south"), pair.clone()),
            (pair.clone(), pair.join("south")),
            (pair.join("cut"), pair.clone()),
            (pair.join("../pair"), pair.clone()),
        ] {
            let refused = room_at(&out, true, &read);
            assert!(matches!(refused, Err(Failure::Usage(_))), "{out:?}");
        }
        assert!(pair.join("south").exists(), "nothing was removed");
        room_at(&directory.path().join("other"), false, &pair).expect("there is room");
    }
}
