//! What a soak came to.

use std::fmt::Write as _;
use std::time::Duration;

use office::{PerPlace, Place};
use serde_json::{Map, Value, json};

use super::fault::FAULTS;
use super::usage::Usage;
use crate::check::Findings;

/// The figures of a soak.
#[derive(Debug, Clone, Default)]
pub(crate) struct SoakReport {
    pub(crate) seed: u64,
    pub(crate) minutes: u64,
    pub(crate) rate_asked: u64,
    pub(crate) documents_streamed: u64,
    pub(crate) documents_unary: u64,
    /// From the first document due to the last acknowledged.
    pub(crate) load_seconds: f64,
    /// In the order of [`FAULTS`].
    pub(crate) faults: [u64; FAULTS.len()],
    pub(crate) restart_max: Duration,
    pub(crate) usage: PerPlace<Usage>,
    pub(crate) findings: Findings,
    pub(crate) seconds: f64,
    /// Where the ledgers and logs are kept, if they are.
    pub(crate) data: Option<String>,
}

impl SoakReport {
    fn documents(&self) -> u64 {
        self.documents_streamed + self.documents_unary
    }

    /// Documents acknowledged a second.
    fn rate(&self) -> f64 {
        if self.load_seconds > 0.0 {
            (self.documents() as f64 / self.load_seconds * 10.0).round() / 10.0
        } else {
            0.0
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let faults: Map<_, _> = FAULTS
            .iter()
            .zip(self.faults)
            .map(|(fault, count)| (fault.word().to_owned(), count.into()))
            .collect();
        let offices: Map<_, _> = Place::BOTH
            .into_iter()
            .map(|place| (place.word().to_owned(), usage_to_json(&self.usage[place])))
            .collect();
        json!({
            "seed": self.seed,
            "minutes": self.minutes,
            "rate_asked": self.rate_asked,
            "rate": self.rate(),
            "documents": self.documents(),
            "documents_streamed": self.documents_streamed,
            "documents_unary": self.documents_unary,
            "faults": faults,
            "restart_ms_max": self.restart_max.as_millis() as u64,
            "lost": self.findings.lost,
            "doubled": self.findings.doubled,
            "diverged": self.findings.diverged,
            "unhealthy": self.findings.unhealthy,
            "notes": self.findings.notes,
            "offices": offices,
            "samples": self.usage[Place::South].len(),
            "seconds": (self.seconds * 10.0).round() / 10.0,
            "data": self.data,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let Findings {
            lost,
            doubled,
            diverged,
            unhealthy,
            notes,
        } = &self.findings;
        let mut text = format!(
            "seed {}: {} minutes at {} documents a second ({} asked), {:.1} s in all\n\
             {} documents acknowledged, {} streamed and {} by calls\n",
            self.seed,
            self.minutes,
            self.rate(),
            self.rate_asked,
            self.seconds,
            self.documents(),
            self.documents_streamed,
            self.documents_unary
        );
        let faults: Vec<_> = FAULTS
            .iter()
            .zip(self.faults)
            .map(|(fault, count)| format!("{} {count}", fault.word()))
            .collect();
        let _ = writeln!(
            text,
            "faults: {}; a restart took {} ms at most",
            faults.join(", "),
            self.restart_max.as_millis()
        );
        for place in Place::BOTH {
            let _ = writeln!(text, "{place}: {}", usage_to_text(&self.usage[place]));
        }
        let _ = writeln!(
            text,
            "{lost} lost, {doubled} doubled, {diverged} diverged, {unhealthy} unhealthy"
        );
        for note in notes {
            let _ = writeln!(text, "  {note}");
        }
        if let Some(data) = &self.data {
            let _ = writeln!(text, "ledgers and logs are kept in {data}");
        }
        text
    }
}

fn usage_to_json(usage: &Usage) -> Value {
    let [min, median, max] = usage.memory_bytes();
    let [slope, slope_last_third] = usage.memory_slopes_bytes_per_minute();
    json!({
        "memory_bytes": {"min": min, "median": median, "max": max},
        "memory_slope_bytes_per_minute": slope,
        "memory_slope_last_third_bytes_per_minute": slope_last_third,
        "memory_peak_bytes": usage.memory_peak_bytes(),
        "file_handles_max": usage.file_handles_max(),
        "disk_bytes": usage.disk_bytes(),
    })
}

fn usage_to_text(usage: &Usage) -> String {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let [min, median, max] = usage.memory_bytes().map(|bytes| mib(bytes as f64));
    let [slope, slope_last_third] = usage
        .memory_slopes_bytes_per_minute()
        .map(|bytes| mib(bytes as f64));
    format!(
        "memory {min:.1} / {median:.1} / {max:.1} MiB (min, median, max), {slope:+.2} MiB a minute, {slope_last_third:+.2} \
         in the last third; {:.1} MiB at its peak; {} file handles at most; {:.1} MiB of ledger",
        mib(usage.memory_peak_bytes() as f64),
        usage.file_handles_max(),
        mib(usage.disk_bytes() as f64)
    )
}
