//! Who an office or a person is, as a certificate says it.
//!
//! **The decision.** A certificate has one URI, a SPIFFE ID, that names an office, a role and a name; beside it stand the
//! addresses where its holder may be reached. So the ordinary verifier of rustls checks chain, dates, revocation and address,
//! and what is left to do here is to read the URI and compare it. TLS 1.3 alone is spoken, by ring.
//!
//! **The invariant.** Whoever is [`Certified`] was checked against the authority and its list of the revoked that were in
//! force then; [`Tls::judge`] checks again whenever they change. What is faulty is refused with what is wrong, where, and what
//! to do. A build without the feature `tls` has nobody who is [`Certified`]: whatever asks for an identity is told that.
//! No clock: `now` is an argument (but a handshake itself asks the system's).

#[cfg(feature = "tls")]
mod authority;
#[cfg(feature = "tls")]
mod directory;
mod error;
#[cfg(feature = "tls")]
mod file;
mod holder;
#[cfg(feature = "tls")]
mod issued;
#[cfg(feature = "tls")]
mod read;
#[cfg(feature = "tls")]
mod tls;
mod warning;
#[cfg(not(feature = "tls"))]
mod without;

#[cfg(feature = "tls")]
pub use authority::{Addresses, Issuing, LIFE_DAYS};
pub use error::IdentityError;
#[cfg(feature = "tls")]
pub use file::Bundle;
pub use holder::{Directory, Holder, host_of};
#[cfg(feature = "tls")]
pub use issued::{Issued, Standing};
#[cfg(feature = "tls")]
pub use read::Certified;
#[cfg(feature = "tls")]
pub use tls::{Tls, why_not};
pub use warning::Warning;
#[cfg(not(feature = "tls"))]
pub use without::{Bundle, Certified, Tls, why_not};
