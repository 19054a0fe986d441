//! A disk that loses what was not synced, and fails on demand: for tests.
//!
//! It models a page cache. A write is seen by every reader at once, and stands on the disk only after
//! `sync_data`; a name stands there only after `sync_directory`. At a crash, what is not synced is lost, kept,
//! or torn. After a sync that fails, the pages it should have written look clean and are never written again.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::locked::locked;
use super::{Storage, StorageFile};

/// The unit that a disk writes whole.
const SECTOR_BYTES: usize = 512;

/// What becomes of writes that were not synced when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// None of it reached the disk.
    Lost,
    /// All of it did.
    Kept,
    /// Of each write and each name, a part that the seed chooses: nothing, everything, a prefix, or any of its
    /// sectors.
    Torn,
}

/// An operation that changes something, or makes a change durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A file was created.
    Create,
    /// A file was renamed.
    Rename,
    /// Bytes were written.
    Write,
    /// A file was cut or extended.
    SetLen,
    /// A file was synced.
    SyncData,
    /// The directory was synced.
    SyncDirectory,
}

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The machine dies in the middle of the operation with this number.
    Crash(u64),
    /// The operation with this number fails, once.
    Fail(u64, io::ErrorKind),
}

/// A directory on a disk that can fail. Clones share it. Operations are numbered from 0.
#[derive(Debug, Clone)]
pub struct FaultyStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    /// As the running system sees them.
    names: BTreeMap<String, usize>,
    /// As they are on the disk.
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the last sync of the directory.
    renamed: Vec<Renamed>,
    files: Vec<File>,
    operations: Vec<Operation>,
    plan: Option<Plan>,
    crashed: bool,
    /// These operations say that they are done, and do nothing.
    lies: Vec<Operation>,
    /// The disk in the middle of each operation, if they are kept.
    images: Option<Vec<Disk>>,
    seed: u64,
}

#[derive(Debug, Clone)]
enum Renamed {
    Created(String, usize),
    Moved(String, String, usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    /// As the running system sees it. Shared, since many images of one disk are made.
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Arc<[u8]>),
    SetLen(u64),
}

impl FaultyStorage {
    /// An empty disk. The seed chooses what is torn.
    pub fn new(seed: u64) -> Self {
        let disk = Disk {
            seed,
            ..Disk::default()
        };
        disk.into_storage()
    }

    /// A disk on which `operation`, a sync, says that it is done and does nothing. What relies on the sync must be
    /// seen to break on it.
    pub fn lying_about(operation: Operation, seed: u64) -> Self {
        let storage = Self::new(seed);
        locked(&storage.disk).lies.push(operation);
        storage
    }

    /// Keeps, from now on, an image of the disk in the middle of each operation.
    pub fn keep_images(&self) {
        locked(&self.disk).images = Some(Vec::new());
    }

    /// The disk in the middle of each operation since [`Self::keep_images`]: begun, and not synced. To cut the
    /// power there, see [`Self::after_power_cut`].
    pub fn images(&self) -> Vec<Self> {
        let disk = locked(&self.disk);
        let images = disk.images.iter().flatten();
        images.map(|image| image.clone().into_storage()).collect()
    }

    /// The operations so far.
    pub fn operations(&self) -> Vec<Operation> {
        locked(&self.disk).operations.clone()
    }

    /// The machine is to die in the middle of operation `number`: it is begun, and not synced.
    pub fn crash_at(&self, number: u64) {
        locked(&self.disk).plan = Some(Plan::Crash(number));
    }

    /// Operation `number` is to fail with `error`. A write may get half way; what a sync should have written is
    /// dropped, and looks clean from then on.
    pub fn fail_at(&self, number: u64, error: io::ErrorKind) {
        locked(&self.disk).plan = Some(Plan::Fail(number, error));
    }

    /// Whether the machine has died.
    pub fn has_crashed(&self) -> bool {
        locked(&self.disk).crashed
    }

    /// The disk as it is found after the power went now. The seed chooses what is torn.
    #[must_use]
    pub fn after_power_cut(&self, unsynced: Unsynced, seed: u64) -> Self {
        let disk = locked(&self.disk);
        let mut dice = Dice(seed ^ disk.seed.rotate_left(32));
        let mut names = disk.durable_names.clone();
        for renamed in &disk.renamed {
            if unsynced.keeps(&mut dice) {
                renamed.apply(&mut names);
            }
        }
        let files = disk
            .files
            .iter()
            .map(|file| file.after_power_cut(unsynced, &mut dice))
            .collect();
        let after = Disk {
            durable_names: names.clone(),
            names,
            files,
            lies: disk.lies.clone(),
            seed: dice.next(),
            ..Disk::default()
        };
        after.into_storage()
    }
}

impl Unsynced {
    fn keeps(self, dice: &mut Dice) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Torn => dice.below(2) == 0,
        }
    }
}

impl Renamed {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Created(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Moved(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
        }
    }
}

