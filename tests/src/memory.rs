//! The memory of a process, as Linux tells it.

use std::{fs, io};

/// What a process has resident.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Now, in bytes.
    pub bytes: u64,
    /// At most since it was started, or since its peak was forgotten; in bytes.
    pub peak_bytes: u64,
}

/// The memory of the process `pid`.
///
/// # Errors
/// There is no such process, or the system does not tell.
pub fn of(pid: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let bytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map_or(0, |kib| kib * 1024)
    };
    Ok(Memory {
        bytes: bytes("VmRSS:"),
        peak_bytes: bytes("VmHWM:"),
    })
}
