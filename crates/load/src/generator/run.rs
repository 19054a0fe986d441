//! A run from its first arrival to its report.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::{Duration, Instant};

use super::collector::{Collector, News};
use super::worker::{Sample, Source, Told, Worker};
use crate::mutations::{Mutations, RunId};
use crate::plan::Plan;
use crate::recorder::{CODES, Failures, Recorder, StreamRecorder, WorkflowRecorder, code_name};
use crate::report::{
    GeneratorReport, Interval, Report, Shortfall, StepReport, StreamsReport, WorkflowReport,
};
use crate::schedule::Schedule;
use crate::transport::{Endpoint, Failed, Pool, PoolLimits};

/// A lag below this share of the response does not make a run invalid, whatever `lag_max` says.
const LAG_SHARE_MAX: f64 = 0.05;
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
    pub so_far: &'a dyn SoFar,
    /// Of how many seconds; `None` if nobody knows.
    pub length_s: Option<f64>,
}

/// What a run has come to so far.
pub trait SoFar: std::fmt::Debug {
    /// The figures; workflows, streams and books come at the end.
    fn report(&self) -> Report;
}

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    /// The report; the books are not made up yet.
    pub report: Report,
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

struct SoFarOf<'a> {
    collector: &'a Collector,
    measured_s: f64,
}

impl std::fmt::Debug for SoFarOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoFar").finish_non_exhaustive()
    }
}

