//! A scenario as it is meant, and how its file is read.

use std::ops::RangeInclusive;

use office::contact::ContactKind;
use office::officer::Rank;
use office::{PerPlace, Place};

use crate::absence;
use crate::amount::{Amount, TOTAL_MAX};
use crate::calendar::{BothHours, Calendar, HOURS_KEYS, PERIOD_KEYS, Period};
use crate::calls::{CALLS_KEYS, Calls};
use crate::consultations::{CONSULTATIONS_KEYS, Consultations};
use crate::counts::{Counts, exact, seeds};
use crate::documents::{self, DOCUMENTS_KEYS, Documents, Sending};
use crate::draw::Draw;
use crate::events::Events;
use crate::faults::{self, FAULTS_KEYS};
use crate::follows::{self, Follows};
use crate::meetings::{self, MEETINGS_KEYS, Meetings, Question, Setting};
use crate::staff::{NAME_BYTES_MAX, STAFF_KEYS, Staff};
use crate::timeline::{FaultSpan, Plan, Timeline};
use crate::totals::{Rates, TOTALS_KEYS, Totals};
use reading::FileError;
use reading::{Table, Value};

pub(crate) const ROOT_KEYS: &[&str] = &[
    "scenario",
    "period",
    "office_hours",
    "staff",
    "totals",
    "calls",
    "documents",
    "meetings",
    "consultations",
    "events",
    "faults",
];
/// Where the documents of the second block and of later ones are drawn.
const DOCUMENTS_STREAMS: u64 = 1 << 33;
/// Where it is drawn what rates come to.
const AMOUNT_STREAMS: u64 = 1 << 34;
pub(crate) const SCENARIO_KEYS: &[&str] = &["name", "title", "place"];
const PLACES_KEYS: &[&str] = &["south", "north"];

/// What is to happen: a period, and the traffic in it. It has been checked, so every seed gives a
/// timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The name: lower-case letters, digits and hyphens.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    place: String,
    calendar: Calendar,
    staff: PerPlace<Staff>,
    calls: Option<Calls>,
    documents: Vec<Documents>,
    meetings: Vec<Meetings>,
    consultations: Vec<Consultations>,
    events: Events,
    faults: Vec<FaultSpan>,
}

impl Scenario {
    /// Reads the text of a scenario file. `source_name` is how mistakes name the file.
    pub fn parse(source_name: &str, text: &str) -> Result<Self, FileError> {
        reading::file(source_name, text, ROOT_KEYS, |table, _| Self::read(table))
    }

    fn read(root: &Table<'_>) -> Option<Self> {
        let heading = root
            .required("scenario")
            .and_then(|value| value.table(SCENARIO_KEYS, read_heading));
        let calendar = read_calendar(root);
        let calendar = calendar.as_ref();
        let staff = root
            .required("staff")
            .and_then(|value| value.table(PLACES_KEYS, read_staff));
        let calls = root.or("calls", None, |value| {
            let read = |table: &Table<'_>| Calls::read(table, calendar);
            value.table(CALLS_KEYS, read).map(Some)
        });
        let staff_known = staff.as_ref();
        let documents = read_documents(root, calendar);
        let meetings = read_meetings(root, calendar, staff_known);
        let follow = documents
            .as_ref()
            .zip(meetings.as_ref())
            .map_or(Some(()), |(documents, meetings)| {
                follows::check(documents, meetings)
            });
        let (documents, meetings) = (documents.map(blocks), meetings.map(blocks));
        let consultations = read_consultations(root, calendar, staff_known);
        let place = heading.as_ref().map_or("", |(_, _, place)| place);
        let events = root.or("events", Events::default(), |value| {
            Events::read(list_of_tables(&value)?, calendar, staff_known, place)
        });
        let faults = root.or("faults", Vec::new(), |value| {
            list_of_tables(&value)?
                .list(|item| item.table(FAULTS_KEYS, |table| faults::read(table, calendar)))
        });
        let parts_known = events.is_some()
            && documents.is_some()
            && meetings.is_some()
            && consultations.is_some();
        check_totals(
            root,
            documents.as_deref().unwrap_or_default(),
            meetings.as_deref().unwrap_or_default(),
            consultations.as_deref().unwrap_or_default(),
            events.as_ref(),
            parts_known,
        )?;
        follow?;
        let (name, title, place) = heading?;
        Some(Self {
            name,
            title,
            place,
            calendar: calendar?.clone(),
            staff: staff?,
            calls: calls?,
            documents: documents?,
            meetings: meetings?,
            consultations: consultations?,
            events: events?,
            faults: faults?,
        })
    }

