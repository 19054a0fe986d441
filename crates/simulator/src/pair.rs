//! Two offices, kept running through crashes until they are told to drain.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{DiskStorage, MemoryStorage, Storage};
use office::{Limits, PerPlace, Place};
use server::{Knowing, ServeError, Server, Setup};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock::SimulatedClock;
use crate::network::{LineDial, Network};

/// Opens a place's storage, again after each crash.
pub(crate) type Storages = Arc<dyn Fn(Place) -> std::io::Result<Arc<dyn Storage>> + Send + Sync>;

/// Ledgers in storages of the caller.
pub(crate) fn in_storages(south: MemoryStorage, north: MemoryStorage) -> Storages {
    let storages = PerPlace::new(south, north);
    Arc::new(move |place| Ok(Arc::new(storages[place].clone()) as Arc<dyn Storage>))
}

/// Ledgers in `directory`, in `south` and `north`.
pub(crate) fn on_disk(directory: &Path) -> Storages {
    let directory = directory.to_owned();
    Arc::new(move |place: Place| {
        let storage = DiskStorage::create(directory.join(place.word()))?;
        // Power cuts are simulated too: what matters is on disk when the run is over.
        Ok(Arc::new(storage.without_sync()) as Arc<dyn Storage>)
    })
}

/// Both offices, running.
pub(crate) struct Pair {
    crashes: PerPlace<mpsc::Sender<Duration>>,
    drain: watch::Sender<bool>,
    running: [JoinHandle<()>; 2],
}

impl Pair {
    /// Starts both. An office that ends by itself says why through what is returned beside them.
    pub(crate) fn start(
        network: &Network,
        clock: SimulatedClock,
        storages: &Storages,
        seed: u64,
    ) -> (Self, mpsc::Receiver<ServeError>) {
        let (failed, failures) = mpsc::channel(2);
        let drain = watch::channel(false).0;
        let start = |place: Place| {
            let (crash, crashes) = mpsc::channel(1);
            let office = Office {
                place,
                network: network.clone(),
                clock,
                storages: Arc::clone(storages),
                seed,
            };
            let (failed, drain) = (failed.clone(), drain.subscribe());
            let running = tokio::spawn(async move {
                if let Err(error) = office.keep(crashes, drain).await {
                    // There is room for both.
                    let _ = failed.send(error).await;
                }
            });
            (crash, running)
        };
        let (south, north) = (start(Place::South), start(Place::North));
        let pair = Self {
            crashes: PerPlace::new(south.0, north.0),
            drain,
            running: [south.1, north.1],
        };
        (pair, failures)
    }

    /// Has an office die, and start again after `down`.
    pub(crate) async fn crash(&self, place: Place, down: Duration) {
        // An office that has ended by itself has told why.
        let _ = self.crashes[place].send(down).await;
    }

    /// Drains both, and waits for their end.
    pub(crate) async fn end(self) {
        self.drain.send_replace(true);
        for running in self.running {
            if let Err(panic) = running.await {
                std::panic::resume_unwind(panic.into_panic());
            }
        }
    }
}

struct Office {
    place: Place,
    network: Network,
    clock: SimulatedClock,
    storages: Storages,
    seed: u64,
}

impl Office {
    async fn keep(
        self,
        mut crashes: mpsc::Receiver<Duration>,
        drain: watch::Receiver<bool>,
    ) -> Result<(), ServeError> {
        for start in 0.. {
            let server = Server::open(self.setup(start)?)?;
            let connections = self.network.listen(self.place);
            let mut drain = drain.clone();
            let shutdown = async move {
                // A simulation that is gone drains nothing.
                if drain.wait_for(|drain| *drain).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let down = tokio::select! {
                biased;
                Some(down) = crashes.recv() => down,
                ended = server.serve(connections, shutdown) => return ended,
            };
            self.network.close(self.place);
            tokio::time::sleep(down).await;
        }
        Ok(())
    }

    fn setup(&self, start: u64) -> Result<Setup, ServeError> {
        let storage = (self.storages)(self.place).map_err(|source| ServeError::Io {
            what: "open the ledger's storage",
            source,
        })?;
        Ok(Setup {
            place: self.place,
            limits: Limits::default(),
            storage,
            ledger: ledger::LedgerOptions::default(),
            clock: Arc::new(self.clock),
            on_thread: false,
            with_snapshots: false,
            seed: self
                .seed
                .wrapping_add(start << 32)
                .wrapping_add(self.place as u64),
            dial: Some(Arc::new(LineDial {
                network: self.network.clone(),
                peer: self.place.peer(),
            })),
            knowing: Knowing::default(),
            keep_alive: false,
            played_speed: 0,
            telling: None,
            is_counted: false,
            looked_on: None,
        })
    }
}
