//! Which times may be written down.

use jiff::Timestamp;

/// 1 January 1900, 00:00 UTC, in seconds.
const EARLIEST_SECOND: i64 = -2_208_988_800;
/// 31 December 2199, 23:59:59 UTC, in seconds.
const LATEST_SECOND: i64 = 7_258_118_399;

/// What is wrong with a time outside of what may be written down; it completes "the time …".
pub const UNRECORDABLE: &str = "is outside the years 1900 to 2199";

/// Whether a time lies in the years 1900 to 2199 (UTC). A clock that is off by more is broken, and what is written by
/// one far enough off could not be read again.
pub fn is_recordable(time: Timestamp) -> bool {
    (EARLIEST_SECOND..=LATEST_SECOND).contains(&time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_first_and_the_last_second() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        for (text, recordable) in [
            ("1899-12-31T23:59:59Z", false),
            ("1900-01-01T00:00:00Z", true),
            ("2199-12-31T23:59:59.9Z", true),
            ("2200-01-01T00:00:00Z", false),
            ("-000044-03-15T12:00:00Z", false),
        ] {
            assert_eq!(is_recordable(time(text)), recordable, "{text}");
        }
        assert!(!is_recordable(Timestamp::MIN) && !is_recordable(Timestamp::MAX));
    }
}
