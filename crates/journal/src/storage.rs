//! Where the bytes lie: a disk, memory, or a test's idea of a bad disk.
//!
//! This is where a batch becomes durable ([`StorageFile::sync_data`]) and is read back at an opening, so whatever else may
//! hold a journal stands behind these two traits, and passes [`crate::conformance`].

mod disk;
pub mod faulty;
mod locked;
mod memory;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use disk::DiskStorage;
pub use memory::MemoryStorage;

/// A directory of files, as a journal needs it.
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
    /// Makes ready what the next segment will need, so that creating it needs nothing of the system. A failure costs
    /// nothing yet.
    fn prepare_segment(&self) -> io::Result<()> {
        Ok(())
    }
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
