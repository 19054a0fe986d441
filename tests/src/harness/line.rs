//! The line between the offices, which can be cut: each office dials its end of it, and it leads to wherever the peer
//! listens at the moment.

use std::net::SocketAddr;

use proxy::{Command, Config, Control, Proxy};
use tokio::task::JoinHandle;

/// Nobody listens there: whoever dials it is reset.
const NOWHERE: &str = "127.0.0.1:1";

/// The way to one office.
#[derive(Debug)]
pub(super) struct Way {
    /// Where to dial.
    pub(super) address: SocketAddr,
    leads_to: Option<SocketAddr>,
    control: Control,
    running: JoinHandle<()>,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Way {
    pub(super) async fn new() -> Self {
        let bound = Proxy::bind(&Config::to(NOWHERE)).await;
        let (proxy, control) = bound.expect("there is a port");
        Self {
            address: proxy.address(),
            leads_to: None,
            control,
            running: tokio::spawn(proxy.run(std::future::pending())),
        }
    }

    pub(super) fn lead_to(&mut self, office: Option<SocketAddr>) {
        self.leads_to = office;
        self.dial(office);
    }

    /// Cuts the way, with every connection on it.
    pub(super) fn cut(&self) {
        self.dial(None);
        assert!(self.control.give_soon(Command::ResetNow), "the proxy runs");
    }

    pub(super) fn restore(&self) {
        self.dial(self.leads_to);
    }

    fn dial(&self, office: Option<SocketAddr>) {
        let to = office.map_or(NOWHERE.to_owned(), |office| office.to_string());
        assert!(self.control.give_soon(Command::To(to)), "the proxy runs");
    }
}
