//! Consultations: contacts that need no negotiation. One office records, the other confirms.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Weekday;
use office::contact::{Contact, ContactKind, Formality};
use office::officer::Rank;
use office::{PerPlace, Place};

use crate::amount::Amount;
use crate::calendar::{Calendar, WEEKDAYS};
use crate::documents::TOPIC_BYTES_MAX;
use crate::draw::Draw;
use crate::staff::Staff;
use crate::timeline::{Act, Plan};
use reading::{Table, Value};

pub(crate) const CONSULTATIONS_KEYS: &[&str] = &[
    "kind",
    "level",
    "total",
    "per_day",
    "per_week",
    "days",
    "per_day_max",
    "any_day",
    "duration_minutes_min",
    "duration_minutes_max",
    "record_minutes_min",
    "record_minutes_max",
    "confirm_minutes_min",
    "confirm_minutes_max",
    "topics",
    "formality",
];

const MINUTE_S: u64 = 60;

/// Consultations of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consultations {
    pub(crate) kind: ContactKind,
    level: Option<Rank>,
    pub(crate) amount: Amount,
    per_day_max: u64,
    any_day: bool,
    duration_minutes: RangeInclusive<u64>,
    record_minutes: RangeInclusive<u64>,
    pub(crate) confirm_minutes: RangeInclusive<u64>,
    topics: Vec<String>,
    formality: Option<Formality>,
    // Indexes of days on which they may be held; none while the calendar is in doubt.
    days: Vec<u64>,
}

impl Consultations {
    pub(crate) fn read(
        table: &Table<'_>,
        calendar: Option<&Calendar>,
        staff: Option<&PerPlace<Staff>>,
    ) -> Option<Self> {
        let kind = table
            .required("kind")
            .and_then(|value| value.word(ContactKind::CONSULTATIONS));
        let level = table.or("level", None, |value| value.word(Rank::WORDS).map(Some));
        let amount = Amount::read(table);
        let weekdays = table.or("days", None, |value| {
            value.filled_list(|day| day.word(WEEKDAYS)).map(Some)
        });
        let per_day_value = table.required("per_day_max");
        let per_day_max = per_day_value
            .as_ref()
            .and_then(|value| value.integer(1..=100));
        let any_day = table.or("any_day", false, |value| value.flag());
        let duration = table.range("duration_minutes", &(1..=1_440));
        let record = table.range("record_minutes", &(1..=1_440));
        let confirm = table.range("confirm_minutes", &(1..=1_440));
        let topics = table.or("topics", Vec::new(), |value| {
            value.filled_list(|topic| topic.text(TOPIC_BYTES_MAX))
        });
        let formality = table.or("formality", None, |value| {
            value.word(Formality::WORDS).map(Some)
        });
        let (amount, total_value) = amount?;
        let weekdays = weekdays?;
        let mut consultations = Self {
            amount,
            per_day_max: per_day_max?,
            any_day: any_day?,
            duration_minutes: duration?,
            record_minutes: record?,
            confirm_minutes: confirm?,
            kind: kind?,
            level: level?,
            topics: topics?,
            formality: formality?,
            days: Vec::new(),
        };
        let Some(calendar) = calendar else {
            return Some(consultations);
        };
        consultations.days = consultations.days_in(calendar, weekdays.as_deref(), staff);
        let total = amount.mean(calendar);
        consultations.check_total(&total_value, total)?;
        let per_day_max = consultations.per_day_max;
        let (needed, room) = (
            consultations.minutes_max(),
            calendar.hours().minutes() / per_day_max,
        );
        if total > 0 && needed > room {
            per_day_value?.mistake(
                format!(
                    "{per_day_max} a day leave {room} minutes each, and holding, recording and \
                     confirming one may take {needed}"
                ),
                "lower `per_day_max` or the minutes, or lengthen `office_hours`",
            );
            return None;
        }
        Some(consultations)
    }

