//! Joining saved runs into one report: the parts that several generators played, or one part after another.
//!
//! Histograms are added value by value and counts are summed, so the parts of one run come to exactly what the whole
//! would have been recorded as. Three things cannot be known exactly, and are bounded from above: the most calls in
//! flight (the parts' peaks need not be of one instant), the percentiles of an interval's responses (rebuilt from its
//! heat buckets, so at most a quarter octave too high), and those of its lag (the highest of the parts').
//!
//! Rates add up where runs overlap in time. Where they do not, each counts for as long as it lasted. Thresholds are
//! checked again on the whole. Books are joined only if every part has them: request ids are disjoint, so sums are
//! exact. A comparison is about one part, and is left out.

mod intervals;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use crate::latency::Latencies;
use crate::report::{
    Books, Breakdown, FailureCount, GeneratorReport, RepeatReport, Report, Setup, Shortfall, Stage,
    StepReport, StreamsReport, ThresholdReport, WorkflowReport,
};
use crate::threshold::Threshold;
use parts::Parts;

/// The most kinds of failure that are kept.
const FAILURES_MAX: usize = 50;
/// The most examples of what is amiss that are kept.
const EXAMPLES_MAX: usize = 20;

/// Why reports cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is nothing to merge; name two saved runs or more")]
    Nothing,
    /// They are of different runs.
    #[error(
        "{name} cannot be merged with {first}: its {what} is {is}, not {was}; merge the parts of one run, and compare different \
         ones by --baseline"
    )]
    Differs {
        /// Which report.
        name: String,
        /// The one it was to be merged with.
        first: String,
        /// What differs.
        what: &'static str,
        /// How it is in the one.
        is: String,
        /// How it is in the other.
        was: String,
    },
    /// Something would be counted twice.
    #[error(
        "{name} cannot be merged with {other}: both are {part} of the schedule, and would count twice; give each \
         generator a --shard of its own"
    )]
    SamePart {
        /// Which report.
        name: String,
        /// The other.
        other: String,
        /// The part they both are.
        part: String,
    },
    /// It is no part that could be told from others.
    #[error("{name} cannot be merged: {shard:?} is no part of a schedule; save the run again")]
    Part {
        /// Which report.
        name: String,
        /// What it says that it is.
        shard: String,
    },
    /// Only the figures were kept.
    #[error(
        "{name} cannot be merged: the histogram of its {what} was left out or does not add up; save the run with \
         --save, which keeps histograms"
    )]
    NoHistogram {
        /// Which report.
        name: String,
        /// Whose histogram.
        what: String,
    },
    /// It is about many rates.
    #[error("{name} cannot be merged: it is a search for the highest rate; merge runs of one rate")]
    Search {
        /// Which report.
        name: String,
    },
}

/// Joins reports, each with the name of its file. One alone stays as it is.
pub fn merge(mut named: Vec<(String, Report)>) -> Result<Report, MergeError> {
    let shard = check(&named)?;
    if named.len() == 1 {
        return named
            .pop()
            .map(|(_, report)| report)
            .ok_or(MergeError::Nothing);
    }
    Ok(joined(&named, shard))
}

/// Joins the repeats of one run: the same part again and again, one after another.
pub fn repeated(runs: Vec<Report>) -> Report {
    let shard = runs.first().map(|run| run.setup.shard.clone());
    let repeats = runs.iter().map(repeat).collect();
    let named: Vec<_> = runs
        .into_iter()
        .zip(1..)
        .map(|(run, number)| (format!("run {number}"), run))
        .collect();
    Report {
        repeats,
        ..joined(&named, shard.unwrap_or_default())
    }
}

fn repeat(run: &Report) -> RepeatReport {
    RepeatReport {
        valid: run.valid,
        achieved_rate: run.achieved_rate,
        calls: run.calls,
        errors: run.errors,
        response: run.response.clone(),
        service: run.service.clone(),
        cpu_us_per_call: run.generator.cpu_us_per_call,
    }
}

