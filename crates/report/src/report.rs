//! The report: everything that a run came to, as it is saved, merged, compared and shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::latency::Latencies;

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Whether the figures are the target's: the generator kept up with its schedule.
    pub valid: bool,
    /// Why they are not, if they are not.
    pub invalid_because: Vec<Shortfall>,
    /// Somebody ended it before its end.
    pub interrupted: bool,
    /// What was called, and how.
    pub setup: Setup,
    /// When its first arrival was due.
    pub started_at: Option<Timestamp>,
    /// How long arrivals were due, in seconds, warm-up left out.
    pub duration_s: f64,
    /// Arrivals due a second.
    pub offered_rate: f64,
    /// Arrivals that were finished, well or ill, a second.
    pub achieved_rate: f64,
    /// Arrivals that were due.
    pub arrivals: u64,
    /// Arrivals that were due and never sent.
    pub unsent: u64,
    /// Arrivals that were under way when nothing was waited for any more.
    pub unfinished: u64,
    /// Calls that ended, well or ill; a stream is one.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls by gRPC status code, such as `OK` and `UNAVAILABLE`.
    pub codes: BTreeMap<String, u64>,
    /// What the failures were, the most frequent first; at most 50.
    pub failures: Vec<FailureCount>,
    /// Intended to done, of every call.
    pub response: Latencies,
    /// Sent to done, of every call.
    pub service: Latencies,
    /// Intended to sent, of every call.
    pub lag: Latencies,
    /// Each workflow of the plan, in the plan's order.
    pub workflows: Vec<WorkflowReport>,
    /// What went on inside streams, if there were any.
    pub streams: Option<StreamsReport>,
    /// Bytes of messages sent, framing left out.
    pub bytes_sent: u64,
    /// Bytes of messages received, framing left out.
    pub bytes_received: u64,
    /// What the generator itself took.
    pub generator: GeneratorReport,
    /// What was sent and answered, held against both ledgers; only for a pair of offices.
    pub books: Option<Books>,
    /// Where the time went; only for a pair of offices.
    pub breakdown: Option<Breakdown>,
    /// What happened from second to second. After an hour two seconds become one interval, and so on.
    pub intervals: Vec<Interval>,
    /// The thresholds that were given, and how each fared.
    pub thresholds: Vec<ThresholdReport>,
    /// The rates tried, if the highest was searched for.
    pub search: Option<SearchReport>,
    /// The repeats, if there were several; the rest of the report is then all of them together.
    pub repeats: Vec<RepeatReport>,
    /// How it compares with a run saved before.
    pub comparison: Option<ComparisonReport>,
}

impl Report {
    /// The same without histograms: the figures alone, for who reads them.
    #[must_use]
    pub fn without_histograms(mut self) -> Self {
        let forget = |latencies: &mut Latencies| latencies.histogram = Vec::new();
        forget(&mut self.response);
        forget(&mut self.service);
        forget(&mut self.lag);
        for workflow in &mut self.workflows {
            forget(&mut workflow.end_to_end);
            for step in &mut workflow.steps {
                forget(&mut step.response);
                forget(&mut step.service);
            }
        }
        if let Some(streams) = &mut self.streams {
            forget(&mut streams.message);
            forget(&mut streams.first_message);
            forget(&mut streams.life);
        }
        for stage in self.breakdown.iter_mut().flat_map(|it| &mut it.stages) {
            forget(&mut stage.latency);
        }
        for trial in self.search.iter_mut().flat_map(|it| &mut it.trials) {
            forget(&mut trial.response);
        }
        for repeat in &mut self.repeats {
            forget(&mut repeat.response);
            forget(&mut repeat.service);
        }
        self
    }
}

