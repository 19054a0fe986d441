//! A directory on a disk.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::locked::locked;
use super::{Storage, StorageFile};

/// A directory on a disk. What is created in it is for its owner's eyes alone, and no symbolic link in it is followed.
#[derive(Debug)]
pub struct DiskStorage {
    directory: PathBuf,
    durable: bool,
    lock: Mutex<Option<fs::File>>,
    /// The directory itself, kept open: syncing it must not need a handle when there is none.
    opened: OnceLock<fs::File>,
    /// The file that is to be the next segment.
    spare: Mutex<Option<fs::File>>,
}

/// The name of a file that is to be the next segment.
const SPARE: &str = "segment.next";
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

impl DiskStorage {
    /// A directory, created if it is missing, where a sync is a sync.
    pub fn create(directory: impl AsRef<Path>) -> io::Result<Self> {
        create_directories(directory.as_ref())?;
        Ok(Self::existing(directory))
    }

    /// A directory that is there already.
    pub fn existing(directory: impl AsRef<Path>) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            durable: true,
            lock: Mutex::new(None),
            opened: OnceLock::new(),
            spare: Mutex::new(None),
        }
    }

    /// The same without syncs: for simulated time, where a power cut is simulated too.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.durable = false;
        self
    }

    fn file(&self, path: PathBuf, file: fs::File) -> Arc<dyn StorageFile> {
        Arc::new(DiskFile {
            path,
            open: RwLock::new(Some(Arc::new(file))),
            durable: self.durable,
        })
    }

    /// The spare file, named as a segment, if there is one and the name is free.
    fn take_spare(&self, name: &str, path: &Path) -> Option<fs::File> {
        let mut spare = locked(&self.spare);
        if !is_segment(name) || spare.is_none() || fs::symlink_metadata(path).is_ok() {
            return None;
        }
        fs::rename(self.directory.join(SPARE), path).ok()?;
        spare.take()
    }

    fn opened(&self) -> io::Result<&fs::File> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = fs::File::open(&self.directory)?;
        Ok(self.opened.get_or_init(|| opened))
    }
}

/// Creates what is missing of `directory`, each part for its owner alone, whatever the umask.
fn create_directories(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_directories(parent)?;
    }
    match fs::DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Ok(()) => fs::set_permissions(directory, fs::Permissions::from_mode(DIRECTORY_MODE)),
        // Somebody else was as quick.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

impl Storage for DiskStorage {
    fn path(&self) -> PathBuf {
        self.directory.clone()
    }

    fn lock(&self) -> io::Result<bool> {
        let mut held = locked(&self.lock);
        if held.is_some() {
            return Ok(true);
        }
        let file = create_file(&self.directory.join("lock"))?;
        match file.try_lock() {
            Ok(()) => {
                *held = Some(file);
                Ok(true)
            }
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        let path = self.directory.join(name);
        let file = if !create {
            open_file(&path)?
        } else if let Some(spare) = self.take_spare(name, &path) {
            spare
        } else {
            create_file(&path)?
        };
        Ok(self.file(path, file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn sync_directory(&self) -> io::Result<()> {
        if self.durable {
            self.opened()?.sync_all()
        } else {
            Ok(())
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.directory).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn prepare_segment(&self) -> io::Result<()> {
        let mut spare = locked(&self.spare);
        if spare.is_none() {
            let file = create_file(&self.directory.join(SPARE))?;
            // Left by a writer that ended before anything in it was acknowledged.
            file.set_len(0)?;
            *spare = Some(file);
        }
        Ok(())
    }
}

fn is_segment(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "segment")
}

/// Opens a file for its owner's eyes alone, and creates it if it is missing.
fn create_file(path: &Path) -> io::Result<fs::File> {
    let open = |fresh: bool| {
        fs::File::options()
            .read(true)
            .write(true)
            .create(!fresh)
            .create_new(fresh)
            .truncate(false)
            .mode(FILE_MODE)
            .custom_flags(NO_LINKS)
            .open(path)
    };
    match open(true) {
        Ok(file) => {
            // The umask may have taken more than others' bits.
            file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open(false).map_err(|error| refuse_link(path, error))
        }
        Err(error) => Err(error),
    }
}

const NO_LINKS: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

fn refuse_link(path: &Path, error: io::Error) -> io::Error {
    if path.is_symlink() {
        return io::Error::new(
            error.kind(),
            "it is a symbolic link, and a journal follows none; put the file itself there",
        );
    }
    error
}

fn open_file(path: &Path) -> io::Result<fs::File> {
    let open = |write: bool| {
        fs::File::options()
            .read(true)
            .write(write)
            .custom_flags(NO_LINKS)
            .open(path)
    };
    let opened = match open(true) {
        // A journal on a read-only medium can still be read.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            open(false)
        }
        other => other,
    };
    opened.map_err(|error| refuse_link(path, error))
}

/// A journal has any number of files, and a process only so many handles: those that rest have none.
#[derive(Debug)]
struct DiskFile {
    path: PathBuf,
    open: RwLock<Option<Arc<fs::File>>>,
    durable: bool,
}

impl DiskFile {
    fn file(&self) -> io::Result<Arc<fs::File>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*open {
            return Ok(Arc::clone(file));
        }
        drop(open);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*open {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_file(&self.path)?);
        *open = Some(Arc::clone(&file));
        Ok(file)
    }
}

impl StorageFile for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = self.file()?;
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file()?.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.durable {
            self.file()?.sync_data()
        } else {
            Ok(())
        }
    }

    fn rest(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
