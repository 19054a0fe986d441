//! Rhythms: at which moments the documents of a block are sent.
//!
//! Every rhythm but that of plain office time comes down to spans of the period, each with a weight.

use jiff::civil::Weekday;

use crate::calendar::{Calendar, WEEKDAYS, second_of};
use crate::draw::Draw;
use crate::quantiles::Quantiles;
use reading::{Table, Value};

const RHYTHM_KEYS: &[&str] = &[
    "at",
    "spread_minutes",
    "bursts",
    "burst_minutes",
    "hours_of_day",
    "days",
    "hours_of_week",
    "weeks",
    "train_per_mille",
    "train_gap_seconds",
    "gaps_per_million",
];
const SORTS: [&str; 4] = ["at", "bursts", "hours_of_day", "hours_of_week"];
const WEIGHT_MAX: u64 = 1_000_000;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;
const MINUTE_S: u64 = 60;
const HOURS_OF_WEEK: usize = 168;
/// Orders of gaps that are drawn, of which that is taken which is nearest to the weights of the hours.
const ORDERS: usize = 8;
/// A gap a million times as long as the mean.
const GAP_MAX: u64 = 1_000_000_000_000;

/// When documents are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// Any moment of office time is as likely as any other: a Poisson process, given how many there are.
    OfficeTime,
    /// Moments of the clock.
    Clock { sort: Sort, nearness: Nearness },
}

/// How near one document is to the next, beyond what the sort of rhythm says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// As chance has it.
    Chance,
    /// Some are near.
    Train(Train),
    /// By quantiles of the gap from each to the next, in millionths of the mean at the hour.
    Gaps(Quantiles),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Evenly dealt to these times of each day.
    At {
        days: Days,
        times_s: Vec<u64>,
        spread_s: u64,
    },
    /// In so many bursts, somewhere in office time.
    Bursts { count: u64, length_s: u64 },
    /// A weight for each hour of a day.
    HoursOfDay { days: Days, weights: Vec<u64> },
    /// A weight for each hour of a week, Monday 00:00 first, and for each week of the period.
    HoursOfWeek { hours: Vec<u64>, weeks: Vec<u64> },
}

/// Weekdays that were named, or the days on which the offices work.
type Days = Option<Vec<Weekday>>;

/// Some documents come soon after the one before, whatever the rhythm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Train {
    per_mille: u64,
    gap_s: Quantiles,
}

impl Rhythm {
    /// `count` moments, in seconds of the period, ascending.
    pub(crate) fn moments(&self, count: u64, calendar: &Calendar, draw: &mut Draw) -> Vec<u64> {
        match self {
            Self::Clock { sort, nearness } => sort.moments(nearness, count, calendar, draw),
            Self::OfficeTime => {
                let last_s = calendar
                    .office_s()
                    .saturating_sub(1 + crate::documents::APART_S);
                let mut moments: Vec<u64> = (0..count)
                    .map(|_| calendar.second_of(draw.within(0..=last_s)))
                    .collect();
                moments.sort_unstable();
                moments
            }
        }
    }

