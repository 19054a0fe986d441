//! Every storage passes the one conformance suite; one that breaks a promise does not.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use journal::faulty::{FaultyStorage, Operation, Unsynced};
use journal::{DiskStorage, MemoryStorage, Storage, StorageFile, conformance};

#[test]
fn memory_and_disk_hold_a_journal() {
    let memory = MemoryStorage::default();
    conformance(|| Arc::new(memory.clone())).expect("in memory");
    let directory = tempfile::tempdir().expect("a directory");
    conformance(|| Arc::new(DiskStorage::create(directory.path()).expect("there")))
        .expect("on disk");
}

/// Opens a disk again and again; the power goes before each opening.
fn between_power_cuts(disk: FaultyStorage) -> impl FnMut() -> Arc<dyn Storage> {
    let disk = RefCell::new(disk);
    move || {
        let after = disk.borrow().after_power_cut(Unsynced::Lost, 0);
        disk.replace(after.clone());
        Arc::new(after)
    }
}

#[test]
fn a_disk_holds_a_journal_although_the_power_goes_between_openings() {
    conformance(between_power_cuts(FaultyStorage::new(1))).expect("after power cuts");
}

#[test]
fn a_disk_whose_syncs_do_nothing_is_told() {
    for lie in [Operation::SyncData, Operation::SyncDirectory] {
        let told = conformance(between_power_cuts(FaultyStorage::lying_about(lie, 1)));
        assert!(told.is_err(), "{lie:?} did nothing");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    Bytes,
    Length,
    Offset,
    Names,
    Cutting,
    Renaming,
}

/// A directory in memory that breaks the promise it is told to.
#[derive(Clone)]
struct Broken {
    memory: MemoryStorage,
    breaks: Promise,
}

struct BrokenFile {
    file: Arc<dyn StorageFile>,
    breaks: Promise,
}

impl Storage for Broken {
    fn path(&self) -> PathBuf {
        self.memory.path()
    }
    fn lock(&self) -> io::Result<bool> {
        self.memory.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.memory.list()?;
        if self.breaks == Promise::Names && names.len() > 3 {
            names.remove(1);
        }
        Ok(names)
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(BrokenFile {
            file: self.memory.open(name, create)?,
            breaks: self.breaks,
        }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if self.breaks == Promise::Renaming {
            return Ok(());
        }
        self.memory.rename(from, to)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.memory.sync_directory()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

impl StorageFile for BrokenFile {
    fn len(&self) -> io::Result<u64> {
        let len = self.file.len()?;
        Ok(if self.breaks == Promise::Length {
            len.saturating_sub(1)
        } else {
            len
        })
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let skewed = u64::from(self.breaks == Promise::Offset && offset > 4_096);
        self.file.read_at(buffer, offset + skewed)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        if self.breaks == Promise::Bytes && bytes.len() > 1_000 {
            let half = bytes.len() / 2;
            bytes[half..].fill(0);
        }
        self.file.write_at(&bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.breaks == Promise::Cutting {
            return Ok(());
        }
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[test]
fn a_storage_that_breaks_a_promise_is_told() {
    for breaks in [
        Promise::Bytes,
        Promise::Length,
        Promise::Offset,
        Promise::Names,
        Promise::Cutting,
        Promise::Renaming,
    ] {
        let broken = Broken {
            memory: MemoryStorage::default(),
            breaks,
        };
        let told = conformance(|| Arc::new(broken.clone()));
        assert!(told.is_err(), "{breaks:?} was broken");
    }
    // One that begins anew forgets.
    assert!(conformance(|| Arc::new(MemoryStorage::default())).is_err());
}
