//! Room for new ledgers: in a directory that is empty, or is emptied of what an earlier run left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{DiskStorage, Storage};

use crate::source;
use command::failure::Failure;

/// A ledger that is read, and where what is made of it goes.
pub(crate) struct Room {
    /// The ledger that is read.
    pub(crate) from: PathBuf,
    /// Where the new one lies.
    pub(crate) out: PathBuf,
    /// Its files.
    pub(crate) storage: Arc<dyn Storage>,
}

/// Room for each of the ledgers at `read`: at `out` for a ledger, at `out/south` and `out/north` for a pair.
pub(crate) fn rooms(read: &Path, out: &Path, force: bool) -> Result<Vec<Room>, Failure> {
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
pub(crate) fn room_at(out: &Path, force: bool, read: &Path) -> Result<(), Failure> {
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
pub(crate) fn create(directory: &Path) -> Result<Arc<dyn Storage>, Failure> {
    match DiskStorage::create(directory) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(error) => Err(Failure::Failed(format!(
            "failed to create {}: {error}; name another --out",
            directory.display()
        ))),
    }
}

/// Ledgers that are written beside those that they replace, and take their place once they are whole. What is not
/// settled is removed; what a run that was killed left of them goes with the next one.
pub struct Staged {
    out: PathBuf,
    force: bool,
    directory: PathBuf,
    /// Whether there was nothing at `out`.
    fresh: bool,
}

/// Where new ledgers are until they are whole: inside, so that they are on the same file system, and can be moved.
const STAGE: &str = ".new";

impl Staged {
    /// Begins ledgers for `out`. What is there stays until [`Self::settle`].
    pub fn begin(out: &Path, force: bool) -> Result<Self, Failure> {
        if !force {
            make_room(out, false)?;
        }
        let (fresh, directory) = (!out.exists(), out.join(STAGE));
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(|error| not_made(out, &error))?;
        }
        fs::create_dir_all(&directory).map_err(|error| not_made(out, &error))?;
        Ok(Self {
            out: out.to_owned(),
            force,
            directory,
            fresh,
        })
    }

    /// Where they are written until then.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Puts them in the place of what an earlier run left there.
    pub fn settle(mut self) -> Result<(), Failure> {
        self.fresh = false;
        make_room(&self.out, self.force)?;
        let moved = fs::read_dir(&self.directory).and_then(|mut names| {
            names.try_for_each(|name| {
                let name = name?;
                fs::rename(name.path(), self.out.join(name.file_name()))
            })
        });
        moved.map_err(|error| not_made(&self.out, &error))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What is left of it is removed by the next run.
        let _ = fs::remove_dir_all(&self.directory);
        if self.fresh {
            let _ = fs::remove_dir(&self.out);
        }
    }
}

fn not_made(out: &Path, error: &std::io::Error) -> Failure {
    let out = out.display();
    Failure::Failed(format!(
        "failed to write to {out}: {error}; name another --out"
    ))
}

/// Refuses a directory that is not empty, unless an earlier run may be replaced: then only what such a run writes
/// is removed.
pub fn make_room(out: &Path, force: bool) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::Failed(format!(
            "failed to make room at {}: {error}",
            path.display()
        ))
    };
    let names = match fs::read_dir(out) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(out, error)),
    };
    let names = names.flatten().map(|name| name.path());
    let names: Vec<PathBuf> = names.filter(|name| !name.ends_with(STAGE)).collect();
    if names.is_empty() {
        return Ok(());
    }
    if !force {
        return Err(Failure::Usage(format!(
            "{} is not empty; name another --out, or replace what is there with --force",
            out.display()
        )));
    }
    let is_pair = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("pair-"))
    };
    let pairs = names.into_iter().filter(is_pair);
    let directories = ["south", "north"].map(|place| out.join(place));
    for path in directories.into_iter().chain(pairs) {
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
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

    #[test]
    fn what_is_there_goes_when_the_new_is_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("out");
        let begin = |force| Staged::begin(&out, force);
        drop(begin(false).expect("there is room"));
        assert!(!out.exists(), "nothing was made");
        for (name, force) in [("one", false), ("two", true)] {
            let staged = begin(force).expect("there is room");
            fs::create_dir(staged.path().join("south")).expect("it is new");
            fs::write(staged.path().join("south").join(name), "").expect("there is room");
            assert_eq!(out.join("south/one").exists(), force);
            staged.settle().expect("they can be moved");
            assert!(out.join("south").join(name).exists() && !out.join(STAGE).exists());
        }
        assert!(!out.join("south/one").exists());
        assert!(begin(false).is_err());
        // What was killed leaves no more than this.
        let killed = directory.path().join("killed");
        fs::create_dir_all(killed.join(STAGE).join("south")).expect("it is new");
        Staged::begin(&killed, false).expect("it is as good as empty");
    }

    #[test]
    fn what_is_there_stays_unless_forced() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path();
        assert!(make_room(out, false).is_ok());
        assert!(make_room(&out.join("new"), false).is_ok());
        fs::create_dir(out.join("south")).expect("it is new");
        fs::write(out.join("notes.txt"), "mine").expect("it is ours");
        assert_eq!(
            make_room(out, false)
                .expect_err("it is not empty")
                .exit_code(),
            2
        );
        assert!(make_room(out, true).is_ok());
        assert!(!out.join("south").exists() && out.join("notes.txt").exists());
    }
}
