//! Reports to show in tests: made up, and the same each time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::interval::{Interval, IntervalLatency, heat_bucket};
use crate::latency::{Latencies, LatencyHistogram};
use crate::report::{
    Books, Breakdown, ComparisonReport, FailureCount, FigureComparison, GeneratorReport,
    RepeatReport, Report, SearchReport, Setup, Spread, Stage, StepReport, StreamsReport,
    ThresholdReport, Trial, WorkflowReport,
};
use crate::run::shortfall;

const RATE: u64 = 2_000;
const WARMUP_S: u64 = 3;
const SECONDS: u64 = 30;
/// The office answers nothing from here …
const STALL_US: i64 = 13_998_000;
/// … to here. From `FULL_US` on, as many calls are in flight as may be: those that are due wait at the generator.
const STALL_END_US: i64 = 16_000_000;
const FULL_US: i64 = 14_060_000;

/// The steps of each workflow, with the median of each step's service time and the pause after it; and the workflow's
/// share in the mix of 2018, of 600.
const WORKFLOWS: [(&str, u64, &[StepPlan]); 4] = [
    (
        "document",
        173,
        &[
            ("send", "DocumentService/SendDocument", 820.0, 400_000),
            (
                "acknowledge",
                "DocumentService/AcknowledgeDocument",
                760.0,
                0,
            ),
        ],
    ),
    (
        "meeting",
        46,
        &[
            ("propose", "MeetingService/ProposeMeeting", 910.0, 300_000),
            ("accept", "MeetingService/AcceptMeeting", 880.0, 300_000),
            ("convene", "MeetingService/ConveneMeeting", 870.0, 300_000),
            ("close", "MeetingService/CloseMeeting", 1_350.0, 0),
        ],
    ),
    (
        "contact",
        239,
        &[
            ("record", "ContactService/RecordContact", 790.0, 250_000),
            ("confirm", "ContactService/ConfirmContact", 770.0, 0),
        ],
    ),
    (
        "call",
        142,
        &[("record", "ContactService/RecordCall", 640.0, 0)],
    ),
];

type StepPlan = (&'static str, &'static str, f64, i64);

/// A run of 30 s of the mix of 2018 at 2,000/s, with a stall of 2 s in its middle. Everything is filled in.
pub(crate) fn full() -> Report {
    static FULL: LazyLock<Report> = LazyLock::new(make_full);
    FULL.clone()
}

/// The same run where all that can be amiss is.
pub(crate) fn amiss() -> Report {
    let mut report = full();
    report.valid = false;
    report.interrupted = true;
    report.invalid_because = vec![
        shortfall("processor", "The threads that make calls could have run for 4.2 s and got no processor. Run the generator on a machine of \
             its own, or split the run with --shard.".to_owned()),
        shortfall("in flight", "256 calls were in flight for 1.6 s and 3,112 arrivals waited. Raise --in-flight.".to_owned()),
    ];
    report.unsent = 112;
    report.failures.insert(
        0,
        FailureCount {
            code: "INTERNAL".to_owned(),
            step: "document.send".to_owned(),
            message: HOSTILE.to_owned(),
            count: 912,
        },
    );
    report.setup.plan = format!("mine {HOSTILE}");
    report.books = Some(Books {
        lost: 3,
        doubled: 1,
        examples: vec![
            format!("018f-77aa {HOSTILE}: answered, not in North's ledger"),
            "018f-77ab: answered, not in North's ledger".to_owned(),
        ],
        ..report.books.unwrap_or_default()
    });
    for threshold in &mut report.thresholds {
        threshold.failed = true;
    }
    report
}

/// What a hostile server says.
pub(crate) const HOSTILE: &str =
    "</title></svg><script>alert(\"1\")</script>&'\u{1b}[2J\u{202e}\n# evil 1";

/// One unary call, and nothing else.
pub(crate) fn tiny() -> Report {
    let latencies = latencies([1_240]);
    Report {
        valid: true,
        setup: Setup {
            plan: "relay.v1.RelayService/Pass".to_owned(),
            targets: vec!["127.0.0.1:50051".to_owned()],
            loop_kind: "closed".to_owned(),
            schedule: "1 call".to_owned(),
            seed: 1,
            version: "0.1.0".to_owned(),
            ..Setup::default()
        },
        duration_s: 0.001_24,
        achieved_rate: 806.0,
        arrivals: 1,
        calls: 1,
        codes: BTreeMap::from([("OK".to_owned(), 1)]),
        response: latencies.clone(),
        service: latencies,
        ..Report::default()
    }
}

