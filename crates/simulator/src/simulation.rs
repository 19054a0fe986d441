//! A run: both offices, their officers and the faults, from the first day to a quiet line.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{LedgerError, MemoryStorage, Reconciliation};
use office::{PerPlace, Place, Tally};
use officers::{Desk, Exchanges, Officers, Refused, Timetable};
use scenario::{FaultSpan, Scenario, Timeline};
use server::ServeError;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::clock::SimulatedClock;
use crate::crossing::{Crossed, Rivals, compare};
use crate::fault::{Due, Fault, Faults};
use crate::network::Network;
use crate::pair::{Pair, Storages, in_storages, on_disk};

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
    /// Steps that the scenario's officers made.
    pub steps: u64,
    /// What crossings came to.
    pub crossed: Crossed,
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
    #[error(transparent)]
    Refused(#[from] Refused),
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
    /// The offices do not see a meeting alike, though each has all that the other has.
    #[error("the offices do not see a meeting alike: {what}")]
    Unlike {
        /// Which, and how each sees it.
        what: String,
    },
    /// The runtime cannot be started.
    #[error("failed to start the simulation: {0}")]
    Runtime(#[from] std::io::Error),
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
        Self::new(scenario, seed, in_storages(south, north))
    }

    /// A simulation whose ledgers are written to `directory`, in `south` and `north`.
    pub fn on_disk(scenario: &Scenario, seed: u64, directory: &Path) -> Self {
        Self::new(scenario, seed, on_disk(directory))
    }

    fn new(scenario: &Scenario, seed: u64, storages: Storages) -> Self {
        Self {
            timeline: Arc::new(scenario.timeline(seed)),
            seed,
            faults: Faults::NONE,
            storages,
        }
    }

    /// The same with another timeline: of a scaled scenario, or of another origin.
    #[must_use]
    pub fn with_timeline(mut self, timeline: Timeline) -> Self {
        self.timeline = Arc::new(timeline);
        self
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
        let played = runtime.block_on(self.play())?;
        // Whatever is left of the run lets go of the ledgers before they are read.
        drop(runtime);
        let reader = |place| Ok(ledger::read(&*(self.storages)(place)?)?);
        let readers = [reader(Place::South), reader(Place::North)]
            .into_iter()
            .collect::<Result<Vec<_>, SimulationError>>()?;
        let (reconciliation, counted) = ledger::reconcile_and_count(&readers[0], &readers[1])?;
        let cold = match counted {
            Some((south, north)) => PerPlace::new(south, north),
            None => PerPlace::new(ledger::tally(&readers[0])?, ledger::tally(&readers[1])?),
        };
        for place in Place::BOTH {
            if protocol::tally_to_pb(&cold[place]) != played.tallies[place] {
                let what = format!("the {place} office counted {:?}", played.tallies[place]);
                return Err(SimulationError::Miscounted { what });
            }
        }
        Ok(Outcome {
            steps: played.steps,
            crossed: played.crossed,
            tallies: cold,
            reconciliation,
            simulated: played.simulated,
        })
    }

    /// Plays it, until all is over or an office ends by itself: nobody would be there to wait for.
    async fn play(&self) -> Result<Played, SimulationError> {
        let network = Network::new(self.seed);
        let clock = SimulatedClock::starting_at(self.timeline.start);
        let (pair, mut failures) = Pair::start(&network, clock, &self.storages, self.seed);
        let played = tokio::select! {
            biased;
            Some(error) = failures.recv() => return Err(error.into()),
            played = self.play_on(&network, clock.0, pair) => played?,
        };
        match failures.recv().await {
            Some(error) => Err(error.into()),
            None => Ok(played),
        }
    }

    async fn play_on(
        &self,
        network: &Network,
        timetable: Timetable,
        pair: Pair,
    ) -> Result<Played, SimulationError> {
        let began = tokio::time::Instant::now();
        let pair = Arc::new(pair);
        let exchanges = Exchanges::default();
        let mut desks = PerPlace::new(network.desk(Place::South), network.desk(Place::North));
        let officers = |place: Place| {
            let (desk, exchanges) = (desks[place].clone(), exchanges.clone());
            let officers = Officers::new(place, desk, timetable, exchanges, self.seed);
            tokio::spawn(officers.act(Arc::clone(&self.timeline)))
        };
        let (south, north) = (officers(Place::South), officers(Place::North));
        let faults = tokio::spawn(self.faults(network.clone(), timetable, Arc::clone(&pair)));
        let rivals = self.crossings(desks.clone(), timetable);
        let rivals = tokio::spawn(rivals);
        // One office's officers may wait for ever for what the other's were refused.
        let (south, north) = tokio::try_join!(joined(south), joined(north))?;
        let steps = south + north;
        joined(faults).await;
        let (meetings, rival_steps) = joined(rivals).await;
        tokio::time::sleep_until(timetable.at(self.timeline.end)).await;
        let tallies = quiet(&mut desks).await?;
        let crossed = Crossed {
            meetings: meetings.len() as u64,
            steps: rival_steps,
            counted: compare(&mut desks, &meetings).await?,
        };
        let pair = Arc::into_inner(pair).expect("the faults are over");
        pair.end().await;
        Ok(Played {
            steps,
            crossed,
            tallies,
            simulated: began.elapsed(),
        })
    }

    fn crossings(
        &self,
        desks: PerPlace<Desk>,
        timetable: Timetable,
    ) -> impl Future<Output = (Vec<String>, u64)> + Send + 'static {
        let rivals = Rivals::new(desks, self.seed);
        let (count, timeline) = (self.faults.crossings, Arc::clone(&self.timeline));
        async move {
            let start = timetable.at(timeline.start);
            rivals.cross(count, &timeline, start).await
        }
    }

    fn faults(
        &self,
        network: Network,
        timetable: Timetable,
        pair: Arc<Pair>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let drawn = self.faults.draw(&self.timeline, self.seed);
        let start = timetable.at(self.timeline.start);
        let scheduled = self.scheduled();
        async move {
            let drawn = suffer(drawn, start, network.clone(), Arc::clone(&pair));
            // Those of the scenario may overlap: a slow line can be cut.
            let scheduled = scheduled
                .into_iter()
                .map(|fault| suffer(vec![fault], start, network.clone(), Arc::clone(&pair)));
            tokio::join!(futures_util::future::join_all(scheduled), drawn);
        }
    }

    /// The faults that the scenario itself has.
    fn scheduled(&self) -> Vec<Due> {
        let start = self.timeline.start;
        let due = |span: &FaultSpan| {
            let fault = match span.fault {
                scenario::Fault::LineCut => Fault::Cut,
                scenario::Fault::OfficeDown(place) => Fault::Crash(place),
                scenario::Fault::LineDelay(delay) => Fault::Delay(delay),
                // What people do, or do not do, is in the timeline's events.
                scenario::Fault::CallsUnanswered | scenario::Fault::StaffWithdrawn(_) => {
                    return None;
                }
            };
            Some(Due {
                after: span.from.duration_since(start).unsigned_abs(),
                lasts: span.until.duration_since(span.from).unsigned_abs(),
                fault,
            })
        };
        self.timeline.faults.iter().filter_map(due).collect()
    }
}

