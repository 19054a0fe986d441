//! A build without TLS: nobody has an identity to shake hands with.

use std::future::{Ready, ready};
use std::io;

use identity::{Certified, IdentityError, Tls};

use crate::{Accepted, refused};

/// A connection over TLS: never made.
pub type Secured<S> = S;

pub(crate) fn accept<S>(_: &Tls, _: S) -> Ready<io::Result<Accepted<S>>> {
    ready(Err(refused(IdentityError::NotBuilt.to_string())))
}

pub(crate) fn connect<S>(_: &Tls, _: S, _: &str) -> Ready<io::Result<(Secured<S>, Certified)>> {
    ready(Err(refused(IdentityError::NotBuilt.to_string())))
}
