//! The line over TCP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use identity::{Certified, Tls};
use office::Place;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::line::{Dial, Dialled, Dialling};

/// Dials the peer over TCP, without asking who it is: on one machine alone, where that is meant.
#[derive(Debug)]
pub struct TcpDial {
    address: String,
}

impl TcpDial {
    /// A way to `address`, such as `127.0.0.1:50052`. Names are looked up at each connection.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
        }
    }
}

impl Dial for TcpDial {
    fn dial(&self) -> Dialling {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = connect(&address).await?;
            if !stream.peer_addr()?.ip().to_canonical().is_loopback() {
                let why = format!(
                    "{address} is on another machine, and the line is open on this one alone"
                );
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            Ok(Dialled {
                io: Box::new(stream),
                shown: None,
            })
        })
    }

    fn address(&self) -> String {
        self.address.clone()
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Dials the peer over TLS, and speaks with nobody else.
#[derive(Debug)]
pub struct SecuredDial {
    address: String,
    place: Place,
    tls: watch::Receiver<Arc<Tls>>,
}

impl SecuredDial {
    /// A way from the office at `place` to `address`, by the identity that is in force when it is dialled.
    pub fn new(place: Place, address: impl Into<String>, tls: watch::Receiver<Arc<Tls>>) -> Self {
        Self {
            address: address.into(),
            place,
            tls,
        }
    }
}

impl Dial for SecuredDial {
    fn dial(&self) -> Dialling {
        let (address, place) = (self.address.clone(), self.place);
        let tls = Arc::clone(&self.tls.borrow());
        Box::pin(async move {
            let tcp = connect(&address).await?;
            let peer = Some(place.peer());
            let (io, shown) = handshake::connect_to_office(&tls, tcp, &address, peer).await?;
            Ok(Dialled {
                io: Box::new(io),
                shown: Some(shown),
            })
        })
    }

    fn address(&self) -> String {
        self.address.clone()
    }

    fn no_longer_holds(&self, shown: Certified) -> Pin<Box<dyn Future<Output = String> + Send>> {
        let ended = callers::no_longer_holds(self.tls.clone(), shown);
        Box::pin(async move { format!("the peer is let go: {}", ended.await) })
    }
}
