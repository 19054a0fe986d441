//! The calendar of a scenario: its period, and the office hours within it.
//!
//! Besides the calendar there is *office time*: the seconds of all office hours, strung together.
//! What takes a day of work takes it there, and never falls on a night or a closed day.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::Offset;

use office::{PerPlace, Place};
use reading::{Table, Value};

pub(crate) const PERIOD_KEYS: &[&str] = &["first_day", "last_day", "utc_offset"];
pub(crate) const HOURS_KEYS: &[&str] = &["days", "opens", "closes", "holidays", "south", "north"];
/// Of one office, where they are others.
const OFFICE_KEYS: &[&str] = &["days", "opens", "closes", "holidays", "utc_offset"];
const HOLIDAY_KEYS: [&str; 2] = ["from", "until"];

/// The first and the last minute of the office hours belong to the opening and the closing call.
pub(crate) const CALL_S: u64 = 60;
const DAY_S: i64 = 86_400;
pub(crate) const DAYS_MAX: i32 = 36_600;

pub(crate) const WEEKDAYS: &[(&str, Weekday)] = &[
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// First day, last day, distance from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period {
    first_day: Date,
    days: u64,
    // Of the first day's midnight, in seconds since 1970-01-01 00:00 UTC.
    start_s: i64,
    // The clock's distance from UTC.
    offset_s: i64,
}

/// On which days, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfficeHours {
    days: Vec<Weekday>,
    /// From the first to the last of each.
    holidays: Vec<(Date, Date)>,
    opens_s: u64,
    closes_s: u64,
}

/// The hours of both offices together, and of each where they are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BothHours {
    together: OfficeHours,
    own: Option<PerPlace<OfficeHours>>,
}

/// Days and hours of a scenario: those in which both offices work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    period: Period,
    hours: OfficeHours,
    // Indexes of days on which the offices work, ascending.
    working_days: Vec<u64>,
    /// Of each office, where it has hours of its own.
    own: Option<Box<PerPlace<Self>>>,
}

impl Period {
    pub(crate) fn read(table: &Table<'_>) -> Option<Self> {
        let first_day = table.required("first_day").and_then(|value| day(&value));
        let last = table.required("last_day");
        let last_day = last.as_ref().and_then(day);
        let offset = table
            .required("utc_offset")
            .and_then(|value| value.utc_offset());
        let (first_day, last_day) = (first_day?, last_day?);
        let days = (last_day - first_day).get_days() + 1;
        if !(1..=DAYS_MAX).contains(&days) {
            let message =
                format!("`period` has {days} days from {first_day} to {last_day}, both included");
            last?.mistake(
                message,
                format!("write a last day that makes 1 to {DAYS_MAX} days"),
            );
            return None;
        }
        let midnight = first_day.to_datetime(Time::midnight());
        let offset_s = i64::from(offset?.seconds());
        let start_s = offset?.to_timestamp(midnight).ok()?.as_second();
        Some(Self {
            first_day,
            days: u64::from(days.cast_unsigned()),
            start_s,
            offset_s,
        })
    }
}

impl Period {
    /// The day with the index `day`.
    fn date(&self, day: u64) -> Date {
        let span = jiff::Span::new().days(i64::try_from(day).unwrap_or(i64::MAX));
        self.first_day
            .checked_add(span)
            .expect("a day of the period is a date")
    }
}

/// A day that every clock can show, whatever its distance from UTC.
fn day(value: &Value<'_>) -> Option<Date> {
    let day = value.date()?;
    if (1900..2200).contains(&day.year()) {
        return Some(day);
    }
    value.mistake(
        format!("`{}` is {day}", value.path()),
        "write a day of the years 1900 to 2199",
    );
    None
}