/// An hour, a second an interval: the full run over and over.
pub(crate) fn hour() -> Report {
    let mut report = full();
    let run: Vec<_> = report
        .intervals
        .iter()
        .filter(|one| (0.0..30.0).contains(&one.at_s))
        .cloned()
        .collect();
    report.intervals = (0..120)
        .flat_map(|turn| {
            run.iter().cloned().map(move |mut interval| {
                interval.at_s += f64::from(turn) * 30.0;
                interval
            })
        })
        .collect();
    report.duration_s = 3600.0;
    report.setup.duration_s = 3600.0;
    report
}

/// The figures of some latencies in microseconds.
pub(crate) fn latencies(us: impl IntoIterator<Item = u64>) -> Latencies {
    let mut histogram = LatencyHistogram::default();
    for us in us {
        histogram.record(std::time::Duration::from_micros(us));
    }
    histogram.summary()
}

/// Draws that are the same on every machine.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Around a median, with a tail to the right, as services have it.
    fn around(&mut self, median_us: f64, spread: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        let tail = match self.next() % 1_000 {
            0 => 9.0,
            1..=8 => 3.0,
            _ => 1.0,
        };
        median_us * (normal * spread).exp() * tail
    }
}

/// What is gathered of a step, and of the run.
#[derive(Default)]
struct Gathered {
    calls: u64,
    errors: u64,
    response: LatencyHistogram,
    service: LatencyHistogram,
    lag: LatencyHistogram,
}

impl Gathered {
    fn call(&mut self, call: &Call) {
        self.calls += 1;
        self.errors += u64::from(call.code != "OK");
        self.response.record(span(call.due, call.done));
        self.service.record(span(call.sent, call.done));
        self.lag.record(span(call.due, call.sent));
    }
}

struct Call {
    due: i64,
    sent: i64,
    done: i64,
    code: &'static str,
}

fn span(from: i64, to: i64) -> std::time::Duration {
    std::time::Duration::from_micros((to - from).max(0) as u64)
}

/// One call that is due at `due`.
fn call(draws: &mut Draws, due: i64, median_us: f64) -> Call {
    let lag = draws.around(24.0, 0.45) as i64;
    let service = draws.around(median_us, 0.32) as i64;
    let odd = draws.next() % 10_000;
    // Those that find no room are sent after the stall, four a time in which two were due.
    let waits_until = STALL_END_US + (due - FULL_US) / 4;
    let (sent, done) = if (FULL_US..STALL_END_US + 700_000).contains(&due) && waits_until > due {
        (waits_until, waits_until + service * 2)
    } else if (STALL_US..FULL_US).contains(&due) {
        let place = draws.next() % 90_000;
        (due + lag, STALL_END_US + place as i64)
    } else {
        (due + lag, due + lag + service)
    };
    let stalled = (STALL_US..STALL_END_US).contains(&due);
    let code = match odd {
        0..3 => "UNAVAILABLE",
        3..6 if due > 20_000_000 => "RESOURCE_EXHAUSTED",
        6..400 if stalled => "DEADLINE_EXCEEDED",
        _ => "OK",
    };
    Call {
        due,
        sent,
        done,
        code,
    }
}

/// The intervals while they are filled.
#[derive(Default)]
struct Second {
    interval: Interval,
    response: LatencyHistogram,
    lag: LatencyHistogram,
    begun: u64,
    ended: u64,
}

fn second(seconds: &mut BTreeMap<i64, Second>, us: i64) -> &mut Second {
    seconds.entry(us.div_euclid(1_000_000)).or_default()
}

