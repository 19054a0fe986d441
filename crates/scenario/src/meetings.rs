//! Meetings: contacts that are negotiated first. Only what is closed counts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Weekday;
use office::contact::{ContactKind, Formality};
use office::meeting::MeetingTerms;
use office::officer::Rank;
use office::{PerPlace, Place};

use crate::amount::Amount;
use crate::calendar::{Calendar, WEEKDAYS};
use crate::delay::Delay;
use crate::documents::TOPIC_BYTES_MAX;
use crate::draw::Draw;
use crate::follows::Follows;
use crate::negotiation::Negotiation;
use crate::staff::Staff;
use crate::timeline::{Act, Plan};
use reading::{Table, Value};

pub(crate) const MEETINGS_KEYS: &[&str] = &[
    "kind",
    "level",
    "total",
    "per_day",
    "per_week",
    "days",
    "follows",
    "after_minutes_min",
    "after_minutes_max",
    "after_seconds",
    "dates",
    "per_day_max",
    "counter_per_mille",
    "decline_per_mille",
    "cancel_per_mille",
    "answer_minutes_min",
    "answer_minutes_max",
    "notice_days_min",
    "notice_days_max",
    "duration_minutes_min",
    "duration_minutes_max",
    "topics",
    "formality",
];
const DATE_KEYS: &[&str] = &["day", "south", "north"];

const MINUTE_S: u64 = 60;
/// No meeting begins earlier after the opening, so that one on the first day can still be negotiated.
pub(crate) const MORNING_MINUTES: u64 = 60;

/// Meetings of one kind and level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meetings {
    pub(crate) kind: ContactKind,
    pub(crate) level: Rank,
    pub(crate) amount: Amount,
    pub(crate) follows: Option<Follows>,
    pub(crate) topics: Vec<String>,
    pub(crate) formality: Option<Formality>,
    pub(crate) counter_per_mille: u64,
    pub(crate) decline_per_mille: u64,
    pub(crate) cancel_per_mille: u64,
    pub(crate) notice_days: RangeInclusive<u64>,
    // Office time from one move of a negotiation to the next; none is evenly spread.
    pub(crate) answer_minutes: Option<RangeInclusive<u64>>,
    duration_minutes: RangeInclusive<u64>,
    per_day_max: u64,
    dates: Vec<Fixed>,
    // How-manieth working days on which both sides can meet at this level; none while the calendar is in doubt.
    days: Vec<u64>,
}

/// A day that is given, and who attends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fixed {
    // Index from the first day; none while the calendar is in doubt.
    day: Option<u64>,
    attends: PerPlace<Option<Rank>>,
}

/// A document of which a meeting may come: when it was sent, in seconds of the period, and what it is about.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) second: u64,
    pub(crate) subject: String,
}

/// Where and when contacts are held, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) calendar: &'a Calendar,
    pub(crate) place: &'a str,
    pub(crate) staff: &'a PerPlace<Staff>,
}

/// One meeting that is to take place.
#[derive(Debug)]
pub(crate) struct Sitting {
    /// The how-manieth working day, from 0.
    pub(crate) working_day: u64,
    /// Seconds of office time after the day's opening.
    pub(crate) begins_s: u64,
    pub(crate) duration_s: u64,
    pub(crate) attends: PerPlace<Rank>,
    /// The document it comes of: when it was sent, in office time, and what it was about.
    pub(crate) follows: Option<(u64, String)>,
}

/// How many there are to be, or about how many where that is drawn: as many as days are given, or more.
fn total_with_given(
    amount: Amount,
    value: &Value<'_>,
    given: u64,
    calendar: Option<&Calendar>,
) -> Option<u64> {
    let total = match (amount.total(), calendar) {
        (Some(total), _) => total,
        (None, Some(calendar)) => amount.mean(calendar).max(given),
        (None, None) => given,
    };
    if given > total {
        let message = format!("`{}` is {total}, and {given} days are given", value.path());
        value.mistake(message, "write a total of at least as many as `dates` has");
        return None;
    }
    Some(total)
}

/// The working days have room for all.
fn check_total(value: &Value<'_>, total: u64, working_days: u64, per_day_max: u64) -> Option<()> {
    let room = working_days * per_day_max;
    if total <= room {
        return Some(());
    }
    value.mistake(
        format!(
            "`{}` is {total}: {working_days} working days with at most {per_day_max} \
             each have room for {room}",
            value.path(),
        ),
        "lower the total, raise `per_day_max`, or lengthen `period`",
    );
    None
}

