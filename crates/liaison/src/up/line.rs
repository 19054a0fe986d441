//! The line of the offices that are up, over proxies that fail on command.

use std::net::SocketAddr;

use command::failure::Failure;
use office::{PerPlace, Place};
use proxy::{Config, Control, Proxy};
use tokio::net::TcpListener;

/// The ways over which each office reaches its peer, steered as one.
pub(super) struct Line {
    proxies: [Proxy; 2],
    ways: PerPlace<SocketAddr>,
    control: Control,
    listener: TcpListener,
}

impl Line {
    /// Proxies before the offices at `offices`, which take commands at `control`.
    pub(super) async fn bind(
        control: &str,
        offices: &PerPlace<SocketAddr>,
    ) -> Result<Self, Failure> {
        let failed = |error: proxy::ProxyError| Failure::Failed(error.to_string());
        let listener = proxy::listen(control, false).await.map_err(failed)?;
        let before = async |place: Place| {
            let config = Config::to(offices[place].to_string());
            Proxy::bind(&config).await.map_err(failed)
        };
        let (south, control) = before(Place::South).await?;
        let (north, other) = before(Place::North).await?;
        Ok(Self {
            ways: PerPlace::new(south.address(), north.address()),
            proxies: [south, north],
            control: control.and(other),
            listener,
        })
    }

    /// Where the office of `place` is reached over the line.
    pub(super) fn way_to(&self, place: Place) -> SocketAddr {
        self.ways[place]
    }

    /// Where commands are taken.
    pub(super) fn control(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Carries from now on, for as long as the runtime lives.
    pub(super) fn carry(self) {
        for proxy in self.proxies {
            tokio::spawn(proxy.run(std::future::pending()));
        }
        tokio::spawn(self.control.serve(self.listener));
    }
}