/// What the arrivals that were made up came to.
#[derive(Default)]
struct Made {
    all: Gathered,
    seconds: BTreeMap<i64, Second>,
    codes: BTreeMap<String, u64>,
    failures: BTreeMap<(&'static str, String), u64>,
    workflows: Vec<MadeWorkflow>,
}

#[derive(Default)]
struct MadeWorkflow {
    started: u64,
    finished: u64,
    failed: u64,
    end_to_end: LatencyHistogram,
    steps: Vec<Gathered>,
}

impl Made {
    fn make(draws: &mut Draws) -> Self {
        let workflow = |steps: usize| MadeWorkflow {
            steps: (0..steps).map(|_| Gathered::default()).collect(),
            ..MadeWorkflow::default()
        };
        let mut made = Self {
            workflows: WORKFLOWS
                .iter()
                .map(|(_, _, plan)| workflow(plan.len()))
                .collect(),
            ..Self::default()
        };
        for arrival in 0..RATE * (WARMUP_S + SECONDS) {
            let due = (arrival * 1_000_000 / RATE) as i64 - (WARMUP_S * 1_000_000) as i64;
            let mut draw = draws.next() % 600;
            let mut which = 0;
            while draw >= WORKFLOWS[which].1 {
                draw -= WORKFLOWS[which].1;
                which += 1;
            }
            made.arrive(draws, which, due);
        }
        made
    }

    /// One arrival of the workflow `which`, due at `first_due` µs.
    fn arrive(&mut self, draws: &mut Draws, which: usize, first_due: i64) {
        let measured = first_due >= 0;
        second(&mut self.seconds, first_due).interval.offered += 1;
        let (name, _, plan) = WORKFLOWS[which];
        let mut due = first_due;
        let mut failed = false;
        for (index, (step, _, median_us, pause)) in plan.iter().enumerate() {
            let call = call(draws, due, *median_us);
            self.take_down(&call);
            if measured {
                self.all.call(&call);
                self.workflows[which].steps[index].call(&call);
                *self.codes.entry(call.code.to_owned()).or_default() += 1;
            }
            due = call.done + pause;
            if call.code != "OK" {
                if measured {
                    let step = format!("{name}.{step}");
                    *self.failures.entry((call.code, step)).or_default() += 1;
                }
                failed = true;
                break;
            }
        }
        second(&mut self.seconds, due).interval.finished += 1;
        if measured {
            let workflow = &mut self.workflows[which];
            workflow.started += 1;
            workflow.failed += u64::from(failed);
            workflow.finished += u64::from(!failed);
            if !failed {
                workflow.end_to_end.record(span(first_due, due));
            }
        }
    }

    fn take_down(&mut self, call: &Call) {
        second(&mut self.seconds, call.sent).begun += 1;
        let ended = second(&mut self.seconds, call.done);
        ended.ended += 1;
        ended.interval.calls += 1;
        ended.interval.errors += u64::from(call.code != "OK");
        let response = span(call.due, call.done);
        ended.response.record(response);
        ended.lag.record(span(call.due, call.sent));
        let bucket = heat_bucket(response.as_micros() as u64);
        *ended.interval.heat.entry(bucket).or_default() += 1;
    }

    fn workflows(&self) -> Vec<WorkflowReport> {
        let all = WORKFLOWS.iter().zip(&self.workflows);
        all.map(|((name, _, plan), made)| WorkflowReport {
            name: (*name).to_owned(),
            started: made.started,
            finished: made.finished,
            failed: made.failed,
            end_to_end: made.end_to_end.summary(),
            steps: plan
                .iter()
                .zip(&made.steps)
                .map(|((step, method, _, _), gathered)| StepReport {
                    name: (*step).to_owned(),
                    method: format!("liaison.office.v1.{method}"),
                    calls: gathered.calls,
                    errors: gathered.errors,
                    retries: if *step == "acknowledge" { 318 } else { 0 },
                    response: gathered.response.summary(),
                    service: gathered.service.summary(),
                })
                .collect(),
        })
        .collect()
    }

