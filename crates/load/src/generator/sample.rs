//! Steps whose times are kept, to tell where the time went.

use std::time::Duration;

use jiff::Timestamp;

/// A step whose times are kept.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The thread's number of the request.
    pub number: u64,
    /// When it was sent.
    pub sent: Timestamp,
    /// What the office told of it.
    pub timing: Timing,
}

/// What an office tells of where a step's time went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    /// From when it was judged until it was durable there.
    pub synced: Duration,
    /// From when it was judged until the peer had it, if that was waited for.
    pub delivered: Option<Duration>,
}

impl Timing {
    /// Reads `queued=12, synced=340, delivered=1200`, in microseconds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut timing = None;
        let mut delivered = None;
        for part in text.split(',') {
            let (name, us) = part.trim().split_once('=')?;
            let time = Duration::from_micros(us.parse().ok()?);
            match name {
                "synced" => timing = Some(time),
                "delivered" => delivered = Some(time),
                _ => {}
            }
        }
        Some(Self {
            synced: timing?,
            delivered,
        })
    }
}
