//! How a connection begins: over TLS or not, by somebody who is known or not.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use identity::{Certified, Tls};
use jiff::Timestamp;
use office::authority::{Authority, Speaker};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::watch;

use crate::caller::Caller;
use crate::handshakes::{Handshake, Handshakes};
use crate::io::Io;
use crate::known::{Known, is_here};
use crate::told::Told;

/// What every HTTP/2 client begins with.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NOT_HTTP2: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
    This is a gRPC office: it speaks HTTP/2 only. Try grpcurl -plaintext, or the liaison command.\n";
/// What a record of TLS begins with that opens a connection; no preface does.
const TLS_HANDSHAKE: u8 = 0x16;
/// How often it is looked whether a certificate has come to its end.
const LOOK: Duration = Duration::from_secs(3600);

/// How an office knows who comes in.
#[derive(Debug, Clone)]
pub struct Door {
    /// What a caller may do.
    pub authority: Authority,
    /// By what the office is known, and knows others; `None` if it has no identity.
    pub tls: Option<watch::Receiver<Arc<Tls>>>,
    /// Whether clients on other machines need not say who they are.
    pub open_clients: bool,
}

/// Greets whoever comes in.
#[derive(Debug, Clone)]
pub struct Greeting {
    door: Door,
    handshakes: Handshakes,
    timeout: Duration,
    told: Told,
}

impl Greeting {
    /// At `door`, where so many may stand for so long.
    pub fn new(door: Door, handshakes_max: u64, timeout: Duration) -> Self {
        Self {
            door,
            handshakes: Handshakes::new(handshakes_max),
            timeout,
            told: Told::default(),
        }
    }

    /// Waits until another can be greeted.
    pub async fn room(&self) {
        self.handshakes.room().await;
    }

    /// Another has come; `said` is who, where that is known without asking. Gives what the connection says behind the preface,
    /// or `None` if there is nobody to speak with. Callable once a caller.
    pub fn greet(
        &self,
        io: Box<dyn Io>,
        said: Speaker,
        caller: Arc<Caller>,
    ) -> impl Future<Output = Option<Box<dyn Io>>> + Send + use<> {
        let handshake = self.handshakes.begin(&caller);
        let (door, told, timeout) = (self.door.clone(), self.told.clone(), self.timeout);
        async move {
            let greeted = door.greet(io, said, &caller, handshake);
            match tokio::time::timeout(timeout, greeted).await {
                Ok(Ok(io)) => Some(io),
                Ok(Err(Some(why))) => {
                    told.tell(|left_out| {
                        tracing::warn!(
                            from = caller.words(),
                            why,
                            left_out,
                            "a connection was refused"
                        );
                    });
                    None
                }
                // Gone, or silent for too long.
                Ok(Err(None)) | Err(_) => None,
            }
        }
    }

    /// Ends when what let a caller in no longer holds. Never in simulated time, where nobody shows a certificate.
    pub fn no_longer_holds(&self, caller: &Arc<Caller>) -> impl Future<Output = ()> + Send + use<> {
        let (tls, told) = (self.door.tls.clone(), self.told.clone());
        let caller = Arc::clone(caller);
        async move {
            let certified = caller.known().certified().cloned();
            let (Some(certified), Some(tls)) = (certified, tls) else {
                return std::future::pending().await;
            };
            let why = no_longer_holds(tls, certified).await;
            told.tell(|left_out| {
                tracing::warn!(
                    from = caller.words(),
                    why,
                    left_out,
                    "a connection ends: what let it in no longer holds"
                );
            });
        }
    }
}