    /// Reads `rhythm` of a block.
    pub(crate) fn read(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<Self> {
        table.or("rhythm", Self::OfficeTime, |value| {
            if value.is_text() {
                return value.word(&[("poisson", ())]).map(|()| Self::OfficeTime);
            }
            let rhythm = value.table(RHYTHM_KEYS, |table| Self::read_table(table, &value))?;
            let Some(calendar) = calendar else {
                return Some(rhythm);
            };
            if let Self::Clock { sort, .. } = &rhythm
                && sort.spans(calendar, &mut Draw::new(0, 0)).is_empty()
            {
                let message = format!("`{}` names no moment of the period", value.path());
                value.mistake(message, "name days and hours of `period`, with a weight");
                return None;
            }
            Some(rhythm)
        })
    }

    fn read_table(table: &Table<'_>, value: &Value<'_>) -> Option<Self> {
        let given: Vec<&str> = SORTS
            .into_iter()
            .filter(|key| table.optional(key).is_some())
            .collect();
        let [sort] = given.as_slice() else {
            let found = if given.is_empty() {
                "none"
            } else {
                "more than one"
            };
            value.mistake(
                format!(
                    "`{}` has {found} of {}",
                    value.path(),
                    SORTS.map(quoted).join(", ")
                ),
                "write one of them",
            );
            return None;
        };
        let companions: &[&str] = match *sort {
            "at" => &["days", "spread_minutes"],
            "bursts" => &["burst_minutes"],
            "hours_of_day" => &["days"],
            _ => &["weeks"],
        };
        let of_hours = sort.starts_with("hours").then_some("gaps_per_million");
        let companions: Vec<&str> = companions.iter().copied().chain(of_hours).collect();
        let strays = [
            "days",
            "spread_minutes",
            "burst_minutes",
            "weeks",
            "gaps_per_million",
        ];
        for stray in strays.iter().filter(|key| !companions.contains(key)) {
            if let Some(stray) = table.optional(stray) {
                let message = format!("`{}` says nothing beside `{sort}`", stray.path());
                stray.mistake(message, "leave it out");
                return None;
            }
        }
        let sort = Sort::read(table, sort)?;
        let nearness = Nearness::read(table)?;
        Some(Self::Clock { sort, nearness })
    }
}

impl Nearness {
    fn read(table: &Table<'_>) -> Option<Self> {
        let per_mille = table.or("train_per_mille", 0, |value| value.integer(0..=999))?;
        let gap = table.or("train_gap_seconds", None, |value| {
            Quantiles::read(&value, &(1..=DAY_S)).map(Some)
        })?;
        if let Some(gaps) = table.optional("gaps_per_million") {
            for train in ["train_per_mille", "train_gap_seconds"] {
                if let Some(train) = table.optional(train) {
                    let message = format!("`{}` is given beside `{}`", train.path(), gaps.path());
                    train.mistake(message, "leave out the one or the other");
                    return None;
                }
            }
            return read_gaps(&gaps);
        }
        match gap {
            Some(gap_s) => Some(Self::Train(Train { per_mille, gap_s })),
            None if per_mille > 0 => {
                table.required("train_gap_seconds")?;
                None
            }
            None => Some(Self::Chance),
        }
    }
}

fn read_gaps(value: &Value<'_>) -> Option<Nearness> {
    let quantiles = Quantiles::read(value, &(0..=GAP_MAX))?;
    if quantiles.most() == 0 {
        let message = format!("`{}` has no gap above 0", value.path());
        value.mistake(message, "write a whole number above 0 as the last");
        return None;
    }
    Some(Nearness::Gaps(quantiles))
}

fn quoted(key: &str) -> String {
    format!("`{key}`")
}

impl Sort {
    fn read(table: &Table<'_>, sort: &str) -> Option<Self> {
        let days = |table: &Table<'_>| {
            table.or("days", None, |value| {
                value.filled_list(|day| day.word(WEEKDAYS)).map(Some)
            })
        };
        let minutes = |key: &str, default: u64| {
            let minutes = table.or(key, default, |value| value.integer(1..=1_440))?;
            Some(minutes * MINUTE_S)
        };
        let weights = |key: &str, count: usize| weights(&table.required(key)?, count);
        Some(match sort {
            "at" => {
                let times = table
                    .required("at")?
                    .filled_list(|time| time.time().map(second_of));
                Self::At {
                    days: days(table)?,
                    times_s: times?,
                    spread_s: minutes("spread_minutes", 1)?,
                }
            }
            "bursts" => Self::Bursts {
                count: table.integer("bursts", 1..=10_000)?,
                length_s: minutes("burst_minutes", 30)?,
            },
            "hours_of_day" => Self::HoursOfDay {
                days: days(table)?,
                weights: weights("hours_of_day", 24)?,
            },
            _ => Self::HoursOfWeek {
                hours: weights("hours_of_week", 168)?,
                weeks: table.or("weeks", Vec::new(), |value| {
                    value.filled_list(|weight| weight.integer(0..=WEIGHT_MAX))
                })?,
            },
        })
    }

