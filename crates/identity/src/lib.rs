//! Who an office or a person is, as a certificate says it.
//!
//! **The decision.** A certificate has one URI, a SPIFFE ID, that names an office, a role and a name; beside it stand the
//! addresses where its holder may be reached. So the ordinary verifier of rustls checks chain, dates, revocation and address,
//! and what is left to do here is to read the URI and compare it. TLS 1.3 alone is spoken, by ring.
//!
//! **The invariant.** Whoever is [`Certified`] was checked against the authority and its list of the revoked that were in
//! force then; [`Tls::judge`] checks again whenever they change. What is faulty is refused with what is wrong, where, and what
//! to do. No clock: `now` is an argument (but a handshake itself asks the system's).

mod authority;
mod directory;
mod error;
mod file;
mod issued;
mod read;
mod tls;

pub use authority::{Addresses, Issuing, LIFE_DAYS};
pub use directory::{Directory, Holder};
pub use error::IdentityError;
pub use file::Bundle;
pub use issued::{Issued, Standing};
pub use read::Certified;
pub use tls::{Tls, Warning, host_of, why_not};
