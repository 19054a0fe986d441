//! A connection's bytes.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection's bytes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}
