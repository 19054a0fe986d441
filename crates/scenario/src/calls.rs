//! Opening and closing calls: one each on every working day, or so many by a rhythm.

use jiff::Timestamp;
use office::Place;
use office::call::{Call, CallKind};

use crate::amount::{Amount, TOTAL_MAX};
use crate::calendar::Calendar;
use crate::draw::Draw;
use crate::rhythm::Rhythm;
use crate::timeline::{Act, Fault, FaultSpan, Plan};
use reading::Table;

pub(crate) const CALLS_KEYS: &[&str] = &[
    "made_by",
    "unanswered_per_mille",
    "total",
    "per_day",
    "per_week",
    "rhythm",
];

const DAY_S: u64 = 86_400;

/// Which office makes the calls of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeBy {
    Alternately,
    Seed,
    Always(Place),
}

const MADE_BY: &[(&str, MadeBy)] = &[
    ("alternately", MadeBy::Alternately),
    ("seed", MadeBy::Seed),
    ("south", MadeBy::Always(Place::South)),
    ("north", MadeBy::Always(Place::North)),
];

/// The calls of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calls {
    made_by: MadeBy,
    unanswered_per_mille: u64,
    /// How many, and when; none is two on every working day.
    drawn: Option<(Amount, Rhythm)>,
}

impl Calls {
    pub(crate) fn read(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<Self> {
        let made_by = table
            .required("made_by")
            .and_then(|value| value.word(MADE_BY));
        let unanswered_per_mille = table.per_mille("unanswered_per_mille");
        let drawn = read_drawn(table, calendar);
        Some(Self {
            made_by: made_by?,
            unanswered_per_mille: unanswered_per_mille?,
            drawn: drawn?,
        })
    }

    /// When there is a call, of which kind and on which day: of several on one day the last one closes it.
    fn moments(&self, calendar: &Calendar, draw: &mut Draw) -> Vec<(u64, CallKind, Timestamp)> {
        let Some((amount, rhythm)) = &self.drawn else {
            let working_days = calendar.working_days().iter();
            let calls = working_days.flat_map(|day| {
                let opening = (*day, CallKind::Opening, calendar.opens(*day));
                [opening, (*day, CallKind::Closing, calendar.closes(*day))]
            });
            return calls.collect();
        };
        let count = amount.count(calendar, TOTAL_MAX, draw);
        let seconds = rhythm.moments(count, calendar, draw);
        let day = |second: u64| second / DAY_S;
        let mut calls = Vec::with_capacity(seconds.len());
        for (index, second) in seconds.iter().enumerate() {
            let is = |other: Option<usize>| {
                let other = other.and_then(|other| seconds.get(other));
                other.is_some_and(|other| day(*other) == day(*second))
            };
            let kind = if is(index.checked_sub(1)) && !is(Some(index + 1)) {
                CallKind::Closing
            } else {
                CallKind::Opening
            };
            calls.push((day(*second), kind, calendar.at_second(*second)));
        }
        calls
    }

    pub(crate) fn draw(
        &self,
        calendar: &Calendar,
        faults: &[FaultSpan],
        draw: &mut Draw,
        plan: &mut Plan,
    ) {
        let mut days = 0;
        let mut last_day = None;
        for (day, kind, at) in self.moments(calendar, &mut draw.beside()) {
            if last_day.replace(day).is_some_and(|last| last != day) {
                days += 1;
            }
            let holds = |fault: Fault| {
                let mut spans = faults.iter().filter(|span| span.fault == fault);
                spans.any(|span| (span.from..span.until).contains(&at))
            };
            let away = |place: Place| holds(Fault::StaffWithdrawn(place));
            let office = match self.made_by {
                MadeBy::Alternately => Place::BOTH[days % 2],
                MadeBy::Seed => *draw.one_of(&Place::BOTH),
                MadeBy::Always(place) => place,
            };
            // Whoever is there calls, and where nobody is, nobody answers.
            let office = if away(office) { office.peer() } else { office };
            let nobody = away(office.peer()) || holds(Fault::CallsUnanswered);
            let answered = !draw.chance(self.unanswered_per_mille) && !nobody;
            if away(office) {
                continue;
            }
            let call = Call {
                kind,
                day: calendar.date(day),
                answered,
            };
            plan.add(at, office, Act::RecordCall { call });
        }
    }
}

fn read_drawn(table: &Table<'_>, calendar: Option<&Calendar>) -> Option<Option<(Amount, Rhythm)>> {
    let given = |key: &&str| table.optional(key).is_some();
    if !["total", "per_day", "per_week"].iter().any(given) {
        if let Some(rhythm) = table.optional("rhythm") {
            let message = format!("`{}` says nothing without `total`", rhythm.path());
            rhythm.mistake(
                message,
                "add `total`, `per_day` or `per_week`, or leave it out",
            );
            return None;
        }
        return Some(None);
    }
    let amount = Amount::read(table);
    let rhythm = Rhythm::read(table, calendar)?;
    let (amount, value) = amount?;
    let closed = calendar.is_some_and(|calendar| calendar.working_days().is_empty());
    if closed && rhythm == Rhythm::OfficeTime && amount.total() != Some(0) {
        let message = format!(
            "`{}` finds no time: the offices work on no day of the period",
            value.path()
        );
        value.mistake(message, "change `office_hours`, or write a `rhythm`");
        return None;
    }
    Some(Some((amount, rhythm)))
}
