//! A run from its first arrival to its last.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use report::{Interval, Recorder, Setup, SoFar, WorkflowNames};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Duration, Instant};

use super::collector::{Collector, News};
use super::worker::{Sample, Source, Told, Worker};
use crate::mutations::{Mutations, RunId};
use crate::plan::{Plan, Workflow};
use crate::schedule::Schedule;
use crate::transport::{Endpoint, Failed, Pool, PoolLimits};

/// The rate of one thread at which its ticks are longest.
const TICK_RATE: f64 = 10_000.0;
/// Threads are given so long to be at their start together.
pub const START_AHEAD: Duration = Duration::from_millis(20);

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The seed of all draws.
    pub seed: u64,
    /// What its request ids begin with.
    pub run_id: RunId,
    /// The first part of the schedule is not measured.
    pub warmup: Duration,
    /// Arrivals under way at most; who comes then waits, and that is lag.
    pub in_flight_max: usize,
    /// How long a call may take, where the plan does not say.
    pub deadline: Duration,
    /// Threads that make calls.
    pub threads: usize,
    /// At 10,000 arrivals a second of a thread and more it wakes no sooner than so long after the last time, and lets go
    /// on one wake-up what was due meanwhile; at lower rates proportionally sooner. A wake-up costs more than a call.
    pub tick: Duration,
    /// Metadata of every call.
    pub metadata: Vec<(HeaderName, HeaderValue)>,
    /// Connections to each target, of each thread.
    pub pool: PoolLimits,
    /// The 99th percentile of the lag above which the run is not valid.
    pub lag_max: Duration,
}

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

/// What steers a run while it goes on.
#[derive(Debug, Default)]
pub struct Steering {
    paused: AtomicBool,
    stop: AtomicU8,
    pub(crate) in_flight: AtomicU64,
}

impl Steering {
    /// Pauses, or goes on. What a pause takes is added to every due time after it.
    pub fn pause_or_resume(&self) {
        self.paused.fetch_xor(true, Ordering::Relaxed);
    }

    /// Lets nothing more go, and waits for what is under way; the second time it does not wait.
    pub fn stop(&self) {
        let _ = self
            .stop
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |it| {
                Some(it.saturating_add(1))
            });
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed) && !self.is_stopped()
    }

    /// Whether somebody has stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) > 0
    }

    /// Whether nothing is waited for any more.
    pub fn is_abandoned(&self) -> bool {
        self.stop.load(Ordering::Relaxed) > 1
    }

    /// Arrivals under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }
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
        let (targets, plan, steering, told) = (
            targets.clone(),
            Arc::clone(&plan),
            Arc::clone(&steering),
            told.clone(),
        );
        let source = source(&arrivals, thread, threads);
        let mut manner = manner.clone();
        manner.in_flight_max = (manner.in_flight_max / threads).max(1);
        if let Arrivals::Open(schedule) = &arrivals {
            let dense = schedule.offered_rate() / threads as f64 / TICK_RATE;
            manner.tick = manner.tick.mul_f64(dense.clamp(0.0, 1.0));
        }
        std::thread::Builder::new()
            .name(format!("load-{thread}"))
            .spawn(move || {
                on_thread(
                    thread, targets, plan, manner, steering, source, told, started, spared,
                );
            })
            .map_err(RunError::Thread)?;
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
        for interval in closed {
            let so_far = SoFar {
                total: &collector.total,
                intervals: collector.intervals.log(),
                measured_s: interval.at_s + interval.seconds,
            };
            on_interval(&Progress {
                interval: &interval,
                so_far,
                length_s,
            });
        }
    }
    collector.close();
    let elapsed = start.elapsed();
    Ok(finish(
        collector, &plan, &targets, &arrivals, &manner, &steering, start_wall, elapsed,
    ))
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

#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a thread is given"
)]
fn on_thread(
    thread: usize,
    targets: Vec<Endpoint>,
    plan: Arc<Plan>,
    manner: Manner,
    steering: Arc<Steering>,
    source: Source,
    told: mpsc::UnboundedSender<Told>,
    started: oneshot::Receiver<(Instant, Timestamp)>,
    mut spared: mpsc::UnboundedReceiver<Box<Recorder>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("failed to start a runtime: {error}");
            let failed = Failed::new(
                tonic::Code::Internal,
                crate::transport::Blame::NotSent,
                message,
            );
            let _ = told.send(Told::Ready(Err(failed)));
            return;
        }
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let mut pools = Vec::new();
        for target in targets {
            match Pool::connect(target, manner.pool).await {
                Ok(pool) => pools.push(pool),
                Err(failed) => {
                    let _ = told.send(Told::Ready(Err(failed)));
                    return;
                }
            }
        }
        let _ = told.send(Told::Ready(Ok(())));
        let Ok((start, start_wall)) = started.await else {
            return;
        };
        let worker = Worker::new(thread, plan, manner, pools, start, start_wall, steering);
        let end = worker.run(source, told.clone(), &mut spared).await;
        let _ = told.send(Told::Ended(Box::new(end)));
    });
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
    elapsed: Duration,
) -> Finished {
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
        length: length_of(arrivals).filter(|_| !steering.is_stopped()),
        warmup: manner.warmup,
        lag_max: manner.lag_max,
        interrupted: steering.is_stopped(),
        elapsed,
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
