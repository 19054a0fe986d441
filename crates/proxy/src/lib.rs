//! A TCP proxy between a caller and a service, which does to their traffic what lines do. It knows bytes, and no offices.
//!
//! What becomes of each connection and chunk is decided by pure functions from the seed; the rest carries it out.

mod command;
mod condition;
mod connection;
mod control;
mod draw;
mod fate;
mod quantity;
mod running;
mod schedule;
mod seam;
#[cfg(test)]
mod tests;
mod way;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use command::{Command, parse_address};
use condition::Condition;
pub use control::{Answer, Control};
use draw::Draw;
pub use fate::Rules;
pub use quantity::{Odds, Recurrence, Span, Trickle, Unreadable, parse_duration};
pub use running::Proxy;
use schedule::Schedule;
pub use seam::{Agreed, Ends, Io, Onlooker};
pub use way::{Way, Ways};

/// Commands that wait to be obeyed.
const ORDERS_MAX: usize = 16;

/// What a proxy does from its first connection on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen, `host:port`; port 0 takes any free one.
    pub listen: String,
    /// The service to carry connections to, `host:port`; it is looked up when it is dialled.
    pub to: String,
    /// Where all chance comes from: the same seed draws the same fates.
    pub seed: u64,
    /// What becomes of chunks, both ways.
    pub rules: Rules,
    /// So many in so many connections are accepted and never carried.
    pub half_open: Option<Odds>,
    /// Cut again and again: both ways.
    pub cut: Option<Recurrence>,
    /// The same for the way up only.
    pub cut_up: Option<Recurrence>,
    /// The same for the way down only.
    pub cut_down: Option<Recurrence>,
    /// Connections carried at once; more wait to be accepted.
    pub connections_max: u32,
    /// Listen on other than loopback addresses, too.
    pub insecure_bind: bool,
}

impl Config {
    /// A proxy on any free port of the loopback that carries everything to `to`, at once.
    pub fn to(to: impl Into<String>) -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            to: to.into(),
            seed: 1,
            rules: Rules::default(),
            half_open: None,
            cut: None,
            cut_up: None,
            cut_down: None,
            connections_max: 1_024,
            insecure_bind: false,
        }
    }
}

/// Why a proxy cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address is taken, or none of this machine's.
    #[error("failed to listen on {address}: {source}; choose another address, or port 0 for any")]
    Listen {
        /// As it was given.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Others could reach it, and that was not said to be meant.
    #[error(
        "failed to listen on {address}: it is not a loopback address, and others could reach it; \
         give --insecure-bind if that is meant"
    )]
    NotLoopback {
        /// As it was bound.
        address: SocketAddr,
    },
}

impl Proxy {
    /// Listens, and carries nothing yet. What it is told by the control is done as soon as it runs.
    pub async fn bind(config: &Config) -> Result<(Self, Control), ProxyError> {
        let condition = Condition::open(config.to.clone(), config.rules, config.half_open);
        let listener = listen(&config.listen, config.insecure_bind).await?;
        let (orders, obeyed) = mpsc::channel(ORDERS_MAX);
        let proxy = Self::new(
            listener,
            condition,
            config.seed,
            config.connections_max,
            obeyed,
        );
        let mut proxy = proxy.map_err(|source| ProxyError::Listen {
            address: config.listen.clone(),
            source,
        })?;
        // Connections draw from the streams from 4 on.
        let cuts = [
            (config.cut, Ways::Both, 1),
            (config.cut_up, Ways::Only(Way::Up), 2),
            (config.cut_down, Ways::Only(Way::Down), 3),
        ];
        for (recurrence, ways, stream) in cuts {
            if let Some(recurrence) = recurrence {
                let draw = Draw::new(config.seed, stream);
                proxy.cut_by(ways, Schedule::new(recurrence, draw));
            }
        }
        Ok((proxy, Control::new(orders)))
    }
}

/// Listens at `address`, which must be one of the loopback unless `insecure_bind` is set.
pub async fn listen(address: &str, insecure_bind: bool) -> Result<TcpListener, ProxyError> {
    let failed = |source| ProxyError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if bound.ip().is_loopback() || insecure_bind {
        Ok(listener)
    } else {
        Err(ProxyError::NotLoopback { address: bound })
    }
}
