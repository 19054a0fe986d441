//! A run from its first arrival to its last.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use report::{Interval, Setup, SoFar, WorkflowNames};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant};

use super::collector::{Collector, News};
use super::manner::Manner;
use super::sample::Sample;
use super::source::Source;
use super::steering::Steering;
use super::thread::Thread;
use crate::mutations::Mutations;
use crate::plan::{Plan, Workflow};
use crate::schedule::Schedule;
use crate::transport::{Endpoint, Failed};

/// The rate of one thread at which its ticks are longest.
const TICK_RATE: f64 = 10_000.0;
/// Threads are given so long to be at their start together.
pub const START_AHEAD: Duration = Duration::from_millis(20);

/// When arrivals are due.
#[derive(Debug, Clone)]
pub enum Arrivals {
    /// On a schedule, whatever the target does.
    Open(Box<Schedule>),
    /// Each after the one before, so many at a time.
    Closed {
        /// How many.
        loops: usize,
        /// Ends after so many.
        total: Option<u64>,
        /// Ends after so long.
        length: Option<Duration>,
    },
}

/// How far a run is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The second that has just passed.
    pub interval: &'a Interval,
    /// What it has come to so far, as far as it is known before the end.
    pub so_far: SoFar<'a>,
    /// Of how many seconds; `None` if nobody knows.
    pub length_s: Option<f64>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    /// What was measured.
    pub run: report::Run,
    /// Every request that changes something, by thread.
    pub mutations: Vec<Mutations>,
    /// Steps whose times were kept, by thread.
    pub samples: Vec<Vec<Sample>>,
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A target cannot be reached.
    #[error("{0}")]
    Unreachable(Failed),
    /// A thread cannot be started.
    #[error("failed to start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// Makes a run. `begin` is awaited once all is connected, and gives the time then; the start is [`START_AHEAD`] later.