fn joined(named: &[(String, Report)], shard: String) -> Report {
    let reports: Vec<&Report> = named.iter().map(|(_, report)| report).collect();
    let sum = |of: fn(&Report) -> u64| reports.iter().map(|report| of(report)).sum::<u64>();
    let rates = rates(&reports);
    let mut merged = Report {
        valid: reports.iter().all(|report| report.valid),
        invalid_because: shortfalls(named),
        interrupted: reports.iter().any(|report| report.interrupted),
        setup: setup(&reports, shard),
        started_at: reports.iter().filter_map(|report| report.started_at).min(),
        duration_s: rates.duration_s,
        offered_rate: rates.offered,
        achieved_rate: rates.achieved,
        arrivals: sum(|report| report.arrivals),
        unsent: sum(|report| report.unsent),
        unfinished: sum(|report| report.unfinished),
        calls: sum(|report| report.calls),
        errors: sum(|report| report.errors),
        codes: codes(&reports),
        failures: failures(&reports),
        response: added(&reports, |report| &report.response),
        service: added(&reports, |report| &report.service),
        lag: added(&reports, |report| &report.lag),
        workflows: workflows(&reports),
        streams: streams(&reports),
        bytes_sent: sum(|report| report.bytes_sent),
        bytes_received: sum(|report| report.bytes_received),
        generator: generator(&reports),
        books: books(&reports),
        breakdown: breakdown(&reports),
        intervals: intervals::merged(&reports),
        thresholds: Vec::new(),
        search: None,
        repeats: repeats(&reports),
        comparison: None,
    };
    merged.thresholds = thresholds(&reports, &merged);
    merged
}

/// Refuses what is not of one run; gives the part that all are together.
fn check(named: &[(String, Report)]) -> Result<String, MergeError> {
    let ((first_name, first), others) = named.split_first().ok_or(MergeError::Nothing)?;
    for (name, report) in others {
        let (is, was) = (&report.setup, &first.setup);
        let compared = [
            ("plan", is.plan.clone(), was.plan.clone()),
            ("seed", is.seed.to_string(), was.seed.to_string()),
            ("loop", is.loop_kind.clone(), was.loop_kind.clone()),
            ("schedule", is.schedule.clone(), was.schedule.clone()),
        ];
        if let Some((what, is, was)) = compared.into_iter().find(|(_, is, was)| is != was) {
            return Err(MergeError::Differs {
                name: name.clone(),
                first: first_name.clone(),
                what,
                is,
                was,
            });
        }
    }
    for (name, report) in named {
        if report.search.is_some() {
            return Err(MergeError::Search { name: name.clone() });
        }
        let missing = latencies(report).into_iter().find(|(_, latencies)| {
            let counted = latencies.histogram.iter().map(|(_, count)| count);
            counted.sum::<u64>() != latencies.count
        });
        if let Some((what, _)) = missing {
            let name = name.clone();
            return Err(MergeError::NoHistogram { name, what });
        }
    }
    Parts::of_all(named).map(|parts| parts.to_string())
}

/// Every histogram of a report, with its name.
fn latencies(report: &Report) -> Vec<(String, &Latencies)> {
    let mut all = vec![
        ("response".to_owned(), &report.response),
        ("service".to_owned(), &report.service),
        ("lag".to_owned(), &report.lag),
    ];
    for workflow in &report.workflows {
        let name = &workflow.name;
        all.push((format!("workflow {name}"), &workflow.end_to_end));
        for step in &workflow.steps {
            let step_name = format!("step {name}.{}", step.name);
            all.push((step_name.clone(), &step.response));
            all.push((step_name, &step.service));
        }
    }
    if let Some(streams) = &report.streams {
        all.push(("stream messages".to_owned(), &streams.message));
        all.push(("first stream messages".to_owned(), &streams.first_message));
        all.push(("stream lives".to_owned(), &streams.life));
    }
    let stages = report.breakdown.iter().flat_map(|it| &it.stages);
    all.extend(stages.map(|stage| (format!("stage {}", stage.name), &stage.latency)));
    for (repeat, number) in report.repeats.iter().zip(1..) {
        all.push((format!("repeat {number}"), &repeat.response));
        all.push((format!("repeat {number}"), &repeat.service));
    }
    all
}

fn added<T>(items: &[&T], of: fn(&T) -> &Latencies) -> Latencies {
    Latencies::of_all(items.iter().map(|item| of(item)))
}

fn shortfalls(named: &[(String, Report)]) -> Vec<Shortfall> {
    let of_each = named.iter().flat_map(|(name, report)| {
        report
            .invalid_because
            .iter()
            .map(move |shortfall| Shortfall {
                resource: shortfall.resource.clone(),
                text: format!("{name}: {}", shortfall.text),
            })
    });
    of_each.collect()
}

/// Each of the values, once, in the order in which they come.
fn once_each<'a>(values: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values
        .filter(|value| seen.insert(*value))
        .cloned()
        .collect()
}

fn setup(reports: &[&Report], shard: String) -> Setup {
    let setups = || reports.iter().map(|report| &report.setup);
    let longest = |of: fn(&Setup) -> f64| setups().map(of).fold(0.0, f64::max);
    let versions = once_each(setups().map(|setup| &setup.version));
    let first = setups().next().cloned().unwrap_or_default();
    Setup {
        targets: once_each(setups().flat_map(|setup| &setup.targets)),
        labels: once_each(setups().flat_map(|setup| &setup.labels)),
        duration_s: longest(|setup| setup.duration_s),
        warmup_s: longest(|setup| setup.warmup_s),
        in_flight_max: setups().map(|setup| setup.in_flight_max).sum(),
        shard,
        version: versions.join(", "),
        ..first
    }
}