    fn failures(&self) -> Vec<FailureCount> {
        let failures = self.failures.iter();
        let mut failures: Vec<FailureCount> = failures
            .map(|((code, step), count)| FailureCount {
                code: (*code).to_owned(),
                step: step.clone(),
                message: message_of(code).to_owned(),
                count: *count,
            })
            .collect();
        failures.sort_by_key(|one| std::cmp::Reverse(one.count));
        failures
    }
}

fn make_full() -> Report {
    let mut draws = Draws(2018);
    let made = Made::make(&mut draws);
    let all = &made.all;
    Report {
        valid: true,
        setup: setup(),
        started_at: "2026-03-02T09:00:00Z".parse().ok(),
        duration_s: SECONDS as f64,
        offered_rate: RATE as f64,
        achieved_rate: 1_968.4,
        arrivals: RATE * SECONDS,
        calls: all.calls,
        errors: all.errors,
        failures: made.failures(),
        response: all.response.summary(),
        service: all.service.summary(),
        lag: all.lag.summary(),
        workflows: made.workflows(),
        streams: Some(streams(&mut draws)),
        bytes_sent: all.calls * 214,
        bytes_received: all.calls * 96,
        generator: GeneratorReport {
            threads: 2,
            connections: 8,
            in_flight_max: 256,
            cpu_s: 4.31,
            cpu_us_per_call: 4.31e6 / all.calls as f64,
            cpu_wait_s: 0.08,
        },
        books: Some(books(all)),
        breakdown: Some(breakdown(&mut draws)),
        codes: made.codes,
        intervals: intervals(made.seconds),
        thresholds: vec![
            threshold("p99>2s", "1.31 s", false),
            threshold("p99.9>1s", "1.97 s", true),
            threshold("errors>1%", "0.21 %", false),
        ],
        search: Some(search(&mut draws)),
        repeats: repeats(&mut draws, all.calls / 3),
        comparison: Some(comparison()),
        ..Report::default()
    }
}

fn setup() -> Setup {
    Setup {
        plan: "kaesong-2018".to_owned(),
        targets: vec!["127.0.0.1:50051".to_owned(), "127.0.0.1:50052".to_owned()],
        loop_kind: "open".to_owned(),
        schedule: "constant, 2,000/s".to_owned(),
        seed: 2018,
        duration_s: SECONDS as f64,
        warmup_s: WARMUP_S as f64,
        in_flight_max: 256,
        shard: String::new(),
        version: "0.1.0".to_owned(),
        ..Setup::default()
    }
}

fn streams(draws: &mut Draws) -> StreamsReport {
    StreamsReport {
        opened: 16,
        messages_sent: 16,
        messages_received: 84_212,
        message: latencies((0..20_000).map(|_| draws.around(410.0, 0.5) as u64)),
        first_message: latencies((0..16).map(|_| draws.around(2_100.0, 0.4) as u64)),
        life: latencies((0..16).map(|_| draws.around(29_800_000.0, 0.003) as u64)),
    }
}

fn books(all: &Gathered) -> Books {
    let sent = all.calls + 13_000;
    Books {
        sent,
        answered: sent - all.errors - 61,
        refused: all.errors - 90,
        unknown: 151,
        unknown_but_counted: 37,
        south: sent - all.errors - 24,
        north: sent - all.errors - 24,
        quiet: true,
        ..Books::default()
    }
}

fn message_of(code: &str) -> &'static str {
    match code {
        "UNAVAILABLE" => "the line is down: error reading a body from connection",
        "RESOURCE_EXHAUSTED" => "the outbox is full (67,108,864 bytes): try again in 1 s",
        _ => "the deadline of 2 s has passed",
    }
}

fn threshold(text: &str, seen: &str, failed: bool) -> ThresholdReport {
    ThresholdReport {
        text: text.to_owned(),
        seen: seen.to_owned(),
        failed,
    }
}

fn breakdown(draws: &mut Draws) -> Breakdown {
    let stages = [
        ("queued", 95.0),
        ("synced", 410.0),
        ("crossed the line", 130.0),
        ("synced at the peer", 420.0),
        ("acknowledged", 140.0),
    ];
    Breakdown {
        samples: 4_096,
        stages: stages
            .iter()
            .map(|(name, median_us)| Stage {
                name: (*name).to_owned(),
                latency: latencies((0..4_096).map(|_| draws.around(*median_us, 0.4) as u64)),
            })
            .collect(),
    }
}

