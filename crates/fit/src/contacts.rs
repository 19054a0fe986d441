//! Meetings, consultations and calls of a ledger, and the blocks of a scenario that bring such.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::Offset;
use office::contact::ContactKind;
use office::officer::Rank;
use office::{Place, StepId, StepKind};
use prost::Message as _;
use protocol::pb::office as pb;

use crate::text::{listed, per_mille, ranked, text};
use crate::weeks::{date_of, hour_of_week};
use formats::Told;

const DAY_S: i64 = 86_400;
/// What a scenario takes at most.
const PER_DAY_MAX: u64 = 100;
const NOTICE_DAYS_MAX: u64 = 100;
/// The first hour of a day is for negotiating, and a minute at either end for the calls.
const MORNING_MINUTES: u64 = 60;
const HOURS_MINUTES_MIN: i64 = 120;

#[derive(Debug, Default)]
struct Meeting {
    terms: pb::MeetingTerms,
    proposed_s: i64,
    /// What was done about it after it was proposed.
    moved: BTreeSet<StepKind>,
    convened_s: Option<i64>,
    closed: bool,
    minutes: Option<u64>,
}

#[derive(Debug)]
struct Consultation {
    contact: pb::Contact,
    begun_s: i64,
    recorded_s: i64,
    confirmed_s: Option<i64>,
}

#[derive(Debug)]
struct Call {
    at_s: i64,
    place: Place,
    opening: bool,
    answered: bool,
}

/// What is no document. Times in local seconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    meetings: BTreeMap<StepId, Meeting>,
    consultations: BTreeMap<StepId, Consultation>,
    calls: Vec<Call>,
}

/// The office hours that a ledger's contacts and calls show.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    pub(crate) days: BTreeSet<i8>,
    pub(crate) opens_minute: i64,
    pub(crate) closes_minute: i64,
    /// Days on which they would have worked, and did not.
    pub(crate) holidays: BTreeSet<Date>,
}

impl Hours {
    pub(crate) fn is_open(&self, day: Date) -> bool {
        self.days.contains(&day.weekday().to_monday_zero_offset()) && !self.holidays.contains(&day)
    }

    /// The holidays among `days`, those in a row together.
    pub(crate) fn holidays(&self, days: &[Date]) -> Vec<(Date, Date)> {
        let mut rows: Vec<(Date, Date)> = Vec::new();
        let mut in_a_row = false;
        for day in days {
            if self.holidays.contains(day) {
                match rows.last_mut() {
                    Some((_, until)) if in_a_row => *until = *day,
                    _ => rows.push((*day, *day)),
                }
                in_a_row = true;
            } else if self.is_open(*day) {
                in_a_row = false;
            }
        }
        rows
    }

    fn minutes(&self) -> u64 {
        u64::try_from(self.closes_minute - self.opens_minute - 2).unwrap_or(0)
    }
}

impl Contacts {
    pub(crate) fn take(&mut self, told: &Told, at_s: i64, offset: Offset) {
        let payload = told.payload.clone();
        let id = told.exchange.1;
        let place = told.step.id.place;
        match told.step.kind {
            StepKind::MeetingProposed => {
                let meeting = Meeting {
                    terms: pb::MeetingTerms::decode(payload).unwrap_or_default(),
                    proposed_s: at_s,
                    ..Meeting::default()
                };
                self.meetings.insert(id, meeting);
            }
            StepKind::ContactRecorded => {
                let contact = pb::Contact::decode(payload).unwrap_or_default();
                let begun = contact.begun_at.as_ref();
                let begun_s = begun.map_or(at_s, |at| at.seconds + i64::from(offset.seconds()));
                let consultation = Consultation {
                    contact,
                    begun_s,
                    recorded_s: at_s,
                    confirmed_s: None,
                };
                self.consultations.insert(id, consultation);
            }
            StepKind::ContactConfirmed => {
                if let Some(consultation) = self.consultations.get_mut(&id) {
                    consultation.confirmed_s.get_or_insert(at_s);
                }
            }
            StepKind::CallRecorded => {
                let call = pb::Call::decode(payload).unwrap_or_default();
                self.calls.push(Call {
                    at_s,
                    place,
                    opening: call.kind() == pb::CallKind::Opening,
                    answered: call.outcome() != pb::CallOutcome::Unanswered,
                });
            }
            kind => {
                if let Some(meeting) = self.meetings.get_mut(&id) {
                    meeting.take(kind, payload, at_s);
                }
            }
        }
    }

