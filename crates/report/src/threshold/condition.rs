//! A condition: a figure, a relation, and a bound.

use words::figures;

use super::figure::{Figure, Unit};
use super::{FaultyThreshold, Measured};
use crate::report::{RepeatReport, Report};

/// How the figure is to stand to the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What the figure is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Fixed(f64),
    /// So many times the figure of the baseline.
    Times(f64),
    /// So much more than the figure of the baseline, in the figure's unit.
    Plus(f64),
}

impl Bound {
    /// The bound in the figure's unit, with words for one that follows from the baseline.
    fn value(
        self,
        condition: &Condition,
        baseline: Option<&Report>,
    ) -> Result<(f64, Option<String>), String> {
        if let Self::Fixed(bound) = self {
            return Ok((bound, None));
        }
        let baseline = baseline.ok_or("there is no baseline")?;
        let before = condition.typical(baseline);
        let before = before.map_err(|why| format!("of the baseline, {why}"))?;
        let bound = match self {
            Self::Times(times) => before * times,
            Self::Plus(more) => before + more,
            Self::Fixed(bound) => bound,
        };
        let (bound_words, before) = (condition.unit.words(bound), condition.unit.words(before));
        let words = format!("the bound is {bound_words}, of {before} in the baseline");
        Ok((bound, Some(words)))
    }
}

impl Unit {
    fn words(self, value: f64) -> String {
        match self {
            Self::Micros => figures::short_latency(value),
            Self::Share => format!("{} %", figures::number(value, 3)),
            Self::Count => figures::number(value, 1),
            Self::Rate => figures::rate(value),
        }
    }
}

/// A condition on one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// As it was written.
    pub(super) text: String,
    pub(super) figure: Figure,
    relation: Relation,
    bound: Bound,
    unit: Unit,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Checked {
    /// The figure with its unit, or why there is none.
    pub(super) seen: String,
    /// `None` if there is no such figure.
    pub(super) is_true: Option<bool>,
}

