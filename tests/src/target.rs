//! The target: a gRPC server whose latencies and faults are known beforehand, to hold load generators against.
//!
//! **The decision.** Everything the target does to a call is drawn from a seed and evenly spread, so that what a run must
//! measure is arithmetic ([`arithmetic`]) and not a second measurement. It serves the yardstick's `relay.v1.RelayService`,
//! health and reflection; only the relay's calls are delayed, held and spoilt.
//!
//! **The invariant.** An answer is never early: it goes out at its due time or within some tens of microseconds after, and
//! none is due inside the stall.

pub mod arithmetic;
mod connections;
mod delay;
mod faults;
mod garbage;
mod pace;
mod service;
mod spread;
#[cfg(test)]
mod tests;
mod timer;

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use server::Services;
use tokio::net::TcpListener;
use tonic_health::ServingStatus;
use tonic_reflection::server::Builder as Reflection;

pub use connections::{Connections, Ending};
pub use delay::{Delay, NotADelay, parse_duration};
pub use faults::Shares;
pub use garbage::Garbage;
pub use pace::{Stall, answered_at};
pub use spread::Spread;

use crate::relay::{DESCRIPTORS, RelayServiceServer};
use faults::Faulty;
use pace::Pace;
use service::Paced;

/// What a target is like.
#[derive(Debug, Clone)]
pub struct Target {
    /// How long answers take.
    pub delay: Delay,
    /// When nothing is answered.
    pub stall: Option<Stall>,
    /// What goes wrong.
    pub faults: Shares,
    /// How connections end.
    pub connections: Connections,
    /// What health says; `None` if there is no health service.
    pub health: Option<ServingStatus>,
    /// Decides the order of delays and faults.
    pub seed: u64,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            delay: Delay::None,
            stall: None,
            faults: Shares::default(),
            connections: Connections::default(),
            health: Some(ServingStatus::Serving),
            seed: 1,
        }
    }
}

impl Target {
    /// Serves until the listener fails, or the future is dropped.
    pub async fn serve(
        self,
        listener: TcpListener,
    ) -> Result<Infallible, Box<dyn Error + Send + Sync>> {
        self.faults.check()?;
        let pace = Arc::new(Pace::start(self.delay, self.stall, self.seed)?);
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut routes = Services::default()
            .with(RelayServiceServer::new(Paced(Arc::clone(&pace))))
            .with(reflection().build_v1()?)
            .with(reflection().build_v1alpha()?);
        if let Some(status) = self.health {
            let (reporter, health) = tonic_health::server::health_reporter();
            for name in ["", "relay.v1.RelayService"] {
                reporter.set_service_status(name, status).await;
            }
            routes = routes.with(health);
        }
        // Another seed than the delays': which calls go wrong has nothing to do with how long they take.
        let service = Faulty::new(routes, self.faults, !self.seed, pace);
        Ok(self.connections.serve(listener, service).await?)
    }
}