impl BothHours {
    pub(crate) fn read(table: &Table<'_>, period: Option<&Period>) -> Option<Self> {
        let days = table
            .required("days")
            .and_then(|value| value.filled_list(|weekday| weekday.word(WEEKDAYS)));
        let holidays = table.or("holidays", Vec::new(), |value| {
            value.list(|days| holidays(&days, period))
        });
        let opens = table.required("opens").and_then(|value| value.time());
        let closes_value = table.required("closes");
        let closes = closes_value.as_ref().and_then(Value::time);
        let opens_s = second_of(opens?);
        let closes_s = closing_of(closes?);
        if closes_s < opens_s + 30 * 60 {
            let message =
                "the office hours are shorter than half an hour, or end before they begin";
            closes_value?.mistake(
                message.to_owned(),
                "write a closing time at least 30 minutes after the opening time",
            );
            return None;
        }
        let common = OfficeHours {
            days: days?,
            holidays: holidays?,
            opens_s,
            closes_s,
        };
        let mut own = Vec::new();
        for place in Place::BOTH {
            own.push(table.or(place.word(), common.clone(), |value| {
                value.table(OFFICE_KEYS, |table| common.of_office(table, period))
            }));
        }
        let [south, north] = own.try_into().ok()?;
        let (south, north): (OfficeHours, OfficeHours) = (south?, north?);
        let together = south.clone().and(north.clone());
        if together.closes_s < together.opens_s + 30 * 60 {
            let either = table.optional("north").or_else(|| table.optional("south"));
            either?.mistake(
                "the offices are open together for less than half an hour".to_owned(),
                "write hours of which half an hour and more is common to both",
            );
            return None;
        }
        let own = (south != north).then(|| PerPlace::new(south, north));
        Some(Self { together, own })
    }
}

impl OfficeHours {
    /// When both offices work.
    fn and(mut self, other: Self) -> Self {
        self.days.retain(|day| other.days.contains(day));
        self.holidays.extend(other.holidays);
        self.opens_s = self.opens_s.max(other.opens_s);
        self.closes_s = self.closes_s.min(other.closes_s);
        self
    }

    /// Those of an office for which some are others, by the clock of the scenario.
    fn of_office(&self, table: &Table<'_>, period: Option<&Period>) -> Option<Self> {
        let days = table.or("days", self.days.clone(), |value| {
            value.filled_list(|weekday| weekday.word(WEEKDAYS))
        });
        let holidays = table.or("holidays", self.holidays.clone(), |value| {
            value.list(|days| holidays(&days, period))
        });
        let opens = table.or("opens", self.opens_s, |value| value.time().map(second_of));
        let closes = table.or("closes", self.closes_s, |value| {
            value.time().map(closing_of)
        });
        let offset = table.or("utc_offset", None, |value| value.utc_offset().map(Some));
        let offset_s = offset?.map(|offset| i64::from(offset.seconds()));
        let later_s = period
            .zip(offset_s)
            .map_or(0, |(period, offset_s)| period.offset_s - offset_s);
        let moved = |second: u64| u64::try_from(second as i64 + later_s).ok();
        let (opens_s, closes_s) = (moved(opens?), moved(closes?));
        let closes_s = closes_s.filter(|closes_s| *closes_s <= DAY_S as u64);
        let (Some(opens_s), Some(closes_s)) = (opens_s, closes_s) else {
            table.required("utc_offset")?.mistake(
                "the hours of this office begin or end on another day by the clock of `period`"
                    .to_owned(),
                "write a `utc_offset` nearer to that of `period`, or other hours",
            );
            return None;
        };
        Some(Self {
            days: days?,
            holidays: holidays?,
            opens_s,
            closes_s,
        })
    }

    fn is_holiday(&self, date: Date) -> bool {
        let mut holidays = self.holidays.iter();
        holidays.any(|(from, until)| (*from..=*until).contains(&date))
    }

    /// Minutes of a day between the opening and the closing call.
    pub(crate) fn minutes(&self) -> u64 {
        (self.closes_s - self.opens_s - 2 * CALL_S) / 60
    }
}

/// The second of a day at which offices close; midnight is the one at the end of the day.
fn closing_of(time: Time) -> u64 {
    match second_of(time) {
        0 => DAY_S as u64,
        second => second,
    }
}

