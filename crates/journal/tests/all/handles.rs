//! A journal of any length takes as many file handles as a short one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::entries::open;
use journal::{DiskStorage, Storage};

const SEGMENT_BYTES: u64 = 4_096;
const ENTRIES: u64 = 400;

/// The files of `directory` that this process holds open.
fn held(directory: &Path) -> Vec<String> {
    let handles = fs::read_dir("/proc/self/fd").expect("Linux tells its handles");
    // A handle of another thread may be gone by now.
    let paths = handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok());
    let of_directory = paths.filter_map(|path| {
        let name = path.strip_prefix(directory).ok()?.to_str()?;
        Some(name.to_owned())
    });
    let mut names: Vec<_> = of_directory.collect();
    names.sort();
    names
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux tells its handles")]
fn a_long_ledger_holds_one_segment_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().canonicalize().expect("a directory");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::existing(&path));
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    for _ in 0..ENTRIES {
        journal.append(&[7; 250]);
        journal
            .take_batch()
            .expect("an entry")
            .commit()
            .expect("room");
    }
    let segments: Vec<_> = storage
        .list()
        .expect("a directory")
        .into_iter()
        .filter(|name| name.ends_with(".segment"))
        .collect();
    assert!(segments.len() > 20, "{segments:?}");
    let last = segments.last().expect("one").clone();
    // The directory itself, which must not need a handle to be synced; and the next segment, once it is due soon.
    let always = ["", &last, "head", "lock"];
    let is_all = || {
        let mut held = held(&path);
        held.retain(|name| name != "segment.next");
        assert_eq!(held, always);
    };
    is_all();

    let reader = journal.reader();
    for sequence in (1..ENTRIES).step_by(7) {
        let entry = reader.get(sequence).expect("whole").expect("it is there");
        assert_eq!(entry.link.sequence, sequence);
    }
    is_all();
    let mut cursor = reader.after(0);
    while cursor.next_entry().expect("whole").is_some() {
        assert!(held(&path).len() <= 6, "one is read, one written");
    }
    is_all();

    drop((cursor, reader, journal, storage));
    assert_eq!(held(&path), Vec::<String>::new());
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::existing(&path));
    let (_ledger, entries, _) = open(&storage, SEGMENT_BYTES).expect("whole");
    assert!(entries.len() as u64 >= ENTRIES);
    is_all();
}