/// Where meetings of one level find room.
struct Room<'t, 'a> {
    table: &'t Table<'a>,
    calendar: &'t Calendar,
    staff: Option<&'t PerPlace<Staff>>,
    level: Rank,
}

impl Room<'_, '_> {
    /// Whether both offices have somebody of these ranks on that day; if not, which has not.
    fn there(&self, day: u64, ranks: &PerPlace<Rank>) -> Result<(), Place> {
        let weekday = self.calendar.weekday(day);
        let absent = |place: &Place| {
            let staff = self.staff;
            staff.is_some_and(|staff| !staff[*place].is_there(ranks[*place], weekday))
        };
        Place::BOTH.into_iter().find(absent).map_or(Ok(()), Err)
    }

    /// Dates that are given are days on which those who are to attend are there.
    fn check_dates(&self, dates: &[Fixed]) -> Option<()> {
        for date in dates {
            let Some(day) = date.day else { continue };
            let rank = |place| date.attends[place].unwrap_or(self.level);
            let ranks = PerPlace::new(rank(Place::South), rank(Place::North));
            if let Err(place) = self.there(day, &ranks) {
                let value = self.table.required("dates")?;
                let message = format!(
                    "`{}` has {}, when the {place} office is without who is to attend",
                    value.path(),
                    self.calendar.date(day)
                );
                let remedy = format!("write another day, or change `staff.{place}.present`");
                value.mistake(message, remedy);
                return None;
            }
        }
        Some(())
    }

    /// The working days on which a meeting may be held, by their number.
    fn days(&self, weekdays: Option<&[Weekday]>) -> Vec<u64> {
        let ranks = PerPlace::new(self.level, self.level);
        let may_be_held = |day: u64| {
            let weekday = self.calendar.weekday(day);
            let named = weekdays.is_none_or(|named| named.contains(&weekday));
            named && self.there(day, &ranks).is_ok()
        };
        (0..)
            .zip(self.calendar.working_days())
            .filter(|(_, day)| may_be_held(**day))
            .map(|(index, _)| index)
            .collect()
    }

    fn check_duration(&self, total: u64, minutes_max: u64) -> Option<()> {
        let hours = self.calendar.hours().minutes();
        let room = hours.saturating_sub(MORNING_MINUTES);
        if total == 0 || minutes_max <= room {
            return Some(());
        }
        self.table.required("duration_minutes_max")?.mistake(
            format!("a meeting of {minutes_max} minutes does not fit into the office hours"),
            format!("write at most {room} minutes; the first hour is for negotiating"),
        );
        None
    }
}

impl Meetings {
    pub(crate) fn read(
        table: &Table<'_>,
        calendar: Option<&Calendar>,
        staff: Option<&PerPlace<Staff>>,
    ) -> Option<Self> {
        let kind = table
            .required("kind")
            .and_then(|value| value.word(ContactKind::MEETINGS));
        let level = table
            .required("level")
            .and_then(|value| value.word(Rank::WORDS));
        let amount = Amount::read(table);
        let follows = Follows::read(table);
        let weekdays = table.or("days", None, |value| {
            value.filled_list(|day| day.word(WEEKDAYS)).map(Some)
        });
        let answer_minutes = if Delay::is_given(table, "answer") {
            table.range("answer_minutes", &(1..=10_000)).map(Some)
        } else {
            Some(None)
        };
        let dates = table.or("dates", Vec::new(), |value| dates(&value, calendar));
        let per_day_max = table.or("per_day_max", 1, |value| value.integer(1..=100));
        let counter_per_mille = table.per_mille("counter_per_mille");
        let decline_per_mille = table.per_mille("decline_per_mille");
        let cancel_per_mille = table.per_mille("cancel_per_mille");
        let notice_days = table.range("notice_days", &(0..=100));
        let duration_minutes = table.range("duration_minutes", &(1..=1_440));
        let topics = table
            .required("topics")
            .and_then(|value| value.filled_list(|topic| topic.text(TOPIC_BYTES_MAX)));
        let formality = table.or("formality", None, |value| {
            value.word(Formality::WORDS).map(Some)
        });
        let (per_day_max, dates) = (per_day_max?, dates?);
        let (amount, total_value) = amount?;
        let (level, weekdays) = (level?, weekdays?);
        let total = total_with_given(amount, &total_value, dates.len() as u64, calendar)?;
        let duration_minutes = duration_minutes?;
        let days = match calendar {
            None => Vec::new(),
            Some(calendar) => {
                let room = Room {
                    table,
                    calendar,
                    staff,
                    level,
                };
                room.check_dates(&dates)?;
                let days = room.days(weekdays.as_deref());
                check_total(&total_value, total, days.len() as u64, per_day_max)?;
                room.check_duration(total, *duration_minutes.end())?;
                days
            }
        };
        Some(Self {
            kind: kind?,
            level,
            amount,
            follows: follows?,
            topics: topics?,
            formality: formality?,
            counter_per_mille: counter_per_mille?,
            decline_per_mille: decline_per_mille?,
            cancel_per_mille: cancel_per_mille?,
            notice_days: notice_days?,
            answer_minutes: answer_minutes?,
            duration_minutes,
            per_day_max,
            dates,
            days,
        })
    }

