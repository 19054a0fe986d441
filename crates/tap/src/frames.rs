//! Frames of HTTP/2, followed in the bytes of a connection, and how many of them are too many. No I/O.
//!
//! h2 bounds streams, resets and headers. Frames that cost a peer nothing and say nothing, such as PING, it takes as
//! fast as they come. Here each costs a token; frames that carry something bring some back, since honest peers ping
//! and move windows in proportion to what they send and get.

use std::time::Duration;

const HEADER_BYTES: usize = 9;
/// Tokens at first, and at most.
const TOKENS_MAX: u64 = 8_192;
const TOKENS_PER_SECOND: u64 = 1_024;
const TOKENS_PER_CONTENT: u64 = 4;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its type, as RFC 9113 numbers them.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Bytes of its payload.
    pub bytes: u32,
}

impl Frame {
    /// Whether it carries a call, or something of one.
    pub fn has_content(self) -> bool {
        match self.kind {
            HEADERS => true,
            DATA => self.bytes > 0 || self.flags & END_STREAM != 0,
            _ => false,
        }
    }
}

/// Follows the frames of one direction, in whatever pieces their bytes come.
#[derive(Debug, Default)]
pub struct Frames {
    header: [u8; HEADER_BYTES],
    have: usize,
    /// Bytes of the payload at hand that are still to come.
    left: usize,
}

impl Frames {
    /// Takes the next bytes, and tells each frame whose head is whole by them.
    pub fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let count = (HEADER_BYTES - self.have).min(bytes.len());
            self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == HEADER_BYTES {
                let [high, middle, low, kind, flags, ..] = self.header;
                let len = u32::from_be_bytes([0, high, middle, low]);
                (self.have, self.left) = (0, len as usize);
                each(Frame {
                    kind,
                    flags,
                    bytes: len,
                });
            }
        }
    }

    /// Whether the last frame is whole, and none is begun.
    pub fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// What is left to a peer of frames that carry nothing.
#[derive(Debug)]
pub struct Patience {
    tokens: u64,
    /// When tokens were given last, since the connection began.
    given: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tokens: TOKENS_MAX,
            given: Duration::ZERO,
        }
    }
}

impl Patience {
    /// Judges a frame that came in; false if it is one too many. `since` is the age of the connection.
    pub fn takes(&mut self, frame: Frame, since: Duration) -> bool {
        if frame.has_content() {
            self.reward();
            return true;
        }
        if self.tokens == 0 {
            let waited = since.saturating_sub(self.given);
            let due = waited.as_micros() * u128::from(TOKENS_PER_SECOND) / 1_000_000;
            self.tokens = u64::try_from(due).unwrap_or(u64::MAX).min(TOKENS_MAX);
            if self.tokens == 0 {
                return false;
            }
            self.given = since;
        }
        self.tokens -= 1;
        true
    }

    /// Something was carried, in either direction.
    pub fn reward(&mut self) {
        self.tokens = (self.tokens + TOKENS_PER_CONTENT).min(TOKENS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn frames_are_the_same_in_whatever_pieces_they_come() {
        let bytes = [
            frame(4, 0, &[]),
            frame(0, 1, &[7; 300]),
            frame(6, 0, &[1; 8]),
            frame(0xfa, 3, &[2; 20]),
        ]
        .concat();
        for size in 1..bytes.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.take(piece, |frame| {
                    seen.push((frame.kind, frame.flags, frame.bytes));
                });
            }
            assert_eq!(seen, [(4, 0, 0), (0, 1, 300), (6, 0, 8), (0xfa, 3, 20)]);
            assert!(frames.is_between(), "{size}");
            frames.take(&bytes[..5], |_| {});
            assert!(!frames.is_between());
        }
    }

    fn empty(kind: u8) -> Frame {
        Frame {
            kind,
            flags: 0,
            bytes: 0,
        }
    }

    #[test]
    fn a_flood_is_one_too_many_and_a_trickle_is_not() {
        for kind in [0, 2, 3, 4, 6, 8, 9, 0xfa] {
            let mut patience = Patience::default();
            let taken = (0..1_000_000_u64)
                .take_while(|count| patience.takes(empty(kind), Duration::from_micros(*count)))
                .count();
            assert!((8_192..10_000).contains(&taken), "{kind}: {taken}");
            let mut patience = Patience::default();
            let all =
                (0..100_000).all(|count| patience.takes(empty(kind), Duration::from_millis(count)));
            assert!(all, "{kind}: a thousand a second are patiently taken");
        }
    }

    #[test]
    fn whoever_carries_something_may_ping_as_often() {
        let mut patience = Patience::default();
        let data = Frame {
            kind: DATA,
            flags: 0,
            bytes: 16_384,
        };
        for _ in 0..1_000_000 {
            assert!(patience.takes(data, Duration::ZERO));
            for kind in [6, 8, 8] {
                assert!(patience.takes(empty(kind), Duration::ZERO));
            }
        }
    }
}