fn intervals(seconds: BTreeMap<i64, Second>) -> Vec<Interval> {
    let mut in_flight = 0;
    let (first, last) = (
        seconds.keys().next().copied().unwrap_or(0),
        seconds.keys().last().copied().unwrap_or(0),
    );
    let mut seconds = seconds;
    (first..=last)
        .map(|at| {
            let second = seconds.remove(&at).unwrap_or_default();
            in_flight = in_flight + second.begun - second.ended;
            Interval {
                at_s: at as f64,
                seconds: 1.0,
                messages: second.interval.calls * 4 / 5,
                in_flight,
                response: IntervalLatency::of(&second.response),
                lag: IntervalLatency::of(&second.lag),
                ..second.interval
            }
        })
        .collect()
}

fn search(draws: &mut Draws) -> SearchReport {
    let rates = [
        1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 12_000.0, 10_000.0, 11_000.0, 10_500.0,
    ];
    SearchReport {
        goal: "p99<10ms,errors<0.1%".to_owned(),
        found_rate: Some(11_000.0),
        ended: "the highest that holds is known to 5 %".to_owned(),
        trials: rates
            .iter()
            .map(|rate| {
                let load: f64 = rate / 12_300.0;
                let median_us = if load < 1.0 {
                    700.0 + 260.0 * load / (1.0 - load)
                } else {
                    900_000.0 * load
                };
                let response = latencies((0..4_000).map(|_| draws.around(median_us, 0.35) as u64));
                let held = response.p99_us < 10_000;
                Trial {
                    rate: *rate,
                    achieved_rate: rate.min(12_100.0),
                    held,
                    because: (if held { "" } else { "p99 was above 10 ms" }).to_owned(),
                    calls: (*rate * 10.0) as u64,
                    errors: if held { 0 } else { 37 },
                    valid: *rate < 16_000.0,
                    response,
                }
            })
            .collect(),
    }
}

fn repeats(draws: &mut Draws, calls: u64) -> Vec<RepeatReport> {
    (0..3)
        .map(|index: u32| RepeatReport {
            valid: true,
            achieved_rate: 1_968.4 + f64::from(index) * 3.7,
            calls: calls + u64::from(index) * 31,
            errors: 60 + 7 * u64::from(index),
            response: latencies((0..3_000).map(|_| draws.around(830.0, 0.4) as u64)),
            service: latencies((0..3_000).map(|_| draws.around(800.0, 0.32) as u64)),
            cpu_us_per_call: 33.1 + f64::from(index) * 0.4,
        })
        .collect()
}

fn comparison() -> ComparisonReport {
    let spread = |text: &str| {
        let figures: Vec<f64> = text.split(' ').filter_map(|it| it.parse().ok()).collect();
        Spread {
            repeats: 5,
            min: figures[0],
            median: figures[1],
            max: figures[2],
        }
    };
    let figures = "achieved rate|/s|1951 1960 1966|1968.4 1972.1 1975.8|better
        response p50|µs|1010 1040 1060|818 826 839|better
        response p99|µs|2310 2480 2700|2390 2610 2830|same
        service p99|µs|1880 1905 1950|2060 2140 2190|worse
        errors|%|0.19 0.2 0.21|0.2 0.21 0.22|too few to judge";
    let figures = figures.lines().map(|line| {
        let cells: Vec<&str> = line.trim().split('|').collect();
        FigureComparison {
            name: cells[0].to_owned(),
            unit: cells[1].to_owned(),
            before: spread(cells[2]),
            now: spread(cells[3]),
            verdict: cells[4].to_owned(),
        }
    });
    ComparisonReport {
        baseline: "runs/before-group-commit.json".to_owned(),
        setup_differs: vec!["version: 0.0.9 before, 0.1.0 now".to_owned()],
        figures: figures.collect(),
    }
}

#[test]
fn the_run_made_up_is_of_one_piece() {
    let report = full();
    assert_eq!(report.codes.values().sum::<u64>(), report.calls);
    let steps = || report.workflows.iter().flat_map(|one| &one.steps);
    assert_eq!(steps().map(|step| step.calls).sum::<u64>(), report.calls);
    let failed: u64 = report.failures.iter().map(|one| one.count).sum();
    assert_eq!(failed, report.errors);
    let offered: u64 = report.intervals.iter().map(|one| one.offered).sum();
    assert_eq!(offered, RATE * (SECONDS + WARMUP_S));
    assert!(report.intervals.iter().any(|one| one.calls == 0));
}
