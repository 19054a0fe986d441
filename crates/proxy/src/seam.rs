//! Where others may look on, and where the two ends of a connection may speak otherwise than in plain bytes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::way::Way;

/// One end of a connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {
    /// From here on, dropping it breaks the connection off.
    fn break_off(&self);
}

impl Io for TcpStream {
    fn break_off(&self) {
        let _ = self.set_zero_linger();
    }
}

/// An end, once it is agreed how it is spoken to.
pub type Agreed<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send + 'a>>;

/// How the ends of connections are spoken to: TLS, for one.
pub trait Ends: fmt::Debug + Send + Sync {
    /// Somebody has called.
    fn accepted(&self, client: TcpStream) -> Agreed<'_>;

    /// The service was called.
    fn dialled(&self, server: TcpStream) -> Agreed<'_>;
}

/// Looks on while bytes are carried. Nothing waits for it: it must not block.
pub trait Onlooker: fmt::Debug + Send + Sync {
    /// A connection is carried, from the first address to the second.
    fn opened(&self, connection: u64, client: SocketAddr, server: SocketAddr);

    /// These bytes were handed on.
    fn passed(&self, connection: u64, way: Way, bytes: &Bytes);

    /// Nothing more comes that way.
    fn finished(&self, connection: u64, way: Way);

    /// The connection is over; it was broken off, or both sides had finished.
    fn over(&self, connection: u64, is_broken: bool);
}