    /// What `terms` has in common for all offers of a meeting.
    pub(crate) fn terms(&self, place: &str, topic: String) -> MeetingTerms {
        MeetingTerms {
            kind: self.kind,
            level: Some(self.level),
            participants: Vec::new(),
            place: place.to_owned(),
            begins_at: None,
            duration: None,
            topics: vec![topic],
            formality: self.formality,
            answer_by: None,
        }
    }

    fn sitting(
        &self,
        calendar: &Calendar,
        working_day: u64,
        attends: PerPlace<Rank>,
        draw: &mut Draw,
    ) -> Sitting {
        let minutes = draw.within(self.duration_minutes.clone());
        // Meetings begin at a multiple of ten minutes after the opening. The opening call takes the
        // first minute, which office time leaves out.
        let latest = calendar.hours().minutes() - minutes;
        let begins =
            draw.within(MORNING_MINUTES / 10..=(latest / 10).max(MORNING_MINUTES / 10)) * 10;
        Sitting {
            working_day,
            begins_s: begins * MINUTE_S - crate::calendar::CALL_S,
            duration_s: minutes * MINUTE_S,
            attends,
            follows: None,
        }
    }

    /// When a meeting that comes of `question` is proposed, and about what. Of the days that are free it leaves one
    /// after that, with the notice that is to be given; none, if the period has no such day left.
    fn after(
        &self,
        question: Question,
        free: &mut Vec<(u64, u64)>,
        calendar: &Calendar,
        draw: &mut Draw,
    ) -> Option<(u64, String)> {
        let follows = self.follows.as_ref()?;
        let proposed = follows.after.after(question.second, calendar, draw)?;
        let proposed_s = calendar.office_s_from(proposed);
        let proposed_day = proposed_s / calendar.day_office_s();
        let notice = draw.within(self.notice_days.clone()).max(1);
        let later = |notice: u64| {
            let days = free.iter().filter(|(_, day)| *day >= proposed_day + notice);
            days.min_by_key(|(_, day)| *day).copied()
        };
        let day = later(notice).or_else(|| later(1))?;
        *free = vec![day];
        Some((proposed_s, question.subject))
    }

    /// How many there is room for.
    pub(crate) fn room(&self) -> u64 {
        self.days.len() as u64 * self.per_day_max
    }

    /// How many days are given.
    pub(crate) fn fixed(&self) -> u64 {
        self.dates.len() as u64
    }
}

/// Draws all meetings: first the given days, then the others on the days with the fewest meetings.
pub(crate) fn draw_all(
    all: &[Meetings],
    counts: &[u64],
    followed: &dyn Fn(&Follows) -> Vec<Question>,
    setting: &Setting<'_>,
    draw: &mut Draw,
    plan: &mut Plan,
) {
    let calendar = setting.calendar;
    let mut on_day: BTreeMap<u64, u64> = BTreeMap::new();
    let mut sittings: Vec<Vec<Sitting>> = Vec::new();
    for meetings in all {
        let mut fixed = Vec::new();
        for date in &meetings.dates {
            let found = date
                .day
                .and_then(|day| calendar.working_days().binary_search(&day).ok());
            let working_day = found.expect("a given day was checked to be a working day") as u64;
            *on_day.entry(working_day).or_default() += 1;
            let rank = |place: Place| date.attends[place].unwrap_or(meetings.level);
            let attends = PerPlace::new(rank(Place::South), rank(Place::North));
            fixed.push(meetings.sitting(calendar, working_day, attends, draw));
        }
        sittings.push(fixed);
    }
    for ((meetings, total), sittings) in all.iter().zip(counts).zip(&mut sittings) {
        let mut questions = meetings.follows.as_ref().map_or_else(Vec::new, |follows| {
            let mut questions = followed(follows);
            let needed = total.saturating_sub(sittings.len() as u64);
            draw.shuffle_first(&mut questions, needed as usize);
            questions.truncate(needed as usize);
            questions.reverse();
            questions
        });
        let mut own: BTreeMap<u64, u64> = BTreeMap::new();
        for sitting in &*sittings {
            *own.entry(sitting.working_day).or_default() += 1;
        }
        while (sittings.len() as u64) < *total {
            let count = |days: &BTreeMap<u64, u64>, day| days.get(&day).copied().unwrap_or(0);
            let days = meetings.days.iter().copied();
            let free = days.filter(|day| count(&own, *day) < meetings.per_day_max);
            let mut free: Vec<(u64, u64)> = free.map(|day| (count(&on_day, day), day)).collect();
            let follows = questions
                .pop()
                .and_then(|question| meetings.after(question, &mut free, calendar, draw));
            let fewest = free.iter().map(|(count, _)| *count).min();
            free.retain(|(count, _)| Some(*count) == fewest);
            let (_, day) = *draw.one_of(&free);
            *own.entry(day).or_default() += 1;
            *on_day.entry(day).or_default() += 1;
            let attends = PerPlace::new(meetings.level, meetings.level);
            let sitting = meetings.sitting(calendar, day, attends, draw);
            sittings.push(Sitting { follows, ..sitting });
        }
    }
    for (meetings, sittings) in all.iter().zip(&mut sittings) {
        sittings.sort_by_key(|sitting| (sitting.working_day, sitting.begins_s));
        for sitting in sittings {
            hold(meetings, sitting, setting, draw, plan);
        }
    }
}

