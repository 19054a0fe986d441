//! The figures of a report that a threshold may be about.

use reading::near_miss;

use super::Measured;
use crate::latency::Latencies;
use crate::report::Report;

/// What a figure is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Micros,
    /// Of a hundred.
    Share,
    Count,
    /// A second.
    Rate,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure {
    Latency { of: Of, stat: Stat },
    Errors,
    Lost,
    Doubled,
    Unknown,
    Unsent,
    Rate,
}

/// Whose latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Of {
    Response,
    Service,
    Lag,
    Message,
    FirstMessage,
    Life,
    /// Of all workflows.
    EndToEnd,
    Workflow(String),
    Step {
        workflow: String,
        step: String,
        is_service: bool,
    },
}

/// Which of its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stat {
    /// A share of 0 to 1 is no longer.
    Quantile(f64),
    Mean,
    Min,
    Max,
}

/// What is wrong, and what to write instead.
type Wrong = (String, String);

const COUNTS: [(&str, Figure); 6] = [
    ("errors", Figure::Errors),
    ("lost", Figure::Lost),
    ("doubled", Figure::Doubled),
    ("unknown", Figure::Unknown),
    ("unsent", Figure::Unsent),
    ("rate", Figure::Rate),
];
const LATENCIES: [(&str, Of); 7] = [
    ("response", Of::Response),
    ("service", Of::Service),
    ("lag", Of::Lag),
    ("message", Of::Message),
    ("first_message", Of::FirstMessage),
    ("life", Of::Life),
    ("end_to_end", Of::EndToEnd),
];
const STATS: [&str; 4] = ["mean", "min", "max", "p99"];
const REMEDY: &str = "write p99, mean or max (of the response), one of response, service, lag, message, \
                      first_message, life, end_to_end, a workflow or workflow.step with .p99, .mean or .max behind, \
                      or one of errors, lost, doubled, unknown, unsent, rate";

impl Figure {
    /// Reads a figure such as `p99.9`, `errors` or `document.send.p99`.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let named = COUNTS.into_iter().find(|(name, _)| *name == text);
        if let Some((_, figure)) = named {
            return Ok(figure);
        }
        let parts: Vec<&str> = text.split('.').collect();
        if text.is_empty() || parts.iter().any(|part| part.is_empty()) {
            return Err(no_figure(text));
        }
        let (of, stat) = split_stat(&parts);
        let Some(stat) = read_stat(&stat)? else {
            return Err(no_stat(text, &parts));
        };
        Ok(Self::Latency {
            of: read_of(of).ok_or_else(|| no_figure(text))?,
            stat,
        })
    }

    pub(super) fn is_latency(&self) -> bool {
        matches!(self, Self::Latency { .. })
    }

    /// What may be written as its bound.
    pub(super) const fn bounds(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "a time such as 300us, 5ms, 1s or 2m, or baseline+10%",
            Self::Rate => {
                "a number a second such as 1900 or 2k, a share of the offered such as 95%, or baseline-5%"
            }
            _ => "a number such as 10 or 2k, a share such as 0.1%, or baseline+10%",
        }
    }

    /// Whether each repeat has it for itself.
    pub(super) const fn is_of_repeats(&self) -> bool {
        let of = match self {
            Self::Latency { of, .. } => of,
            other => return matches!(other, Self::Errors | Self::Rate),
        };
        matches!(of, Of::Response | Of::Service)
    }

    /// What it is told in beside a baseline: of runs that differ in length counts say nothing, and shares do.
    pub(super) const fn compared_in(&self) -> Unit {
        match self {
            Self::Latency { .. } => Unit::Micros,
            Self::Rate => Unit::Rate,
            _ => Unit::Share,
        }
    }

    /// Refuses what will not be measured.
    pub(super) fn expect(&self, measured: &Measured) -> Result<(), Wrong> {
        match self {
            Self::Lost | Self::Doubled | Self::Unknown if !measured.books => Err((
                "this run makes up no books".to_owned(),
                "leave it out, or load a pair of offices whose ledgers can both be read".to_owned(),
            )),
            Self::Latency { of, .. } => of.expect(measured),
            _ => Ok(()),
        }
    }

    /// The figure, told in `unit`; or why there is none.
    pub(super) fn seen(&self, report: &Report, unit: Unit) -> Result<f64, String> {
        let books = || report.books.as_ref().ok_or("no books were made up");
        let (part, whole, whole_name) = match self {
            Self::Latency { of, stat } => return stat.of(of.seen(report)?),
            Self::Rate if unit == Unit::Rate => return Ok(report.achieved_rate),
            Self::Rate => (report.achieved_rate, report.offered_rate, "arrivals"),
            Self::Errors => (report.errors as f64, report.calls as f64, "calls"),
            Self::Unsent => (report.unsent as f64, report.arrivals as f64, "arrivals"),
            Self::Lost => (books()?.lost as f64, books()?.sent as f64, "requests"),
            Self::Doubled => (books()?.doubled as f64, books()?.sent as f64, "requests"),
            Self::Unknown => (books()?.unknown as f64, books()?.sent as f64, "requests"),
        };
        match unit {
            Unit::Share if whole > 0.0 => Ok(part / whole * 100.0),
            Unit::Share => Err(format!("there were no {whole_name}")),
            _ => Ok(part),
        }
    }
}