pub async fn run(
    plan: Arc<Plan>,
    targets: Vec<Endpoint>,
    arrivals: Arrivals,
    manner: Manner,
    steering: Arc<Steering>,
    begin: impl AsyncFnOnce() -> Timestamp,
    mut on_interval: impl FnMut(&Progress<'_>),
) -> Result<Finished, RunError> {
    let threads = manner.threads.max(1);
    let (told, mut news) = mpsc::unbounded_channel();
    let mut spares = Vec::new();
    let mut starts = Vec::new();
    for thread in 0..threads {
        let (spare, spared) = mpsc::unbounded_channel();
        let (start, started) = oneshot::channel();
        let thread = Thread {
            number: thread,
            targets: targets.clone(),
            plan: Arc::clone(&plan),
            manner: part_of(&manner, &arrivals, threads),
            steering: Arc::clone(&steering),
            source: source(&arrivals, thread, threads),
            told: told.clone(),
            started,
            spared,
        };
        thread.spawn().map_err(RunError::Thread)?;
        spares.push(spare);
        starts.push(start);
    }
    drop(told);
    let mut collector = Collector::new(spares);
    let mut ready = 0;
    while ready < threads {
        let Some(told) = news.recv().await else { break };
        if let News::Ready(outcome) = collector.take(told) {
            outcome.map_err(RunError::Unreachable)?;
            ready += 1;
        }
    }
    let begun = begin().await;
    let start = Instant::now() + START_AHEAD;
    let start_wall = begun.checked_add(START_AHEAD).unwrap_or(begun);
    for each in starts {
        // A thread that is gone has told why, or will be missed at the end.
        let _ = each.send((start, start_wall));
    }
    let length_s =
        length_of(&arrivals).map(|length| length.saturating_sub(manner.warmup).as_secs_f64());
    while let Some(told) = news.recv().await {
        let News::Intervals(closed) = collector.take(told) else {
            continue;
        };
        tell(&closed, &collector, length_s, &mut on_interval);
    }
    collector.close();
    Ok(finish(
        collector, &plan, &targets, &arrivals, &manner, &steering, start_wall, start,
    ))
}

/// Tells the seconds that have passed, each with what the run has come to.
fn tell(
    closed: &[Interval],
    collector: &Collector,
    length_s: Option<f64>,
    on_interval: &mut impl FnMut(&Progress<'_>),
) {
    for interval in closed {
        let so_far = SoFar {
            total: &collector.total,
            intervals: collector.intervals.log(),
            measured_s: interval.at_s + interval.seconds,
        };
        on_interval(&Progress {
            interval,
            so_far,
            length_s,
        });
    }
}

fn length_of(arrivals: &Arrivals) -> Option<Duration> {
    match arrivals {
        Arrivals::Open(schedule) => schedule.span(),
        Arrivals::Closed { length, .. } => *length,
    }
}

fn source(arrivals: &Arrivals, thread: usize, threads: usize) -> Source {
    match arrivals {
        Arrivals::Open(schedule) => {
            let length = schedule.length().unwrap_or_default();
            Source::of_schedule((**schedule).clone(), thread, threads, length)
        }
        Arrivals::Closed {
            loops,
            total,
            length,
        } => {
            let share = loops / threads + usize::from(thread < loops % threads);
            let end = total.unwrap_or(u64::MAX);
            Source::Closed {
                loops: share,
                indexes: Box::new((thread as u64..end).step_by(threads)),
                length: *length,
            }
        }
    }
}

/// The manner of one of so many threads.
fn part_of(manner: &Manner, arrivals: &Arrivals, threads: usize) -> Manner {
    let mut manner = manner.clone();
    manner.in_flight_max = (manner.in_flight_max / threads).max(1);
    if let Arrivals::Open(schedule) = arrivals {
        let dense = schedule.offered_rate() / threads as f64 / TICK_RATE;
        manner.tick = manner.tick.mul_f64(dense.clamp(0.0, 1.0));
    }
    manner
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a run is told of"
)]
fn finish(
    collector: Collector,
    plan: &Plan,
    targets: &[Endpoint],
    arrivals: &Arrivals,
    manner: &Manner,
    steering: &Steering,
    begun_at: Timestamp,
    start: Instant,
) -> Finished {
    // Arrivals were due until it was stopped; what was waited for then is no time in which any was.
    let stopped = steering.stopped_at();
    let stopped = stopped.map(|stopped| stopped.saturating_duration_since(start));
    let length = match (length_of(arrivals), stopped) {
        (Some(length), Some(stopped)) => Some(length.min(stopped)),
        (length, stopped) => length.or(stopped),
    };
    let (total, intervals, ended) = collector.into_parts();
    let (loop_kind, schedule) = match arrivals {
        Arrivals::Open(schedule) => ("open".to_owned(), schedule.words()),
        Arrivals::Closed { loops, .. } => ("closed".to_owned(), format!("{loops} at a time")),
    };
    let (mut threads, mut mutations, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    for end in ended {
        threads.push(end.seen);
        mutations.push(end.mutations);
        samples.push(end.samples);
    }
    let run = report::Run {
        setup: Setup {
            plan: plan.name.clone(),
            targets: targets.iter().map(|it| it.address().to_owned()).collect(),
            loop_kind,
            schedule,
            seed: manner.seed,
            in_flight_max: manner.in_flight_max as u64,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Setup::default()
        },
        workflows: plan.workflows.iter().map(names).collect(),
        begun_at,
        length,
        warmup: manner.warmup,
        lag_max: manner.lag_max,
        interrupted: steering.is_stopped(),
        elapsed: start.elapsed(),
        total,
        intervals,
        threads,
    };
    Finished {
        run,
        mutations,
        samples,
    }
}

fn names(workflow: &Workflow) -> WorkflowNames {
    let steps = workflow.steps.iter();
    WorkflowNames {
        name: workflow.name.clone(),
        steps: steps
            .map(|step| (step.name.clone(), step.method.name.clone()))
            .collect(),
    }
}