/// Negotiates, convenes and closes one meeting.
fn hold(
    meetings: &Meetings,
    sitting: &Sitting,
    setting: &Setting<'_>,
    draw: &mut Draw,
    plan: &mut Plan,
) {
    let Setting {
        calendar,
        place,
        staff,
    } = *setting;
    let day_s = sitting.working_day * calendar.day_office_s();
    let begins_s = day_s + sitting.begins_s;
    let negotiation = Negotiation {
        meetings,
        sitting,
        calendar,
        staff,
        begins_s,
    };
    let key = negotiation.draw(place, draw, plan);

    let office = *draw.one_of(&Place::BOTH);
    let by = staff[office].of_rank(sitting.attends[office], draw);
    let text = "the delegations have met".to_owned();
    plan.add(
        calendar.office_time(begins_s),
        office,
        Act::ConveneMeeting { of: key, by, text },
    );

    let office = *draw.one_of(&Place::BOTH);
    let by = staff[office].of_rank(sitting.attends[office], draw);
    let text = "the agenda was gone through".to_owned();
    let duration = Duration::from_secs(sitting.duration_s);
    let ends_at = calendar.during(
        calendar.working_days()[sitting.working_day as usize],
        sitting.begins_s + sitting.duration_s,
    );
    plan.add(
        ends_at,
        office,
        Act::CloseMeeting {
            of: key,
            by,
            text,
            duration,
        },
    );
}

fn dates(value: &Value<'_>, calendar: Option<&Calendar>) -> Option<Vec<Fixed>> {
    let seen = std::cell::RefCell::new(Vec::new());
    value.list(|item| {
        let (day, attends) = if item.is_table() {
            item.table(DATE_KEYS, |table| {
                let day = table
                    .required("day")
                    .and_then(|value| working_day(&value, calendar));
                let rank = |key| table.or(key, None, |value| value.word(Rank::WORDS).map(Some));
                let (south, north) = (rank("south"), rank("north"));
                Some((day?, PerPlace::new(south?, north?)))
            })?
        } else {
            (working_day(&item, calendar)?, PerPlace::default())
        };
        if day.is_some() && seen.borrow().contains(&day) {
            item.mistake(
                format!("`{}` is given before", item.path()),
                "write each day once",
            );
            return None;
        }
        seen.borrow_mut().push(day);
        Some(Fixed { day, attends })
    })
}

/// The index of a given day. The inner `None`: it cannot be told, since the calendar is in doubt.
fn working_day(value: &Value<'_>, calendar: Option<&Calendar>) -> Option<Option<u64>> {
    let date = value.date()?;
    let Some(calendar) = calendar else {
        return Some(None);
    };
    let (path, last) = (value.path(), calendar.date(calendar.days() - 1));
    let Some(day) = calendar.index_of(date) else {
        let first = calendar.date(0);
        let remedy = format!("write a day from {first} to {last}, or change `period`");
        value.mistake(format!("`{path}` is {date}, outside the period"), remedy);
        return None;
    };
    if calendar.working_days().binary_search(&day).is_err() {
        let weekday = format!("{:?}", date.weekday());
        value.mistake(
            format!("`{path}` is {date}, a {weekday} on which the offices are closed"),
            "write a working day, or add the weekday to `office_hours.days`",
        );
        return None;
    }
    Some(Some(day))
}