/// A day, or all from one to another.
fn holidays(value: &Value<'_>, period: Option<&Period>) -> Option<(Date, Date)> {
    let (from, until) = if value.is_table() {
        value.table(&HOLIDAY_KEYS, |table| {
            let [from, until] =
                HOLIDAY_KEYS.map(|key| table.required(key).and_then(|day| day.date()));
            let (from, until) = (from?, until?);
            if until < from {
                let message = format!("`{}` ends on {until}, before {from}", value.path());
                table
                    .required("until")?
                    .mistake(message, "write a later day");
                return None;
            }
            Some((from, until))
        })?
    } else {
        let day = value.date()?;
        (day, day)
    };
    let Some(period) = period else {
        return Some((from, until));
    };
    let (first, last) = (period.first_day, period.date(period.days - 1));
    if until < first || last < from {
        value.mistake(
            format!(
                "`{}` is outside the period, {first} to {last}",
                value.path()
            ),
            "leave it out, or change `period`",
        );
        return None;
    }
    Some((from, until))
}

/// The second of a day at which `time` is.
pub(crate) fn second_of(time: Time) -> u64 {
    u64::from(
        u32::from(time.hour().cast_unsigned()) * 3600
            + u32::from(time.minute().cast_unsigned()) * 60,
    )
}

impl Calendar {
    pub(crate) fn new(period: Period, hours: BothHours) -> Self {
        let own = hours.own.map(|own| {
            let calendar = |place: Place| Self::of_hours(period.clone(), own[place].clone());
            Box::new(PerPlace::new(
                calendar(Place::South),
                calendar(Place::North),
            ))
        });
        Self {
            own,
            ..Self::of_hours(period, hours.together)
        }
    }

    fn of_hours(period: Period, hours: OfficeHours) -> Self {
        let first = period
            .first_day
            .weekday()
            .to_monday_zero_offset()
            .cast_unsigned();
        let works = |day: &u64| {
            let weekday = WEEKDAYS[((u64::from(first) + day) % 7) as usize].1;
            let date = period.date(*day);
            hours.days.contains(&weekday) && !hours.is_holiday(date)
        };
        let working_days = (0..period.days).filter(works).collect();
        Self {
            period,
            hours,
            working_days,
            own: None,
        }
    }

    /// When the office at `place` works, alone or with the other.
    pub(crate) fn of(&self, place: Place) -> &Self {
        self.own.as_ref().map_or(self, |own| &own[place])
    }

    /// Whether an office works while the other does not.
    pub(crate) const fn differs(&self) -> bool {
        self.own.is_some()
    }

    /// How far the scenario's clocks are from UTC.
    pub fn utc_offset(&self) -> Offset {
        let midnight = self.period.first_day.to_datetime(Time::midnight());
        let utc = Offset::UTC.to_timestamp(midnight);
        let seconds = utc.map_or(0, |utc| utc.as_second() - self.period.start_s);
        Offset::from_seconds(i32::try_from(seconds).unwrap_or(0)).unwrap_or(Offset::UTC)
    }

    /// Midnight at the start of the first day.
    pub fn start(&self) -> Timestamp {
        self.at(0, 0)
    }

    /// Midnight at the end of the last day.
    pub fn end(&self) -> Timestamp {
        self.at(self.period.days, 0)
    }

    /// Calendar days.
    pub fn days(&self) -> u64 {
        self.period.days
    }

    /// Days on which the offices work, as indexes from the first day, ascending.
    pub(crate) fn working_days(&self) -> &[u64] {
        &self.working_days
    }

    pub(crate) fn hours(&self) -> &OfficeHours {
        &self.hours
    }

    /// The day with the index `day`.
    pub(crate) fn date(&self, day: u64) -> Date {
        self.period.date(day)
    }

    /// The index of `date`, if it is within the period.
    pub(crate) fn index_of(&self, date: Date) -> Option<u64> {
        let days = u64::try_from((date - self.period.first_day).get_days()).ok()?;
        (days < self.period.days).then_some(days)
    }