/// The parts that say whose latency, and what says which figure of it: the point of `p99.9` parts nothing.
fn split_stat<'t, 'p>(parts: &'p [&'t str]) -> (&'p [&'t str], String) {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match parts {
        [of @ .., whole, fraction]
            if is_number(fraction) && whole.strip_prefix('p').is_some_and(is_number) =>
        {
            (of, format!("{whole}.{fraction}"))
        }
        [of @ .., stat] => (of, (*stat).to_owned()),
        [] => (&[], String::new()),
    }
}

/// `None` if it is nothing like one.
fn read_stat(text: &str) -> Result<Option<Stat>, Wrong> {
    match text {
        "mean" => return Ok(Some(Stat::Mean)),
        "min" => return Ok(Some(Stat::Min)),
        "max" => return Ok(Some(Stat::Max)),
        _ => {}
    }
    let percent = text
        .strip_prefix('p')
        .filter(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
        .and_then(|digits| Some((digits, digits.parse::<f64>().ok()?)));
    match percent {
        None => Ok(None),
        Some((_, percent)) if percent > 0.0 && percent <= 100.0 => {
            Ok(Some(Stat::Quantile(percent / 100.0)))
        }
        Some((digits, _)) => Err((
            format!("{text} is no percentile"),
            match digits.split_at_checked(2) {
                // Elsewhere 99.9 in 100 is written so.
                Some(("99", rest)) if !rest.contains('.') => format!("did you mean p99.{rest}?"),
                _ => "write one above p0 and up to p100, such as p99 or p99.9".to_owned(),
            },
        )),
    }
}

fn read_of(parts: &[&str]) -> Option<Of> {
    let step = |workflow: &str, step: &str, is_service| Of::Step {
        workflow: workflow.to_owned(),
        step: step.to_owned(),
        is_service,
    };
    match parts {
        [] => Some(Of::Response),
        [name] => {
            let named = LATENCIES.into_iter().find(|(known, _)| known == name);
            Some(named.map_or_else(|| Of::Workflow((*name).to_owned()), |(_, of)| of))
        }
        [workflow, "end_to_end"] => Some(Of::Workflow((*workflow).to_owned())),
        [workflow, name] => Some(step(workflow, name, false)),
        [workflow, name, "response"] => Some(step(workflow, name, false)),
        [workflow, name, "service"] => Some(step(workflow, name, true)),
        _ => None,
    }
}

fn no_figure(text: &str) -> Wrong {
    let what = if text.is_empty() {
        "there is no figure".to_owned()
    } else {
        format!("{text:?} is no figure")
    };
    (what, REMEDY.to_owned())
}

/// What ends in no figure of a latency may be one without it, or a misspelt one.
fn no_stat(text: &str, parts: &[&str]) -> Wrong {
    let (what, remedy) = no_figure(text);
    let last = parts.last().copied().unwrap_or_default();
    let counts = COUNTS.map(|(name, _)| name);
    let latencies = LATENCIES.map(|(name, _)| name);
    let lower = last.to_lowercase();
    let meant = if lower != last && read_stat(&lower).is_ok_and(|stat| stat.is_some()) {
        Some(format!("{}{lower}", &text[..text.len() - last.len()]))
    } else if parts.len() > 1 {
        near_miss(last, &STATS).map(|meant| format!("{}{meant}", &text[..text.len() - last.len()]))
    } else if latencies.contains(&text) {
        Some(format!("{text}.p99"))
    } else {
        let known: Vec<&str> = counts.into_iter().chain(STATS).collect();
        near_miss(text, &known)
            .map(str::to_owned)
            .or_else(|| near_miss(text, &latencies).map(|meant| format!("{meant}.p99")))
    };
    match meant {
        Some(meant) => (what, format!("did you mean {meant}?")),
        None => (what, remedy),
    }
}

impl Of {
    fn expect(&self, measured: &Measured) -> Result<(), Wrong> {
        match self {
            Self::Message | Self::FirstMessage | Self::Life if !measured.streams => Err((
                "this run opens no stream".to_owned(),
                "leave it out, or take a plan with a stream".to_owned(),
            )),
            Self::EndToEnd if measured.workflows.is_empty() => Err((
                "this run has no workflow".to_owned(),
                "write p99, of the response, instead".to_owned(),
            )),
            Self::Workflow(name) => steps_of(measured, name).map(|_| ()),
            Self::Step { workflow, step, .. } => {
                let steps = steps_of(measured, workflow)?;
                if steps.contains(step) {
                    return Ok(());
                }
                Err((
                    format!("the workflow {workflow} has no step {step}"),
                    meant_of(step, steps.iter().map(String::as_str).collect()),
                ))
            }
            _ => Ok(()),
        }
    }

    fn seen<'r>(&self, report: &'r Report) -> Result<Seen<'r>, String> {
        let streams = || report.streams.as_ref().ok_or("no stream was opened");
        let workflow = |name: &String| {
            let found = report.workflows.iter().find(|it| it.name == *name);
            found.ok_or_else(|| format!("there is no workflow {name}"))
        };
        Ok(Seen::One(match self {
            Self::Response => &report.response,
            Self::Service => &report.service,
            Self::Lag => &report.lag,
            Self::Message => &streams()?.message,
            Self::FirstMessage => &streams()?.first_message,
            Self::Life => &streams()?.life,
            Self::EndToEnd => {
                let all = report.workflows.iter().map(|workflow| &workflow.end_to_end);
                return Ok(Seen::of_all(all.collect()));
            }
            Self::Workflow(name) => &workflow(name)?.end_to_end,
            Self::Step {
                workflow: name,
                step,
                is_service,
            } => {
                let found = workflow(name)?.steps.iter().find(|it| it.name == *step);
                let found = found.ok_or_else(|| format!("there is no step {name}.{step}"))?;
                if *is_service {
                    &found.service
                } else {
                    &found.response
                }
            }
        }))
    }
}