    /// The spans of the period in which it falls, each with its weight; none without one.
    fn spans(&self, calendar: &Calendar, draw: &mut Draw) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut add = |from_s: u64, length_s: u64, weight: u64| {
            // What is sent must be answerable before the period ends.
            let last_s = calendar.last_s().saturating_sub(crate::documents::APART_S);
            if weight > 0 && from_s <= last_s {
                spans.push(Span {
                    from_s,
                    length_s: length_s.min(last_s - from_s + 1),
                    weight,
                });
            }
        };
        match self {
            Self::At {
                days,
                times_s,
                spread_s,
            } => {
                for day in days_of(calendar, days.as_deref()) {
                    for time_s in times_s {
                        add(day * DAY_S + time_s, *spread_s, 1);
                    }
                }
            }
            Self::Bursts { count, length_s } => {
                let office_s = calendar.office_s();
                for _ in 0..if office_s > 0 { *count } else { 0 } {
                    let begins = draw.within(0..=office_s - 1);
                    add(calendar.second_of(begins), *length_s, 1);
                }
            }
            Self::HoursOfDay { days, weights } => {
                for day in days_of(calendar, days.as_deref()) {
                    for (hour, weight) in (0..).zip(weights) {
                        add(day * DAY_S + hour * HOUR_S, HOUR_S, *weight);
                    }
                }
            }
            Self::HoursOfWeek { hours, weeks } => {
                let monday = u64::from(calendar.first_weekday());
                for day in 0..calendar.days() {
                    let week = ((monday + day) / 7) as usize;
                    let of_week = weeks.get(week).copied();
                    let of_week = if weeks.is_empty() {
                        1
                    } else {
                        of_week.unwrap_or(0)
                    };
                    for hour in 0..24 {
                        let weight = hours[((monday + day) % 7 * 24 + hour) as usize];
                        add(day * DAY_S + hour * HOUR_S, HOUR_S, weight * of_week);
                    }
                }
            }
        }
        spans
    }

    /// `count` moments, in seconds of the period, ascending.
    fn moments(
        &self,
        nearness: &Nearness,
        count: u64,
        calendar: &Calendar,
        draw: &mut Draw,
    ) -> Vec<u64> {
        let spans = self.spans(calendar, draw);
        let last_s = calendar.last_s().saturating_sub(crate::documents::APART_S);
        let mut moments = match (self, nearness) {
            (Self::At { .. }, _) => dealt(&spans, count, draw),
            (_, Nearness::Gaps(gaps)) => {
                let monday_s = u64::from(calendar.first_weekday()) * DAY_S;
                let orders = (0..ORDERS).map(|_| spaced(&spans, gaps, count, draw));
                let unlike = |moments: &Vec<u64>| unlike(moments, &spans, monday_s);
                orders.min_by_key(unlike).unwrap_or_default()
            }
            (_, Nearness::Train(train)) => drawn(&spans, Some(train), count, last_s, draw),
            (_, Nearness::Chance) => drawn(&spans, None, count, last_s, draw),
        };
        moments.sort_unstable();
        moments
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from_s: u64,
    length_s: u64,
    weight: u64,
}

impl Span {
    fn moment(&self, draw: &mut Draw) -> u64 {
        self.from_s + draw.within(0..=self.length_s - 1)
    }
}

/// As many to each span as to any other; what is left over to spans that are drawn.
fn dealt(spans: &[Span], count: u64, draw: &mut Draw) -> Vec<u64> {
    let mut turns: Vec<usize> = (0..spans.len()).collect();
    let (each, over) = (count / spans.len() as u64, count % spans.len() as u64);
    draw.shuffle_first(&mut turns, over as usize);
    let every = (0..spans.len()).flat_map(|span| (0..each).map(move |_| span));
    every
        .chain(turns[..over as usize].to_vec())
        .map(|span| spans[span].moment(draw))
        .collect()
}

