//! TLS over a connection, as an identity speaks it.
//!
//! **The decision.** Who accepts and who dials shakes hands here, and nowhere else: an identity itself knows no runtime.
//!
//! **The invariant.** Whoever is given back was checked by the identity that spoke with him.

use std::io;

use identity::{Certified, IdentityError, Tls, host_of};
use office::Place;
use office::authority::Role;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "tls")]
mod secured;
#[cfg(feature = "tls")]
use secured as kind;
#[cfg(not(feature = "tls"))]
mod without;
#[cfg(not(feature = "tls"))]
use without as kind;

pub use kind::Secured;

/// What has been secured, and who is at the other end, or why he is nobody.
pub type Accepted<S> = (Secured<S>, Result<Certified, IdentityError>);

/// Speaks with whoever has connected. Whose certificate holds and is of no use all the same is spoken with, to be told so.
///
/// # Errors
/// The handshake fails: [`identity::why_not`] tells why.
pub async fn accept<S>(tls: &Tls, stream: S) -> io::Result<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    kind::accept(tls, stream).await
}

/// Speaks with whoever was dialled at `address` (`host:port`): the bytes, and who that is.
///
/// # Errors
/// The handshake fails, or it is nobody of this domain: why, in words.
pub async fn connect<S>(tls: &Tls, stream: S, address: &str) -> io::Result<(Secured<S>, Certified)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    kind::connect(tls, stream, host_of(address)).await
}

/// Speaks with the office that was dialled at `address`: the one at `place`, if one is meant.
///
/// # Errors
/// As of [`connect`], or it is another, or no office.
pub async fn connect_to_office<S>(
    tls: &Tls,
    stream: S,
    address: &str,
    place: Option<Place>,
) -> io::Result<(Secured<S>, Certified)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (stream, shown) = connect(tls, stream, address).await?;
    let name = &shown.name;
    if name.role() == Role::Server && place.is_none_or(|place| name.place() == place) {
        return Ok((stream, shown));
    }
    let wanted = place.map_or_else(|| "an".to_owned(), |place| format!("the {place}"));
    Err(refused(format!(
        "it is not {wanted} office: its certificate is {name}"
    )))
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}
