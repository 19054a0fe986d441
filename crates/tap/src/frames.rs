//! Frames of HTTP/2, followed in the bytes of a connection, and how many of them are too many. No I/O.
//!
//! h2 bounds streams, resets and headers. Frames that cost a peer nothing and say nothing, such as PING, it takes as
//! fast as they come. Here each costs a token; frames that carry something bring some back, since honest peers ping
//! and move windows in proportion to what they send and get.

use std::time::Duration;

pub(crate) const HEADER_BYTES: usize = 9;
/// A longer frame is none that one may guess.
const PLAUSIBLE_BYTES: u32 = 1024 * 1024;
/// Tokens at first, and at most.
const TOKENS_MAX: u64 = 8_192;
const TOKENS_PER_SECOND: u64 = 1_024;
const TOKENS_PER_CONTENT: u64 = 4;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags; what each says depends on the frame's type.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const HAS_PRIORITY: u8 = 0x20;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its type, as RFC 9113 numbers them.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// The stream that it is of; 0 is the connection.
    pub stream: u32,
    /// Bytes of its payload.
    pub bytes: u32,
}

impl Frame {
    /// Out of the nine bytes that every frame begins with.
    pub(crate) fn of(header: &[u8; HEADER_BYTES]) -> Self {
        let [high, middle, low, kind, flags, a, b, c, d] = *header;
        Self {
            kind,
            flags,
            stream: u32::from_be_bytes([a, b, c, d]) & (u32::MAX >> 1),
            bytes: u32::from_be_bytes([0, high, middle, low]),
        }
    }

    /// Whether it may be a frame: what comes late has to guess where one begins.
    pub(crate) fn is_plausible(self) -> bool {
        let is_of_connection = self.stream == 0;
        self.bytes <= PLAUSIBLE_BYTES
            && match self.kind {
                DATA | HEADERS | CONTINUATION | PUSH_PROMISE => !is_of_connection,
                PRIORITY => !is_of_connection && self.bytes == 5,
                RST_STREAM => !is_of_connection && self.bytes == 4,
                SETTINGS => is_of_connection && self.bytes.is_multiple_of(6),
                PING => is_of_connection && self.bytes == 8,
                GOAWAY => is_of_connection && self.bytes >= 8,
                WINDOW_UPDATE => self.bytes == 4,
                _ => false,
            }
    }

    /// Whether it carries a call, or something of one.
    pub fn has_content(self) -> bool {
        match self.kind {
            HEADERS => true,
            DATA => self.bytes > 0 || self.flags & END_STREAM != 0,
            _ => false,
        }
    }
}

/// What has come of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Its head, whole.
    Head(Frame),
    /// The next bytes of its payload. A frame without payload has one piece, which is empty.
    Payload {
        /// They.
        bytes: &'a [u8],
        /// Where they stand in what was taken.
        at: usize,
        /// Whether they are the last of the frame.
        is_last: bool,
    },
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
    pub fn take(&mut self, bytes: &[u8], mut each: impl FnMut(Frame)) {
        self.parts(bytes, |part| {
            if let Part::Head(frame) = part {
                each(frame);
            }
        });
    }

    /// Takes the next bytes, and tells what they are of their frames.
    pub fn parts(&mut self, mut bytes: &[u8], mut each: impl FnMut(Part<'_>)) {
        let count_all = bytes.len();
        while !bytes.is_empty() {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.left -= payload.len();
                each(Part::Payload {
                    bytes: payload,
                    at: count_all - bytes.len(),
                    is_last: self.left == 0,
                });
                bytes = rest;
                continue;
            }
            let count = (HEADER_BYTES - self.have).min(bytes.len());
            self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == HEADER_BYTES {
                let frame = Frame::of(&self.header);
                (self.have, self.left) = (0, frame.bytes as usize);
                each(Part::Head(frame));
                if frame.bytes == 0 {
                    each(Part::Payload {
                        bytes: &[],
                        at: count_all - bytes.len(),
                        is_last: true,
                    });
                }
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
            stream: 0,
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
            stream: 1,
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
