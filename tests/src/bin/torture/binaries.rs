//! The programs that are tortured.

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
    /// Those in `directory`; built if there is none.
    pub(crate) fn find(directory: Option<&Path>) -> Result<Self, Failed> {
        let directory = match directory {
            Some(directory) => directory.to_owned(),
            None => tests::binaries::build()
                .map_err(|error| Failed(format!("failed to build what is tortured: {error}")))?,
        };
        let program = |name: &str| {
            let path = directory.join(name);
            path.is_file()
                .then_some(path)
                .ok_or_else(|| Failed(format!("there is no {name} in {}", directory.display())))
        };
        let office = |place: Place| program(place.word());
        Ok(Self {
            offices: PerPlace::new(office(Place::South)?, office(Place::North)?),
            liaison: program("liaison")?,
        })
    }
}