    /// From when to when, and on which of `days`, the offices seem to work.
    pub(crate) fn hours(&self, days: &[Date]) -> Hours {
        let minute = |at_s: i64| at_s.rem_euclid(DAY_S) / 60;
        // At midnight the day is over: who closes then closes in its last second.
        let closing = |at_s: i64| minute(at_s) + i64::from(at_s.rem_euclid(DAY_S) == DAY_S - 1);
        let weekday = |at_s: i64| date_of(at_s).weekday().to_monday_zero_offset();
        let held = self.held().filter_map(|meeting| meeting.convened_s);
        let weekdays: BTreeSet<i8> = held
            .chain(self.calls.iter().map(|call| call.at_s))
            .map(weekday)
            .collect();
        let calls = |opening: bool| {
            self.calls
                .iter()
                .filter(move |call| call.opening == opening)
        };
        let mut opens_minute = calls(true)
            .map(|call| minute(call.at_s))
            .min()
            .unwrap_or(9 * 60);
        let mut closes_minute = calls(false)
            .map(|call| closing(call.at_s))
            .max()
            .unwrap_or(17 * 60);
        for (from_s, until_s) in self.spans() {
            if date_of(from_s) == date_of(until_s) {
                opens_minute = opens_minute.min((minute(from_s) - 1).max(0));
                closes_minute = closes_minute.max((minute(until_s) + 1).min(24 * 60));
            }
        }
        // There must be room to negotiate, and to hold what was negotiated.
        if closes_minute < opens_minute + HOURS_MINUTES_MIN {
            closes_minute = (opens_minute + HOURS_MINUTES_MIN).min(24 * 60 - 1);
            opens_minute = opens_minute.min(closes_minute - HOURS_MINUTES_MIN);
        }
        let mut hours = Hours {
            days: if weekdays.is_empty() {
                (0..5).collect()
            } else {
                weekdays
            },
            opens_minute,
            closes_minute,
            holidays: BTreeSet::new(),
        };
        hours.holidays = self.quiet(days.iter().copied().filter(|day| hours.is_open(*day)));
        hours
    }

    /// The working days without a call or a meeting, where most have a call: holidays, then.
    fn quiet(&self, working: impl Iterator<Item = Date>) -> BTreeSet<Date> {
        let called: BTreeSet<Date> = self.calls.iter().map(|call| date_of(call.at_s)).collect();
        let met: BTreeSet<Date> = self
            .held()
            .filter_map(|meeting| Some(date_of(meeting.convened_s?)))
            .collect();
        let (with, without): (Vec<Date>, Vec<Date>) =
            working.partition(|day| called.contains(day) || met.contains(day));
        let of_calls = with.iter().filter(|day| called.contains(day)).count();
        if of_calls <= without.len() {
            return BTreeSet::new();
        }
        without.into_iter().collect()
    }

    /// The blocks of a scenario over these days, and the totals to state.
    pub(crate) fn blocks(&self, hours: &Hours, days: &[Date]) -> String {
        let mut blocks = self.calls_block(hours, days);
        let mut by_sort: BTreeMap<(i32, i32), Vec<&Meeting>> = BTreeMap::new();
        for meeting in self.held() {
            let sort = (meeting.terms.kind, meeting.level());
            by_sort.entry(sort).or_default().push(meeting);
        }
        for ((kind, level), held) in by_sort {
            let begun = self
                .meetings
                .values()
                .filter(|meeting| (meeting.terms.kind, meeting.level()) == (kind, level));
            blocks += &meetings_block(&held, &begun.collect::<Vec<_>>(), hours, days);
        }
        let mut by_kind: BTreeMap<i32, Vec<&Consultation>> = BTreeMap::new();
        for consultation in self.consultations.values() {
            if consultation.confirmed_s.is_some() {
                by_kind
                    .entry(consultation.contact.kind)
                    .or_default()
                    .push(consultation);
            }
        }
        for held in by_kind.values() {
            blocks += &consultations_block(held, hours, days);
        }
        blocks
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.meetings.is_empty() && self.consultations.is_empty() && self.calls.is_empty()
    }

    fn held(&self) -> impl Iterator<Item = &Meeting> {
        self.meetings.values().filter(|meeting| meeting.closed)
    }

    /// From beginning to end.
    fn spans(&self) -> impl Iterator<Item = (i64, i64)> {
        let meetings = self.held().filter_map(|meeting| {
            let begins_s = meeting.convened_s?;
            let lasts_s = i64::try_from(meeting.minutes.unwrap_or(30) * 60).unwrap_or(0);
            Some((begins_s, begins_s + lasts_s))
        });
        let consultations = self.consultations.values();
        meetings.chain(consultations.filter_map(|seen| Some((seen.begun_s, seen.confirmed_s?))))
    }

