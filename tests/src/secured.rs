//! A peer of an office's that is not an office: it has the other office's identity, and says what it likes.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use identity::{Addresses, Bundle, Directory, Holder, LIFE_DAYS, Tls};
use jiff::Timestamp;
use office::Place;
use office::authority::Role;
use tokio::io::{DuplexStream, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

const PIPE_BYTES: usize = 64 * 1024;
const WAITING: usize = 64;

/// The identity of the office at `place`, of those in `directory`; they are made if there are none.
///
/// # Errors
/// They cannot be made, or read.
pub fn identity(directory: &Path, place: Place) -> Result<Arc<Tls>, Box<dyn Error + Send + Sync>> {
    let directory = Directory::at(directory);
    directory.make_what_is_missing(now())?;
    let bundle = Bundle::read(&directory.file(&Holder::server(place)))?;
    Ok(Arc::new(Tls::of(&bundle)?))
}

/// What `holder` speaks with, issued in `directory` at such a time for so many days.
///
/// # Errors
/// It cannot be made, or read.
pub fn issued(
    directory: &Path,
    holder: &Holder,
    days: u32,
    at: Timestamp,
) -> Result<Arc<Tls>, Box<dyn Error + Send + Sync>> {
    let file = Directory::at(directory).issue(holder, Addresses::loopback(), days, at)?;
    Ok(Arc::new(Tls::of(&Bundle::read(&file)?)?))
}

/// The same of an officer at `place`, from now on.
///
/// # Errors
/// It cannot be made, or read.
pub fn officer(directory: &Path, place: Place) -> Result<Arc<Tls>, Box<dyn Error + Send + Sync>> {
    let officer = Holder {
        place,
        role: Role::Officer,
        name: "kim".to_owned(),
    };
    issued(directory, &officer, LIFE_DAYS, now())
}

/// The same for an office within the process, for as long as it lasts.
///
/// # Errors
/// They cannot be made, or read.
pub fn in_force(
    directory: &Path,
    place: Place,
) -> Result<watch::Receiver<Arc<Tls>>, Box<dyn Error + Send + Sync>> {
    Ok(watch::channel(identity(directory, place)?).1)
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates are dated by the world's clock"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A connection to the office at `address`, by somebody who has this identity. It is opened when it is first used.
pub fn channel(address: SocketAddr, tls: Arc<Tls>) -> Channel {
    let connector = tower::service_fn(move |_: http::Uri| {
        let tls = Arc::clone(&tls);
        async move {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            let (io, _) = handshake::connect(&tls, tcp, &address.to_string()).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(io))
        }
    });
    Endpoint::from_static("http://office").connect_with_connector_lazy(connector)
}

/// The connections to a listener, behind TLS, by somebody who has this identity.
pub fn incoming(
    listener: TcpListener,
    tls: Arc<Tls>,
) -> impl Stream<Item = std::io::Result<DuplexStream>> + Send + 'static {
    let (sender, connections) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (tls, sender) = (Arc::clone(&tls), sender.clone());
            tokio::spawn(async move {
                // Whoever is refused, or goes, is no connection.
                let Ok((mut stream, _)) = handshake::accept(&tls, tcp).await else {
                    return;
                };
                let (near, mut far) = tokio::io::duplex(PIPE_BYTES);
                if sender.send(Ok(near)).await.is_ok() {
                    let _ = copy_bidirectional(&mut stream, &mut far).await;
                }
            });
        }
    });
    ReceiverStream::new(connections)
}
