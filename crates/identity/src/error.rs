//! Why an identity cannot be used, made or taken.

use std::io;
use std::path::PathBuf;

/// Why an identity cannot be used, made or taken.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system refuses.
    #[error("failed to {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is no {wanted}: {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
    /// There is none.
    #[error("{what}")]
    Missing {
        /// What is missing, where it was looked for, and what to do.
        what: String,
    },
    /// A certificate is not taken.
    #[error("{why}")]
    Refused {
        /// Why.
        why: String,
    },
    /// It is not in this build.
    #[error(
        "this build speaks no TLS, and so it has no identities: build it with the feature `tls`, which is on by default, or \
         have `south` and `north` carry the line without (--insecure-line, on loopback alone)"
    )]
    NotBuilt,
    /// What is asked for cannot be issued.
    #[error("failed to issue a certificate: {why}")]
    Issuing {
        /// Why, and what to do.
        why: String,
    },
}

#[cfg(feature = "tls")]
impl IdentityError {
    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    pub(crate) fn issuing(error: &rcgen::Error) -> Self {
        let why = error.to_string();
        Self::Issuing { why }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}
