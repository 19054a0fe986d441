//! Where an office is, and the connection to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use identity::Tls;
use office::Place;
use office::authority::Role;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Error};

/// How an office is spoken to.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Over TLS, as whoever this is; without, in plain text, which an office takes from its own machine alone.
    pub identity: Option<Arc<Tls>>,
    /// In plain text to other machines too.
    pub insecure: bool,
}

impl Manner {
    /// Connects to `address` (`host:port`) by `endpoint`. Over TLS it must be the office at `place`, if one is meant.
    pub async fn connect(
        &self,
        endpoint: Endpoint,
        address: &str,
        place: Option<Place>,
    ) -> Result<Channel, Error> {
        let (manner, address) = (self.clone(), address.to_owned());
        let connector = tower::service_fn(move |_: http::Uri| {
            let (manner, address) = (manner.clone(), address.clone());
            async move { manner.dial(&address, place).await }
        });
        endpoint.connect_with_connector(connector).await
    }

    async fn dial(&self, address: &str, place: Option<Place>) -> io::Result<TokioIo<Stream>> {
        let refused = |why: String| io::Error::new(io::ErrorKind::PermissionDenied, why);
        let tcp = tcp(address, self.identity.is_some() || self.insecure).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.identity else {
            return Ok(TokioIo::new(Box::new(tcp)));
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| refused(format!("{host:?} is no name that a certificate can have")))?;
        let stream = TlsConnector::from(tls.client()).connect(name, tcp).await;
        let stream = stream.map_err(|error| refused(identity::why_not(&error)))?;
        let shown = tls.certified(stream.get_ref().1.peer_certificates());
        let shown = shown.map_err(|error| refused(error.to_string()))?;
        let meant = shown.name.role() == Role::Server
            && place.is_none_or(|place| shown.name.place() == place);
        if !meant {
            let wanted = place.map_or_else(|| "an".to_owned(), |place| format!("the {place}"));
            return Err(refused(format!(
                "it is not {wanted} office: its certificate is {}",
                shown.name
            )));
        }
        Ok(TokioIo::new(Box::new(stream)))
    }
}

type Stream = Box<dyn Bytes>;

/// A connection's bytes.
trait Bytes: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Bytes for T {}

/// Connects to the first address that answers: in plain text, of this machine alone unless others `may` be.
async fn tcp(address: &str, may: bool) -> io::Result<TcpStream> {
    let is_here = |at: &SocketAddr| at.ip().to_canonical().is_loopback();
    let mut last = None;
    for at in lookup_host(address).await? {
        if !may && !is_here(&at) {
            let why = format!(
                "{address} is on another machine, and nothing is encrypted without an identity: give --identity FILE (or \
                 --insecure, if that is meant)"
            );
            last = Some(io::Error::new(io::ErrorKind::PermissionDenied, why));
            continue;
        }
        match TcpStream::connect(at).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}
