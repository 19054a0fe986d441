//! What results cost: time each, and memory in all. `cargo bench -p report`.

use std::time::{Duration, Instant};

use report::{Ended, Recorder};
use tonic::Code;

const FEW: u64 = 100_000;
const MANY: u64 = 100_000_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
fn main() {
    // `cargo test` runs benchmarks as tests: then a few are enough.
    let counts = if std::env::args().any(|it| it == "--bench") {
        [FEW, MANY]
    } else {
        [FEW, FEW]
    };
    let mut recorder = Recorder::default();
    let before = resident_bytes();
    for count in counts {
        let begun = Instant::now();
        for number in 0..count {
            recorder.ended(&ended(number));
        }
        let ns = begun.elapsed().as_secs_f64() * 1e9 / count as f64;
        let grown = resident_bytes().saturating_sub(before);
        println!(
            "{count:>11} results: {ns:.0} ns each, {} kB more than before the first, p99 {} µs",
            grown / 1024,
            recorder.response.quantile_us(0.99)
        );
    }
}

/// Latencies from microseconds to minutes, so that every bucket is met.
fn ended(number: u64) -> Ended {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let us = (spread >> 40) >> (spread % 20);
    Ended {
        code: if number.is_multiple_of(1_000) {
            Code::Unavailable
        } else {
            Code::Ok
        },
        response: Duration::from_micros(us + 120),
        service: Some(Duration::from_micros(us + 100)),
        lag: Duration::from_micros(us % 20),
    }
}

/// The process's memory; 0 where it cannot be told.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
