//! What is known of a target's TLS.

use std::path::PathBuf;

/// How a target is spoken to over TLS.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates that are trusted, in PEM; those of the system if `None`.
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate must have; the target's host if `None`.
    pub server_name: Option<String>,
    /// Our own certificate and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It is not in this build.
    #[error(
        "this build speaks no TLS; build it with `cargo build --release --features tls`, or leave --tls away"
    )]
    NotBuilt,
}
