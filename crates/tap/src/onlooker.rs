//! Whoever is shown what passes.

use std::fmt;
use std::net::SocketAddr;

use crate::event::Side;

/// Is shown what passes on connections. Nothing waits for it: it must not block.
pub trait Onlooker: fmt::Debug + Send + Sync {
    /// A connection is open, from the first address to the second; gives its number.
    fn opened(&self, client: SocketAddr, server: SocketAddr) -> u64;

    /// A side has sent this.
    fn passed(&self, connection: u64, from: Side, bytes: &[u8]);

    /// The connection is over.
    fn over(&self, connection: u64);
}
