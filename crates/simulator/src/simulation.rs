//! A run: both offices, their officers and the faults, from the first day to a quiet line.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{DiskStorage, LedgerError, MemoryStorage, Reconciliation, Storage};
use office::{PerPlace, Place, Tally};
use scenario::{Event, Scenario, Timeline};
use server::ServeError;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::call::Desk;
use crate::clock::SimulatedClock;
use crate::fault::{Fault, Faults};
use crate::network::Network;
use crate::officer::{Names, Officers, Refused};
use crate::pair::{Pair, Storages};

/// How often the offices are asked whether the line is quiet, a simulated second apart and then a minute.
const QUIET_ASKED_MAX: u32 = 10_000;

/// A scenario that is to be simulated.
pub struct Simulation {
    timeline: Arc<Timeline>,
    seed: u64,
    faults: Faults,
    storages: Storages,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Steps that officers made.
    pub steps: u64,
    /// What each office counted, running; its ledger read cold counts the same.
    pub tallies: PerPlace<Tally>,
    /// What comparing the two ledgers found.
    pub reconciliation: Reconciliation,
    /// How long the run was, in simulated time.
    pub simulated: Duration,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// An office ended.
    #[error("an office ended: {0}")]
    Office(#[from] ServeError),
    /// A ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The scenario asks for something that an office refuses.
    #[error("the {office} office refused what the scenario asks of it at {at}: {message}", office = .event.office, at = .event.at)]
    Refused {
        /// What was asked.
        event: Box<Event>,
        /// The answer.
        message: String,
    },
    /// The line did not come to rest.
    #[error("the line did not come to rest after the last event: {why}")]
    NotQuiet {
        /// What is missing.
        why: String,
    },
    /// The counts of running offices and of their ledgers differ.
    #[error("the counts differ: {what}")]
    Miscounted {
        /// Which.
        what: String,
    },
    /// The runtime cannot be started.
    #[error("failed to start the simulation: {0}")]
    Runtime(#[from] std::io::Error),
}

impl From<Refused> for SimulationError {
    fn from(refused: Refused) -> Self {
        Self::Refused {
            message: format!("{:?}: {}", refused.status.code(), refused.status.message()),
            event: refused.event,
        }
    }
}

impl Simulation {
    /// A simulation whose ledgers lie in memory.
    pub fn in_memory(scenario: &Scenario, seed: u64) -> Self {
        let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
        Self::in_storages(scenario, seed, south, north)
    }

    /// A simulation whose ledgers lie in storages of the caller.
    pub fn in_storages(
        scenario: &Scenario,
        seed: u64,
        south: MemoryStorage,
        north: MemoryStorage,
    ) -> Self {
        let storages = PerPlace::new(south, north);
        let open = move |place| Ok(Arc::new(storages[place].clone()) as Arc<dyn Storage>);
        Self::new(scenario, seed, Arc::new(open))
    }

    /// A simulation whose ledgers are written to `directory`, in `south` and `north`.
    pub fn on_disk(scenario: &Scenario, seed: u64, directory: &Path) -> Self {
        let directory = directory.to_owned();
        let open = move |place: Place| {
            let storage = DiskStorage::create(directory.join(place.word()))?;
            // Power cuts are simulated too: what matters is on disk when the run is over.
            Ok(Arc::new(storage.without_sync()) as Arc<dyn Storage>)
        };
        Self::new(scenario, seed, Arc::new(open))
    }

    fn new(scenario: &Scenario, seed: u64, storages: Storages) -> Self {
        Self {
            timeline: Arc::new(scenario.timeline(seed)),
            seed,
            faults: Faults::NONE,
            storages,
        }
    }

    /// The same with faults.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Runs it, on this thread.
    pub fn run(self) -> Result<Outcome, SimulationError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let (steps, tallies, simulated) = runtime.block_on(self.play())?;
        // Whatever is left of the run lets go of the ledgers before they are read.
        drop(runtime);
        let reader = |place| Ok(ledger::read(&*(self.storages)(place)?)?);
        let readers = [reader(Place::South), reader(Place::North)]
            .into_iter()
            .collect::<Result<Vec<_>, SimulationError>>()?;
        let reconciliation = ledger::reconcile(&readers[0], &readers[1])?;
        let mut cold = PerPlace::default();
        for (place, reader) in Place::BOTH.into_iter().zip(&readers) {
            cold[place] = ledger::tally(reader)?;
            if protocol::tally_to_pb(&cold[place]) != tallies[place] {
                let what = format!("the {place} office counted {:?}", tallies[place]);
                return Err(SimulationError::Miscounted { what });
            }
        }
        Ok(Outcome {
            steps,
            tallies: cold,
            reconciliation,
            simulated,
        })
    }

    async fn play(&self) -> Result<Played, SimulationError> {
        let began = tokio::time::Instant::now();
        let network = Network::new(self.seed);
        let clock = SimulatedClock::starting_at(self.timeline.start);
        let pair = Arc::new(Pair::start(&network, clock, &self.storages, self.seed));
        let names = Names::default();
        let desks = PerPlace::new(
            Desk::at(&network, Place::South),
            Desk::at(&network, Place::North),
        );
        let officers = |place: Place| {
            let officers =
                Officers::new(place, desks[place].clone(), clock, names.clone(), self.seed);
            tokio::spawn(officers.act(Arc::clone(&self.timeline)))
        };
        let (south, north) = (officers(Place::South), officers(Place::North));
        let faults = tokio::spawn(self.faults(network.clone(), clock, Arc::clone(&pair)));
        let (south, north) = tokio::join!(joined(south), joined(north));
        let steps = south? + north?;
        joined(faults).await;
        tokio::time::sleep_until(clock.at(self.timeline.end)).await;
        let tallies = quiet(desks).await?;
        let pair = Arc::into_inner(pair).expect("the faults are over");
        pair.end().await?;
        Ok((steps, tallies, began.elapsed()))
    }

    fn faults(
        &self,
        network: Network,
        clock: SimulatedClock,
        pair: Arc<Pair>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let due = self.faults.draw(&self.timeline, self.seed);
        let start = clock.at(self.timeline.start);
        async move {
            for fault in due {
                tokio::time::sleep_until(start + fault.after).await;
                match fault.fault {
                    Fault::Cut => {
                        network.set_line(false);
                        tokio::time::sleep(fault.lasts).await;
                        network.set_line(true);
                    }
                    Fault::Crash(place) => pair.crash(place, fault.lasts).await,
                }
            }
        }
    }
}

type Played = (u64, PerPlace<protocol::pb::ledger::Tally>, Duration);

async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Waits until each office has acknowledged all that the other has, and gives what both count.
async fn quiet(
    mut desks: PerPlace<Desk>,
) -> Result<PerPlace<protocol::pb::ledger::Tally>, SimulationError> {
    let mut why = String::new();
    for asked in 0..QUIET_ASKED_MAX {
        match look(&mut desks).await {
            Ok(Some(tallies)) => return Ok(tallies),
            Ok(None) => "steps are under way".clone_into(&mut why),
            Err(status) => why = status.to_string(),
        }
        let wait_s = if asked < 60 { 1 } else { 60 };
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
    }
    Err(SimulationError::NotQuiet { why })
}

async fn look(
    desks: &mut PerPlace<Desk>,
) -> Result<Option<PerPlace<protocol::pb::ledger::Tally>>, Status> {
    let south = desks[Place::South]
        .office()
        .await?
        .marks
        .unwrap_or_default();
    let north = desks[Place::North]
        .office()
        .await?
        .marks
        .unwrap_or_default();
    let rests = |own: &protocol::pb::office::Marks, other: &protocol::pb::office::Marks| {
        own.appended == own.acknowledged && own.appended == other.received
    };
    if !rests(&south, &north) || !rests(&north, &south) {
        return Ok(None);
    }
    let mut tallies = PerPlace::default();
    for place in Place::BOTH {
        let request = protocol::pb::ledger::GetTallyRequest::default();
        let response = desks[place].ledger.get_tally(request).await?.into_inner();
        tallies[place] = response.tally.unwrap_or_default();
    }
    Ok(Some(tallies))
}