fn steps_of<'m>(measured: &'m Measured, name: &str) -> Result<&'m [String], Wrong> {
    let mut workflows = measured.workflows.iter();
    let found = workflows.find(|(workflow, _)| workflow == name);
    found.map(|(_, steps)| steps.as_slice()).ok_or_else(|| {
        let workflows = measured.workflows.iter().map(|(name, _)| name.as_str());
        let known = workflows.chain(LATENCIES.iter().map(|(name, _)| *name));
        (
            format!("{name} is no workflow of this run"),
            meant_of(name, known.collect()),
        )
    })
}

fn meant_of(name: &str, known: Vec<&str>) -> String {
    near_miss(name, &known).map_or_else(
        || format!("there are {}", known.join(", ")),
        |meant| format!("did you mean {meant}?"),
    )
}

/// Latencies as they were found.
enum Seen<'r> {
    One(&'r Latencies),
    All(Box<Latencies>),
}

impl<'r> Seen<'r> {
    fn of_all(all: Vec<&'r Latencies>) -> Self {
        match all.as_slice() {
            [one] => Self::One(one),
            all => Self::All(Box::new(Latencies::of_all(all.iter().copied()))),
        }
    }
}

impl Stat {
    fn of(self, seen: Seen<'_>) -> Result<f64, String> {
        let latencies = match &seen {
            Seen::One(one) => one,
            Seen::All(all) => all.as_ref(),
        };
        if latencies.count == 0 {
            return Err("there were none".to_owned());
        }
        match self {
            Self::Mean => Ok(latencies.mean_us),
            Self::Min => Ok(latencies.min_us as f64),
            Self::Max => Ok(latencies.max_us as f64),
            // One that is told elsewhere too is the same here.
            Self::Quantile(quantile) => match known_quantile(latencies, quantile) {
                Some(us) => Ok(us as f64),
                None if latencies.histogram.is_empty() => {
                    Err("its histogram was left out".to_owned())
                }
                None => Ok(latencies.quantile_us(quantile) as f64),
            },
        }
    }
}

/// One of the figures that are there without a histogram.
fn known_quantile(latencies: &Latencies, quantile: f64) -> Option<u64> {
    let known = latencies.known();
    let found = known.iter().find(|(at, _)| (at - quantile).abs() < 1e-9);
    found.map(|(_, us)| *us)
}