    fn calls_block(&self, hours: &Hours, days: &[Date]) -> String {
        if self.calls.is_empty() {
            return String::new();
        }
        let of_south = self
            .calls
            .iter()
            .filter(|call| call.place == Place::South)
            .count();
        let made_by = match of_south {
            0 => "north",
            all if all == self.calls.len() => "south",
            _ => "seed",
        };
        let unanswered = self.calls.iter().filter(|call| !call.answered).count();
        let per_mille = per_mille(unanswered, self.calls.len());
        let block =
            format!("\n[calls]\nmade_by = \"{made_by}\"\nunanswered_per_mille = {per_mille}\n");
        let working = days.iter().filter(|day| hours.is_open(**day)).count();
        if self.calls.len() == 2 * working {
            return block;
        }
        // Not two on every working day: as many, at the hours of the week that had them.
        let mut weights = [0_u64; 168];
        for call in &self.calls {
            weights[hour_of_week(call.at_s) as usize] += 1;
        }
        let (total, weights) = (self.calls.len(), listed(&weights));
        format!("{block}total = {total}\nrhythm.hours_of_week = {weights}\n")
    }
}

impl Meeting {
    fn take(&mut self, kind: StepKind, payload: bytes::Bytes, at_s: i64) {
        self.moved.insert(kind);
        match kind {
            StepKind::MeetingCountered => {
                self.terms = pb::MeetingTerms::decode(payload).unwrap_or_default();
            }
            StepKind::MeetingConvened => self.convened_s = Some(at_s),
            StepKind::MeetingClosed => {
                self.closed = true;
                let closing = pb::MeetingClosing::decode(payload).unwrap_or_default();
                let lasted = closing.duration.or(self.terms.duration);
                self.minutes = lasted.map(|lasted| u64::try_from(lasted.seconds / 60).unwrap_or(0));
            }
            _ => {}
        }
    }

    /// The level, which a scenario needs: where none was stated, the one that the kind is named after.
    fn level(&self) -> i32 {
        if self.terms.level != 0 {
            return self.terms.level;
        }
        match self.terms.kind() {
            pb::ContactKind::Chiefs => pb::Rank::Chief.into(),
            pb::ContactKind::GovernmentOfficials => pb::Rank::GovernmentOfficial.into(),
            _ => pb::Rank::WorkingLevelOfficial.into(),
        }
    }
}

fn meetings_block(held: &[&Meeting], begun: &[&Meeting], hours: &Hours, days: &[Date]) -> String {
    let first = held[0];
    let kind = kind_word(ContactKind::MEETINGS, first.terms.kind).unwrap_or("chiefs");
    let working = days.iter().filter(|day| hours.is_open(**day)).count();
    let dates = held
        .iter()
        .filter_map(|meeting| Some(date_of(meeting.convened_s?)));
    let per_day = per_day_max(dates, working, held.len());
    let notices = held.iter().filter_map(|meeting| {
        let days = (date_of(meeting.convened_s?) - date_of(meeting.proposed_s)).get_days();
        Some(u64::try_from(days).unwrap_or(0).min(NOTICE_DAYS_MAX))
    });
    let room = hours.minutes().saturating_sub(MORNING_MINUTES).max(1);
    let minutes = held
        .iter()
        .map(|meeting| meeting.minutes.unwrap_or(30).clamp(1, room));
    let (notice_min, notice_max) = ends(notices);
    let (minutes_min, minutes_max) = ends(minutes);
    let share = |was: fn(&Meeting) -> bool| {
        per_mille(
            begun.iter().filter(|meeting| was(meeting)).count(),
            held.len(),
        )
    };
    let mut block = format!(
        "\n[[meetings]]\nkind = \"{kind}\"\nlevel = \"{}\"\ntotal = {}\nper_day_max = {per_day}\n\
         counter_per_mille = {}\ndecline_per_mille = {}\ncancel_per_mille = {}\n\
         notice_days_min = {notice_min}\nnotice_days_max = {notice_max}\n\
         duration_minutes_min = {minutes_min}\nduration_minutes_max = {minutes_max}\n",
        rank_word(first.level()),
        held.len(),
        share(|meeting| meeting.closed && meeting.moved.contains(&StepKind::MeetingCountered)),
        share(|meeting| meeting.moved.contains(&StepKind::MeetingDeclined)),
        share(|meeting| meeting.moved.contains(&StepKind::MeetingCancelled)),
    );
    let topics = held.iter().flat_map(|meeting| &meeting.terms.topics);
    let topics = ranked(topics.map(String::as_str), "Matters of the day");
    let _ = writeln!(block, "topics = {topics}");
    block.push_str(&formality_line(first.terms.formality));
    block
}

