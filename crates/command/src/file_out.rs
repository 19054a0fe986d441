//! Files that are written whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a file is called until it is whole, behind the name of the one that it replaces.
const UNFINISHED: &str = ".liaison-new";

/// A file that is written whole or not at all: with `force`, what is at `path` stays until [`FileOut::settle`]; and what is not
/// settled is removed.
#[derive(Debug)]
pub struct FileOut {
    path: PathBuf,
    /// What was made for it; `None` of a pipe or a device, and once it is settled.
    made: Option<PathBuf>,
}

impl FileOut {
    /// Begins a file; gives what to write to.
    pub fn begin(path: &Path, force: bool) -> io::Result<(Self, fs::File)> {
        // A pipe or a device is written as it is; a link goes on to lead where it led.
        let found = fs::canonicalize(path).ok().filter(|_| force);
        let Some(found) = found else {
            let file = fs::File::create_new(path)?;
            let path = path.to_owned();
            let made = Some(path.clone());
            return Ok((Self { path, made }, file));
        };
        if !found.is_file() {
            let file = fs::File::options().write(true).open(&found)?;
            let (path, made) = (found, None);
            return Ok((Self { path, made }, file));
        }
        let mut name = found.file_name().unwrap_or_default().to_owned();
        name.push(UNFINISHED);
        let beside = found.with_file_name(name);
        // What a run that was killed left is in the way.
        let _ = fs::remove_file(&beside);
        let file = fs::File::create_new(&beside)?;
        let permissions = fs::metadata(&found)?.permissions();
        let out = Self {
            path: found,
            made: Some(beside),
        };
        file.set_permissions(permissions)?;
        Ok((out, file))
    }

    /// Writes `text`, and puts it in its place.
    pub fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
        let (out, mut file) = Self::begin(path, force)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        out.settle()
    }

    /// Puts it in the place of what was there.
    pub fn settle(mut self) -> io::Result<()> {
        match self.made.take() {
            Some(made) if made != self.path => fs::rename(made, &self.path),
            _ => Ok(()),
        }
    }
}

impl Drop for FileOut {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // Nothing is left to do if that fails.
            let _ = fs::remove_file(made);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let write = |text: &str, force| {
            let (out, mut file) = FileOut::begin(&path, force).expect("there is room");
            file.write_all(text.as_bytes()).expect("there is room");
            out
        };
        for force in [false, true] {
            drop(write("half", force));
            assert!(!path.exists(), "what was not settled is removed");
        }
        write("old", false).settle().expect("it is in its place");
        assert!(FileOut::begin(&path, false).is_err());
        let read = || fs::read_to_string(&path).expect("it is ours");
        drop(write("half", true));
        assert_eq!(read(), "old");
        // What a run that was killed left.
        fs::write(directory.path().join("file.liaison-new"), "longer than new")
            .expect("it is ours");
        FileOut::write(&path, "new", true).expect("it can be moved");
        assert_eq!(read(), "new");
        let left = fs::read_dir(directory.path()).expect("it can be listed");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn a_link_leads_where_it_led_and_a_device_is_written_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&path, "old").expect("it is ours");
        std::os::unix::fs::symlink(&path, &link).expect("it is new");
        FileOut::write(&link, "new", true).expect("it is replaced");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).expect("it is ours"), "new");
        FileOut::write(Path::new("/dev/null"), "nothing", true).expect("it takes all");
        assert!(Path::new("/dev/null").exists());
    }
}
