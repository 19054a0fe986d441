//! Lengths of time as people write them, in flags and in files alike: `250ms`, `1.5s`, `1h 30m`, `2d`.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration; write it as 90s, 1h 30m or 2d")]
pub struct FaultyDuration {
    /// As it was written.
    pub text: String,
}

/// Reads a length of time: one number or several, each with its unit (`ns`, `us` or `µs`, `ms`, `s`, `m`, `h`, `d`, `w`), the
/// longest first. The last one may have a fraction, behind a point, where it is of hours or less. A day has 24 hours; `0` needs
/// no unit; units in full (`2 hours`) and ISO 8601 (`PT1H30M`) are read too.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(reading::duration("1h 30m")?, Duration::from_secs(5_400));
/// assert_eq!(reading::duration("1.5s")?, Duration::from_millis(1_500));
/// assert!(reading::duration("90").is_err());
/// # Ok::<(), reading::FaultyDuration>(())
/// ```
pub fn duration(text: &str) -> Result<Duration, FaultyDuration> {
    let signed = signed_duration(text)?;
    Duration::try_from(signed).map_err(|_| faulty(text))
}

/// The same with a sign before it if need be, such as `-30m`.
pub fn signed_duration(text: &str) -> Result<SignedDuration, FaultyDuration> {
    let written = text.trim();
    if written == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let clear = Some(written).filter(|written| !has_two_meanings(written));
    let span = clear.and_then(|written| written.parse::<Span>().ok());
    span.and_then(|span| {
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours());
        length.ok()
    })
    .ok_or_else(|| faulty(text))
}

/// `1,500ms` would be read as one and a half, and is how a thousand and a half is told here; `12:00:00` is a time of the day as
/// well.
fn has_two_meanings(written: &str) -> bool {
    let mut behind_commas = written.split(',').skip(1);
    written.contains(':')
        || behind_commas.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn faulty(text: &str) -> FaultyDuration {
    FaultyDuration {
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_written() {
        for (text, ns) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("250ms", Some(250_000_000)),
            ("10us", Some(10_000)),
            ("10µs", Some(10_000)),
            ("1.5s", Some(1_500_000_000)),
            ("2 h", Some(7_200_000_000_000)),
            ("1h 30m", Some(5_400_000_000_000)),
            ("2d", Some(172_800_000_000_000)),
            (" 5s ", Some(5_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1h, 30m", Some(5_400_000_000_000)),
            ("2 hours", Some(7_200_000_000_000)),
            ("PT1H30M", Some(5_400_000_000_000)),
            ("1w", Some(604_800_000_000_000)),
            ("3", None),
            ("1.5d", None),
            ("1,5s", None),
            ("1,500ms", None),
            ("PT1,5S", None),
            ("01:30:00", None),
            ("1s1s", None),
            ("30m 1h", None),
            ("1e3s", None),
            ("1_000s", None),
            ("1mo", None),
            ("1y", None),
            ("1h ago", None),
            ("99999999999h", None),
            (".5s", None),
            ("1.s", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("5 apples", None),
            ("99999999999999999999s", None),
            ("", None),
        ] {
            let length = duration(text).ok().map(|length| length.as_nanos());
            assert_eq!(length, ns, "{text}");
        }
        assert_eq!(signed_duration("-2m"), Ok(SignedDuration::from_secs(-120)));
        assert_eq!(signed_duration("+2h"), Ok(SignedDuration::from_hours(2)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9a-zµ. ]{0,24}") {
            let _ = duration(&text);
        }
    }
}
