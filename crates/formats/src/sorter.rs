//! Sorting more than fits in memory: runs of sorted items in temporary files, merged when they are read.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Items are held in memory up to as many bytes, and then written to a run.
const MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// What an item costs beside its bytes.
const ITEM_BYTES: usize = size_of::<Item>();

/// What items are sorted by: the first number, then the second.
pub(crate) type Key = (i128, u64);

#[derive(Debug)]
struct Item {
    key: Key,
    start: usize,
    len: usize,
}

/// Collects items with their keys.
#[derive(Debug)]
pub(crate) struct Sorter {
    items: Vec<Item>,
    arena: Vec<u8>,
    runs: Vec<File>,
    memory_bytes_max: usize,
}

impl Sorter {
    pub(crate) fn new() -> Self {
        Self::with_memory(MEMORY_BYTES_MAX)
    }

    fn with_memory(memory_bytes_max: usize) -> Self {
        Self {
            items: Vec::new(),
            arena: Vec::new(),
            runs: Vec::new(),
            memory_bytes_max,
        }
    }

    /// Adds an item. Keys must differ.
    pub(crate) fn push(&mut self, key: Key, item: &impl Serialize) -> io::Result<()> {
        let start = self.arena.len();
        self.arena =
            postcard::to_extend(item, std::mem::take(&mut self.arena)).map_err(io::Error::other)?;
        let len = self.arena.len() - start;
        self.items.push(Item { key, start, len });
        if self.arena.len() + self.items.len() * ITEM_BYTES >= self.memory_bytes_max {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.items.sort_unstable_by_key(|item| item.key);
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for item in self.items.drain(..) {
            run.write_all(&item.key.0.to_le_bytes())?;
            run.write_all(&item.key.1.to_le_bytes())?;
            run.write_all(&(item.len as u64).to_le_bytes())?;
            run.write_all(&self.arena[item.start..item.start + item.len])?;
        }
        self.arena.clear();
        let mut file = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        Ok(())
    }

    /// The items in the order of their keys.
    pub(crate) fn sorted<T: DeserializeOwned>(mut self) -> io::Result<Sorted<T>> {
        self.items.sort_unstable_by_key(|item| item.key);
        let mut runs = Vec::new();
        for file in self.runs.drain(..) {
            let mut run = Run {
                file: BufReader::with_capacity(256 * 1024, file),
                head: None,
            };
            run.advance()?;
            runs.push(run);
        }
        Ok(Sorted {
            items: self.items.into_iter().peekable(),
            arena: self.arena,
            runs,
            kind: std::marker::PhantomData,
        })
    }
}

/// A run on disk, with its next item read.
struct Run {
    file: BufReader<File>,
    head: Option<(Key, Vec<u8>)>,
}

impl Run {
    fn advance(&mut self) -> io::Result<()> {
        let mut time = [0; 16];
        match self.file.read_exact(&mut time) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.head = None;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let mut number = [0; 8];
        self.file.read_exact(&mut number)?;
        let key = (i128::from_le_bytes(time), u64::from_le_bytes(number));
        self.file.read_exact(&mut number)?;
        let mut item = vec![0; u64::from_le_bytes(number) as usize];
        self.file.read_exact(&mut item)?;
        self.head = Some((key, item));
        Ok(())
    }
}

/// Items in the order of their keys.
pub(crate) struct Sorted<T> {
    items: std::iter::Peekable<std::vec::IntoIter<Item>>,
    arena: Vec<u8>,
    runs: Vec<Run>,
    kind: std::marker::PhantomData<T>,
}

impl<T: DeserializeOwned> Iterator for Sorted<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        let in_memory = self.items.peek().map(|item| item.key);
        let on_disk = self
            .runs
            .iter_mut()
            .filter(|run| run.head.is_some())
            .min_by_key(|run| run.head.as_ref().map(|head| head.0));
        let read = |bytes: &[u8]| postcard::from_bytes(bytes).map_err(io::Error::other);
        let disk_key = on_disk.as_ref().and_then(|run| Some(run.head.as_ref()?.0));
        let from_disk = match (in_memory, disk_key) {
            (None, None) => return None,
            (Some(memory), Some(disk)) => disk.cmp(&memory) == Ordering::Less,
            (None, Some(_)) => true,
            (Some(_), None) => false,
        };
        if !from_disk {
            let item = self.items.next()?;
            return Some(read(&self.arena[item.start..item.start + item.len]));
        }
        let run = on_disk?;
        let (_, bytes) = run.head.take()?;
        if let Err(error) = run.advance() {
            return Some(Err(error));
        }
        Some(read(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_in_memory_comes_out_sorted_all_the_same() {
        for memory_bytes_max in [1, 1_000, usize::MAX] {
            let mut sorter = Sorter::with_memory(memory_bytes_max);
            for number in 0_u64..500 {
                let key = (i128::from(number * 7_919 % 101), number);
                sorter.push(key, &key).expect("there is room");
            }
            let sorted = sorter.sorted::<Key>().expect("it reads back");
            let found: Vec<Key> = sorted.map(|item| item.expect("it reads")).collect();
            assert_eq!(found.len(), 500);
            assert!(found.is_sorted(), "with {memory_bytes_max} bytes");
        }
    }
}
