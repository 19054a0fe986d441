//! Quantities as people write them: `20ms..80ms`, `1/500`, `10B/5ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// No wait is longer.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Microseconds in each unit that is written.
const UNITS: [(&str, u64); 5] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
];

/// Why a quantity cannot be read; says how to write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub(crate) String);

fn unreadable<T>(text: &str, wanted: &str) -> Result<T, Unreadable> {
    Err(Unreadable(format!("`{text}` is not {wanted}")))
}

/// Reads a duration such as `250ms`, `1.5s` or `2m`, of whole microseconds and at most a day.
pub fn parse_duration(text: &str) -> Result<Duration, Unreadable> {
    const WANTED: &str = "a duration; write a number and a unit (us, ms, s, m, h), such as 250ms";
    match reading::duration(text) {
        Ok(duration) if !duration.subsec_nanos().is_multiple_of(1_000) => {
            unreadable(text, "a whole number of microseconds")
        }
        Ok(duration) if duration <= DURATION_MAX => Ok(duration),
        Ok(_) => unreadable(text, "at most 24h"),
        Err(_) => unreadable(text, WANTED),
    }
}

/// The shortest writing that [`parse_duration`] reads back.
pub(crate) fn write_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let (unit, size) = UNITS
        .iter()
        .rev()
        .find(|(_, size)| micros > 0 && micros.is_multiple_of(u128::from(*size)))
        .unwrap_or(&UNITS[1]);
    format!("{}{unit}", micros / u128::from(*size))
}

/// A range of durations, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// At least.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

impl FromStr for Span {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let (min, max) = (parse_duration(min)?, parse_duration(max)?);
        if min > max {
            return unreadable(text, "a range; write the shorter duration first");
        }
        Ok(Self { min, max })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write_duration(self.min))?;
        if self.min == self.max {
            return Ok(());
        }
        write!(f, "..{}", write_duration(self.max))
    }
}

/// A chance: so many in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odds {
    /// So many.
    pub hits: u32,
    /// In so many.
    pub among: u32,
}

impl FromStr for Odds {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let read = text
            .split_once('/')
            .and_then(|(hits, among)| Some((hits.parse().ok()?, among.parse().ok()?)));
        match read {
            Some((hits, among)) if hits <= among && among > 0 => Ok(Self { hits, among }),
            _ => unreadable(text, "a chance; write so many in so many, such as 1/500"),
        }
    }
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hits, self.among)
    }
}

/// So many bytes at a time, so long apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trickle {
    /// At a time.
    pub bytes: u32,
    /// Apart.
    pub every: Duration,
}

impl FromStr for Trickle {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        const WANTED: &str = "a trickle; write bytes (B, KiB) and a duration, such as 10B/5ms";
        let Some((bytes, every)) = text.split_once('/') else {
            return unreadable(text, WANTED);
        };
        let bytes = match (bytes.strip_suffix("KiB"), bytes.strip_suffix('B')) {
            (Some(number), _) => number
                .parse::<u32>()
                .ok()
                .and_then(|kib| kib.checked_mul(1024)),
            (None, Some(number)) => number.parse().ok(),
            (None, None) => None,
        };
        match bytes {
            Some(bytes) if bytes > 0 => Ok(Self {
                bytes,
                every: parse_duration(every)?,
            }),
            _ => unreadable(text, WANTED),
        }
    }
}

impl fmt::Display for Trickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B/{}", self.bytes, write_duration(self.every))
    }
}

/// A recurring cut: open for about so long, then cut for about so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurrence {
    /// About so long.
    pub open_for: Duration,
    /// About so long.
    pub cut_for: Duration,
}

impl FromStr for Recurrence {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let Some((open_for, cut_for)) = text.split_once("..") else {
            return unreadable(
                text,
                "a recurring cut; write how often and for how long, such as 5s..2s",
            );
        };
        let (open_for, cut_for) = (parse_duration(open_for)?, parse_duration(cut_for)?);
        // Anything shorter would keep the schedule, not the traffic, busy.
        if open_for < Duration::from_millis(1) || cut_for < Duration::from_millis(1) {
            return unreadable(text, "a recurring cut of at least 1ms..1ms");
        }
        Ok(Self { open_for, cut_for })
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open_for, cut_for) = (write_duration(self.open_for), write_duration(self.cut_for));
        write!(f, "{open_for}..{cut_for}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_read_as_they_are_documented() {
        let ms = Duration::from_millis;
        assert_eq!(
            "20ms..80ms".parse(),
            Ok(Span {
                min: ms(20),
                max: ms(80)
            })
        );
        assert_eq!(
            "5s".parse(),
            Ok(Span {
                min: ms(5_000),
                max: ms(5_000)
            })
        );
        assert_eq!(
            "1/500".parse(),
            Ok(Odds {
                hits: 1,
                among: 500
            })
        );
        assert_eq!(
            "10B/5ms".parse(),
            Ok(Trickle {
                bytes: 10,
                every: ms(5)
            })
        );
        assert_eq!(
            "2KiB/1s".parse(),
            Ok(Trickle {
                bytes: 2048,
                every: ms(1_000)
            })
        );
        assert_eq!(
            "5s..2s".parse(),
            Ok(Recurrence {
                open_for: ms(5_000),
                cut_for: ms(2_000)
            })
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "5",
            "-5ms",
            "ms",
            "25h",
            "500ns",
            "1.5us",
            "1,500ms",
            "99999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!("80ms..20ms".parse::<Span>().is_err());
        assert!("2/1".parse::<Odds>().is_err());
        assert!("0/0".parse::<Odds>().is_err());
        assert!("0B/1ms".parse::<Trickle>().is_err());
        assert!("0s..2s".parse::<Recurrence>().is_err());
    }

    proptest! {
        #[test]
        fn a_duration_reads_back_as_it_was_written(micros in 0_u64..86_400_000_000) {
            let duration = Duration::from_micros(micros);
            prop_assert_eq!(parse_duration(&write_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-zB/. ]{0,24}") {
            let _ = (text.parse::<Span>(), text.parse::<Odds>());
            let _ = (text.parse::<Trickle>(), text.parse::<Recurrence>());
        }
    }
}
