//! What an office uses: memory, file handles, disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// Memory grows while an office warms up.
const WARM_UP: Duration = Duration::from_secs(60);
const BLOCK_BYTES: u64 = 512;

/// One look at an office.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    at: Duration,
    /// Resident.
    memory_bytes: u64,
    /// The most it has had resident since it was started.
    memory_peak_bytes: u64,
    file_handles: u64,
    /// What the ledger takes on disk.
    disk_bytes: u64,
}

impl Sample {
    pub(crate) fn take(at: Duration, process: u32, ledger: &Path) -> io::Result<Self> {
        let memory = ::tests::memory::of(process)?;
        Ok(Self {
            at,
            memory_bytes: memory.bytes,
            memory_peak_bytes: memory.peak_bytes,
            file_handles: fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
            disk_bytes: disk_bytes(ledger)?,
        })
    }
}

fn disk_bytes(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        // A file may go while the directory is read.
        let metadata = entry?.metadata();
        bytes += metadata.map_or(0, |metadata| metadata.blocks() * BLOCK_BYTES);
    }
    Ok(bytes)
}

/// All looks at an office.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    samples: Vec<Sample>,
}

impl Usage {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    fn warm(&self) -> Vec<Sample> {
        let warm = self.samples.iter().filter(|sample| sample.at >= WARM_UP);
        warm.copied().collect()
    }

    /// Resident memory after the first minute: the least, the median, the most.
    pub(crate) fn memory_bytes(&self) -> [u64; 3] {
        let mut bytes: Vec<_> = self.warm().iter().map(|at| at.memory_bytes).collect();
        bytes.sort_unstable();
        let at = |index: usize| bytes.get(index).copied().unwrap_or_default();
        [
            at(0),
            at(bytes.len() / 2),
            at(bytes.len().saturating_sub(1)),
        ]
    }

    /// How resident memory grows after the first minute: over the whole time, and over its last third.
    pub(crate) fn memory_slopes_bytes_per_minute(&self) -> [i64; 2] {
        let warm = self.warm();
        [slope(&warm), slope(&warm[warm.len() * 2 / 3..])]
    }

    pub(crate) fn memory_peak_bytes(&self) -> u64 {
        self.most(|sample| sample.memory_peak_bytes)
    }

    pub(crate) fn file_handles_max(&self) -> u64 {
        self.most(|sample| sample.file_handles)
    }

    /// At the end.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.samples.last().map_or(0, |sample| sample.disk_bytes)
    }

    fn most(&self, of: impl Fn(&Sample) -> u64) -> u64 {
        self.samples.iter().map(of).max().unwrap_or_default()
    }
}

/// Least squares, in bytes a minute.
fn slope(samples: &[Sample]) -> i64 {
    let count = samples.len() as f64;
    let minutes = |sample: &Sample| sample.at.as_secs_f64() / 60.0;
    let bytes = |sample: &Sample| sample.memory_bytes as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (middle, level) = (mean(&minutes), mean(&bytes));
    let spread = mean(&|sample| (minutes(sample) - middle).powi(2));
    let together = mean(&|sample| (minutes(sample) - middle) * (bytes(sample) - level));
    // Too few samples make no slope: not a number is zero here.
    (together / spread).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_without_the_first_minute() {
        let mut usage = Usage::default();
        assert_eq!(usage.memory_slopes_bytes_per_minute(), [0, 0]);
        for (seconds, memory_bytes) in [(10, 9_000), (60, 100), (90, 150), (120, 200), (150, 250)] {
            usage.add(Sample {
                at: Duration::from_secs(seconds),
                memory_bytes,
                memory_peak_bytes: memory_bytes,
                file_handles: 12,
                disk_bytes: seconds,
            });
        }
        assert_eq!(usage.memory_bytes(), [100, 200, 250]);
        assert_eq!(usage.memory_slopes_bytes_per_minute(), [100, 100]);
        assert_eq!(usage.memory_peak_bytes(), 9_000);
        assert_eq!((usage.file_handles_max(), usage.disk_bytes()), (12, 150));
    }
}