/// What the rates come to.
struct Rates {
    offered: f64,
    achieved: f64,
    duration_s: f64,
}

/// Runs that overlap in time are one stretch, in which rates add up; stretches count for as long as they last.
fn rates(reports: &[&Report]) -> Rates {
    let seconds = |report: &Report| report.started_at.map(|at| at.as_nanosecond() as f64 / 1e9);
    let known: Option<Vec<f64>> = reports.iter().map(|report| seconds(report)).collect();
    // Where a beginning is not known, all ran at once: that is what parts are for.
    let starts = known.unwrap_or_else(|| vec![0.0; reports.len()]);
    let mut runs: Vec<(f64, &Report)> = starts.into_iter().zip(reports.iter().copied()).collect();
    runs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut stretches: Vec<Rates> = Vec::new();
    let mut end = f64::NEG_INFINITY;
    for (start, report) in runs {
        if start >= end {
            stretches.push(Rates {
                offered: 0.0,
                achieved: 0.0,
                duration_s: 0.0,
            });
        }
        end = end.max(start + report.duration_s);
        let stretch = stretches.last_mut().expect("the first run begins one");
        stretch.offered += report.offered_rate;
        stretch.achieved += report.achieved_rate;
        stretch.duration_s = stretch.duration_s.max(report.duration_s);
    }
    if let [_] = stretches.as_slice() {
        return stretches.remove(0);
    }
    let duration_s: f64 = stretches.iter().map(|it| it.duration_s).sum();
    let mean = |of: fn(&Rates) -> f64| {
        let weighted = stretches.iter().map(|it| of(it) * it.duration_s);
        weighted.sum::<f64>() / duration_s.max(f64::MIN_POSITIVE)
    };
    Rates {
        offered: mean(|it| it.offered),
        achieved: mean(|it| it.achieved),
        duration_s,
    }
}

fn codes(reports: &[&Report]) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for (code, count) in reports.iter().flat_map(|report| &report.codes) {
        *codes.entry(code.clone()).or_default() += count;
    }
    codes
}

fn failures(reports: &[&Report]) -> Vec<FailureCount> {
    let mut by_kind: BTreeMap<(&str, &str), FailureCount> = BTreeMap::new();
    for failure in reports.iter().flat_map(|report| &report.failures) {
        by_kind
            .entry((&failure.code, &failure.step))
            .and_modify(|known| known.count += failure.count)
            .or_insert_with(|| failure.clone());
    }
    let mut failures: Vec<_> = by_kind.into_values().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures.truncate(FAILURES_MAX);
    failures
}

/// The items of all lists by name, in the order in which names come first, each with all that have it.
fn by_name<'r, T>(
    lists: impl Iterator<Item = &'r [T]>,
    name: fn(&T) -> &str,
) -> Vec<(&'r str, Vec<&'r T>)> {
    let mut named: Vec<(&str, Vec<&T>)> = Vec::new();
    for item in lists.flatten() {
        let name = name(item);
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, items)) => items.push(item),
            None => named.push((name, vec![item])),
        }
    }
    named
}

fn workflows(reports: &[&Report]) -> Vec<WorkflowReport> {
    let lists = reports.iter().map(|report| report.workflows.as_slice());
    let merged = by_name(lists, |workflow| &workflow.name).into_iter();
    let merged = merged.map(|(name, parts)| WorkflowReport {
        name: name.to_owned(),
        started: parts.iter().map(|part| part.started).sum(),
        finished: parts.iter().map(|part| part.finished).sum(),
        failed: parts.iter().map(|part| part.failed).sum(),
        end_to_end: added(&parts, |part| &part.end_to_end),
        steps: steps(&parts),
    });
    merged.collect()
}

fn steps(workflows: &[&WorkflowReport]) -> Vec<StepReport> {
    let lists = workflows.iter().map(|workflow| workflow.steps.as_slice());
    let merged = by_name(lists, |step| &step.name).into_iter();
    let merged = merged.map(|(name, parts)| StepReport {
        name: name.to_owned(),
        method: parts
            .first()
            .map(|part| part.method.clone())
            .unwrap_or_default(),
        calls: parts.iter().map(|part| part.calls).sum(),
        errors: parts.iter().map(|part| part.errors).sum(),
        retries: parts.iter().map(|part| part.retries).sum(),
        response: added(&parts, |part| &part.response),
        service: added(&parts, |part| &part.service),
    });
    merged.collect()
}

