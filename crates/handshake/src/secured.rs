//! Handshakes by rustls.

use std::io;

use identity::{Certified, Tls, why_not};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::{Accepted, refused};

/// A connection over TLS.
pub type Secured<S> = TlsStream<S>;

pub(crate) async fn accept<S>(tls: &Tls, stream: S) -> io::Result<Accepted<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = TlsAcceptor::from(tls.server()).accept(stream).await?;
    let shown = tls.certified(stream.get_ref().1.peer_certificates());
    Ok((stream.into(), shown))
}

pub(crate) async fn connect<S>(
    tls: &Tls,
    stream: S,
    host: &str,
) -> io::Result<(Secured<S>, Certified)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| refused(format!("{host:?} is no name that a certificate can have")))?;
    let connected = TlsConnector::from(tls.client()).connect(name, stream).await;
    let stream = connected.map_err(|error| refused(why_not(&error)))?;
    let shown = tls.certified(stream.get_ref().1.peer_certificates());
    let shown = shown.map_err(|error| refused(error.to_string()))?;
    Ok((stream.into(), shown))
}
