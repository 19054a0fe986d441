//! Readers beside a writer that is in the middle of a write.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::entries::{Model, open, read};
use journal::{JournalError, MemoryStorage, Plain, Reader, Storage, StorageFile};

/// Writes in small pieces, the last one first, as a reader may come to see them.
#[derive(Clone)]
struct Piecemeal(MemoryStorage);

struct PiecemealFile(Arc<dyn StorageFile>);

impl Storage for Piecemeal {
    fn path(&self) -> PathBuf {
        self.0.path()
    }
    fn lock(&self) -> io::Result<bool> {
        self.0.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(PiecemealFile(self.0.open(name, create)?)))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

impl StorageFile for PiecemealFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut pieces: Vec<(usize, &[u8])> = bytes.chunks(100).enumerate().collect();
        pieces.reverse();
        for (index, piece) in pieces {
            self.0.write_at(piece, offset + index as u64 * 100)?;
            thread::yield_now();
        }
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[test]
fn a_reader_beside_a_writer_sees_whole_entries_and_no_damage() {
    let storage: Arc<dyn Storage> = Arc::new(Piecemeal(MemoryStorage::default()));
    let (mut journal, ..) = open(&storage, 40_000).expect("a new journal");
    let live = journal.reader();
    let mut model = Model::new();
    model.write(&mut journal, 1).expect("memory");
    let done = AtomicBool::new(false);
    let walks = AtomicUsize::new(0);
    let walk = |reader: Reader<Plain>| -> Result<u64, JournalError> {
        let known = reader.sequence();
        let (mut cursor, mut count) = (reader.after(0), 0);
        while let Some(entry) = cursor.next_entry()? {
            count += 1;
            assert_eq!(entry.link.sequence, count);
        }
        assert!(count >= known, "{count} entries of {known}");
        Ok(count)
    };
    thread::scope(|scope| {
        let outside = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let count = walk(read(&*storage)?)?;
                assert!(count >= seen, "{count} entries where {seen} were seen");
                seen = count;
                walks.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), JournalError>(())
        });
        let inside = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                walk(live.clone())?;
            }
            Ok::<(), JournalError>(())
        });
        // However few processors there are, several walks are made beside it.
        let is_seen = || walks.load(Ordering::Relaxed) > 3;
        while (model.len() < 3_000 || !is_seen()) && !outside.is_finished() && !inside.is_finished()
        {
            if model.len() < 3_000 {
                let count = 1 + model.len() % 7;
                model.write(&mut journal, count).expect("memory");
            } else {
                model.write(&mut journal, 1).expect("memory");
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        outside.join().expect("no panic").expect("no damage");
        inside.join().expect("no panic").expect("no damage");
    });
}

/// The first read of each file meets a byte that is not written yet.
#[derive(Clone)]
struct TooEarly(MemoryStorage);

struct TooEarlyFile {
    file: Arc<dyn StorageFile>,
    reads: AtomicUsize,
}

impl Storage for TooEarly {
    fn path(&self) -> PathBuf {
        self.0.path()
    }
    fn lock(&self) -> io::Result<bool> {
        self.0.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        Ok(Arc::new(TooEarlyFile {
            file: self.0.open(name, create)?,
            reads: AtomicUsize::new(0),
        }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory()
    }
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

impl StorageFile for TooEarlyFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file.read_at(buffer, offset)?;
        if self.reads.fetch_add(1, Ordering::Relaxed) == 0 {
            buffer[count / 2] ^= 1;
        }
        Ok(count)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[test]
fn bytes_that_were_read_too_early_are_read_again() {
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (mut journal, ..) = open(&storage, 40_000).expect("a new journal");
    let mut model = Model::new();
    while model.len() < 100 {
        model.write(&mut journal, 2).expect("memory");
    }
    let reader = read(&TooEarly(memory)).expect("no damage");
    assert_eq!(reader.sequence(), model.len());
}