fn streams(reports: &[&Report]) -> Option<StreamsReport> {
    let parts: Vec<_> = reports
        .iter()
        .filter_map(|report| report.streams.as_ref())
        .collect();
    (!parts.is_empty()).then(|| StreamsReport {
        opened: parts.iter().map(|part| part.opened).sum(),
        messages_sent: parts.iter().map(|part| part.messages_sent).sum(),
        messages_received: parts.iter().map(|part| part.messages_received).sum(),
        message: added(&parts, |part| &part.message),
        first_message: added(&parts, |part| &part.first_message),
        life: added(&parts, |part| &part.life),
    })
}

fn generator(reports: &[&Report]) -> GeneratorReport {
    let parts = || reports.iter().map(|report| &report.generator);
    let of_calls = |report: &&Report| report.generator.cpu_us_per_call * report.calls as f64;
    let calls: u64 = reports.iter().map(|report| report.calls).sum();
    GeneratorReport {
        threads: parts().map(|part| part.threads).sum(),
        connections: parts().map(|part| part.connections).sum(),
        in_flight_max: parts().map(|part| part.in_flight_max).sum(),
        cpu_s: parts().map(|part| part.cpu_s).sum(),
        cpu_us_per_call: reports.iter().map(of_calls).sum::<f64>() / calls.max(1) as f64,
        cpu_wait_s: parts().map(|part| part.cpu_wait_s).sum(),
    }
}

fn books(reports: &[&Report]) -> Option<Books> {
    let parts: Vec<&Books> = reports
        .iter()
        .map(|report| report.books.as_ref())
        .collect::<Option<_>>()?;
    let sum = |of: fn(&Books) -> u64| parts.iter().map(|part| of(part)).sum();
    let examples = parts.iter().flat_map(|part| &part.examples);
    Some(Books {
        sent: sum(|part| part.sent),
        answered: sum(|part| part.answered),
        refused: sum(|part| part.refused),
        unknown: sum(|part| part.unknown),
        unknown_but_counted: sum(|part| part.unknown_but_counted),
        refused_but_counted: sum(|part| part.refused_but_counted),
        south: sum(|part| part.south),
        north: sum(|part| part.north),
        lost: sum(|part| part.lost),
        doubled: sum(|part| part.doubled),
        quiet: parts.iter().all(|part| part.quiet),
        examples: examples.take(EXAMPLES_MAX).cloned().collect(),
    })
}

fn breakdown(reports: &[&Report]) -> Option<Breakdown> {
    let parts: Vec<_> = reports
        .iter()
        .filter_map(|report| report.breakdown.as_ref())
        .collect();
    let lists = parts.iter().map(|part| part.stages.as_slice());
    let stages = by_name(lists, |stage: &Stage| &stage.name).into_iter();
    let stages = stages.map(|(name, stages)| Stage {
        name: name.to_owned(),
        latency: added(&stages, |stage| &stage.latency),
    });
    (!parts.is_empty()).then(|| Breakdown {
        samples: parts.iter().map(|part| part.samples).sum(),
        stages: stages.collect(),
    })
}

/// The first repeats of all are one, the second another. Where some have more, nobody knows which belong together.
fn repeats(reports: &[&Report]) -> Vec<RepeatReport> {
    let count = reports.first().map_or(0, |report| report.repeats.len());
    if reports.iter().any(|report| report.repeats.len() != count) {
        return Vec::new();
    }
    let merged = (0..count).map(|at| {
        let parts: Vec<_> = reports.iter().map(|report| &report.repeats[at]).collect();
        let calls = parts.iter().map(|part| part.calls).sum::<u64>();
        let cpu_us = parts
            .iter()
            .map(|part| part.cpu_us_per_call * part.calls as f64);
        RepeatReport {
            valid: parts.iter().all(|part| part.valid),
            achieved_rate: parts.iter().map(|part| part.achieved_rate).sum(),
            calls,
            errors: parts.iter().map(|part| part.errors).sum(),
            response: added(&parts, |part| &part.response),
            service: added(&parts, |part| &part.service),
            cpu_us_per_call: cpu_us.sum::<f64>() / calls.max(1) as f64,
        }
    });
    merged.collect()
}

fn thresholds(reports: &[&Report], merged: &Report) -> Vec<ThresholdReport> {
    let given = reports.iter().flat_map(|report| &report.thresholds);
    let texts = once_each(given.map(|threshold| &threshold.text));
    let checked = texts
        .into_iter()
        .filter_map(|text| match text.parse::<Threshold>() {
            // Like a comparison it was about one part, and what that was compared with is not here.
            Ok(threshold) if threshold.needs_baseline() => None,
            Ok(threshold) => Some(threshold.check(merged)),
            Err(error) => Some(ThresholdReport {
                text,
                seen: format!("could not be checked: {error}"),
                failed: true,
            }),
        });
    checked.collect()
}

#[cfg(test)]
mod tests;