/// What is wrong, where in the condition's text, and what to write instead.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) offset: usize,
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Condition {
    /// Reads `part`, which stands in `text` at `offset`.
    pub(super) fn parse(text: &str, offset: usize, part: &str) -> Result<Self, FaultyThreshold> {
        Self::read(part).map_err(|wrong| {
            let at = offset + wrong.offset.min(part.len());
            FaultyThreshold {
                text: text.to_owned(),
                at: text.get(..at).unwrap_or(text).chars().count() + 1,
                what: wrong.what,
                remedy: wrong.remedy,
            }
        })
    }

    fn read(part: &str) -> Result<Self, Wrong> {
        let begin = part.len() - part.trim_start().len();
        let relation_at = part.find(['<', '>']).ok_or_else(|| Wrong {
            offset: part.find('=').unwrap_or(part.trim_end().len()),
            what: "it compares with nothing".to_owned(),
            remedy: "write one of > >= < <= and a bound, as in p99>5ms".to_owned(),
        })?;
        let figure = part[begin..relation_at].trim_end();
        let figure = Figure::parse(figure).map_err(|(what, remedy)| Wrong {
            offset: begin,
            what,
            remedy,
        })?;
        let rest = &part[relation_at..];
        let (relation, width) = match rest.as_bytes() {
            [b'>', b'=', ..] => (Relation::AtLeast, 2),
            [b'<', b'=', ..] => (Relation::AtMost, 2),
            [b'>', ..] => (Relation::Above, 1),
            _ => (Relation::Below, 1),
        };
        let rest = &rest[width..];
        let bound_at = relation_at + width + rest.len() - rest.trim_start().len();
        let (bound, unit) = if let Some(change) = rest.trim().strip_prefix("baseline") {
            read_baseline(change, &figure, bound_at + "baseline".len())?
        } else {
            let (bound, unit) = read_bound(rest.trim(), &figure, bound_at)?;
            (Bound::Fixed(bound), unit)
        };
        Ok(Self {
            text: part.trim().to_owned(),
            figure,
            relation,
            bound,
            unit,
        })
    }

    pub(super) fn expect(&self, measured: &Measured) -> Result<(), FaultyThreshold> {
        self.figure
            .expect(measured)
            .map_err(|(what, remedy)| FaultyThreshold {
                text: self.text.clone(),
                at: 1,
                what,
                remedy,
            })
    }

    /// Whether its bound is a figure of a baseline.
    pub(super) const fn needs_baseline(&self) -> bool {
        !matches!(self.bound, Bound::Fixed(_))
    }

    /// The figure as it is compared with a baseline: the median over the repeats where each has it, as in a comparison.
    fn typical(&self, report: &Report) -> Result<f64, String> {
        let alone = |repeat: &RepeatReport| {
            let alone = Report {
                achieved_rate: repeat.achieved_rate,
                offered_rate: report.offered_rate,
                calls: repeat.calls,
                errors: repeat.errors,
                response: repeat.response.clone(),
                service: repeat.service.clone(),
                ..Report::default()
            };
            self.figure.seen(&alone, self.unit)
        };
        // What a repeat does not keep is told of all of them together.
        let kept = self.figure.is_of_repeats();
        let each = report.repeats.iter().filter(|_| kept).map(alone);
        match each.collect::<Result<Vec<f64>, _>>() {
            Ok(each) if !each.is_empty() => Ok(median(each)),
            _ => self.figure.seen(report, self.unit),
        }
    }

    pub(super) fn check(&self, report: &Report, baseline: Option<&Report>) -> Checked {
        let seen = if self.needs_baseline() {
            self.typical(report)
        } else {
            self.figure.seen(report, self.unit)
        };
        let found = seen.and_then(|seen| Ok((seen, self.bound.value(self, baseline)?)));
        match found {
            Ok((seen, (bound, words))) => Checked {
                seen: match words {
                    None => self.unit.words(seen),
                    Some(words) => format!("{}; {words}", self.unit.words(seen)),
                },
                is_true: Some(match self.relation {
                    Relation::Above => seen > bound,
                    Relation::AtLeast => seen >= bound,
                    Relation::Below => seen < bound,
                    Relation::AtMost => seen <= bound,
                }),
            },
            Err(why) => Checked {
                seen: format!("could not be checked: {why}"),
                is_true: None,
            },
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Reads a bound such as `baseline`, `baseline+10%` or `baseline-2ms`.
fn read_baseline(change: &str, figure: &Figure, offset: usize) -> Result<(Bound, Unit), Wrong> {
    let unit = figure.compared_in();
    let change_at = offset + change.len() - change.trim_start().len();
    let change = change.trim();
    let wrong = || Wrong {
        offset: change_at,
        what: format!("{change:?} is no change of the baseline"),
        remedy: "write baseline, baseline+10%, baseline-5%, or of a latency baseline+2ms"
            .to_owned(),
    };
    let (sign, amount) = match change.as_bytes() {
        [] => return Ok((Bound::Times(1.0), unit)),
        [b'+', ..] => (1.0, change[1..].trim()),
        [b'-', ..] => (-1.0, change[1..].trim()),
        _ => return Err(wrong()),
    };
    if let Some(percent) = amount.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        // More than all of it is less than nothing, which no figure is.
        let is_one = percent.is_finite() && percent >= 0.0 && (sign > 0.0 || percent <= 100.0);
        if !is_one {
            return Err(wrong());
        }
        return Ok((Bound::Times(1.0 + sign * percent / 100.0), unit));
    }
    if !figure.is_latency() {
        return Err(wrong());
    }
    let (amount, unit) = read_bound(amount, figure, change_at + 1)?;
    Ok((Bound::Plus(sign * amount), unit))
}

/// Reads a bound such as `5ms`, `0.1%`, `10` or `2k`.
fn read_bound(text: &str, figure: &Figure, offset: usize) -> Result<(f64, Unit), Wrong> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| Wrong {
        offset,
        what: if text.is_empty() {
            "there is no bound".to_owned()
        } else {
            format!("{text:?} is no bound")
        },
        remedy: format!("write {}", figure.bounds()),
    })?;
    let unit = text[digits..].trim();
    let unit_at = offset + digits;
    let wrong = |what: String, remedy: String| Wrong {
        offset: unit_at,
        what,
        remedy,
    };
    let none = |unit: &str| {
        wrong(
            format!("{unit:?} is no unit of this figure"),
            format!("write {}", figure.bounds()),
        )
    };
    if figure.is_latency() {
        let micros = match unit {
            "ns" => 0.001,
            "us" | "µs" | "μs" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "m" | "min" => 6e7,
            "" => {
                let text = text.trim();
                return Err(wrong(
                    format!("{text} has no unit"),
                    format!("did you mean {text}ms? Units are ns, us, ms, s and m"),
                ));
            }
            unit => return Err(none(unit)),
        };
        return Ok((number * micros, Unit::Micros));
    }
    let plain = if *figure == Figure::Rate {
        Unit::Rate
    } else {
        Unit::Count
    };
    let unit = match plain {
        Unit::Rate => unit.strip_suffix("/s").unwrap_or(unit),
        _ => unit,
    };
    match unit {
        "" => Ok((number, plain)),
        "k" => Ok((number * 1e3, plain)),
        "M" => Ok((number * 1e6, plain)),
        "%" => Ok((number, Unit::Share)),
        unit => Err(none(unit)),
    }
}
