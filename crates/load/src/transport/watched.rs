//! A connection's bytes, looked at on their way in: what answers at all, and which streams a GOAWAY left unread.
//!
//! h2 tells every stream of a connection that is ended the same, whether the server has read it or not. Who is to send
//! again what was never read must know which: the last stream that a GOAWAY names stands in its frame alone.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEADER_BYTES: usize = 9;
const GOAWAY: u8 = 7;
/// Of a GOAWAY: the last stream, of which the highest bit is reserved.
const LAST_STREAM_BYTES: usize = 4;

/// What has been seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: Cell<[u8; 8]>,
    first_count: Cell<usize>,
    last_stream: Cell<Option<u32>>,
}

impl Seen {
    /// Whether the server has ended the connection for every stream after some.
    pub(super) fn is_ending(&self) -> bool {
        self.last_stream.get().is_some()
    }

    /// Whether the server has said that it has not read this stream, and will not.
    pub(super) fn is_unread(&self, stream: u32) -> bool {
        self.last_stream.get().is_some_and(|last| stream > last)
    }

    /// What answered, if it was no HTTP/2.
    pub(super) fn other_protocol(&self) -> Option<&'static str> {
        let first = &self.first.get()[..self.first_count.get()];
        match first {
            // An alert or a handshake, of any version of TLS.
            [0x15 | 0x16, 0x03, ..] => Some("it speaks TLS: give --tls"),
            _ if first.starts_with(b"HTTP/1.") => {
                Some("it speaks HTTP/1, which carries no gRPC: is it another port?")
            }
            // To a version that it does not know a server may answer with a page and nothing before it.
            _ if first.eq_ignore_ascii_case(b"<!doctyp") || first.starts_with(b"<html>") => Some(
                "it speaks HTTP/1 (a page of HTML came), which carries no gRPC: is it another port?",
            ),
            _ if first.starts_with(b"SSH-") => Some("it speaks SSH: is it another port?"),
            _ => None,
        }
    }
}

/// Where in the frames the bytes are.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; HEADER_BYTES],
    header_count: usize,
    /// Of the frame's payload, still to come.
    left: usize,
    last_stream: [u8; LAST_STREAM_BYTES],
    last_stream_count: usize,
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8], seen: &Seen) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                let (payload, rest) = bytes.split_at(here);
                if self.header[3] == GOAWAY {
                    self.go_away(payload, seen);
                }
                self.left -= here;
                bytes = rest;
            } else {
                let here = (HEADER_BYTES - self.header_count).min(bytes.len());
                let (header, rest) = bytes.split_at(here);
                self.header[self.header_count..][..here].copy_from_slice(header);
                self.header_count += here;
                bytes = rest;
                if self.header_count == HEADER_BYTES {
                    let [a, b, c, ..] = self.header;
                    self.left = u32::from_be_bytes([0, a, b, c]) as usize;
                    (self.header_count, self.last_stream_count) = (0, 0);
                }
            }
        }
    }

    fn go_away(&mut self, payload: &[u8], seen: &Seen) {
        let here = payload
            .len()
            .min(LAST_STREAM_BYTES - self.last_stream_count);
        self.last_stream[self.last_stream_count..][..here].copy_from_slice(&payload[..here]);
        self.last_stream_count += here;
        if here > 0 && self.last_stream_count == LAST_STREAM_BYTES {
            let last = u32::from_be_bytes(self.last_stream) & (u32::MAX >> 1);
            // A server that ends gently names the highest number first, and then the last one that it has read.
            let least = seen.last_stream.get().map_or(last, |least| least.min(last));
            seen.last_stream.set(Some(least));
        }
    }
}

/// A connection that is looked at.
#[derive(Debug)]
pub(super) struct Watched<S> {
    inner: S,
    frames: Frames,
    seen: Rc<Seen>,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S) -> (Self, Rc<Seen>) {
        let seen = Rc::<Seen>::default();
        let watched = Self {
            inner,
            frames: Frames::default(),
            seen: Rc::clone(&seen),
        };
        (watched, seen)
    }

    fn look(&mut self, bytes: &[u8]) {
        let count = self.seen.first_count.get();
        let mut first = self.seen.first.get();
        if count < first.len() {
            let here = bytes.len().min(first.len() - count);
            first[count..][..here].copy_from_slice(&bytes[..here]);
            self.seen.first.set(first);
            self.seen.first_count.set(count + here);
        }
        self.frames.take(bytes, &self.seen);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        this.look(&buffer.filled()[before..]);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let header = [length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        [&header[..], payload].concat()
    }

    fn go_away(last: u32) -> Vec<u8> {
        let debug = b"max_age";
        frame(GOAWAY, &[&last.to_be_bytes()[..], &[0; 4], debug].concat())
    }

    proptest! {
        #[test]
        fn a_go_away_is_found_however_the_bytes_are_cut(
            before in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
            last in 0_u32..1_000,
            cuts in prop::collection::vec(1_usize..30, 1..20),
        ) {
            let mut bytes: Vec<u8> = before.iter().flat_map(|payload| frame(0, payload)).collect();
            bytes.extend(go_away(0x7fff_ffff));
            bytes.extend(frame(6, &[0; 8]));
            bytes.extend(go_away(last));
            let (seen, mut frames) = (Seen::default(), Frames::default());
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let cut = (*cuts.next().expect("it goes round")).min(rest.len());
                frames.take(&rest[..cut], &seen);
                rest = &rest[cut..];
            }
            prop_assert!(seen.is_ending() && seen.is_unread(last + 1) && !seen.is_unread(last));
        }
    }

    #[test]
    fn what_answers_in_another_protocol_is_named() {
        let named = |bytes: &[u8]| {
            let (mut watched, seen) = Watched::new(());
            watched.look(bytes);
            seen.other_protocol()
        };
        assert!(named(b"\x15\x03\x01\x00\x02\x02\x46").is_some_and(|it| it.contains("--tls")));
        assert!(named(b"HTTP/1.1 400 Bad Request\r\n").is_some_and(|it| it.contains("HTTP/1")));
        for page in [
            &b"<!DOCTYPE HTML>\n"[..],
            b"<!doctype html><p>",
            b"<html><head>",
        ] {
            assert!(named(page).is_some_and(|it| it.contains("HTTP/1")));
        }
        assert_eq!(named(&frame(4, &[])), None);
        assert_eq!(named(b""), None);
    }
}
