//! Where the server comes in.

use std::path::PathBuf;

use office::PerPlace;

use crate::connect::Address;
use crate::failure::Failure;

/// Starts both offices with their ledgers in `data/south` and `data/north`, calls `serving` with the addresses
/// once both serve, and returns after the drain that Ctrl-C or SIGTERM begins.
pub(super) fn run(
    data: PathBuf,
    listen: PerPlace<Address>,
    serving: impl FnOnce(PerPlace<Address>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // Nothing serves yet, so nothing is said.
    let _ = (listen, serving);
    Err(Failure::Failed(format!(
        "failed to start the offices in {}: this build has no server",
        data.display()
    )))
}
