//! How a column writes its times.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use office::tally::OFFICE_TIME;

const REMEDY: &str = "write COLUMN:FORMAT, where FORMAT is unix, unix-ms, unix-us, unix-ns, rfc3339, or a pattern such \
                      as %Y-%m-%d %H:%M:%S";

/// How a column writes its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// A number since 1970, so many of which are a second; fractions are kept to the nanosecond.
    Unix {
        /// 1, 1,000, 1,000,000 or 1,000,000,000.
        per_second: i128,
    },
    /// RFC 3339, as in `2018-09-14T10:00:00+09:00`.
    Rfc3339,
    /// A strptime pattern. Without an offset in it times are at UTC+9.
    Pattern(String),
}

/// A column of times, with its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeColumn {
    /// The column.
    pub column: String,
    /// How it writes times.
    pub format: TimeFormat,
}

impl FromStr for TimeColumn {
    type Err = String;

    /// Reads `COLUMN:FORMAT`. Both may hold colons: a known word stands at the end, a pattern begins with its first %.
    fn from_str(text: &str) -> Result<Self, String> {
        let told = |column: &str, format| {
            if column.is_empty() {
                return Err(format!("{text:?} names no column; {REMEDY}"));
            }
            Ok(Self {
                column: column.to_owned(),
                format,
            })
        };
        if let Some((column, word)) = text.rsplit_once(':')
            && let Some(format) = TimeFormat::of_word(word)
        {
            return told(column, format);
        }
        let percent = text.find('%').unwrap_or(text.len());
        // Letters of the pattern may stand before its first %, but no colon.
        match text[..percent].rfind(':') {
            Some(colon) if percent < text.len() => {
                let format = TimeFormat::Pattern(text[colon + 1..].to_owned());
                told(&text[..colon], format)
            }
            _ => Err(format!("{text:?} names no format of times; {REMEDY}")),
        }
    }
}

impl TimeFormat {
    fn of_word(word: &str) -> Option<Self> {
        let per_second = match word {
            "unix" => 1,
            "unix-ms" => 1_000,
            "unix-us" => 1_000_000,
            "unix-ns" => 1_000_000_000,
            "rfc3339" => return Some(Self::Rfc3339),
            _ => return None,
        };
        Some(Self::Unix { per_second })
    }

    /// The time that `text` writes, or what is wrong and what belongs there.
    pub(crate) fn read(&self, text: &str) -> Result<Timestamp, (String, String)> {
        let text = text.trim();
        let wrong = |what: &str, remedy: &str| {
            let shown: String = text.chars().take(64).collect();
            (format!("{shown:?} is no {what}"), remedy.to_owned())
        };
        match self {
            Self::Unix { per_second } => unix(text, *per_second).ok_or_else(|| {
                let remedy = "write a number since 1970, or name another format with --time";
                wrong("unix time", remedy)
            }),
            Self::Rfc3339 => text.parse().map_err(|_| {
                let remedy =
                    "write it as 2018-09-14T10:00:00+09:00, or name another format with --time";
                wrong("RFC 3339 time", remedy)
            }),
            Self::Pattern(pattern) => from_pattern(pattern, text).map_err(|why| {
                let (message, remedy) = wrong(
                    &format!("time as {pattern} has it"),
                    "write it so, or name another format with --time",
                );
                (format!("{message}: {why}"), remedy)
            }),
        }
    }
}

fn unix(text: &str, per_second: i128) -> Option<Timestamp> {
    let nanoseconds = 1_000_000_000 / per_second;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole = whole.parse::<i64>().ok()?;
    let mut total = i128::from(whole) * nanoseconds;
    let mut unit = nanoseconds;
    for digit in fraction.chars() {
        let digit = i128::from(digit.to_digit(10)?);
        unit /= 10;
        total += if negative {
            -digit * unit
        } else {
            digit * unit
        };
    }
    Timestamp::from_nanosecond(total).ok()
}

fn from_pattern(pattern: &str, text: &str) -> Result<Timestamp, jiff::Error> {
    let time = BrokenDownTime::parse(pattern, text)?;
    if time.offset().is_some() || pattern.contains("%s") {
        return time.to_timestamp();
    }
    let local = time
        .to_datetime()
        .or_else(|_| time.to_date().map(jiff::civil::DateTime::from))?;
    OFFICE_TIME.to_timestamp(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(column: &str, text: &str) -> Result<String, String> {
        let column: TimeColumn = column.parse()?;
        column
            .format
            .read(text)
            .map(|time| time.to_string())
            .map_err(|(message, remedy)| format!("{message}; {remedy}"))
    }

    #[test]
    fn times_are_read_as_their_format_says() {
        for (column, text, time) in [
            ("t:unix", "1082040961", "2004-04-15T14:56:01Z"),
            ("t:unix", "1082040961.25", "2004-04-15T14:56:01.25Z"),
            ("t:unix", "-0.5", "1969-12-31T23:59:59.5Z"),
            ("t:unix-ms", "1082040961001", "2004-04-15T14:56:01.001Z"),
            (
                "t:unix-us",
                "1082040961000001",
                "2004-04-15T14:56:01.000001Z",
            ),
            (
                "t:rfc3339",
                "2018-09-14T10:00:00+09:00",
                "2018-09-14T01:00:00Z",
            ),
            (
                "t:%d/%m/%Y %H:%M",
                "14/09/2018 10:00",
                "2018-09-14T01:00:00Z",
            ),
            ("t:%Y-%m-%d", "2018-09-14", "2018-09-13T15:00:00Z"),
            (
                "t:%Y-%m-%dT%H:%M:%S%z",
                "2018-09-14T10:00:00+0000",
                "2018-09-14T10:00:00Z",
            ),
        ] {
            assert_eq!(read(column, text).as_deref(), Ok(time), "{column} {text}");
        }
    }

    #[test]
    fn a_column_may_have_a_colon_in_its_name() {
        let column: TimeColumn = "time:timestamp:rfc3339".parse().expect("it is one");
        assert_eq!(column.column, "time:timestamp");
        let column: TimeColumn = "time:stamp:%H:%M".parse().expect("it is one");
        assert_eq!(column.column, "time:stamp");
        assert_eq!(column.format, TimeFormat::Pattern("%H:%M".to_owned()));
    }

    #[test]
    fn what_is_no_time_is_told_with_what_to_write() {
        for (column, text, part) in [
            ("t", "1", "names no format"),
            (":unix", "1", "names no column"),
            ("t:iso", "1", "names no format"),
            ("t:unix", "soon", "\"soon\" is no unix time"),
            ("t:unix", "1.x", "is no unix time"),
            ("t:unix", "99999999999999", "is no unix time"),
            ("t:rfc3339", "2018-09-14", "RFC 3339"),
            ("t:%Y", "2018", "as %Y has it"),
        ] {
            let error = read(column, text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