    /// A moment by the scenario's clock, of any day.
    pub(crate) fn moment(&self, moment: DateTime) -> Timestamp {
        let days = i64::from((moment.date() - self.period.first_day).get_days());
        let time = moment.time();
        let seconds = i64::from(time.hour()) * 3_600
            + i64::from(time.minute()) * 60
            + i64::from(time.second());
        let second = self.period.start_s + days * DAY_S + seconds;
        Timestamp::from_second(second).expect("a moment is of the years 1900 to 2199")
    }

    /// `second` seconds after the midnight that begins the day with the index `day`.
    pub(crate) fn at(&self, day: u64, second: u64) -> Timestamp {
        let second = self.period.start_s + day as i64 * DAY_S + second as i64;
        Timestamp::from_second(second).expect("a period ends before the year 2200")
    }

    /// The weekday of the first day, from 0 for Monday.
    pub(crate) fn first_weekday(&self) -> u8 {
        let weekday = self.period.first_day.weekday();
        weekday.to_monday_zero_offset().cast_unsigned()
    }

    /// The weekday of the day with the index `day`.
    pub(crate) fn weekday(&self, day: u64) -> Weekday {
        WEEKDAYS[((u64::from(self.first_weekday()) + day) % 7) as usize].1
    }

    /// The last second of the period, counted from its first midnight.
    pub(crate) fn last_s(&self) -> u64 {
        self.period.days * DAY_S as u64 - 1
    }

    /// The second of the period at which `at` is.
    pub(crate) fn second_at(&self, at: Timestamp) -> u64 {
        u64::try_from(at.as_second() - self.period.start_s).unwrap_or(0)
    }

    /// The instant `second` seconds after the first midnight.
    pub(crate) fn at_second(&self, second: u64) -> Timestamp {
        self.at(0, second)
    }

    /// The second of the period at which `office_s` seconds of office time are over.
    pub(crate) fn second_of(&self, office_s: u64) -> u64 {
        let day = self.working_days[(office_s / self.day_office_s()) as usize];
        day * DAY_S as u64 + self.hours.opens_s + CALL_S + office_s % self.day_office_s()
    }

    /// How much office time is over at `second` of the period; what is outside office hours has passed by.
    pub(crate) fn office_s_from(&self, second: u64) -> u64 {
        let (day, of_day) = (second / DAY_S as u64, second % DAY_S as u64);
        let before = self.working_days.partition_point(|working| *working < day);
        let begins = self.hours.opens_s + CALL_S;
        let today = if self.working_days.get(before) == Some(&day) {
            of_day.saturating_sub(begins).min(self.day_office_s())
        } else {
            0
        };
        before as u64 * self.day_office_s() + today
    }

    /// The last of office time that is not after `second` of the period.
    pub(crate) fn office_s_until(&self, second: u64) -> u64 {
        let over_s = self.office_s_from(second);
        let begins = over_s < self.office_s() && self.second_of(over_s) <= second;
        over_s.saturating_sub(u64::from(!begins))
    }

    /// When the offices open on the day with the index `day`.
    pub(crate) fn opens(&self, day: u64) -> Timestamp {
        self.at(day, self.hours.opens_s)
    }

    /// When the offices close on the day with the index `day`.
    pub(crate) fn closes(&self, day: u64) -> Timestamp {
        // At midnight the day is over.
        self.at(day, self.hours.closes_s.min(DAY_S as u64 - 1))
    }

    /// `second` seconds after the opening call's minute on the day with the index `day`.
    pub(crate) fn during(&self, day: u64, second: u64) -> Timestamp {
        self.at(day, self.hours.opens_s + CALL_S + second)
    }

    /// Seconds of office time in one day.
    pub(crate) fn day_office_s(&self) -> u64 {
        self.hours.closes_s - self.hours.opens_s - 2 * CALL_S
    }

    /// Seconds of office time in the period.
    pub(crate) fn office_s(&self) -> u64 {
        self.working_days.len() as u64 * self.day_office_s()
    }

    /// The instant `office_s` seconds of office time after the start, less than [`Self::office_s`].
    pub(crate) fn office_time(&self, office_s: u64) -> Timestamp {
        let day = self.working_days[(office_s / self.day_office_s()) as usize];
        self.during(day, office_s % self.day_office_s())
    }
}
