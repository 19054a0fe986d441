//! Figures in few letters, each with its unit.

use words::figures::thousands;

/// Where there is no figure.
pub(super) const NONE: &str = "–";

/// A latency of whole microseconds.
pub(super) fn latency(us: u64) -> String {
    words::figures::latency(us as f64)
}

/// So many a second.
pub(super) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 99.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A count; from ten million on in millions.
pub(super) fn count(count: u64) -> String {
    if count < 10_000_000 {
        thousands(count)
    } else {
        format!("{:.1} M", count as f64 / 1e6)
    }
}

/// A share of the whole in per cent.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole.max(1) as f64 * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.01 => "<0.01 %".to_owned(),
        ..10.0 => format!("{percent:.2} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// A time of day's shape: `0:34`, `1:02:03`.
pub(super) fn clock(seconds: f64) -> String {
    // A duration that was asked for is whole; half a tick of the generator must not show.
    let seconds = (seconds.max(0.0) + 0.05) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(latency(7), "7 µs");
        assert_eq!(latency(1_234_567), "1.23 s");
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(2.5), "2.5/s");
        assert_eq!(rate(1_999.7), "2,000/s");
        assert_eq!(rate(12_345_678.0), "12.3 M/s");
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(share(1, 1_000_000), "<0.01 %");
        assert_eq!(share(1, 50), "2.00 %");
        assert_eq!(share(50, 50), "100 %");
        assert_eq!(clock(-3.0), "0:00");
        assert_eq!(clock(33.96), "0:34");
        assert_eq!(clock(3_723.0), "1:02:03");
    }
}