    /// What is to happen under `seed`. The same seed gives the same timeline, on any machine.
    pub fn timeline(&self, seed: u64) -> Timeline {
        self.scaled_timeline(seed, 1)
    }

    /// `scale` times the traffic in the same period: so many times every total, each time drawn by itself. The
    /// calls of a day stay one opening and one closing call.
    pub fn scaled_timeline(&self, seed: u64, scale: u32) -> Timeline {
        let mut plan = Plan::default();
        if let Some(calls) = &self.calls {
            calls.draw(
                &self.calendar,
                &self.faults,
                &mut Draw::new(seed, 0),
                &mut plan,
            );
        }
        for (copy, seed) in (0..).zip(seeds(seed, scale)) {
            plan.begin_copy(copy);
            self.draw_exchanges(seed, &mut plan);
        }
        let mut timeline = plan.into_timeline(self.calendar.start(), self.calendar.end());
        absence::withdraw(&mut timeline.events, &self.faults);
        absence::stand_in(&mut timeline.events, &self.staff, &self.calendar);
        timeline.faults.clone_from(&self.faults);
        timeline.faults.sort_by_key(|fault| fault.from);
        timeline
    }

    fn draw_exchanges(&self, seed: u64, plan: &mut Plan) {
        let Self {
            calendar,
            staff,
            place,
            ..
        } = self;
        let counts = self.counts(seed);
        let draw_of = |block: usize| match block {
            0 => Draw::new(seed, 1),
            _ => Draw::new(seed, DOCUMENTS_STREAMS + block as u64),
        };
        let sent = documents::draw_all(
            &self.documents,
            &counts.documents,
            calendar,
            staff,
            draw_of,
            plan,
        );
        let followed = |follows: &Follows| {
            let question = |sent: &documents::Sent| Question {
                second: calendar.second_at(sent.at),
                subject: sent.subject.trim_start_matches("Re: ").to_owned(),
            };
            sent[follows.block_of(&self.documents)]
                .iter()
                .map(question)
                .collect()
        };
        let mut draw = Draw::new(seed, 2);
        meetings::draw_all(
            &self.meetings,
            &counts.meetings,
            &followed,
            &Setting {
                calendar,
                place,
                staff,
            },
            &mut draw,
            plan,
        );
        let consultations = self.consultations.iter().zip(&counts.consultations);
        for ((consultations, total), stream) in consultations.zip(3..) {
            let mut draw = Draw::new(seed, stream);
            consultations.draw(*total, calendar, place, staff, &mut draw, plan);
        }
        self.events.add(plan);
    }

    /// How many exchanges [`Self::scaled_timeline`] brings. Every seed brings as many, unless the file has rates.
    pub fn totals(&self, seed: u64, scale: u32) -> Totals {
        let mut sum = Totals::default();
        for seed in seeds(seed, scale) {
            let counts = self.counts(seed);
            sum += counts.totals(&self.meetings, &self.consultations, &self.events);
        }
        sum
    }

    /// Whether some amount is a rate, so that totals follow from the seed.
    pub fn has_rates(&self) -> bool {
        let documents = self.documents.iter().map(|block| block.amount);
        let meetings = self.meetings.iter().map(|block| block.amount);
        let consultations = self.consultations.iter().map(|block| block.amount);
        let mut amounts = documents.chain(meetings).chain(consultations);
        amounts.any(|amount| amount.total().is_none())
    }

