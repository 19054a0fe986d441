//! Bytes on their way to stdout: exact to a pipe or a file, visible to a terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use reading::visible;

/// So much is held back at most while a line has no end.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// How bytes are shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As text, line by line.
    Text,
    /// As JSON, which stays the same JSON.
    Json,
}

/// A writer that leaves bytes as they are, or makes them visible.
#[derive(Debug)]
pub struct Showing<W: Write> {
    out: W,
    shown: Option<Shown>,
    /// What has come since the last end of a line: a character, or what belongs to it, may still be on its way.
    rest: Vec<u8>,
}

impl<W: Write> Showing<W> {
    /// To a terminal what is `shown`, elsewhere every byte.
    pub fn new(out: W, shown: Shown, is_terminal: bool) -> Self {
        Self {
            out,
            shown: is_terminal.then_some(shown),
            rest: Vec::new(),
        }
    }

    /// Whether bytes are changed on the way.
    pub fn changes(&self) -> bool {
        self.shown.is_some()
    }

    fn show(&mut self, shown: Shown, length: usize) -> io::Result<()> {
        let bytes: Vec<u8> = self.rest.drain(..length).collect();
        // What is no text has no characters to show; a terminal draws the replacement.
        let text = String::from_utf8_lossy(&bytes);
        let text: Cow<'_, str> = match shown {
            Shown::Text => visible::lines(&text),
            Shown::Json => visible::json(&text),
        };
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write> Write for Showing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(shown) = self.shown else {
            return self.out.write(bytes);
        };
        self.rest.extend_from_slice(bytes);
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            self.show(shown, end + 1)?;
        } else if self.rest.len() > LINE_BYTES_MAX {
            self.show(shown, whole(&self.rest))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(shown) = self.shown {
            self.show(shown, whole(&self.rest))?;
        }
        self.out.flush()
    }
}

impl<W: Write> Drop for Showing<W> {
    fn drop(&mut self) {
        if let Some(shown) = self.shown {
            // Whoever wants to know whether it could be written has flushed; left is half a character at most.
            let _ = self.show(shown, self.rest.len());
            let _ = self.out.flush();
        }
    }
}

/// How many bytes there are without a character that has only begun.
fn whole(bytes: &[u8]) -> usize {
    let length = bytes.len();
    for (back, byte) in bytes.iter().rev().enumerate().take(4) {
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        return if needed > back + 1 {
            length - back - 1
        } else {
            length
        };
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "제목 a\u{202e}b\u{1b}[2J\r\n\"c\"\u{e0041}";

    /// What comes out when it goes in `step` bytes at a time.
    fn through(bytes: &[u8], shown: Shown, is_terminal: bool, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut showing = Showing::new(&mut out, shown, is_terminal);
        for part in bytes.chunks(step) {
            showing.write_all(part).expect("memory takes it");
        }
        drop(showing);
        out
    }

    #[test]
    fn a_pipe_gets_every_byte_and_a_terminal_what_can_be_seen() {
        for step in [1, 2, 3, 5, 1_000] {
            let bytes = HOSTILE.as_bytes();
            assert_eq!(through(bytes, Shown::Text, false, step), bytes);
            let seen = through(bytes, Shown::Text, true, step);
            assert_eq!(
                String::from_utf8(seen).expect("it is text"),
                "제목 a‹U+202E›b‹U+001B›[2J\r\n\"c\"‹U+E0041›"
            );
        }
        let json = "{\"a\":\"\u{202e}\"}\n";
        let seen = through(json.as_bytes(), Shown::Json, true, 3);
        assert_eq!(seen, b"{\"a\":\"\\u202e\"}\n");
    }

    #[test]
    fn what_is_no_text_steers_nothing() {
        let seen = through(b"a\x9b2J\xff\xf0\x9f", Shown::Text, true, 1);
        let seen = String::from_utf8(seen).expect("it is text");
        assert_eq!(seen, "a\u{fffd}2J\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_was_flushed_is_out_and_a_line_without_end_is_not_kept() {
        let mut out = Vec::new();
        let mut showing = Showing::new(&mut out, Shown::Text, true);
        showing
            .write_all("a제".as_bytes())
            .expect("memory takes it");
        showing.write_all(&[0xeb]).expect("memory takes it");
        showing.flush().expect("memory takes it");
        assert_eq!(showing.rest, [0xeb]);
        showing
            .write_all(&vec![b'x'; LINE_BYTES_MAX + 1])
            .expect("memory takes it");
        assert!(showing.rest.is_empty());
    }
}
