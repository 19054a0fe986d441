//! A run as its generator measured it, and the report that it comes to.

use std::time::Duration;

use jiff::Timestamp;
use tonic::Code;
use words::code_name;

use crate::interval::Interval;
use crate::recorder::{CODES, Failures, Recorder, StreamRecorder, WorkflowRecorder};
use crate::report::{
    FailureCount, GeneratorReport, Report, Setup, Shortfall, StepReport, StreamsReport,
    WorkflowReport,
};

/// A lag below this share of the response does not make a run invalid, whatever `lag_max` says.
const LAG_SHARE_MAX: f64 = 0.05;

/// How fast arrivals are finished is told between these shares of them: the first and the last ones wait, or are waited for.
const FINISHED_FROM_TO: [f64; 2] = [0.01, 0.99];
/// Seconds in which some were finished, fewer of which tell no rate.
const SECONDS_MIN: usize = 4;

/// What a generator measured.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What was called, and how; how long it was measured is not known yet.
    pub setup: Setup,
    /// Its workflows, in the plan's order.
    pub workflows: Vec<WorkflowNames>,
    /// When its first arrival was due, the warm-up's too.
    pub begun_at: Timestamp,
    /// How long arrivals were due, warm-up included; `None` where it ended with its last call.
    pub length: Option<Duration>,
    /// The first part, which is not measured.
    pub warmup: Duration,
    /// The 99th percentile of the lag above which the run is not valid.
    pub lag_max: Duration,
    /// Somebody ended it before its end.
    pub interrupted: bool,
    /// How long it took until nothing was waited for any more.
    pub elapsed: Duration,
    /// What all threads saw together.
    pub total: Recorder,
    /// What happened from second to second.
    pub intervals: Vec<Interval>,
    /// What each thread saw and took.
    pub threads: Vec<Thread>,
}

/// A workflow and its steps, by name.
#[derive(Debug, Clone, Default)]
pub struct WorkflowNames {
    /// Its name in the plan.
    pub name: String,
    /// Its steps, each with its method.
    pub steps: Vec<(String, String)>,
}

/// What one thread of a generator saw and took.
#[derive(Debug, Clone, Default)]
pub struct Thread {
    /// What came of each workflow, in the plan's order.
    pub workflows: Vec<WorkflowRecorder>,
    /// What went on inside streams.
    pub streams: StreamRecorder,
    /// What the failures were.
    pub failures: Failures,
    /// It had a processor for so long.
    pub ran: Duration,
    /// It could have run so much longer, and got none.
    pub waited: Duration,
    /// Connections, at their most.
    pub connections: usize,
    /// Arrivals in flight, at their most.
    pub in_flight_most: usize,
    /// Arrivals that were due and never sent.
    pub unsent: u64,
    /// Arrivals that were under way at the end.
    pub unfinished: u64,
    /// When the last arrival was finished, after the start.
    pub last: Duration,
    /// It could let nothing go since as much was in flight as may be.
    pub waited_for_room: bool,
    /// It had to wait since all streams of all connections were taken.
    pub waited_for_streams: bool,
    /// What went wrong with its timer, if anything did.
    pub fault: Option<String>,
}

/// What a run has come to so far, as far as it is known before the end.
#[derive(Debug, Clone, Copy)]
pub struct SoFar<'a> {
    /// What all threads have seen.
    pub total: &'a Recorder,
    /// What happened from second to second.
    pub intervals: &'a [Interval],
    /// How long has been measured, in seconds.
    pub measured_s: f64,
}

impl SoFar<'_> {
    /// The figures; workflows, streams and books come at the end.
    pub fn report(&self) -> Report {
        Report {
            intervals: self.intervals.to_vec(),
            valid: true,
            ..figures(self.total, self.measured_s)
        }
    }
}

impl Report {
    /// What a run came to; the books are not made up yet.
    pub fn of_run(run: Run) -> Self {
        let seconds = run.measured().as_secs_f64();
        let mut report = Self {
            achieved_rate: run.achieved_rate(seconds),
            started_at: run.begun_at.checked_add(run.warmup).ok(),
            interrupted: run.interrupted,
            unsent: run.threads.iter().map(|one| one.unsent).sum(),
            unfinished: run.threads.iter().map(|one| one.unfinished).sum(),
            workflows: run.workflows(),
            failures: run.failures(),
            streams: run.streams(),
            generator: run.generator(seconds),
            ..figures(&run.total, seconds)
        };
        report.invalid_because = shortfalls(&report, &run);
        report.valid = report.invalid_because.is_empty();
        report.intervals = run.intervals;
        report.setup = Setup {
            duration_s: seconds,
            warmup_s: run.warmup.as_secs_f64(),
            ..run.setup
        };
        report
    }
}

