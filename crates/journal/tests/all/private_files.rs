//! Who may see a journal's files, and that nothing is written through a link.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;

use crate::entries::{Model, open};
use journal::{DiskStorage, JournalError, Plain, Salvage, Storage};

const SEGMENT_BYTES: u64 = 2_000;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn files_are_their_owners_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("liaison-data/up/south");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::create(&data).expect("made"));
    let (mut journal, ..) = open(&storage, SEGMENT_BYTES).expect("a new journal");
    let mut model = Model::new();
    for _ in 0..20 {
        model.write(&mut journal, 3).expect("room");
    }
    let writer = journal.snapshot_writer();
    writer.write(1, model.len(), b"state").expect("durable");
    for made in ["liaison-data", "liaison-data/up", "liaison-data/up/south"] {
        assert_eq!(mode(&directory.path().join(made)), 0o700, "{made}");
    }
    let files = storage.list().expect("there");
    assert!(files.len() > 5, "{files:?}");
    for name in files {
        assert_eq!(mode(&data.join(&name)), 0o600, "{name}");
    }
}

/// Whatever name a journal writes under: what a link of that name leads to stays as it is.
#[test]
fn nothing_is_written_through_a_link() {
    for planted in [
        "lock",
        "head",
        "snapshot.new",
        "aside.new",
        "segment.next",
        "00000000000000000001.segment",
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("target");
        fs::write(&target, "somebody's").expect("room");
        let data = directory.path().join("data");
        let storage: Arc<dyn Storage> = Arc::new(DiskStorage::create(&data).expect("made"));
        symlink(&target, data.join(planted)).expect("planted");
        // Whether it can go on without that file or not.
        if let Ok((mut journal, ..)) = open(&storage, SEGMENT_BYTES) {
            let mut model = Model::new();
            for _ in 0..20 {
                model.write(&mut journal, 3).expect("room");
            }
            let _ = journal.snapshot_writer().write(1, model.len(), b"state");
            drop(journal);
            let segments = storage.list().expect("there");
            let last = segments.iter().rfind(|name| name.ends_with(".segment"));
            let last = storage.open(last.expect("one"), false).expect("there");
            let len = last.len().expect("there");
            last.write_at(b"torn", len).expect("room");
            let _ = open(&storage, SEGMENT_BYTES);
            let _ = Salvage::begin::<Plain>(&*storage);
        }
        let read = fs::read_to_string(&target).expect("there");
        assert_eq!(read, "somebody's", "{planted}");
    }
}

#[test]
fn a_link_in_the_way_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::create(&data).expect("made"));
    symlink("/dev/null", data.join("lock")).expect("planted");
    let refused = open(&storage, SEGMENT_BYTES).map(drop).expect_err("a link");
    assert!(matches!(refused, JournalError::Io { .. }));
    let told = refused.to_string();
    assert!(
        told.contains("lock") && told.contains("symbolic link"),
        "{told}"
    );
}
