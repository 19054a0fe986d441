//! Input that knows where it stands, and ends a part that is longer than it may be.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The line, from 1.
    pub(super) line: u64,
    /// The character read last, from 1; 0 at the line's beginning.
    pub(super) column: usize,
}

#[derive(Debug, Clone, Copy)]
struct State {
    position: Position,
    /// Bytes of the part that is being read; `None` if it is passed over and may be of any length.
    part_bytes: Option<usize>,
}

/// Shows where an [`Input`] stands that somebody else reads from, and tells it where parts begin.
#[derive(Debug, Clone)]
pub(super) struct Watch(Rc<Cell<State>>);

impl Watch {
    pub(super) fn position(&self) -> Position {
        self.0.get().position
    }

    /// What follows is held in memory, and may be as long as the input allows.
    pub(super) fn begin_part(&self) {
        self.set_part(Some(0));
    }

    /// What follows is passed over.
    pub(super) fn pass_over(&self) {
        self.set_part(None);
    }

    fn set_part(&self, part_bytes: Option<usize>) {
        let position = self.position();
        self.0.set(State {
            position,
            part_bytes,
        });
    }
}

/// A part is longer than it may be.
#[derive(Debug, thiserror::Error)]
#[error("it is longer than {0} bytes")]
pub(super) struct TooLong(usize);

impl TooLong {
    /// Whether a reader failed for this reason.
    pub(super) fn is(error: &io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Counts lines and characters as they are read.
#[derive(Debug)]
pub(super) struct Input<R> {
    inner: R,
    part_bytes_max: usize,
    state: Rc<Cell<State>>,
}

impl<R: BufRead> Input<R> {
    /// Passes over a byte order mark.
    pub(super) fn open(mut inner: R, part_bytes_max: usize) -> io::Result<(Self, Watch)> {
        if inner.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            inner.consume(3);
        }
        let state = Rc::new(Cell::new(State {
            position: Position { line: 1, column: 0 },
            part_bytes: Some(0),
        }));
        let watch = Watch(Rc::clone(&state));
        let input = Self {
            inner,
            part_bytes_max,
            state,
        };
        Ok((input, watch))
    }
}

fn advance(state: &mut State, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'\n' => {
                state.position.line += 1;
                state.position.column = 0;
            }
            // The second and later bytes of a character.
            0x80..=0xbf => {}
            _ => state.position.column += 1,
        }
    }
    if let Some(part_bytes) = &mut state.part_bytes {
        *part_bytes += bytes.len();
    }
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(buffer.len());
        buffer[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let part_bytes = self.state.get().part_bytes;
        if part_bytes.is_some_and(|bytes| bytes > self.part_bytes_max) {
            return Err(io::Error::other(TooLong(self.part_bytes_max)));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if len == 0 {
            return;
        }
        // What was filled is still there: this reads nothing.
        if let Ok(available) = self.inner.fill_buf() {
            let mut state = self.state.get();
            advance(&mut state, &available[..len.min(available.len())]);
            self.state.set(state);
        }
        self.inner.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted() {
        let (mut input, watch) = Input::open("\u{feff}ä\nbc".as_bytes(), 100).expect("it reads");
        let mut text = String::new();
        input.read_to_string(&mut text).expect("it is text");
        assert_eq!(text, "ä\nbc");
        assert_eq!(watch.position(), Position { line: 2, column: 2 });
    }

    #[test]
    fn a_part_has_a_bound_and_what_is_passed_over_has_none() {
        let bytes = [b'x'; 100];
        let read = |pass_over: bool| {
            let (mut input, watch) = Input::open(&bytes[..], 10).expect("it reads");
            if pass_over {
                watch.pass_over();
            }
            let mut one = [0; 1];
            (0..100).try_for_each(|_| input.read_exact(&mut one))
        };
        let error = read(false).expect_err("a hundred bytes are too long");
        assert!(TooLong::is(&error), "{error}");
        read(true).expect("nobody holds it");
    }
}
