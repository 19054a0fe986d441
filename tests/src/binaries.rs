//! The programs under test: built once, with the profile and in the target directory of whoever asks for them.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests is a member of the workspace")
}

/// Builds `south`, `north` and `liaison`; where they are then.
///
/// # Errors
/// Cargo cannot be run, or they do not build.
pub fn build() -> Result<PathBuf, Box<dyn Error + Send + Sync>> {
    let asking = env::current_exe()?;
    // target/<profile>/<program>, or target/<profile>/deps/<program>-<hash>
    let directory = asking
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .ok_or("cargo's layout is another one")?;
    let target = directory.parent().ok_or("cargo's layout is another one")?;
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
    for message in build.exec()? {
        message?;
    }
    Ok(directory.to_owned())
}