/// What was called, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// The plan's name, or the method called.
    pub plan: String,
    /// The addresses called.
    pub targets: Vec<String>,
    /// `open` (on a schedule) or `closed` (each call after the one before).
    pub loop_kind: String,
    /// The schedule in words, such as `constant, 2,000/s`.
    pub schedule: String,
    /// The seed of all draws.
    pub seed: u64,
    /// How long it was to last, in seconds; 0 if only a total was given.
    pub duration_s: f64,
    /// Warm-up before it, in seconds, that is not measured.
    pub warmup_s: f64,
    /// Most calls in flight.
    pub in_flight_max: u64,
    /// The part of the schedule, such as `1/2`; empty for all of it.
    pub shard: String,
    /// The version of the software.
    pub version: String,
    /// The command line, without its secrets; empty where none was kept.
    pub command: String,
    /// What whoever ran it calls it, such as `commit=abc`.
    pub labels: Vec<String>,
}

/// A resource of which the generator had too little.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shortfall {
    /// `processor`, `in flight`, `streams` or `schedule`.
    pub resource: String,
    /// What was seen, and what to do about it.
    pub text: String,
}

/// One kind of failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailureCount {
    /// The gRPC status code, such as `UNAVAILABLE`.
    pub code: String,
    /// The step that failed, such as `document.send`.
    pub step: String,
    /// The message of the first such failure.
    pub message: String,
    /// How many there were.
    pub count: u64,
}

/// What came of one workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkflowReport {
    /// Its name in the plan.
    pub name: String,
    /// How many were begun.
    pub started: u64,
    /// How many came to their end.
    pub finished: u64,
    /// How many stopped at a step that failed.
    pub failed: u64,
    /// From when it was intended to when its last step was done, pauses included; of those that came to their end.
    pub end_to_end: Latencies,
    /// Its steps, in order.
    pub steps: Vec<StepReport>,
}

/// What came of one step of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepReport {
    /// Its name in the plan.
    pub name: String,
    /// The method, such as `liaison.office.v1.DocumentService/SendDocument`.
    pub method: String,
    /// Calls that ended, well or ill.
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls made again, since what they build upon had not come yet; they are not counted as calls.
    pub retries: u64,
    /// Intended (for a later step: the step before done, and its pause over) to done.
    pub response: Latencies,
    /// Sent to done.
    pub service: Latencies,
}

/// What went on inside streams.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamsReport {
    /// Streams opened.
    pub opened: u64,
    /// Messages sent on them.
    pub messages_sent: u64,
    /// Messages received on them.
    pub messages_received: u64,
    /// Each message: intended to answered where answers match requests one to one; else from one answer to the next.
    pub message: Latencies,
    /// The stream opened to its first message received.
    pub first_message: Latencies,
    /// The stream opened to its end.
    pub life: Latencies,
}

/// What the generator itself took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorReport {
    /// Threads that made calls.
    pub threads: u64,
    /// Connections, at their most.
    pub connections: u64,
    /// Calls in flight, at their most.
    pub in_flight_max: u64,
    /// Processor time of the threads that made calls, in seconds.
    pub cpu_s: f64,
    /// The same for each call, in microseconds.
    pub cpu_us_per_call: f64,
    /// How long those threads could have run and got no processor, in seconds.
    pub cpu_wait_s: f64,
}

/// What was sent and answered, held against what both offices counted. Request ids are compared, one by one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Books {
    /// Requests sent that change something, the warm-up's too.
    pub sent: u64,
    /// Those that were answered: recorded, said the office.
    pub answered: u64,
    /// Those that the office refused.
    pub refused: u64,
    /// Those to which no answer came: nobody here can know what became of them.
    pub unknown: u64,
    /// Those of the unknown that the ledgers hold all the same.
    pub unknown_but_counted: u64,
    /// Those that were refused, and that a ledger holds all the same.
    pub refused_but_counted: u64,
    /// Request ids that South's ledger holds.
    pub south: u64,
    /// Request ids that North's ledger holds.
    pub north: u64,
    /// Answered, and not in both ledgers.
    pub lost: u64,
    /// Request ids that one ledger holds twice or more.
    pub doubled: u64,
    /// Whether the line came to rest before the books were made up.
    pub quiet: bool,
    /// Some request ids of what is amiss, at most 20, each with what is.
    pub examples: Vec<String>,
}