fn consultations_block(held: &[&Consultation], hours: &Hours, days: &[Date]) -> String {
    let first = &held[0].contact;
    let kind = kind_word(ContactKind::CONSULTATIONS, first.kind).unwrap_or("not stated");
    let any_day = held
        .iter()
        .any(|seen| !hours.is_open(date_of(seen.begun_s)));
    let usable = days
        .iter()
        .filter(|day| any_day || hours.is_open(**day))
        .count();
    let dates = held.iter().map(|seen| date_of(seen.begun_s));
    let per_day = per_day_max(dates, usable, held.len());
    let minutes = |seconds: i64| u64::try_from(seconds / 60).unwrap_or(0).max(1);
    let lasted = |seen: &Consultation| {
        let lasted = seen.contact.duration.as_ref();
        lasted.map_or(10, |lasted| minutes(lasted.seconds))
    };
    let mut spans = [
        ends(held.iter().map(|seen| lasted(seen))),
        ends(held.iter().map(|seen| {
            let ended_s = seen.begun_s + i64::try_from(lasted(seen) * 60).unwrap_or(0);
            minutes(seen.recorded_s - ended_s)
        })),
        ends(
            held.iter()
                .filter_map(|seen| Some(minutes(seen.confirmed_s? - seen.recorded_s))),
        ),
    ];
    // All of it has to fit into a turn of the day.
    let room = (hours.minutes() / per_day).max(3);
    let needed: u64 = spans.iter().map(|(_, most)| *most).sum();
    if needed > room {
        for (least, most) in &mut spans {
            *most = (*most * room / needed).max(1);
            *least = (*least).min(*most);
        }
    }
    let mut block = format!(
        "\n[[consultations]]\nkind = \"{kind}\"\ntotal = {}\nper_day_max = {per_day}\nany_day = {any_day}\n",
        held.len()
    );
    for (stem, (least, most)) in ["duration", "record", "confirm"].iter().zip(spans) {
        let _ = writeln!(
            block,
            "{stem}_minutes_min = {least}\n{stem}_minutes_max = {most}"
        );
    }
    if first.level != 0 && held.iter().all(|seen| seen.contact.level == first.level) {
        let _ = writeln!(block, "level = \"{}\"", rank_word(first.level));
    }
    let topics = held.iter().flat_map(|seen| &seen.contact.topics);
    let topics: Vec<&str> = topics.map(String::as_str).collect();
    if !topics.is_empty() {
        let topics = ranked(topics.into_iter(), "Matters of the day");
        let _ = writeln!(block, "topics = {topics}");
    }
    block.push_str(&formality_line(first.formality));
    block
}

/// As many as any day has, and as the total needs.
fn per_day_max(dates: impl Iterator<Item = Date>, days: usize, total: usize) -> u64 {
    let mut by_day: BTreeMap<Date, u64> = BTreeMap::new();
    for date in dates {
        *by_day.entry(date).or_default() += 1;
    }
    let most = by_day.into_values().max().unwrap_or(1);
    let needed = (total as u64).div_ceil((days as u64).max(1));
    most.max(needed).clamp(1, PER_DAY_MAX)
}

fn ends(values: impl Iterator<Item = u64>) -> (u64, u64) {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    match (values.first(), values.last()) {
        (Some(least), Some(most)) => (*least, *most),
        _ => (1, 1),
    }
}

/// The word that scenario files have for one of these kinds.
fn kind_word(kinds: &[(&'static str, ContactKind)], number: i32) -> Option<&'static str> {
    let meant = protocol::contact_kind_from_pb(number)?;
    let found = kinds.iter().find(|(_, kind)| *kind == meant);
    found.map(|(word, _)| *word)
}

fn rank_word(number: i32) -> &'static str {
    let rank = protocol::rank_from_pb(number).unwrap_or(Rank::WorkingLevelOfficial);
    rank.word()
}

fn formality_line(number: i32) -> String {
    match words::formality(number) {
        none if none.is_empty() => none,
        formality => format!("formality = {}\n", text(&formality)),
    }
}
