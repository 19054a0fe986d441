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
        "{address} is not {wanted} office: its certificate is {name}"
    )))
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use std::path::Path;

    use identity::{Bundle, Directory, Holder};
    use jiff::Timestamp;

    use super::*;

    fn tls(directory: &Path, place: Place) -> Tls {
        let file = Directory::at(directory).file(&Holder::server(place));
        Tls::of(&Bundle::read(&file).expect("an identity")).expect("it can be used")
    }

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates hold for days of the real calendar"
    )]
    async fn whoever_means_one_office_does_not_speak_with_the_other() {
        let room = tempfile::tempdir().expect("room");
        let made = Directory::at(room.path()).make_what_is_missing(Timestamp::now());
        made.expect("made");
        let [south, north] = Place::BOTH.map(|place| tls(room.path(), place));
        for (meant, met) in [
            (None, true),
            (Some(Place::South), true),
            (Some(Place::North), false),
        ] {
            let (here, there) = tokio::io::duplex(65_536);
            let (accepted, connected) = tokio::join!(
                accept(&south, there),
                connect_to_office(&north, here, "127.0.0.1:1", meant)
            );
            assert!(accepted.is_ok());
            let why = connected.map(|(_, shown)| shown.name.place());
            match why {
                Ok(place) => assert!(met && place == Place::South, "{meant:?}"),
                Err(why) => {
                    assert!(!met, "{meant:?}: {why}");
                    assert!(why.to_string().contains("is not the north office"), "{why}");
                }
            }
        }
    }
}