impl Books {
    /// Whether nothing is lost, doubled, or counted though refused.
    pub fn balance(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.refused_but_counted == 0
    }
}

/// Where the time of a step went, from the client's call until the office that made it knows that its peer has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breakdown {
    /// Steps looked at: a sample of all.
    pub samples: u64,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

impl Breakdown {
    /// What all stages take together, on average, in microseconds.
    pub(crate) fn mean_us(&self) -> f64 {
        self.stages.iter().map(|one| one.latency.mean_us).sum()
    }

    /// The part of it that a stage takes.
    pub(crate) fn part(&self, stage: &Stage) -> f64 {
        let whole = self.mean_us();
        if whole > 0.0 {
            stage.latency.mean_us / whole
        } else {
            0.0
        }
    }
}

/// One stage of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stage {
    /// `queued`, `synced`, `crossed the line`, `synced at the peer`, …
    pub name: String,
    /// How long it took.
    pub latency: Latencies,
}

/// A threshold and how it fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThresholdReport {
    /// As it was given, such as `p99.9>5ms`.
    pub text: String,
    /// The figure it was held against, with its unit.
    pub seen: String,
    /// Whether it makes the run fail.
    pub failed: bool,
}

/// The rates tried in search of the highest that holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchReport {
    /// What was to hold, such as `p99<10ms,errors<0.1%`.
    pub goal: String,
    /// The highest rate that held; `None` if none did.
    pub found_rate: Option<f64>,
    /// Why the search ended, in words.
    pub ended: String,
    /// Each rate tried, in the order of trying.
    pub trials: Vec<Trial>,
}

/// One rate tried.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trial {
    /// Offered, a second.
    pub rate: f64,
    /// Achieved, a second.
    pub achieved_rate: f64,
    /// Whether the goal held.
    pub held: bool,
    /// What did not, in words; empty if all did.
    pub because: String,
    /// Response.
    pub response: Latencies,
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Whether the generator kept up.
    pub valid: bool,
}

/// One repeat of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepeatReport {
    /// Whether the generator kept up.
    pub valid: bool,
    /// Arrivals finished a second.
    pub achieved_rate: f64,
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Response.
    pub response: Latencies,
    /// Service.
    pub service: Latencies,
    /// Processor time of the generator for each call, in microseconds.
    pub cpu_us_per_call: f64,
}

/// How a run compares with one saved before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparisonReport {
    /// The file it was compared with.
    pub baseline: String,
    /// What differs in the setup, in words: figures of different setups are compared with care.
    pub setup_differs: Vec<String>,
    /// Each figure.
    pub figures: Vec<FigureComparison>,
}

impl ComparisonReport {
    /// The figures that are worse than before.
    pub fn worse(&self) -> impl Iterator<Item = &FigureComparison> {
        self.figures.iter().filter(|one| one.verdict == "worse")
    }

    /// Whether there are too few repeats for any verdict.
    pub fn is_too_few(&self) -> bool {
        let mut figures = self.figures.iter();
        figures.all(|one| one.verdict == crate::compare::TOO_FEW)
    }
}

/// One figure, before and now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FigureComparison {
    /// What, such as `response p99`.
    pub name: String,
    /// Its unit: `µs`, `/s` or `%`.
    pub unit: String,
    /// Before: the median over the repeats, the smallest and the largest.
    pub before: Spread,
    /// Now.
    pub now: Spread,
    /// `better`, `worse`, `same` (the spreads overlap) or `too few to judge` (less than five repeats on a side).
    pub verdict: String,
}

/// A figure over repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// How many repeats.
    pub repeats: u64,
    /// The smallest.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The largest.
    pub max: f64,
}