    /// The same without the faults of its own.
    #[must_use]
    pub fn without_faults(mut self) -> Self {
        self.faults.clear();
        self
    }

    fn counts(&self, seed: u64) -> Counts {
        let mut draws = (AMOUNT_STREAMS..).map(|stream| Draw::new(seed, stream));
        let calendar = &self.calendar;
        let mut count = |amount: Amount, least: u64, room: u64| {
            let mut draw = draws.next().expect("there are streams enough");
            amount.count(calendar, room, &mut draw).max(least)
        };
        let documents: Vec<u64> = self
            .documents
            .iter()
            .map(|block| count(block.amount, 0, TOTAL_MAX))
            .collect();
        let of_meetings = |block: &Meetings| count(block.amount, block.fixed(), block.room());
        let meetings = self.meetings.iter().map(of_meetings).collect();
        let of_consultations = |block: &Consultations| count(block.amount, 0, block.room());
        let consultations = self.consultations.iter().map(of_consultations).collect();
        let mut counts = Counts {
            documents,
            meetings,
            consultations,
        };
        // What follows comes to as many as there are to follow, at most; so down each chain.
        for _ in 0..self.documents.len() {
            for (index, block) in self.documents.iter().enumerate() {
                if let Sending::Following(follows) = &block.sending {
                    let of = counts.documents[follows.block_of(&self.documents)];
                    counts.documents[index] = counts.documents[index].min(of);
                }
            }
        }
        counts
    }

    /// What an office is called (`None`), and ranks of it, where that is not the usual.
    pub fn labels(&self, place: Place) -> impl Iterator<Item = (Option<Rank>, &str)> {
        self.staff[place].labels()
    }

    /// Days and hours.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(crate) fn documents(&self) -> &[Documents] {
        &self.documents
    }

    pub(crate) fn meetings(&self) -> &[Meetings] {
        &self.meetings
    }

    /// Minutes until a consultation is confirmed, of the first block that has any.
    pub(crate) fn confirm_minutes(&self) -> Option<RangeInclusive<u64>> {
        self.consultations
            .first()
            .map(|block| block.confirm_minutes.clone())
    }

    /// The officers of `place`.
    pub fn staff(&self, place: Place) -> &Staff {
        &self.staff[place]
    }
}

/// The name, the title and the place.
fn read_heading(table: &Table<'_>) -> Option<(String, String, String)> {
    let name = table.required("name").and_then(|value| name(&value));
    let text = |key| table.required(key)?.text(NAME_BYTES_MAX);
    let (title, place) = (text("title"), text("place"));
    Some((name?, title?, place?))
}

fn read_calendar(root: &Table<'_>) -> Option<Calendar> {
    let period = root
        .required("period")
        .and_then(|value| value.table(PERIOD_KEYS, Period::read));
    let hours = root
        .required("office_hours")
        .and_then(|value| value.table(HOURS_KEYS, |table| BothHours::read(table, period.as_ref())));
    Some(Calendar::new(period?, hours?))
}

/// One table, or a list of them.
fn read_documents<'a>(
    root: &Table<'a>,
    calendar: Option<&Calendar>,
) -> Option<Vec<(Value<'a>, Documents)>> {
    root.or("documents", Vec::new(), |value| {
        let read = |item: Value<'a>| {
            let block = item.table(DOCUMENTS_KEYS, |table| Documents::read(table, calendar))?;
            Some((item, block))
        };
        if value.is_list() {
            value.list(read)
        } else {
            read(value).map(|block| vec![block])
        }
    })
}

/// The value, unless it is a table where there is a list of them.
fn list_of_tables<'v, 'a>(value: &'v Value<'a>) -> Option<&'v Value<'a>> {
    if value.is_table() {
        let remedy = format!("begin each of them with `[[{}]]`", value.path());
        return value.wrong_type(&remedy);
    }
    Some(value)
}

