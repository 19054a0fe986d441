//! Where the simulator comes in.

use std::path::Path;

use scenario::Scenario;

use super::report::Report;
use crate::failure::Failure;

/// Plays `scenario` under `seed`, with the ledgers in `out/south` and `out/north`.
pub(super) fn play(scenario: &Scenario, seed: u64, out: &Path) -> Result<Report, Failure> {
    let _ = (seed, out);
    Err(Failure::Failed(format!(
        "failed to simulate {}: this build has no simulator",
        scenario.name
    )))
}