impl Run {
    fn last(&self) -> Duration {
        let last = self.threads.iter().map(|one| one.last).max();
        last.unwrap_or_default()
    }

    /// How long was measured.
    fn measured(&self) -> Duration {
        let whole = self
            .length
            .unwrap_or_else(|| self.last().max(Duration::from_micros(1)).min(self.elapsed));
        whole.saturating_sub(self.warmup)
    }

    /// How fast arrivals were finished while they were. A target that falls behind has achieved less than was offered; one
    /// that answers late, but as fast as it is asked, has not, nor one that lets a few wait.
    fn achieved_rate(&self, seconds: f64) -> f64 {
        let finished = self.total.finished;
        let until_last = self.last().saturating_sub(self.warmup).as_secs_f64();
        if until_last <= seconds {
            return per_second(finished, seconds);
        }
        let [from, to] = FINISHED_FROM_TO.map(|share| self.finished_by(share));
        let (Some(from), Some(to)) = (from, to) else {
            return per_second(finished, until_last);
        };
        let share = FINISHED_FROM_TO[1] - FINISHED_FROM_TO[0];
        let rate = finished as f64 * share / (to - from);
        rate.min(per_second(self.total.offered, seconds))
    }

    /// In which second this share of all was finished, if that took several.
    fn finished_by(&self, share: f64) -> Option<f64> {
        let all: u64 = self.intervals.iter().map(|one| one.finished).sum();
        let busy = self.intervals.iter().filter(|one| one.finished > 0);
        if busy.count() < SECONDS_MIN {
            return None;
        }
        let wanted = all as f64 * share;
        let mut before = 0.0;
        for interval in &self.intervals {
            let here = interval.finished as f64;
            if before + here >= wanted && here > 0.0 {
                return Some(interval.at_s + interval.seconds * (wanted - before) / here);
            }
            before += here;
        }
        None
    }

    fn workflows(&self) -> Vec<WorkflowReport> {
        let workflows = self.workflows.iter().enumerate();
        workflows
            .map(|(number, workflow)| {
                let mut sum = WorkflowRecorder::of_steps(workflow.steps.len());
                for thread in &self.threads {
                    if let Some(recorded) = thread.workflows.get(number) {
                        sum.add(recorded);
                    }
                }
                workflow_report(workflow, &sum)
            })
            .collect()
    }

    fn failures(&self) -> Vec<FailureCount> {
        let mut failures = Failures::default();
        for thread in &self.threads {
            failures.merge(&thread.failures);
        }
        failures.report()
    }

    fn streams(&self) -> Option<StreamsReport> {
        let mut streams = StreamRecorder::default();
        for thread in &self.threads {
            streams.add(&thread.streams);
        }
        (streams.opened > 0).then(|| StreamsReport {
            opened: streams.opened,
            messages_sent: streams.messages_sent,
            messages_received: streams.messages_received,
            message: streams.message.summary(),
            first_message: streams.first_message.summary(),
            life: streams.life.summary(),
        })
    }

    fn generator(&self, seconds: f64) -> GeneratorReport {
        let threads = || self.threads.iter();
        let cpu_s: f64 = threads().map(|one| one.ran.as_secs_f64()).sum();
        let in_measure = seconds / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        let calls = self.total.calls + self.total.messages_received;
        GeneratorReport {
            threads: self.threads.len() as u64,
            connections: threads().map(|one| one.connections as u64).sum(),
            in_flight_max: threads().map(|one| one.in_flight_most as u64).sum(),
            cpu_s,
            // The warm-up's calls are not counted, so its share of the time is not either.
            cpu_us_per_call: if calls == 0 {
                0.0
            } else {
                cpu_s * in_measure.min(1.0) * 1e6 / calls as f64
            },
            cpu_wait_s: threads().map(|one| one.waited.as_secs_f64()).sum(),
        }
    }
}

