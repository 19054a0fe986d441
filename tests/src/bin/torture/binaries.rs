//! The programs that are tortured: built once, with this program's own profile.

use std::path::{Path, PathBuf};

use office::{PerPlace, Place};

use crate::Failed;

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) offices: PerPlace<PathBuf>,
    pub(crate) liaison: PathBuf,
}

impl Binaries {
    pub(crate) fn find(directory: Option<&Path>) -> Result<Self, Failed> {
        let program = |name: &str| match directory {
            Some(directory) => {
                let path = directory.join(name);
                path.is_file()
                    .then_some(path)
                    .ok_or_else(|| Failed(format!("there is no {name} in {}", directory.display())))
            }
            None => build(name),
        };
        let office = |place: Place| program(place.word());
        Ok(Self {
            offices: PerPlace::new(office(Place::South)?, office(Place::North)?),
            liaison: program("liaison")?,
        })
    }
}

fn build(name: &str) -> Result<PathBuf, Failed> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let build = escargot::CargoBuild::new()
        .manifest_path(manifest)
        .package(name)
        .bin(name);
    let build = if cfg!(debug_assertions) {
        build
    } else {
        build.release()
    };
    let built = build
        .run()
        .map_err(|error| Failed(format!("failed to build {name}: {error}")))?;
    Ok(built.path().to_owned())
}
