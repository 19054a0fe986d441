//! Where an office is, and the connection to it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use identity::Tls;
use office::{PerPlace, Place};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tonic::transport::{Channel, Endpoint, Error};

/// How an office is spoken to.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Over TLS, as whoever this is at each office; without, in plain text, which an office takes from its own machine alone.
    pub identities: PerPlace<Option<Arc<Tls>>>,
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
    ) -> Result<(Channel, LetGo), Error> {
        let (manner, address, let_go) = (self.clone(), address.to_owned(), LetGo::default());
        let noted = let_go.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let (manner, address, noted) = (manner.clone(), address.clone(), noted.clone());
            async move { manner.dial(&address, place, noted).await }
        });
        let channel = endpoint.connect_with_connector(connector).await?;
        Ok((channel, let_go))
    }

    /// Who speaks at the office of `place`, over TLS; where no office is meant, at either.
    fn identity_at(&self, place: Option<Place>) -> Option<&Arc<Tls>> {
        let of = |place: Place| self.identities[place].as_ref();
        match place {
            Some(place) => of(place),
            None => of(Place::South).or_else(|| of(Place::North)),
        }
    }

    /// Whether the office of `place` may be dialled at `address`: in plain text only on this machine.
    ///
    /// # Errors
    /// It may not, or the address leads nowhere.
    pub async fn may_dial(&self, address: &str, place: Place) -> io::Result<()> {
        if self.insecure || self.identity_at(Some(place)).is_some() {
            return Ok(());
        }
        // Whoever dials takes the address that he likes.
        let mut found = lookup_host(address).await?;
        if found.all(|at| is_here(&at)) {
            return Ok(());
        }
        Err(unencrypted(address))
    }

    async fn dial(
        &self,
        address: &str,
        place: Option<Place>,
        let_go: LetGo,
    ) -> io::Result<TokioIo<Stream>> {
        let identity = self.identity_at(place);
        let tcp = tcp(address, identity.is_some() || self.insecure).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = identity else {
            return Ok(TokioIo::new(Box::new(tcp)));
        };
        let (io, _) = handshake::connect_to_office(tls, tcp, address, place).await?;
        Ok(TokioIo::new(Box::new(Noted { io, let_go })))
    }
}

/// Why an office let go of whoever called. In TLS 1.3 it has been called by the time that it looks at a certificate: calls that
/// fail then are told no more than that they were cancelled.
#[derive(Debug, Clone, Default)]
pub struct LetGo(Arc<Mutex<Option<String>>>);

impl LetGo {
    /// What the last connection that broke was told, if it was told anything.
    pub fn why(&self) -> Option<String> {
        let why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone()
    }

    fn note(&self, error: &io::Error) {
        // TLS tells what it was told; what the system says, the call is told itself.
        if error.kind() == io::ErrorKind::InvalidData {
            let mut why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *why = Some(identity::why_not(error));
        }
    }
}

/// A connection whose end is noted.
struct Noted<S> {
    io: S,
    let_go: LetGo,
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, into);
        if let Poll::Ready(Err(error)) = &read {
            self.let_go.note(error);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

type Stream = Box<dyn Bytes>;

/// A connection's bytes.
trait Bytes: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Bytes for T {}

fn is_here(at: &SocketAddr) -> bool {
    at.ip().to_canonical().is_loopback()
}

fn unencrypted(address: &str) -> io::Error {
    let why = format!(
        "{address} is on another machine, and nothing is encrypted without an identity: give --identity FILE (or --insecure, if \
         that is meant)"
    );
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Connects to the first address that answers: in plain text, of this machine alone unless others `may` be.
async fn tcp(address: &str, may: bool) -> io::Result<TcpStream> {
    let mut last = None;
    for at in lookup_host(address).await? {
        if !may && !is_here(&at) {
            last = Some(unencrypted(address));
            continue;
        }
        match TcpStream::connect(at).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}