    /// The days on which they may be held.
    fn days_in(
        &self,
        calendar: &Calendar,
        weekdays: Option<&[Weekday]>,
        staff: Option<&PerPlace<Staff>>,
    ) -> Vec<u64> {
        let any_day: Vec<u64> = (0..calendar.days()).collect();
        let days = if self.any_day {
            &any_day
        } else {
            calendar.working_days()
        };
        let may_be_held = |day: &u64| {
            let weekday = calendar.weekday(*day);
            let there = |place: Place| {
                self.level
                    .zip(staff)
                    .is_none_or(|(level, staff)| staff[place].is_there(level, weekday))
            };
            let named = weekdays.is_none_or(|named| named.contains(&weekday));
            named && Place::BOTH.into_iter().all(there)
        };
        days.iter().copied().filter(may_be_held).collect()
    }

    fn check_total(&self, value: &Value<'_>, total: u64) -> Option<()> {
        let (days, per_day_max) = (self.days.len() as u64, self.per_day_max);
        let room = days * per_day_max;
        if total <= room {
            return Some(());
        }
        let (sort, remedy) = if self.any_day {
            (
                "calendar",
                "lower the total, raise `per_day_max`, or lengthen `period`",
            )
        } else {
            (
                "working",
                "lower the total, raise `per_day_max`, lengthen `period`, or write \
                 `any_day = true`",
            )
        };
        let message = format!(
            "`{}` is {total}: {days} {sort} days with at most {per_day_max} each have room \
             for {room}",
            value.path()
        );
        value.mistake(message, remedy);
        None
    }

    pub(crate) fn draw(
        &self,
        total: u64,
        calendar: &Calendar,
        place: &str,
        staff: &PerPlace<Staff>,
        draw: &mut Draw,
        plan: &mut Plan,
    ) {
        // A day has as many turns as consultations at most, one after the other: no two overlap,
        // and no two begin at once.
        let mut turns: Vec<(u64, u64)> = self
            .days
            .iter()
            .flat_map(|day| (0..self.per_day_max).map(|turn| (*day, turn)))
            .collect();
        draw.shuffle_first(&mut turns, total as usize);
        turns.truncate(total as usize);
        turns.sort_unstable();
        let turn_minutes = calendar.hours().minutes() / self.per_day_max;
        for (day, turn) in turns {
            let duration = draw.within(self.duration_minutes.clone());
            let record = draw.within(self.record_minutes.clone());
            let confirm = draw.within(self.confirm_minutes.clone());
            let latest = turn_minutes - (duration + record + confirm);
            let begins = turn * turn_minutes + draw.within(0..=latest);
            let at = |minutes: u64| calendar.during(day, minutes * MINUTE_S);

            let mut participants = Vec::new();
            for place in Place::BOTH {
                let rank = self.level.unwrap_or(Rank::WorkingLevelOfficial);
                participants.extend(staff[place].delegation(rank, draw));
            }
            let topics = if self.topics.is_empty() {
                vec![]
            } else {
                vec![draw.one_of(&self.topics).clone()]
            };
            let contact = Contact {
                kind: self.kind,
                level: self.level,
                participants,
                place: place.to_owned(),
                begun_at: plan.own_instant(at(begins)),
                duration: Some(Duration::from_secs(duration * MINUTE_S)),
                topics,
                formality: self.formality,
            };
            let office = *draw.one_of(&Place::BOTH);
            let key = plan.next_key();
            let recorded = begins + duration + record;
            plan.add(
                at(recorded),
                office,
                Act::RecordContact {
                    key,
                    contact: Box::new(contact),
                },
            );
            let by = staff[office.peer()].any(draw);
            let text = "so it was".to_owned();
            plan.add(
                at(recorded + confirm),
                office.peer(),
                Act::ConfirmContact { of: key, by, text },
            );
        }
    }

    /// How many there is room for.
    pub(crate) fn room(&self) -> u64 {
        self.days.len() as u64 * self.per_day_max
    }

    /// From beginning to confirmation, at the longest.
    fn minutes_max(&self) -> u64 {
        self.duration_minutes.end() + self.record_minutes.end() + self.confirm_minutes.end()
    }
}
