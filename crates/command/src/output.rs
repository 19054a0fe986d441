//! Data on stdout, as text or as JSON.

use std::io::{self, IsTerminal as _, Write as _};

use reading::visible;
use serde::Serialize;
use words::table::{WHOLE, WIDTH_MAX};

use crate::failure::Failure;
use crate::shown::{Showing, Shown};

pub use crate::format::Format;

/// Prints data.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// How.
    pub format: Format,
}

impl Output {
    /// Whether programs read it.
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// How wide text may be: on a terminal it is cut, and a file or a pipe gets it whole.
    pub fn width(self) -> usize {
        width(io::stdout().is_terminal())
    }

    /// Prints what was rendered as text, or the value as JSON.
    pub fn print(
        self,
        text: impl FnOnce() -> String,
        value: impl FnOnce() -> serde_json::Value,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Text | Format::Ghz => self.text(&text()),
            Format::Json => self.json(&value()),
        }
    }

    /// Prints text that was put together here. Colours are left out where they are not wanted. What a terminal would act
    /// on and we have not set is made visible, wherever it slipped in.
    pub fn text(self, text: &str) -> Result<(), Failure> {
        write_out(&visible::styled(text))
    }

    /// Prints a text that is data, such as a scenario: exact to a pipe or a file, visible to a terminal.
    pub fn data(self, text: &str) -> Result<(), Failure> {
        let is_terminal = io::stdout().is_terminal();
        let mut out = Showing::new(io::stdout().lock(), Shown::Text, is_terminal);
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Failure::Output)
    }

    /// Prints one JSON value over several lines.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        self.encoded(serde_json::to_string_pretty(value))
    }

    /// Prints one JSON value as one line of a stream.
    pub fn json_line(self, value: &impl Serialize) -> Result<(), Failure> {
        self.encoded(serde_json::to_string(value))
    }

    #[expect(
        clippy::unused_self,
        reason = "it is a way of printing, like the others"
    )]
    fn encoded(self, encoded: serde_json::Result<String>) -> Result<(), Failure> {
        let encoded = encoded.map_err(|error| Failure::Output(io::Error::other(error)))?;
        write_out(&format!("{}\n", visible::json(&encoded)))
    }

    /// Writes bytes as they are.
    pub fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(Failure::Output)
    }
}

const fn width(is_terminal: bool) -> usize {
    if is_terminal { WIDTH_MAX } else { WHOLE }
}

fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// A note for the person who waits; never data.
pub fn note(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(anstream::stderr(), "{}", visible::lines(text));
}
