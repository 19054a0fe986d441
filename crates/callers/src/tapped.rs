//! A connection that somebody looks on at: its bytes as they are behind TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tap::{Onlooker, Side};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::io::Io;

/// A connection whose preface has been read.
pub struct Tapped {
    io: Box<dyn Io>,
    onlooker: Arc<dyn Onlooker>,
    connection: u64,
}

impl Tapped {
    /// A connection from `client` to `server`, behind its preface.
    pub fn new(
        preface: &'static [u8],
        io: Box<dyn Io>,
        onlooker: Arc<dyn Onlooker>,
        client: SocketAddr,
        server: SocketAddr,
    ) -> Self {
        let connection = onlooker.opened(client, server);
        onlooker.passed(connection, Side::Client, preface);
        Self {
            io,
            onlooker,
            connection,
        }
    }

    fn wrote(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.onlooker.passed(self.connection, Side::Server, bytes);
        }
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.onlooker.over(self.connection);
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            self.onlooker.passed(self.connection, Side::Client, read);
        }
        polled
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
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
