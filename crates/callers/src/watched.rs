//! A connection whose frames are followed: how busy it is, and when it is too much.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::caller::Caller;
use crate::io::Io;
use tap::{Frames, Patience};

/// GOAWAY on stream 0: ENHANCE_YOUR_CALM, and every stream so far may have been worked on.
const GOAWAY: [u8; 17] = [
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0x0b,
];

/// How long a farewell has to be read before the connection is closed.
const LINGER: Duration = Duration::from_millis(500);

/// A connection whose preface has been read, and is given again.
pub struct Watched {
    preface: Bytes,
    io: Box<dyn Io>,
    caller: Arc<Caller>,
    began: Instant,
    incoming: Frames,
    outgoing: Frames,
    patience: Patience,
    /// What is left to say to a peer that is too much.
    farewell: Option<&'static [u8]>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    /// A connection of `caller`, behind its preface.
    pub fn new(preface: &'static [u8], io: Box<dyn Io>, caller: Arc<Caller>) -> Self {
        Self {
            preface: Bytes::from_static(preface),
            io,
            caller,
            began: Instant::now(),
            incoming: Frames::default(),
            outgoing: Frames::default(),
            patience: Patience::default(),
            farewell: None,
            lingering: None,
        }
    }

    /// Judges what came in.
    fn judge(&mut self, bytes: &[u8]) {
        let since = self.began.elapsed();
        let (patience, mut is_busy, mut is_too_much) = (&mut self.patience, false, false);
        self.incoming.take(bytes, |frame| {
            is_busy |= frame.has_content();
            is_too_much |= !patience.takes(frame, since);
        });
        if is_busy {
            self.caller.was_busy(since);
        }
        if is_too_much && self.farewell.is_none() {
            tracing::warn!(
                from = self.caller.words(),
                "a caller sends more frames that say nothing than any good one: it is sent away"
            );
            self.farewell = Some(&GOAWAY);
        }
    }

    /// Follows what went out.
    fn wrote(&mut self, bytes: &[u8]) {
        let (patience, mut is_busy) = (&mut self.patience, false);
        self.outgoing.take(bytes, |frame| {
            if frame.has_content() {
                is_busy = true;
                patience.reward();
            }
        });
        if is_busy {
            self.caller.was_busy(self.began.elapsed());
        }
    }

    /// Says farewell as soon as the frame under way is whole; then the connection is broken.
    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if !self.outgoing.is_between() {
            // Whoever writes the rest of it comes back here.
            return Poll::Pending;
        }
        while let Some(left) = self.farewell.filter(|left| !left.is_empty()) {
            match Pin::new(&mut self.io).poll_write(context, left) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(count)) => self.farewell = Some(&left[count..]),
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => return Poll::Pending,
            }
        }
        // What was written is on its way; that the peer may listen no more is its own affair.
        let _ = Pin::new(&mut self.io).poll_flush(context);
        // Closed with bytes that nobody has read, the connection is reset, and the farewell with it: it has a moment.
        let lingering = self
            .lingering
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if lingering.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(io::Error::other("too many frames that say nothing"))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.preface.is_empty() {
            let count = self.preface.len().min(buffer.remaining());
            buffer.put_slice(&self.preface[..count]);
            self.preface.advance(count);
            return Poll::Ready(Ok(()));
        }
        if self.farewell.is_some() {
            return self.poll_farewell(context).map(Err);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            let this = &mut *self;
            this.judge(&buffer.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() && self.outgoing.is_between() {
            return self.poll_farewell(context).map(Err);
        }
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.wrote(&bytes[..count]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.farewell.is_some() && self.outgoing.is_between() {
            return self.poll_farewell(context).map(Err);
        }
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        if let Poll::Ready(Ok(mut count)) = polled {
            for slice in slices {
                let taken = count.min(slice.len());
                self.wrote(&slice[..taken]);
                count -= taken;
            }
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
