//! Data on stdout, as text or as JSON.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;

pub(crate) use load::show::thousands;

/// A heading.
pub(crate) const HEADING: Style = Style::new().bold();
/// What is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// What stands in the background.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; the shapes are stable
    Json,
    /// As ghz prints it; of `liaison load`
    Ghz,
}

/// Prints data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) format: Format,
}

impl Output {
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints what was rendered as text, or the value as JSON.
    pub(crate) fn print(
        self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> serde_json::Value,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Text | Format::Ghz => self.text(&text()),
            Format::Json => self.json(&value()),
        }
    }

    /// Prints text as it is. Colours are left out where they are not wanted.
    #[expect(
        clippy::unused_self,
        reason = "it is a way of printing, like the others"
    )]
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Failure::Output)
    }

    /// Prints one JSON value over several lines.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        self.encoded(serde_json::to_string_pretty(value))
    }

    /// Prints one JSON value as one line of a stream.
    pub(crate) fn json_line(self, value: &impl Serialize) -> Result<(), Failure> {
        self.encoded(serde_json::to_string(value))
    }

    fn encoded(self, encoded: serde_json::Result<String>) -> Result<(), Failure> {
        let encoded = encoded.map_err(|error| Failure::Output(io::Error::other(error)))?;
        self.text(&format!("{encoded}\n"))
    }

    /// Writes bytes as they are.
    #[expect(
        clippy::unused_self,
        reason = "it is a way of printing, like the others"
    )]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(Failure::Output)
    }
}

/// A note for the person who waits; never data.
pub(crate) fn note(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// `text` in `style`.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Text from elsewhere, made safe to show: a subject must not move the cursor.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// A size in the unit that suits it.
pub(crate) fn bytes_words(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS.iter().find(|(size, _)| bytes >= *size).map_or_else(
        || format!("{bytes} B"),
        |(size, unit)| format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(458), "458");
        assert_eq!(thousands(1_048_576), "1,048,576");
        assert_eq!(bytes_words(1023), "1023 B");
        assert_eq!(bytes_words(1_572_864), "1.5 MiB");
    }

    #[test]
    fn a_subject_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
