//! Where the offices are now: an office that is killed comes back at another address.

use std::net::SocketAddr;

use office::{PerPlace, Place};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

/// The way to an office, while it runs.
#[derive(Debug)]
pub(crate) struct Doors {
    channels: PerPlace<watch::Sender<Option<Channel>>>,
}

impl Default for Doors {
    fn default() -> Self {
        let closed = || watch::channel(None).0;
        Self {
            channels: PerPlace::new(closed(), closed()),
        }
    }
}

/// A connection of its own; it is opened with the first call.
pub(crate) fn connection(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("an address makes an URI")
        .connect_lazy()
}

impl Doors {
    pub(crate) fn open(&self, place: Place, address: SocketAddr) {
        self.channels[place].send_replace(Some(connection(address)));
    }

    pub(crate) fn close(&self, place: Place) {
        self.channels[place].send_replace(None);
    }

    /// The way to `place`, once it runs.
    pub(crate) async fn channel(&self, place: Place) -> Channel {
        let mut channels = self.channels[place].subscribe();
        let open = channels.wait_for(Option::is_some).await;
        open.ok()
            .and_then(|channel| channel.clone())
            .expect("the sender lives as long as this")
    }
}