impl SoFar for SoFarOf<'_> {
    fn report(&self) -> Report {
        let mut report = figures(&self.collector.total, self.measured_s);
        report.intervals = self.collector.intervals.log().to_vec();
        report.valid = true;
        report
    }
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
            let so_far = SoFarOf {
                collector: &collector,
                measured_s: interval.at_s + interval.seconds,
            };
            on_interval(&Progress {
                interval: &interval,
                so_far: &so_far,
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

/// The figures of a recorder over so many seconds.
fn figures(total: &Recorder, seconds: f64) -> Report {
    let rate = |count: u64| {
        if seconds > 0.0 {
            count as f64 / seconds
        } else {
            0.0
        }
    };
    let codes = (0..CODES).filter(|code| total.codes[*code] > 0);
    Report {
        duration_s: seconds,
        offered_rate: rate(total.offered),
        achieved_rate: rate(total.finished),
        arrivals: total.offered,
        calls: total.calls,
        errors: total.errors,
        codes: codes
            .map(|code| {
                let name = code_name(tonic::Code::from_i32(code as i32));
                (name.to_owned(), total.codes[code])
            })
            .collect(),
        response: total.response.summary(),
        service: total.service.summary(),
        lag: total.lag.summary(),
        bytes_sent: total.bytes_sent,
        bytes_received: total.bytes_received,
        ..Report::default()
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is one thing that a report tells of"
)]
fn finish(
    mut collector: Collector,
    plan: &Plan,
    targets: &[Endpoint],
    arrivals: &Arrivals,
    manner: &Manner,
    steering: &Steering,
    start_wall: Timestamp,
    elapsed: Duration,
) -> Finished {
    collector.ended.sort_by_key(|end| end.thread);
    let ended = std::mem::take(&mut collector.ended);
    let last = ended.iter().map(|end| end.last).max().unwrap_or_default();
    let whole = match length_of(arrivals).filter(|_| !steering.is_stopped()) {
        Some(length) => length,
        None => last.max(Duration::from_micros(1)).min(elapsed),
    };
    let seconds = whole.saturating_sub(manner.warmup).as_secs_f64();
    let mut report = figures(&collector.total, seconds);
    let until_last = last
        .saturating_sub(manner.warmup)
        .as_secs_f64()
        .max(seconds);
    report.achieved_rate = if until_last > 0.0 {
        collector.total.finished as f64 / until_last
    } else {
        0.0
    };
    report.started_at = start_wall.checked_add(manner.warmup).ok();
    report.interrupted = steering.is_stopped();
    report.unsent = ended.iter().map(|end| end.unsent).sum();
    report.unfinished = ended.iter().map(|end| end.unfinished).sum();
    report.workflows = workflows(plan, &ended);
    let mut streams = StreamRecorder::default();
    let mut failures = Failures::default();
    for end in &ended {
        streams.add(&end.streams);
        failures.merge(&end.failures);
    }
    report.failures = failures.report();
    report.streams = (streams.opened > 0).then(|| StreamsReport {
        opened: streams.opened,
        messages_sent: streams.messages_sent,
        messages_received: streams.messages_received,
        message: streams.message.summary(),
        first_message: streams.first_message.summary(),
        life: streams.life.summary(),
    });
    let cpu_s: f64 = ended.iter().map(|end| end.cpu.ran.as_secs_f64()).sum();
    let cpu_wait_s = ended.iter().map(|end| end.cpu.waited.as_secs_f64()).sum();
    let in_measure = seconds / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let calls = report.calls + collector.total.messages_received;
    report.generator = GeneratorReport {
        threads: ended.len() as u64,
        connections: ended.iter().map(|end| end.connections as u64).sum(),
        in_flight_max: ended.iter().map(|end| end.in_flight_most as u64).sum(),
        cpu_s,
        // The warm-up's calls are not counted, so its share of the time is not either.
        cpu_us_per_call: if calls == 0 {
            0.0
        } else {
            cpu_s * in_measure.min(1.0) * 1e6 / calls as f64
        },
        cpu_wait_s,
    };
    report.setup.plan.clone_from(&plan.name);
    report.setup.targets = targets.iter().map(|it| it.address().to_owned()).collect();
    (report.setup.loop_kind, report.setup.schedule) = match arrivals {
        Arrivals::Open(schedule) => ("open".to_owned(), schedule.words()),
        Arrivals::Closed { loops, .. } => ("closed".to_owned(), format!("{loops} at a time")),
    };
    report.setup.seed = manner.seed;
    report.setup.duration_s = seconds;
    report.setup.warmup_s = manner.warmup.as_secs_f64();
    report.setup.in_flight_max = manner.in_flight_max as u64;
    env!("CARGO_PKG_VERSION").clone_into(&mut report.setup.version);
    let mut mutations = Vec::new();
    let mut samples = Vec::new();
    report.invalid_because = shortfalls(&report, manner, &ended, elapsed);
    report.valid = report.invalid_because.is_empty();
    for end in ended {
        mutations.push(end.mutations);
        samples.push(end.samples);
    }
    report.intervals = collector.intervals.into_log();
    Finished {
        report,
        mutations,
        samples,
    }
}

fn workflows(plan: &Plan, ended: &[super::worker::ThreadEnd]) -> Vec<WorkflowReport> {
    let workflows = plan.workflows.iter().enumerate();
    workflows
        .map(|(number, workflow)| {
            let mut sum = WorkflowRecorder::of_steps(workflow.steps.len());
            for end in ended {
                if let Some(recorded) = end.workflows.get(number) {
                    sum.add(recorded);
                }
            }
            let steps = workflow.steps.iter().zip(&sum.steps);
            WorkflowReport {
                name: workflow.name.clone(),
                started: sum.started,
                finished: sum.finished,
                failed: sum.failed,
                end_to_end: sum.end_to_end.summary(),
                steps: steps
                    .map(|(step, recorded)| StepReport {
                        name: step.name.clone(),
                        method: step.method.name.clone(),
                        calls: recorded.calls,
                        errors: recorded.errors,
                        retries: recorded.retries,
                        response: recorded.response.summary(),
                        service: recorded.service.summary(),
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Of what the generator had too little, if it could not keep up.
fn shortfalls(
    report: &Report,
    manner: &Manner,
    ended: &[super::worker::ThreadEnd],
    elapsed: Duration,
) -> Vec<Shortfall> {
    let mut found = Vec::new();
    for fault in ended.iter().filter_map(|end| end.fault.as_ref()) {
        found.push(Shortfall {
            resource: "schedule".to_owned(),
            text: format!("a thread's timer failed: {fault}"),
        });
    }
    let lag_p99 = Duration::from_micros(report.lag.p99_us);
    let share = report.lag.p99_us as f64 / (report.response.p99_us.max(1)) as f64;
    let late = lag_p99 > manner.lag_max && share > LAG_SHARE_MAX;
    let unsent = report.unsent > 0 && !report.interrupted;
    if !late && !unsent {
        return found;
    }
    let seen = if unsent {
        format!("{} arrivals that were due were never sent", report.unsent)
    } else {
        format!(
            "1 in 100 calls was sent {:.1} ms or more after it was due",
            lag_p99.as_secs_f64() * 1e3
        )
    };
    let mut add = |resource: &str, why: String| {
        found.push(Shortfall {
            resource: resource.to_owned(),
            text: format!("{seen}: {why}"),
        });
    };
    if ended.iter().any(|end| end.waited_for_room) {
        add(
            "in flight",
            format!(
                "{} were under way at once, and no more may be; give --in-flight more, if the target is to take them",
                report.generator.in_flight_max
            ),
        );
    }
    if ended.iter().any(|end| end.waited_for_streams) {
        add(
            "streams",
            format!(
                "every stream that the target allows on {} connections was taken; give --connections more",
                report.generator.connections
            ),
        );
    }
    let whole = elapsed.as_secs_f64().max(f64::MIN_POSITIVE) * ended.len().max(1) as f64;
    let (ran, waited) = (
        report.generator.cpu_s / whole,
        report.generator.cpu_wait_s / whole,
    );
    if found.is_empty() && (ran > 0.8 || waited > 0.02) {
        let text = format!(
            "{seen}: its threads ran for {:.0}% of the time and waited for a processor for {:.0}%; give it more \
             processors (--threads), a lower rate, or another machine (--shard)",
            ran * 100.0,
            waited * 100.0
        );
        found.push(Shortfall {
            resource: "processor".to_owned(),
            text,
        });
    }
    if found.is_empty() {
        found.push(Shortfall {
            resource: "schedule".to_owned(),
            text: format!("{seen}; other work on this machine may have held it up"),
        });
    }
    found
}
