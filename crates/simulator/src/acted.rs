//! Two offices in simulated time at which somebody else acts, in place of a scenario's officers.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use ledger::MemoryStorage;
use office::{PerPlace, Place};
use officers::Desk;
use tonic::transport::Channel;

use crate::clock::SimulatedClock;
use crate::network::Network;
use crate::pair::{Pair, Storages, in_storages, on_disk};
use crate::simulation::{SimulationError, quiet};

/// How long the offices run on after the last act, as a scenario does to the end of its day.
const RUNS_ON: Duration = Duration::from_secs(24 * 60 * 60);

/// Two simulated offices with nothing in their ledgers.
pub struct Stage {
    storages: Storages,
    start: Timestamp,
    seed: u64,
}

impl Stage {
    /// Offices whose ledgers lie in storages of the caller. Their clocks begin at `start`.
    pub fn in_storages(
        start: Timestamp,
        seed: u64,
        south: MemoryStorage,
        north: MemoryStorage,
    ) -> Self {
        Self {
            storages: in_storages(south, north),
            start,
            seed,
        }
    }

    /// Offices whose ledgers are written to `directory`, in `south` and `north`.
    pub fn on_disk(start: Timestamp, seed: u64, directory: &Path) -> Self {
        Self {
            storages: on_disk(directory),
            start,
            seed,
        }
    }

    /// Has `act` act at both offices, over the channels that it is given, and returns what came of it once the line
    /// is quiet. All of it runs on this thread, in simulated time: `act` must wait for nothing outside.
    pub fn act<T, F: Future<Output = T>>(
        self,
        act: impl FnOnce(PerPlace<Channel>) -> F,
    ) -> Result<T, SimulationError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        runtime.block_on(async {
            let network = Network::new(self.seed);
            let clock = SimulatedClock::starting_at(self.start);
            let (pair, mut failures) = Pair::start(&network, clock, &self.storages, self.seed);
            let channel = |place| network.desk_channel(place);
            let channels = PerPlace::new(channel(Place::South), channel(Place::North));
            let mut desks = PerPlace::new(
                Desk::over(Place::South, channels[Place::South].clone()),
                Desk::over(Place::North, channels[Place::North].clone()),
            );
            let acted = async {
                let acted = act(channels).await;
                tokio::time::sleep(RUNS_ON).await;
                quiet(&mut desks).await?;
                pair.end().await;
                Ok::<T, SimulationError>(acted)
            };
            let acted = tokio::select! {
                biased;
                Some(error) = failures.recv() => return Err(error.into()),
                acted = acted => acted?,
            };
            match failures.recv().await {
                Some(error) => Err(error.into()),
                None => Ok(acted),
            }
        })
    }
}