impl File {
    fn after_power_cut(&self, unsynced: Unsynced, dice: &mut Dice) -> Self {
        let mut bytes = Arc::clone(&self.durable);
        for change in &self.unsynced {
            match unsynced {
                Unsynced::Lost => {}
                Unsynced::Kept => change.apply(&mut bytes),
                Unsynced::Torn => change.tear(&mut bytes, dice),
            }
        }
        Self {
            seen: Arc::clone(&bytes),
            durable: bytes,
            unsynced: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Arc<Vec<u8>>) {
        let bytes = Arc::make_mut(bytes);
        match self {
            Self::Write(offset, written) => write(bytes, *offset, written),
            Self::SetLen(len) => bytes.resize(*len as usize, 0),
        }
    }

    fn tear(&self, bytes: &mut Arc<Vec<u8>>, dice: &mut Dice) {
        let Self::Write(offset, written) = self else {
            if dice.below(2) == 0 {
                self.apply(bytes);
            }
            return;
        };
        match dice.below(4) {
            0 => {}
            1 => self.apply(bytes),
            2 => {
                let len = dice.below(written.len() as u64 + 1) as usize;
                write(Arc::make_mut(bytes), *offset, &written[..len]);
            }
            _ => {
                let mut start = 0;
                while start < written.len() {
                    let into = (*offset as usize + start) % SECTOR_BYTES;
                    let end = written.len().min(start + SECTOR_BYTES - into);
                    if dice.below(2) == 0 {
                        let at = offset + start as u64;
                        write(Arc::make_mut(bytes), at, &written[start..end]);
                    }
                    start = end;
                }
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, offset: u64, written: &[u8]) {
    let start = offset as usize;
    let end = start + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(written);
}

/// What happens to an operation.
enum Fate {
    Done,
    Crashed,
    Failed(io::ErrorKind),
}

impl Disk {
    fn begin(&mut self, operation: Operation) -> io::Result<Fate> {
        self.check()?;
        let number = self.operations.len() as u64;
        self.operations.push(operation);
        Ok(match self.plan {
            Some(Plan::Crash(at)) if at == number => {
                self.crashed = true;
                Fate::Crashed
            }
            Some(Plan::Fail(at, error)) if at == number => Fate::Failed(error),
            _ => Fate::Done,
        })
    }

    /// Called when the operation is begun, and nothing of it durable.
    fn keep_image(&mut self) {
        if let Some(mut images) = self.images.take() {
            let operations = std::mem::take(&mut self.operations);
            images.push(self.clone());
            (self.images, self.operations) = (Some(images), operations);
        }
    }

    fn into_storage(self) -> FaultyStorage {
        FaultyStorage {
            disk: Arc::new(Mutex::new(self)),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.crashed {
            return Err(io::Error::other("the machine has died"));
        }
        Ok(())
    }
}

impl Fate {
    fn into_result(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Crashed => Err(io::Error::other("the machine has died")),
            Self::Failed(error) => Err(error.into()),
        }
    }
}

impl Storage for FaultyStorage {
    fn path(&self) -> PathBuf {
        PathBuf::from("faulty")
    }

    fn lock(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = locked(&self.disk);
        disk.check()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = locked(&self.disk);
        disk.check()?;
        let index = match disk.names.get(name) {
            Some(index) => *index,
            None if create => {
                let fate = disk.begin(Operation::Create)?;
                if let Fate::Failed(error) = fate {
                    return Err(error.into());
                }
                let index = disk.files.len();
                disk.files.push(File::default());
                disk.names.insert(name.to_owned(), index);
                disk.renamed.push(Renamed::Created(name.to_owned(), index));
                disk.keep_image();
                fate.into_result()?;
                index
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        drop(disk);
        Ok(Arc::new(FaultyFile {
            disk: Arc::clone(&self.disk),
            index,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = locked(&self.disk);
        let fate = disk.begin(Operation::Rename)?;
        if let Fate::Failed(error) = fate {
            return Err(error.into());
        }
        let index = *disk.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let moved = Renamed::Moved(from.to_owned(), to.to_owned(), index);
        moved.apply(&mut disk.names);
        disk.renamed.push(moved);
        disk.keep_image();
        fate.into_result()
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut disk = locked(&self.disk);
        let fate = disk.begin(Operation::SyncDirectory)?;
        disk.keep_image();
        match fate {
            Fate::Done if disk.lies.contains(&Operation::SyncDirectory) => {}
            Fate::Done => {
                disk.renamed.clear();
                disk.durable_names = disk.names.clone();
            }
            fate => return fate.into_result(),
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    index: usize,
}

impl FaultyFile {
    fn change(&self, operation: Operation, change: Change) -> io::Result<()> {
        let mut disk = locked(&self.disk);
        let fate = disk.begin(operation)?;
        let change = match (&fate, change) {
            (Fate::Failed(_), Change::Write(offset, bytes)) => {
                Change::Write(offset, bytes[..bytes.len() / 2].into())
            }
            (Fate::Failed(_), Change::SetLen(_)) => return fate.into_result(),
            (_, change) => change,
        };
        disk.files[self.index].change(change);
        disk.keep_image();
        fate.into_result()
    }
}

impl StorageFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        let disk = locked(&self.disk);
        disk.check()?;
        Ok(disk.files[self.index].seen.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = locked(&self.disk);
        disk.check()?;
        let bytes = &disk.files[self.index].seen;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Operation::Write, Change::Write(offset, bytes.into()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Operation::SetLen, Change::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = locked(&self.disk);
        let fate = disk.begin(Operation::SyncData)?;
        disk.keep_image();
        match fate {
            Fate::Done if disk.lies.contains(&Operation::SyncData) => {}
            Fate::Done => disk.files[self.index].sync(),
            // The pages are marked clean all the same: no later sync writes them.
            fate @ Fate::Failed(_) => {
                disk.files[self.index].unsynced.clear();
                return fate.into_result();
            }
            fate @ Fate::Crashed => return fate.into_result(),
        }
        Ok(())
    }
}

/// SplitMix64: the same draws on any machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
