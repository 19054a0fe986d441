//! A condition: a figure, a relation, and a bound.

use words::figures;

use super::figure::{Figure, Unit};
use super::{FaultyThreshold, Measured};
use crate::report::Report;

/// How the figure is to stand to the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// A condition on one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// As it was written.
    pub(super) text: String,
    pub(super) figure: Figure,
    relation: Relation,
    bound: f64,
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
        let (bound, unit) = read_bound(rest.trim(), &figure, bound_at)?;
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

    pub(super) fn check(&self, report: &Report) -> Checked {
        match self.figure.seen(report, self.unit) {
            Ok(seen) => Checked {
                seen: match self.unit {
                    Unit::Micros => figures::short_latency(seen),
                    Unit::Share => format!("{} %", figures::number(seen, 3)),
                    Unit::Count => figures::number(seen, 1),
                    Unit::Rate => figures::rate(seen),
                },
                is_true: Some(match self.relation {
                    Relation::Above => seen > self.bound,
                    Relation::AtLeast => seen >= self.bound,
                    Relation::Below => seen < self.bound,
                    Relation::AtMost => seen <= self.bound,
                }),
            },
            Err(why) => Checked {
                seen: format!("could not be checked: {why}"),
                is_true: None,
            },
        }
    }
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
