//! How a ledger is told to people, as files beside its segments say.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use protocol::pb::office::Telling;

const BYTES_MAX: u64 = 8 * 1024;

/// What lies beside the ledger in `directory`, as it stands. An office serves without it, and whoever shows it reads it with
/// care: so what cannot be read is not there.
pub fn telling(directory: &Path) -> Option<Telling> {
    let read = |name: &str| {
        let mut text = String::new();
        let file = File::open(directory.join(name)).ok()?;
        let read = file.take(BYTES_MAX).read_to_string(&mut text);
        read.is_ok().then_some(text)
    };
    let [time_zone, labels] = ["time-zone", "labels"].map(|name| read(name).unwrap_or_default());
    let time_zone = time_zone.trim().to_owned();
    (!time_zone.is_empty() || !labels.is_empty()).then_some(Telling { time_zone, labels })
}