/// Ends when a certificate that was shown no longer holds: why.
pub async fn no_longer_holds(mut tls: watch::Receiver<Arc<Tls>>, shown: Certified) -> String {
    loop {
        let judged = tls.borrow_and_update().judge(&shown, now());
        if let Err(error) = judged {
            return error.to_string();
        }
        let left = shown.not_after.duration_since(now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let soon = tokio::time::sleep((left + Duration::from_secs(1)).min(LOOK));
        tokio::select! {
            biased;
            Ok(()) = tls.changed() => {}
            () = soon => {}
        }
    }
}

/// Certificates are dated, and rustls asks the same clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the dates of certificates are the world's, not the office's"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Why there is nobody to speak with; nothing if they are gone.
type Refused = Option<String>;

impl Door {
    async fn greet(
        &self,
        mut io: Box<dyn Io>,
        said: Speaker,
        caller: &Arc<Caller>,
        handshake: Handshake,
    ) -> Result<Box<dyn Io>, Refused> {
        let mut begun = [0; PREFACE.len()];
        let count = io.read(&mut begun).await.map_err(|_| None)?;
        let begun = begun.get(..count).filter(|begun| !begun.is_empty());
        let begun = begun.ok_or(None)?;
        handshake.has_begun();
        if begun[0] != TLS_HANDSHAKE {
            caller.is(Known::as_said(self.unproven(said, caller), self.authority));
            return read_preface(io, begun).await;
        }
        let Some(tls) = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow())) else {
            let why = "it speaks TLS, and this office has no identity";
            return Err(Some(why.to_owned()));
        };
        let io = Begun {
            begun: begun.to_vec(),
            io,
        };
        let accepted = handshake::accept(&tls, io).await;
        let (stream, shown) = accepted.map_err(|error| Some(identity::why_not(&error)))?;
        let known = match shown {
            Ok(certified) => Known::by(certified, self.authority),
            Err(error) => Known::as_said(Speaker::Unproven(error.to_string()), self.authority),
        };
        caller.is(known);
        read_preface(Box::new(stream), &[]).await
    }

    /// Whoever has no name is nobody from another machine.
    fn unproven(&self, said: Speaker, caller: &Caller) -> Speaker {
        let may = self.open_clients || is_here(caller.address);
        match said {
            Speaker::Unnamed if !may => Speaker::Unproven(
                "from another machine this office is spoken to over TLS, with a certificate: give --identity FILE".to_owned(),
            ),
            said => said,
        }
    }
}

/// Reads the preface that every HTTP/2 client begins with, of which so much is here.
async fn read_preface(mut io: Box<dyn Io>, begun: &[u8]) -> Result<Box<dyn Io>, Refused> {
    let mut preface = [0; PREFACE.len()];
    preface[..begun.len()].copy_from_slice(begun);
    let mut read = begun.len();
    loop {
        if preface[..read] != PREFACE[..read] {
            // It may be gone.
            let _ = io.write_all(NOT_HTTP2).await;
            let _ = io.shutdown().await;
            return Err(None);
        }
        if read == preface.len() {
            return Ok(io);
        }
        match io.read(&mut preface[read..]).await {
            Ok(0) | Err(_) => return Err(None),
            Ok(count) => read += count,
        }
    }
}

/// A connection of which some bytes have been read, and are given again.
struct Begun {
    begun: Vec<u8>,
    io: Box<dyn Io>,
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begun.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, into);
        }
        let count = self.begun.len().min(into.remaining());
        into.put_slice(&self.begun[..count]);
        self.begun.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
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

#[cfg(test)]
mod tests {
    use office::Place;

    use super::*;

    #[test]
    fn whoever_says_nothing_is_somebody_here_alone() {
        let door = |open_clients| Door {
            authority: Authority::new(Place::South, false),
            tls: None,
            open_clients,
        };
        let known = |door: Door, from: &str| {
            let address = from.parse().expect("an address");
            door.unproven(Speaker::Unnamed, &Caller::new(1, Some(address)))
        };
        assert_eq!(known(door(false), "127.0.0.1:5"), Speaker::Unnamed);
        assert_eq!(known(door(false), "[::1]:5"), Speaker::Unnamed);
        assert_eq!(known(door(true), "192.0.2.7:5"), Speaker::Unnamed);
        for from in ["192.0.2.7:5", "[2001:db8::7]:5"] {
            let stranger = known(door(false), from);
            assert!(
                matches!(&stranger, Speaker::Unproven(why) if why.contains("--identity FILE")),
                "{stranger:?}"
            );
        }
    }
}
