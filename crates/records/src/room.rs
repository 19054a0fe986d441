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
    /// Where the new one will lie, once it is whole.
    pub(crate) out: PathBuf,
    /// Its files.
    pub(crate) storage: Arc<dyn Storage>,
}

/// Room for each of the ledgers at `read`: at `out` for a ledger, at `out/south` and `out/north` for a pair.
pub(crate) fn rooms(read: &Path, out: &Path, force: bool) -> Result<(Staged, Vec<Room>), Failure> {
    let ledgers = source::ledgers_in(read)?;
    let staged = Staged::apart(out, force, read)?;
    let each = ledgers.into_iter().map(|from| {
        let below = |out: &Path| match from.file_name() {
            Some(name) if from != read => out.join(name),
            _ => out.to_owned(),
        };
        let (out, storage) = (below(out), create(&below(staged.path()))?);
        Ok(Room { from, out, storage })
    });
    let each = each.collect::<Result<_, Failure>>()?;
    Ok((staged, each))
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
const STAGE: &str = ".liaison-new";
/// Where what they replace is until they are in its place.
const REPLACED: &str = ".liaison-old";

impl Staged {
    /// Begins ledgers for `out`. What is there stays until [`Self::settle`].
    pub fn begin(out: &Path, force: bool) -> Result<Self, Failure> {
        let begun = || {
            put_back(out)?;
            let directory = out.join(STAGE);
            if directory.exists() {
                fs::remove_dir_all(&directory)?;
            }
            Ok(directory)
        };
        let directory = begun().map_err(|error| not_made(out, &error))?;
        replaced(out, force)?;
        let fresh = !out.exists();
        create(&directory)?;
        Ok(Self {
            out: out.to_owned(),
            force,
            directory,
            fresh,
        })
    }

    /// The same for what is made of the ledgers at `read`, which must lie elsewhere.
    pub(crate) fn apart(out: &Path, force: bool, read: &Path) -> Result<Self, Failure> {
        let (ours, theirs) = (canonical(out), canonical(read));
        if ours.starts_with(&theirs) || theirs.starts_with(&ours) {
            return Err(Failure::Usage(format!(
                "{} is where {} is read from; name another --out",
                out.display(),
                read.display()
            )));
        }
        Self::begin(out, force)
    }

    /// Where they are written until then.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Puts them in the place of what an earlier run left there.
    pub fn settle(mut self) -> Result<(), Failure> {
        let replaced = replaced(&self.out, self.force)?;
        let settled = self.exchange(&replaced);
        if settled.is_err() {
            // The first failure is the one to tell; what cannot be put back now is, by the next run.
            let _ = put_back(&self.out);
        } else {
            self.fresh = false;
        }
        settled.map_err(|error| not_made(&self.out, &error))
    }

    /// Moving takes no time, whatever is moved: so there is hardly a moment in which neither lies there, and a run that
    /// is killed in it has both to be put back.
    fn exchange(&self, replaced: &[PathBuf]) -> std::io::Result<()> {
        if source::is_ledger(&self.out) {
            // The files of two ledgers in one directory would be told apart by nobody.
            let (out, old) = (canonical(&self.out), old_ledger(&self.out));
            fs::rename(&out, &old)?;
            fs::rename(old.join(STAGE), &out)?;
            return fs::remove_dir_all(&old);
        }
        let old = self.out.join(REPLACED);
        if !replaced.is_empty() {
            fs::create_dir(&old)?;
        }
        for path in replaced {
            fs::rename(path, old.join(path.file_name().unwrap_or_default()))?;
        }
        for name in fs::read_dir(&self.directory)? {
            let name = name?;
            fs::rename(name.path(), self.out.join(name.file_name()))?;
        }
        fs::remove_dir(&self.directory)?;
        if !replaced.is_empty() {
            fs::remove_dir_all(&old)?;
        }
        Ok(())
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

/// Where a ledger that is replaced is until the new one is in its place: beside it.
fn old_ledger(out: &Path) -> PathBuf {
    let out = canonical(out);
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(REPLACED);
    out.with_file_name(name)
}

/// Puts back what a run that ended in the midst of moving left at `out`: while the new ledgers' directory is there, they
/// were not all in their place.
fn put_back(out: &Path) -> std::io::Result<()> {
    let old = old_ledger(out);
    if !out.exists() && old.is_dir() {
        fs::rename(&old, out)?;
    } else if old.is_dir() && !old.join(STAGE).exists() {
        // The new one was moved out of it, into its place.
        fs::remove_dir_all(&old)?;
    }
    let old = out.join(REPLACED);
    if !old.is_dir() {
        return Ok(());
    }
    if out.join(STAGE).is_dir() {
        for name in fs::read_dir(&old)? {
            let (name, back) = name.map(|name| (name.path(), out.join(name.file_name())))?;
            if back.is_dir() {
                fs::remove_dir_all(&back)?;
            }
            fs::rename(name, back)?;
        }
    }
    fs::remove_dir_all(&old)
}

fn not_made(out: &Path, error: &std::io::Error) -> Failure {
    let out = out.display();
    Failure::Failed(format!(
        "failed to write to {out}: {error}; name another --out"
    ))
}

/// What a run replaces at `out`: what an earlier one wrote there, and nothing else. Refuses a directory that is not
/// empty, unless that may be replaced.
fn replaced(out: &Path, force: bool) -> Result<Vec<PathBuf>, Failure> {
    let names = match fs::read_dir(out) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(not_made(out, &error)),
    };
    let names = names.flatten().map(|name| name.path());
    let names = names.filter(|name| !name.ends_with(STAGE) && !name.ends_with(REPLACED));
    let mut names: Vec<PathBuf> = names.collect();
    if names.is_empty() {
        return Ok(names);
    }
    if !force {
        return Err(Failure::Usage(format!(
            "{} is not empty; name another --out, or replace what is there with --force",
            out.display()
        )));
    }
    names.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let is_ours = |name: &str| matches!(name, "south" | "north") || name.starts_with("pair-");
        path.is_dir() && name.is_some_and(is_ours)
    });
    Ok(names)
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
            let refused = Staged::apart(&out, true, &read);
            assert!(matches!(refused, Err(Failure::Usage(_))), "{out:?}");
        }
        assert!(pair.join("south").exists(), "nothing was removed");
        Staged::apart(&directory.path().join("other"), false, &pair).expect("there is room");
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
        assert!(Staged::begin(&out.join("new"), false).is_ok());
        fs::create_dir(out.join("south")).expect("it is new");
        fs::write(out.join("notes.txt"), "mine").expect("it is ours");
        let refused = Staged::begin(out, false).err();
        assert_eq!(refused.expect("it is not empty").exit_code(), 2);
        let staged = Staged::begin(out, true).expect("it may be replaced");
        assert!(out.join("south").exists());
        staged.settle().expect("they can be moved");
        let left = fs::read_dir(out).expect("it can be listed").count();
        assert!(left == 1 && out.join("notes.txt").exists());
    }

    #[test]
    fn a_ledger_goes_whole_and_its_like_comes_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("ledger");
        for name in [
            "00000000000000000001.segment",
            "00000000000000000002.segment",
        ] {
            let staged = Staged::begin(&out, true).expect("it may be replaced");
            fs::write(staged.path().join(name), "").expect("there is room");
            staged.settle().expect("it can be moved");
            let left: Vec<_> = fs::read_dir(&out).expect("it can be listed").collect();
            assert!(left.len() == 1 && out.join(name).exists(), "{left:?}");
        }
        fs::rename(&out, old_ledger(&out)).expect("it can be moved");
        drop(Staged::begin(&out, true).expect("it may be replaced"));
        assert!(
            source::is_ledger(&out),
            "what a run that was killed left is put back"
        );
        // Killed a moment later, it leaves the old one beside the new: the next run is not kept from its work by that.
        fs::create_dir(old_ledger(&out)).expect("it is new");
        fs::write(old_ledger(&out).join("old"), "").expect("there is room");
        let staged = Staged::begin(&out, true).expect("it may be replaced");
        assert!(!old_ledger(&out).exists());
        fs::write(staged.path().join("00000000000000000003.segment"), "").expect("there is room");
        staged.settle().expect("it can be moved");
        assert!(source::is_ledger(&out) && !old_ledger(&out).exists());
    }

    #[test]
    fn what_a_run_that_was_killed_while_it_moved_left_is_put_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path();
        for path in [".liaison-old/north", ".liaison-new/north", "south"] {
            fs::create_dir_all(out.join(path)).expect("it is new");
        }
        fs::write(out.join(".liaison-old/north/old"), "").expect("it is ours");
        drop(Staged::begin(out, true).expect("it may be replaced"));
        assert!(out.join("north/old").exists() && !out.join(REPLACED).exists());
    }
}