async fn suffer(due: Vec<Due>, start: tokio::time::Instant, network: Network, pair: Arc<Pair>) {
    for fault in due {
        tokio::time::sleep_until(start + fault.after).await;
        match fault.fault {
            Fault::Cut => {
                network.set_line(false);
                tokio::time::sleep(fault.lasts).await;
                network.set_line(true);
            }
            Fault::Crash(place) => pair.crash(place, fault.lasts).await,
            Fault::Delay(delay) => {
                network.set_line_delay(delay);
                tokio::time::sleep(fault.lasts).await;
                network.set_line_delay(Duration::ZERO);
            }
        }
    }
}

/// What a run came to before its ledgers are read.
struct Played {
    steps: u64,
    crossed: Crossed,
    tallies: PerPlace<protocol::pb::ledger::Tally>,
    simulated: Duration,
}

async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Waits until each office has acknowledged all that the other has, and gives what both count.
pub(crate) async fn quiet(
    desks: &mut PerPlace<Desk>,
) -> Result<PerPlace<protocol::pb::ledger::Tally>, SimulationError> {
    let mut why = String::new();
    for asked in 0..QUIET_ASKED_MAX {
        match look(desks).await {
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
    if !client::is_quiet(&south, &north) {
        return Ok(None);
    }
    let mut tallies = PerPlace::default();
    for place in Place::BOTH {
        tallies[place] = desks[place].tally().await?;
    }
    Ok(Some(tallies))
}
