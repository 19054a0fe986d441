//! What became of calls that were made again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use load::{Outcome, Remade};
use remake::{Difference, Ignored, Planned, Script, differences};
use replay::Speed;
use serde_json::{Value, json};
use transcript::{MethodAgain, code_name};
use words::figures;
use words::style::{BAD, FAINT, GOOD, HEADING, clean, styled};

use command::failure::Failure;
use command::output::Output;

/// Calls that differ, and are told in full as text; JSON has all.
const DIFFERING_SHOWN: usize = 20;
/// A longer value is cut.
const VALUE_CHARACTERS_MAX: usize = 120;
/// Lags in this share of calls are told.
const SHARE: f64 = 0.99;

/// What there is to tell.
pub(super) struct Telling<'a> {
    recording: &'a Path,
    script: &'a Script,
    remade: &'a Remade,
    speed: Speed,
    width: usize,
    /// Of each call, where it is compared.
    differing: Option<Vec<(usize, Vec<Difference>)>>,
}

/// The calls of one method.
#[derive(Default)]
struct Method {
    calls: u64,
    statuses: BTreeMap<&'static str, u64>,
    then: Vec<Duration>,
    now: Vec<Duration>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        recording: &'a Path,
        script: &'a Script,
        remade: &'a Remade,
        speed: Speed,
        compared: Option<&Ignored>,
    ) -> Self {
        let differing = compared.map(|ignored| {
            let each = script.calls.iter().zip(&remade.outcomes).enumerate();
            let found = each.map(|(index, (call, outcome))| {
                let found = differences(call, &outcome.played, &remade.values, ignored);
                (index, found)
            });
            found.filter(|(_, found)| !found.is_empty()).collect()
        });
        Self {
            recording,
            script,
            remade,
            speed,
            width: words::table::WIDTH_MAX,
            differing,
        }
    }

    /// Prints it; fails where answers are others, or calls could not be made.
    pub(super) fn tell(mut self, output: Output) -> Result<(), Failure> {
        self.width = output.width();
        output.print(|| self.text(), || self.object())?;
        if let Some(differing) = self.differing.as_ref().filter(|it| !it.is_empty()) {
            let count = figures::count(differing.len() as u64, "call was", "calls were");
            return Err(Failure::Disagreed(format!(
                "{count} answered otherwise than when it was recorded"
            )));
        }
        let failed = self
            .remade
            .outcomes
            .iter()
            .filter_map(|it| it.failed.as_ref());
        let failed: Vec<_> = failed.collect();
        match (failed.first(), self.differing.is_some()) {
            (Some(first), false) => Err(Failure::Failed(format!(
                "{} not answered, the first: {first}",
                figures::count(failed.len() as u64, "call was", "calls were")
            ))),
            _ => Ok(()),
        }
    }

    fn made(&self) -> impl Iterator<Item = (&Planned, &Outcome)> {
        self.script.calls.iter().zip(&self.remade.outcomes)
    }

    fn methods(&self) -> BTreeMap<&str, Method> {
        let mut methods: BTreeMap<&str, Method> = BTreeMap::new();
        for (call, outcome) in self.made() {
            let method = methods
                .entry(call.path.trim_start_matches('/'))
                .or_default();
            method.calls += 1;
            *method.statuses.entry(end(outcome)).or_default() += 1;
            method.then.extend(call.awaited.took);
            method.now.push(outcome.took);
        }
        for method in methods.values_mut() {
            method.then.sort_unstable();
            method.now.sort_unstable();
        }
        methods
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let calls = figures::count(self.script.calls.len() as u64, "call", "calls");
        let speed = match self.speed {
            Speed::Max => "as fast as it goes".to_owned(),
            Speed::Times(times) => format!("at {times}×"),
        };
        let _ = writeln!(
            text,
            "{}\n  {calls} made again {speed}, in {}",
            styled(HEADING, &clean(&self.recording.display().to_string())),
            figures::latency(self.remade.took.as_micros() as f64)
        );
        let rows = self.methods().into_iter().map(|(path, method)| {
            let statuses = method.statuses.iter();
            let statuses: Vec<String> = statuses
                .map(|(status, count)| format!("{} {status}", figures::thousands(*count)))
                .collect();
            let of = |times: &[Duration]| [0.5, SHARE].map(|share| quantile(times, share));
            MethodAgain {
                path: path.to_owned(),
                calls: method.calls,
                ended: statuses.join(", "),
                then: of(&method.then),
                now: of(&method.now),
            }
        });
        let rows: Vec<MethodAgain> = rows.collect();
        let _ = write!(text, "\n{}", transcript::methods_again(&rows, self.width));
        let mut lags: Vec<Duration> = self.remade.outcomes.iter().map(|it| it.lag).collect();
        lags.sort_unstable();
        if let Some(lag) = quantile(&lags, SHARE) {
            let _ = writeln!(
                text,
                "\nsent later than due: at most {} in 99 of 100",
                while_(lag)
            );
        }
        self.add_values(&mut text);
        for (why, count) in reasons(self.script) {
            let _ = writeln!(
                text,
                "left out: {}, {why}",
                figures::count(count, "call", "calls")
            );
        }
        self.add_differences(&mut text);
        text
    }

    fn add_values(&self, text: &mut String) {
        let found = self.values();
        if found.is_empty() {
            return;
        }
        let _ = writeln!(
            text,
            "\n{}",
            styled(HEADING, "values that answers made, and requests repeated")
        );
        for ((path, field), (values, repeats)) in found {
            let values = figures::count(values, "value", "values");
            let repeats = figures::count(repeats, "request", "requests");
            let path = clean(path.trim_start_matches('/'));
            let _ = writeln!(text, "  {} of {path}: {values} in {repeats}", clean(&field));
        }
        if self.remade.values.lost() > 0 {
            let lost = figures::count(self.remade.values.lost(), "was", "were");
            let told = format!("{lost} not made again: their requests had the recorded ones");
            let _ = writeln!(text, "  {}", styled(BAD, &told));
        }
    }

    /// How many values of each field of answers, and how often they were repeated.
    fn values(&self) -> BTreeMap<(&str, String), (u64, u64)> {
        let mut found: BTreeMap<(&str, String), (u64, u64)> = BTreeMap::new();
        for source in &self.script.sources {
            let path = self.script.calls[source.call].path.as_str();
            let (values, repeats) = found.entry((path, source.field(self.script))).or_default();
            *values += 1;
            *repeats += source.repeats as u64;
        }
        found
    }

    fn add_differences(&self, text: &mut String) {
        let Some(differing) = &self.differing else {
            return;
        };
        if differing.is_empty() {
            let told = "✓ every answer is the one that was recorded";
            let _ = writeln!(text, "\n{}", styled(GOOD, told));
            return;
        }
        let all = figures::count(self.script.calls.len() as u64, "call", "calls");
        let told = format!(
            "✗ {} of {all} answered otherwise",
            figures::thousands(differing.len() as u64)
        );
        let _ = writeln!(text, "\n{}", styled(BAD, &told));
        for (index, found) in differing.iter().take(DIFFERING_SHOWN) {
            let call = &self.script.calls[*index];
            let _ = writeln!(text, "  call {} {}", call.number, clean(&call.path));
            for difference in found {
                let (before, after) = (short(&difference.recorded), short(&difference.now));
                let _ = writeln!(text, "    {}  {before} → {after}", clean(&difference.at));
            }
        }
        if differing.len() > DIFFERING_SHOWN {
            let told = format!(
                "  and {} more; --output json has all",
                differing.len() - DIFFERING_SHOWN
            );
            let _ = writeln!(text, "{}", styled(FAINT, &told));
        }
    }

    fn object(&self) -> Value {
        let calls = self.made().map(|(call, outcome)| {
            json!({
                "call": call.number,
                "path": call.path,
                "status": (!outcome.played.was_given_up).then(|| code_name(outcome.played.code)),
                "status_message": outcome.played.message,
                "given_up": outcome.played.was_given_up,
                "answers": outcome.played.answers.len(),
                "failed": outcome.failed.as_ref().map(ToString::to_string),
                "lag_s": outcome.lag.as_secs_f64(),
                "took_s": outcome.took.as_secs_f64(),
                "took_then_s": call.awaited.took.map(|it| it.as_secs_f64()),
            })
        });
        let calls: Vec<Value> = calls.collect();
        let values = self.values().into_iter().map(|((path, field), (values, repeats))| {
            json!({"path": path, "field": field, "values": values, "repeats": repeats})
        });
        let left_out = self
            .script
            .left_out
            .iter()
            .map(|it| json!({"call": it.number, "path": it.path, "why": it.why}));
        let differing = self.differing.as_ref().map(|differing| {
            let each = differing.iter().flat_map(|(index, found)| {
                let call = &self.script.calls[*index];
                found.iter().map(|it| {
                    json!({"call": call.number, "path": call.path, "at": it.at, "recorded": it.recorded, "now": it.now})
                })
            });
            each.collect::<Vec<_>>()
        });
        json!({
            "calls": calls,
            "values": values.collect::<Vec<_>>(),
            "values_lost": self.remade.values.lost(),
            "left_out": left_out.collect::<Vec<_>>(),
            "differences": differing,
            "took_s": self.remade.took.as_secs_f64(),
        })
    }
}

fn end(outcome: &Outcome) -> &'static str {
    match (&outcome.failed, outcome.played.was_given_up) {
        (_, true) => "given up",
        (Some(_), _) => "not answered",
        (None, _) => code_name(outcome.played.code),
    }
}

fn while_(time: Duration) -> String {
    figures::latency(time.as_micros() as f64)
}

/// Of times in their order.
fn quantile(times: &[Duration], share: f64) -> Option<Duration> {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied()
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(VALUE_CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    clean(&short)
}

/// Why calls were left out, with how many each.
fn reasons(script: &Script) -> BTreeMap<&str, u64> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for left_out in &script.left_out {
        *reasons.entry(&left_out.why).or_default() += 1;
    }
    reasons
}

/// The same behind a sentence.
pub(super) fn why_left_out(script: &Script) -> String {
    let reasons = reasons(script);
    let each = reasons.iter().map(|(why, count)| format!("{count}: {why}"));
    let all: Vec<String> = each.collect();
    if all.is_empty() {
        return String::new();
    }
    format!(" ({})", all.join("; "))
}
