//! A scenario as it is meant, and how its file is read.

use office::contact::ContactKind;
use office::officer::Rank;
use office::{PerPlace, Place};
use toml::de::DeTable;

use crate::calendar::{Calendar, HOURS_KEYS, OfficeHours, PERIOD_KEYS, Period};
use crate::calls::{CALLS_KEYS, Calls};
use crate::consultations::{CONSULTATIONS_KEYS, Consultations};
use crate::documents::{DOCUMENTS_KEYS, Documents};
use crate::draw::Draw;
use crate::events::Events;
use crate::faults::{self, FAULTS_KEYS};
use crate::meetings::{self, MEETINGS_KEYS, Meetings};
use crate::mistake::{Mistakes, ScenarioError};
use crate::staff::{NAME_BYTES_MAX, STAFF_KEYS, Staff};
use crate::table::{Table, Value};
use crate::timeline::{FaultSpan, Plan, Timeline};
use crate::totals::{TOTALS_KEYS, Totals};

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
/// Where the seeds of further copies of the traffic are drawn; the parts draw from the streams below.
const SEEDS_STREAM: u64 = 1 << 32;
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
    documents: Option<Documents>,
    meetings: Vec<Meetings>,
    consultations: Vec<Consultations>,
    events: Events,
    faults: Vec<FaultSpan>,
}

impl Scenario {
    /// Reads the text of a scenario file. `source_name` is how mistakes name the file.
    pub fn parse(source_name: &str, text: &str) -> Result<Self, ScenarioError> {
        let mistakes = Mistakes::new(text);
        let scenario = {
            let (root, unreadable) = DeTable::parse_recoverable(text);
            for error in &unreadable {
                mistakes.add_unreadable(error.span().map_or(0, |span| span.start), error.message());
            }
            let table = Table::new(&mistakes, root.get_ref(), 0..0, "", ROOT_KEYS);
            Self::read(&table)
        };
        match (mistakes.into_error(source_name), scenario) {
            (Some(error), _) => Err(error),
            (None, scenario) => Ok(scenario.expect("what cannot be read is a mistake")),
        }
    }

    fn read(root: &Table<'_>) -> Option<Self> {
        let heading = root.required("scenario").and_then(|value| {
            value.table(SCENARIO_KEYS, |table| {
                let name = table.required("name").and_then(|value| name(&value));
                let text = |key| table.required(key)?.text(NAME_BYTES_MAX);
                let (title, place) = (text("title"), text("place"));
                Some((name?, title?, place?))
            })
        });
        let period = root
            .required("period")
            .and_then(|value| value.table(PERIOD_KEYS, Period::read));
        let hours = root
            .required("office_hours")
            .and_then(|value| value.table(HOURS_KEYS, OfficeHours::read));
        let calendar = period
            .zip(hours)
            .map(|(period, hours)| Calendar::new(period, hours));
        let calendar = calendar.as_ref();
        let staff = root
            .required("staff")
            .and_then(|value| value.table(PLACES_KEYS, read_staff));
        let calls = root.or("calls", None, |value| {
            value.table(CALLS_KEYS, Calls::read).map(Some)
        });
        let documents = root.or("documents", None, |value| {
            value
                .table(DOCUMENTS_KEYS, |table| Documents::read(table, calendar))
                .map(Some)
        });
        let meetings = root.or("meetings", Vec::new(), |value| {
            let meetings = value.list(|item| {
                let block = item.table(MEETINGS_KEYS, |table| Meetings::read(table, calendar))?;
                Some((item, block))
            })?;
            once_each(meetings, |block| (block.kind, Some(block.level)))
        });
        let consultations = root.or("consultations", Vec::new(), |value| {
            let consultations = value.list(|item| {
                let block = item.table(CONSULTATIONS_KEYS, |table| {
                    Consultations::read(table, calendar)
                })?;
                Some((item, block))
            })?;
            once_each(consultations, |block| (block.kind, None))
        });
        let place = heading.as_ref().map_or("", |(_, _, place)| place);
        let events = root.or("events", Events::default(), |value| {
            Events::read(&value, calendar, staff.as_ref(), place)
        });
        let faults = root.or("faults", Vec::new(), |value| {
            value.list(|item| item.table(FAULTS_KEYS, |table| faults::read(table, calendar)))
        });
        let parts_known = events.is_some()
            && documents.is_some()
            && meetings.is_some()
            && consultations.is_some();
        let totals = totals(
            documents.as_ref().and_then(Option::as_ref),
            meetings.as_deref().unwrap_or_default(),
            consultations.as_deref().unwrap_or_default(),
            events.as_ref().unwrap_or(&Events::default()),
        );
        root.or("totals", (), |value| {
            value.table(TOTALS_KEYS, |table| totals.check(table, parts_known))
        })?;
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
            calls.draw(&self.calendar, &mut Draw::new(seed, 0), &mut plan);
        }
        let mut seeds = Draw::new(seed, SEEDS_STREAM);
        for copy in 0..scale {
            let seed = if copy == 0 { seed } else { seeds.seed() };
            plan.begin_copy(copy);
            self.draw_exchanges(seed, &mut plan);
        }
        let mut timeline = plan.into_timeline(self.calendar.start(), self.calendar.end());
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
        if let Some(documents) = &self.documents {
            documents.draw(calendar, staff, &mut Draw::new(seed, 1), plan);
        }
        let mut draw = Draw::new(seed, 2);
        meetings::draw_all(&self.meetings, calendar, place, staff, &mut draw, plan);
        for (consultations, stream) in self.consultations.iter().zip(3..) {
            let mut draw = Draw::new(seed, stream);
            consultations.draw(calendar, place, staff, &mut draw, plan);
        }
        self.events.add(plan);
    }

    /// How many exchanges every timeline of this scenario brings.
    pub fn totals(&self) -> Totals {
        totals(
            self.documents.as_ref(),
            &self.meetings,
            &self.consultations,
            &self.events,
        )
    }

    /// Days and hours.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The officers of `place`.
    pub fn staff(&self, place: Place) -> &Staff {
        &self.staff[place]
    }
}

fn totals(
    documents: Option<&Documents>,
    meetings: &[Meetings],
    consultations: &[Consultations],
    events: &Events,
) -> Totals {
    let meetings = meetings.iter().map(|block| (block.kind, block.total));
    let consultations = consultations.iter().map(|block| (block.kind, block.total));
    Totals::new(
        meetings
            .chain(consultations)
            .chain(events.contacts.iter().copied()),
        documents.map_or(0, |documents| documents.total) + events.documents,
    )
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

/// The blocks, unless two are of one kind: then neither limit for a day would hold.
fn once_each<T>(
    blocks: Vec<(Value<'_>, T)>,
    kind: impl Fn(&T) -> (ContactKind, Option<Rank>),
) -> Option<Vec<T>> {
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
    right.then(|| blocks.into_iter().map(|(_, block)| block).collect())
}
