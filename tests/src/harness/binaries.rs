//! The binaries under test, built once, with the profile and in the target directory of the tests themselves.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(build);

/// The path of `south`, `north` or `liaison`.
pub(super) fn binary(name: &str) -> PathBuf {
    DIRECTORY.join(name)
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests is a member of the workspace")
}

fn build() -> PathBuf {
    let tests = std::env::current_exe().expect("the tests are a file");
    // target/<profile>/deps/tests-<hash>
    let directory = tests.ancestors().nth(2).expect("cargo's layout");
    let target = directory.parent().expect("cargo's layout");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // The tests are named too, so that features are unified as they were for them.
    let build = escargot::CargoBuild::new()
        .manifest_path(root().join("Cargo.toml"))
        .target_dir(target)
        .args(["-p", "tests", "-p", "south", "-p", "north", "-p", "liaison"])
        .args(["--bin", "south", "--bin", "north", "--bin", "liaison"])
        .args(["--profile", profile]);
    let messages = build.exec().expect("cargo can be run");
    for message in messages {
        message.expect("the binaries build");
    }
    directory.to_owned()
}
