//! Where the offices are now: an office that is killed comes back at another address.

use std::net::SocketAddr;
use std::time::Duration;

use office::{PerPlace, Place};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Whether whoever took the connection lives is asked so often: a port may have gone to somebody else.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The way to an office, while it runs.
#[derive(Debug)]
pub(crate) struct Doors {
    channels: PerPlace<watch::Sender<Option<(SocketAddr, Channel)>>>,
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
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .connect_lazy()
}

impl Doors {
    pub(crate) fn open(&self, place: Place, address: SocketAddr) {
        self.channels[place].send_replace(Some((address, connection(address))));
    }

    pub(crate) fn close(&self, place: Place) {
        self.channels[place].send_replace(None);
    }

    /// The way to `place`, once it runs.
    pub(crate) async fn channel(&self, place: Place) -> Channel {
        let mut channels = self.channels[place].subscribe();
        let open = channels.wait_for(Option::is_some).await;
        open.ok()
            .and_then(|open| open.as_ref().map(|(_, channel)| channel.clone()))
            .expect("the sender lives as long as this")
    }

    /// A connection of its own to `place`, if it runs.
    pub(crate) fn fresh(&self, place: Place) -> Option<Channel> {
        let open = self.channels[place].borrow();
        open.as_ref().map(|(address, _)| connection(*address))
    }

    /// How both offices are, asked over connections of their own, for when a call hangs.
    pub(crate) async fn look(&self) -> String {
        let mut told = Vec::new();
        for place in Place::BOTH {
            let address = self.channels[place]
                .borrow()
                .as_ref()
                .map(|(address, _)| *address);
            let Some(channel) = self.fresh(place) else {
                told.push(format!("{place} does not run"));
                continue;
            };
            let asked = tokio::time::timeout(LOOK_TIMEOUT, crate::watch::office(channel)).await;
            told.push(format!("{place} at {address:?}: {asked:?}"));
        }
        told.join("; ")
    }
}