fn workflow_report(workflow: &WorkflowNames, sum: &WorkflowRecorder) -> WorkflowReport {
    let steps = workflow.steps.iter().zip(&sum.steps);
    WorkflowReport {
        name: workflow.name.clone(),
        started: sum.started,
        finished: sum.finished,
        failed: sum.failed,
        end_to_end: sum.end_to_end.summary(),
        steps: steps
            .map(|((name, method), recorded)| StepReport {
                name: name.clone(),
                method: method.clone(),
                calls: recorded.calls,
                errors: recorded.errors,
                retries: recorded.retries,
                response: recorded.response.summary(),
                service: recorded.service.summary(),
            })
            .collect(),
    }
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

/// The figures of a recorder over so many seconds.
fn figures(total: &Recorder, seconds: f64) -> Report {
    let codes = (0..CODES).filter(|code| total.codes[*code] > 0);
    Report {
        duration_s: seconds,
        offered_rate: per_second(total.offered, seconds),
        achieved_rate: per_second(total.finished, seconds),
        arrivals: total.offered,
        calls: total.calls,
        errors: total.errors,
        codes: codes
            .map(|code| {
                let name = code_name(Code::from_i32(code as i32));
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

/// Of what the generator had too little, if it could not keep up.
fn shortfalls(report: &Report, run: &Run) -> Vec<Shortfall> {
    let faults = run.threads.iter().filter_map(|one| one.fault.as_ref());
    let mut found: Vec<Shortfall> = faults
        .map(|fault| shortfall("schedule", format!("a thread's timer failed: {fault}")))
        .collect();
    if report.calls == 0 && found.is_empty() {
        let why = "not one call ended within the run: nothing was measured";
        found.push(shortfall("schedule", why.to_owned()));
    }
    let Some(seen) = seen_late(report, run.lag_max) else {
        return found;
    };
    let generator = &report.generator;
    if run.threads.iter().any(|one| one.waited_for_room) {
        let why = format!(
            "{seen}: {} were under way at once, and no more may be; give --in-flight more, if the target is to take them",
            generator.in_flight_max
        );
        found.push(shortfall("in flight", why));
    }
    if run.threads.iter().any(|one| one.waited_for_streams) {
        let why = format!(
            "{seen}: every stream that the target allows on {} connections was taken; give --connections more",
            generator.connections
        );
        found.push(shortfall("streams", why));
    }
    let whole = run.elapsed.as_secs_f64().max(f64::MIN_POSITIVE) * run.threads.len().max(1) as f64;
    let (ran, waited) = (generator.cpu_s / whole, generator.cpu_wait_s / whole);
    if found.is_empty() && (ran > 0.8 || waited > 0.02) {
        let why = format!(
            "{seen}: its threads ran for {:.0}% of the time and waited for a processor for {:.0}%; give it more \
             processors (--threads), a lower rate, or another machine (--shard)",
            ran * 100.0,
            waited * 100.0
        );
        found.push(shortfall("processor", why));
    }
    if found.is_empty() {
        let why = format!("{seen}; other work on this machine may have held it up");
        found.push(shortfall("schedule", why));
    }
    found
}

pub(crate) fn shortfall(resource: &str, text: String) -> Shortfall {
    Shortfall {
        resource: resource.to_owned(),
        text,
    }
}

/// In which way the generator did not keep up, in words; `None` if it did.
fn seen_late(report: &Report, lag_max: Duration) -> Option<String> {
    let lag_p99 = Duration::from_micros(report.lag.p99_us);
    let share = report.lag.p99_us as f64 / (report.response.p99_us.max(1)) as f64;
    if report.unsent > 0 && !report.interrupted {
        return Some(format!(
            "{} arrivals that were due were never sent",
            report.unsent
        ));
    }
    (lag_p99 > lag_max && share > LAG_SHARE_MAX).then(|| {
        format!(
            "1 in 100 calls was sent {:.1} ms or more after it was due",
            lag_p99.as_secs_f64() * 1e3
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Ended;

    /// A second of warm-up and two of 100 calls each, answered after 2 ms and sent `lag` too late.
    fn run(lag: Duration) -> Run {
        let mut total = Recorder::default();
        (total.offered, total.finished) = (200, 200);
        for _ in 0..200 {
            total.ended(&Ended {
                code: Code::Ok,
                response: lag + Duration::from_millis(2),
                service: Some(Duration::from_millis(2)),
                lag,
            });
        }
        Run {
            warmup: Duration::from_secs(1),
            length: Some(Duration::from_secs(3)),
            elapsed: Duration::from_secs(4),
            lag_max: Duration::from_millis(10),
            total,
            threads: vec![Thread {
                ran: Duration::from_secs(2),
                last: Duration::from_secs(5),
                in_flight_most: 7,
                ..Thread::default()
            }],
            ..Run::default()
        }
    }

    #[test]
    fn rates_are_of_what_was_measured() {
        let report = Report::of_run(run(Duration::ZERO));
        assert!(report.valid);
        assert_eq!((report.calls, report.codes["OK"]), (200, 200));
        let figures = [
            report.duration_s,
            report.setup.warmup_s,
            report.offered_rate,
            report.achieved_rate,
            report.generator.cpu_us_per_call,
        ];
        // The last call ended two seconds after the last arrival was due; of the processor's time half was measured.
        let rounded = figures.map(|figure| figure.round() as u64);
        assert_eq!(rounded, [2, 1, 100, 50, 5_000]);
        let begun = Timestamp::UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(report.started_at, Some(begun));
    }

    #[test]
    fn a_run_without_a_length_is_as_long_as_its_last_call() {
        let mut run = run(Duration::ZERO);
        run.length = None;
        run.elapsed = Duration::from_secs(60);
        let report = Report::of_run(run);
        assert!((report.duration_s - 4.0).abs() < 1e-9);
        let nothing = Report::of_run(Run::default());
        assert_eq!((nothing.calls, nothing.streams), (0, None));
    }

    /// So many arrivals finished in each second.
    fn finishing(per_second: &[u64]) -> Run {
        let mut run = run(Duration::ZERO);
        (run.warmup, run.length) = (Duration::ZERO, Some(Duration::from_secs(10)));
        run.total.offered = 1_000;
        run.total.finished = per_second.iter().sum();
        run.threads[0].last = Duration::from_secs(per_second.len() as u64);
        run.intervals = (0..)
            .zip(per_second)
            .map(|(at, finished)| Interval {
                at_s: f64::from(at),
                seconds: 1.0,
                finished: *finished,
                ..Interval::default()
            })
            .collect();
        run
    }

    #[test]
    fn what_is_achieved_is_told_by_how_fast_arrivals_are_finished() {
        let achieved = |per_second: &[u64]| Report::of_run(finishing(per_second)).achieved_rate;
        let steady = [100; 10];
        for (what, per_second, wanted) in [
            ("at once", steady.to_vec(), 100.0),
            (
                "each after three seconds",
                [&[0; 3][..], &steady].concat(),
                100.0,
            ),
            ("half as fast as they are due", [50; 20].to_vec(), 50.0),
            (
                "but for three that wait for long",
                [&[100; 9][..], &[97], &[0; 30], &[3]].concat(),
                100.0,
            ),
        ] {
            let seen = achieved(&per_second);
            assert!((seen - wanted).abs() < 2.5, "{what}: {seen}");
        }
    }

    #[test]
    fn a_generator_that_could_not_keep_up_says_of_what_it_had_too_little() {
        let resources = |run: Run| {
            let report = Report::of_run(run);
            assert!(!report.valid);
            let found = report.invalid_because.into_iter();
            found.map(|one| one.resource).collect::<Vec<_>>()
        };
        let late = Duration::from_millis(50);
        assert_eq!(resources(run(late)), ["schedule"]);
        let mut busy = run(late);
        busy.threads[0].ran = Duration::from_secs(4);
        assert_eq!(resources(busy), ["processor"]);
        let mut full = run(late);
        full.threads[0].waited_for_room = true;
        full.threads[0].waited_for_streams = true;
        assert_eq!(resources(full), ["in flight", "streams"]);
        let mut unsent = run(Duration::ZERO);
        unsent.threads[0].unsent = 3;
        assert_eq!(resources(unsent.clone()), ["schedule"]);
        unsent.interrupted = true;
        assert!(Report::of_run(unsent).valid, "whoever stops it knows");
        let mut broken = run(Duration::ZERO);
        broken.threads[0].fault = Some("no descriptors".to_owned());
        assert_eq!(resources(broken), ["schedule"]);
    }
}
