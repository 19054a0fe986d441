//! What a sync costs here.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use crate::report::Latency;

/// Appends of 350 bytes to a preallocated file, each synced.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
pub(crate) fn measure(time: Duration) -> Result<Latency, Box<dyn Error>> {
    let directory = tempfile::tempdir_in(".")?;
    let file = File::create(directory.path().join("yardstick"))?;
    let frame = [7; 350];
    let mut samples = Vec::new();
    let begun = Instant::now();
    let mut offset = 0;
    while begun.elapsed() < time {
        let start = Instant::now();
        file.write_all_at(&frame, offset)?;
        file.sync_data()?;
        samples.push(start.elapsed());
        offset += frame.len() as u64;
    }
    Ok(Latency::of(samples))
}
