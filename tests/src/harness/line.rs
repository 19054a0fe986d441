//! The line between the offices, as a wire that can be cut: each office dials its end of it, and it leads to
//! wherever the peer listens at the moment.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The way to one office.
#[derive(Debug)]
pub(super) struct Way {
    /// Where to dial.
    pub(super) address: SocketAddr,
    leads_to: watch::Sender<Option<SocketAddr>>,
    is_up: watch::Sender<bool>,
}

impl Way {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        let leads_to = watch::channel(None).0;
        let is_up = watch::channel(true).0;
        tokio::spawn(relay(listener, leads_to.subscribe(), is_up.subscribe()));
        Self {
            address,
            leads_to,
            is_up,
        }
    }

    pub(super) fn lead_to(&self, office: Option<SocketAddr>) {
        self.leads_to.send_replace(office);
    }

    /// Cuts the way, with every connection on it, or restores it.
    pub(super) fn set_up(&self, up: bool) {
        self.is_up.send_replace(up);
    }
}

async fn relay(
    listener: TcpListener,
    leads_to: watch::Receiver<Option<SocketAddr>>,
    is_up: watch::Receiver<bool>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        let office = *leads_to.borrow();
        let Some(office) = office.filter(|_| *is_up.borrow()) else {
            continue;
        };
        let mut is_up = is_up.clone();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(office).await else {
                return;
            };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            tokio::select! {
                _ = is_up.wait_for(|up| !up) => {}
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            }
        });
    }
}