/// Each moment in a span that is drawn by weight, or in the train of the one before.
fn drawn(
    spans: &[Span],
    train: Option<&Train>,
    count: u64,
    last_s: u64,
    draw: &mut Draw,
) -> Vec<u64> {
    let mut sum = 0;
    let cumulative: Vec<u64> = spans
        .iter()
        .map(|span| {
            sum += span.weight;
            sum
        })
        .collect();
    let mut moments: Vec<u64> = Vec::with_capacity(count as usize);
    while (moments.len() as u64) < count {
        let follows = train
            .filter(|train| draw.chance(train.per_mille))
            .and_then(|train| Some(moments.last()? + train.gap_s.draw(draw)))
            .filter(|moment| *moment <= last_s);
        moments.push(follows.unwrap_or_else(|| {
            let at = draw.within(0..=sum - 1);
            let span = cumulative.partition_point(|through| *through <= at);
            spans[span].moment(draw)
        }));
    }
    moments
}

/// Each moment a drawn gap after the one before, by a clock that goes as fast as the weights say. All gaps together are
/// the whole of the spans: the last one goes on from the end at the beginning.
fn spaced(spans: &[Span], gaps: &Quantiles, count: u64, draw: &mut Draw) -> Vec<u64> {
    let gaps = gaps.spread(count, draw);
    let all: u128 = gaps.iter().map(|gap| u128::from(*gap)).sum();
    if all == 0 {
        let together = drawn(spans, None, count.min(1), u64::MAX, draw);
        return together.repeat(count as usize);
    }
    let area = |span: &Span| u128::from(span.weight) * u128::from(span.length_s);
    let whole: u128 = spans.iter().map(area).sum();
    let mut at = u128::from(draw.within(0..=gaps[0]));
    let (mut span, mut before) = (0, 0_u128);
    let mut moments = Vec::with_capacity(count as usize);
    for gap in gaps[1..].iter().chain([&0]) {
        // No product is larger than 128 bits hold.
        let through = (whole / all * at + whole % all * at / all).min(whole - 1);
        while before + area(&spans[span]) <= through {
            before += area(&spans[span]);
            span += 1;
        }
        let Span { from_s, weight, .. } = spans[span];
        moments.push(from_s + ((through - before) / u128::from(weight)) as u64);
        at += u128::from(*gap);
    }
    moments
}

/// How far the shares of the hours of a week among `moments` are from those of the weights; the first day begins
/// `monday_s` into its week.
fn unlike(moments: &[u64], spans: &[Span], monday_s: u64) -> u128 {
    let mut hours = [[0_u128; 2]; HOURS_OF_WEEK];
    let hour = |at_s: u64| ((monday_s + at_s) / HOUR_S) as usize % HOURS_OF_WEEK;
    for moment in moments {
        hours[hour(*moment)][0] += 1;
    }
    for span in spans {
        hours[hour(span.from_s)][1] += u128::from(span.weight);
    }
    let [all, whole] = [0, 1].map(|of| hours.iter().map(|hour| hour[of]).sum::<u128>());
    let mut through = [0, 0];
    let apart = hours.iter().map(|hour| {
        through = [through[0] + hour[0], through[1] + hour[1]];
        (through[0] * whole).abs_diff(through[1] * all)
    });
    apart.max().unwrap_or(0)
}

fn days_of(calendar: &Calendar, named: Option<&[Weekday]>) -> Vec<u64> {
    match named {
        None => calendar.working_days().to_vec(),
        Some(named) => (0..calendar.days())
            .filter(|day| named.contains(&calendar.weekday(*day)))
            .collect(),
    }
}

fn weights(value: &Value<'_>, count: usize) -> Option<Vec<u64>> {
    let weights = value.list(|weight| weight.integer(0..=WEIGHT_MAX))?;
    if weights.len() != count {
        let message = format!("`{}` has {} weights", value.path(), weights.len());
        value.mistake(message, format!("write {count}, one for each hour"));
        return None;
    }
    if weights.iter().all(|weight| *weight == 0) {
        let message = format!("`{}` has no weight above 0", value.path());
        value.mistake(message, "write a whole number above 0 for some hour");
        return None;
    }
    Some(weights)
}
