//! The binaries under test.

use std::path::PathBuf;
use std::sync::LazyLock;

pub(crate) use tests::binaries::root;

static DIRECTORY: LazyLock<PathBuf> =
    LazyLock::new(|| tests::binaries::build().expect("the binaries build"));

/// The path of `south`, `north` or `liaison`.
pub(super) fn binary(name: &str) -> PathBuf {
    DIRECTORY.join(name)
}
