//! Lengths of time as people write them: `250ms`, `1.5s`, `2h`.

use std::time::Duration;

use jiff::SignedDuration;

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];
/// A hundred days: longer than any run, and far from the bounds of the numbers.
const DURATION_NS_MAX: u128 = 100 * 24 * 3_600 * 1_000_000_000;

/// A length of time of at most a hundred days; `None` of any other text. `0` needs no unit.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, unit_ns) = UNITS.iter().find(|(known, _)| *known == unit.trim())?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
    let nanoseconds = u128::from(whole) * u128::from(*unit_ns)
        + u128::from(fraction) * u128::from(*unit_ns) / 1_000_000_000;
    (nanoseconds <= DURATION_NS_MAX).then(|| Duration::from_nanos(nanoseconds as u64))
}

/// The same with a sign before it, such as `-30m`.
pub(crate) fn signed_duration(text: &str) -> Option<SignedDuration> {
    let negative = text.starts_with('-');
    let length = duration(text.trim_start_matches(['+', '-']))?;
    let length = SignedDuration::try_from(length).ok()?;
    Some(if negative { -length } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_written() {
        for (text, ns) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("250ms", Some(250_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("2 h", Some(7_200_000_000_000)),
            ("3", None),
            (".5s", None),
            ("1.s", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("5 apples", None),
            ("99999999999999999999s", None),
            ("9999999h", None),
            ("", None),
        ] {
            assert_eq!(duration(text).map(|length| length.as_nanos()), ns, "{text}");
        }
        assert_eq!(
            signed_duration("-2m"),
            Some(SignedDuration::from_secs(-120))
        );
    }
}
