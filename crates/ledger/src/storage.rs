//! Where the bytes lie: a disk, memory, or a test's idea of a bad disk.

pub mod faulty;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A directory of files, as a ledger needs it.
pub trait Storage: Send + Sync + 'static {
    /// The directory, for messages.
    fn path(&self) -> PathBuf;
    /// Takes the directory for this process, for as long as this value lives; false if another has it. Taking
    /// again what is taken is no error.
    fn lock(&self) -> io::Result<bool>;
    /// The names of the files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file, and creates it if `create` and it is missing.
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>>;
    /// Renames a file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes created and renamed names durable.
    fn sync_directory(&self) -> io::Result<()>;
    /// Free bytes; `None` if that cannot be told.
    fn free_bytes(&self) -> Option<u64>;
}

/// One file.
pub trait StorageFile: Send + Sync + 'static {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads at `offset`; fewer bytes than asked for only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Lets go of what the system holds for it, until it is used again. What was written must be durable by now.
    fn rest(&self) {}
}

/// A directory on a disk.
#[derive(Debug)]
pub struct DiskStorage {
    directory: PathBuf,
    durable: bool,
    lock: Mutex<Option<fs::File>>,
}

impl DiskStorage {
    /// A directory, created if it is missing, where a sync is a sync.
    pub fn create(directory: impl AsRef<Path>) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self::existing(directory))
    }

    /// A directory that is there already.
    pub fn existing(directory: impl AsRef<Path>) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            durable: true,
            lock: Mutex::new(None),
        }
    }

    /// The same without syncs: for simulated time, where a power cut is simulated too.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.durable = false;
        self
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
        let file = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.directory.join("lock"))?;
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
        let file = open_file(&path, create)?;
        Ok(Arc::new(DiskFile {
            path,
            open: RwLock::new(Some(Arc::new(file))),
            durable: self.durable,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn sync_directory(&self) -> io::Result<()> {
        if self.durable {
            fs::File::open(&self.directory)?.sync_all()
        } else {
            Ok(())
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.directory).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn open_file(path: &Path, create: bool) -> io::Result<fs::File> {
    let opened = fs::File::options()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .open(path);
    match opened {
        // A ledger on a read-only medium can still be read.
        Err(error)
            if !create
                && matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
        {
            fs::File::open(path)
        }
        other => other,
    }
}

/// A ledger has any number of files, and a process only so many handles: those that rest have none.
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
        let file = Arc::new(open_file(&self.path, false)?);
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

/// A directory in memory. Clones share it, as two openings of one directory do.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    files: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
}

impl MemoryStorage {
    /// All files and their bytes.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        locked(&self.files)
            .iter()
            .map(|(name, file)| (name.clone(), locked(&file.bytes).clone()))
            .collect()
    }

    /// A directory with these files.
    pub fn holding(contents: BTreeMap<String, Vec<u8>>) -> Self {
        let files = contents
            .into_iter()
            .map(|(name, bytes)| {
                (
                    name,
                    Arc::new(MemoryFile {
                        bytes: Mutex::new(bytes),
                    }),
                )
            })
            .collect();
        Self {
            files: Arc::new(Mutex::new(files)),
        }
    }
}

impl Storage for MemoryStorage {
    fn path(&self) -> PathBuf {
        PathBuf::from("memory")
    }

    fn lock(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(locked(&self.files).keys().cloned().collect())
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        let mut files = locked(&self.files);
        if let Some(file) = files.get(name) {
            return Ok(file.clone());
        }
        if !create {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = locked(&self.files);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug, Default)]
struct MemoryFile {
    bytes: Mutex<Vec<u8>>,
}

impl StorageFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(locked(&self.bytes).len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = locked(&self.bytes);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, written: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = locked(&self.bytes);
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(written);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        locked(&self.bytes).resize(
            usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?,
            0,
        );
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A panic elsewhere cannot leave half a write under these locks: each guarded change is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