fn read_meetings<'a>(
    root: &Table<'a>,
    calendar: Option<&Calendar>,
    staff: Option<&PerPlace<Staff>>,
) -> Option<Vec<(Value<'a>, Meetings)>> {
    root.or("meetings", Vec::new(), |value| {
        let meetings = list_of_tables(&value)?.list(|item| {
            let block = item.table(MEETINGS_KEYS, |table| {
                Meetings::read(table, calendar, staff)
            })?;
            Some((item, block))
        })?;
        once_each(meetings, |block| (block.kind, Some(block.level)))
    })
}

fn read_consultations(
    root: &Table<'_>,
    calendar: Option<&Calendar>,
    staff: Option<&PerPlace<Staff>>,
) -> Option<Vec<Consultations>> {
    root.or("consultations", Vec::new(), |value| {
        let consultations = list_of_tables(&value)?.list(|item| {
            let block = item.table(CONSULTATIONS_KEYS, |table| {
                Consultations::read(table, calendar, staff)
            })?;
            Some((item, block))
        })?;
        once_each(consultations, |block| (block.kind, None)).map(blocks)
    })
}

/// Holds the totals that a file states, if it does, against what its blocks come to.
fn check_totals(
    root: &Table<'_>,
    of_documents: &[Documents],
    of_meetings: &[Meetings],
    of_consultations: &[Consultations],
    events: Option<&Events>,
    parts_known: bool,
) -> Option<()> {
    let exact = Counts {
        documents: exact(of_documents.iter().map(|block| block.amount)),
        meetings: exact(of_meetings.iter().map(|block| block.amount)),
        consultations: exact(of_consultations.iter().map(|block| block.amount)),
    };
    let is_rate = |counts: &[u64], blocks: usize| counts.len() < blocks;
    let rates = Rates {
        documents: is_rate(&exact.documents, of_documents.len()),
        meetings: is_rate(&exact.meetings, of_meetings.len()),
        consultations: is_rate(&exact.consultations, of_consultations.len()),
    };
    let no_events = Events::default();
    let events_known = events.unwrap_or(&no_events);
    let totals = exact.totals(of_meetings, of_consultations, events_known);
    root.or("totals", (), |value| {
        value.table(TOTALS_KEYS, |table| totals.check(table, parts_known, rates))
    })
}

/// A name that can stand in a path on any machine.
fn name(value: &Value<'_>) -> Option<String> {
    let name = value.text(64)?;
    let fits = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    if name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(fits) {
        return Some(name);
    }
    value.mistake(
        format!("`{}` is {name:?}", value.path()),
        "write lower-case letters, digits and hyphens, a letter first",
    );
    None
}

fn read_staff(table: &Table<'_>) -> Option<PerPlace<Staff>> {
    let read = |place: Place| {
        table
            .required(place.word())?
            .table(STAFF_KEYS, |table| Staff::read(place, table))
    };
    let (south, north) = (read(Place::South), read(Place::North));
    Some(PerPlace::new(south?, north?))
}

fn blocks<T>(blocks: Vec<(Value<'_>, T)>) -> Vec<T> {
    blocks.into_iter().map(|(_, block)| block).collect()
}

/// The blocks, unless two are of one kind: then neither limit for a day would hold.
fn once_each<T>(
    blocks: Vec<(Value<'_>, T)>,
    kind: impl Fn(&T) -> (ContactKind, Option<Rank>),
) -> Option<Vec<(Value<'_>, T)>> {
    let mut kinds = Vec::new();
    let mut right = true;
    for (value, block) in &blocks {
        let kind = kind(block);
        if kinds.contains(&kind) {
            let message = format!("`{}` has the kind and level of one before it", value.path());
            value.mistake(message, "put both totals into one");
            right = false;
        }
        kinds.push(kind);
    }
    right.then_some(blocks)
}
