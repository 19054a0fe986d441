//! The scenario file.

use std::fmt::Write as _;

use jiff::civil::Date;
use office::Place;
use reading::offset_text;
use scenario::Scenario;

use crate::FitError;
use crate::contacts::Hours;
use crate::gaps::{self, Clock};
use crate::observed::{OFFICERS_MAX, Observed, Seen, Weeks};
use crate::sample::quantiles;
use crate::text::{fits, listed, most_frequent, per_mille, text, words};
use crate::weeks::{hour_of_week, week_of, weekday_word};

const DAYS_MAX: i64 = 36_600;
const QUANTILES: usize = 201;
const WEIGHT_MAX: u64 = 1_000_000;
const NAME_BYTES_MAX: usize = 256;
/// Officers of a rank who are named; more are counted.
const NAMED_MAX: usize = 10;
const BODY_BYTES_MAX: u64 = 1 << 20;
/// What a block of documents needs beside its rhythm.
const PLAIN: &str =
    "forms = [\"note\"]\nsubjects = [\"x\"]\nanswered_per_mille = 0\nanswer_seconds = [1]\n";

impl Observed {
    /// A scenario file named `name`, fitted to the documents of some weeks, and to all contacts and calls where that is all
    /// weeks. It is parsed before it is returned.
    pub fn scenario(&self, name: &str, weeks: Weeks) -> Result<String, FitError> {
        let (first, last) = self.days().ok_or(FitError::Empty)?;
        let seen: Vec<&Seen> = self.documents_of(weeks).collect();
        if seen.is_empty() && self.contacts.is_empty() {
            return Err(FitError::Empty);
        }
        let days = i64::from((last - first).get_days()) + 1;
        if days > DAYS_MAX {
            return Err(FitError::TooLong {
                days,
                max: DAYS_MAX,
            });
        }
        let dates: Vec<Date> = first
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= last)
            .collect();
        let hours = self.contacts.hours(&dates);
        let head = self.head(name, &dates, &hours);
        let mut file = head.clone();
        if !seen.is_empty() {
            file += &documents_block(self, &seen, &head);
        }
        if weeks == Weeks::All {
            file += &self.contacts.blocks(&hours, &dates);
        }
        Scenario::parse(name, &file)?;
        Ok(file)
    }

    fn head(&self, name: &str, days: &[Date], hours: &Hours) -> String {
        let (first, last) = (days[0], days[days.len() - 1]);
        let weekdays: Vec<String> = hours
            .days
            .iter()
            .map(|day| text(weekday_word(*day)))
            .collect();
        let time = |minute: i64| format!("{:02}:{:02}:00", minute / 60 % 24, minute % 60);
        let mut head = format!(
            "# Fitted to a ledger: whatever is not said to be assumed was measured there.\n\n\
             [scenario]\nname = {}\ntitle = {}\nplace = \"the office\" # assumption\n\n\
             [period]\nfirst_day = {first}\nlast_day = {last}\nutc_offset = \"{}\"\n\n\
             [office_hours]\ndays = [{}]\nopens = {}\ncloses = {}\n",
            text(name),
            text(&format!("Fitted to a ledger, {first} to {last}")),
            offset_text(self.offset()),
            weekdays.join(", "),
            time(hours.opens_minute),
            time(hours.closes_minute),
        );
        let holiday = |(from, until): (Date, Date)| {
            if until == from {
                from.to_string()
            } else {
                format!("{{ from = {from}, until = {until} }}")
            }
        };
        let holidays: Vec<String> = hours.holidays(days).into_iter().map(holiday).collect();
        if !holidays.is_empty() {
            let _ = writeln!(head, "holidays = [{}]", holidays.join(", "));
        }
        for place in Place::BOTH {
            let _ = writeln!(head, "\n[staff.{place}]");
            let ranks = [
                "chiefs",
                "deputy_chiefs",
                "government_officials",
                "working_level_officials",
            ];
            for (key, rank) in ranks.into_iter().zip(1..) {
                // Officers of no stated rank are taken for working-level officials.
                let ranks = if rank == 4 { vec![4, 0] } else { vec![rank] };
                let names = ranks
                    .iter()
                    .filter_map(|rank| self.officers[place].get(rank))
                    .flatten();
                let names: Vec<&String> = names.filter(|name| fits(name, NAME_BYTES_MAX)).collect();
                let _ = match names.len() {
                    0 => writeln!(head, "{key} = 1 # assumption"),
                    1..=NAMED_MAX => {
                        let names: Vec<String> = names.iter().map(|name| text(name)).collect();
                        writeln!(head, "{key} = [{}]", names.join(", "))
                    }
                    count => writeln!(head, "{key} = {}", count.min(OFFICERS_MAX)),
                };
            }
        }
        head
    }
}

/// The block of documents of a scenario that begins with `head`.
fn documents_block(observed: &Observed, seen: &[&Seen], head: &str) -> String {
    let mut hours = vec![0_u64; 168];
    let weeks = (observed.last_week() - observed.first_week() + 1).unsigned_abs();
    let mut by_week = vec![0_u64; weeks as usize];
    for seen in seen {
        hours[hour_of_week(seen.at_s) as usize] += 1;
        by_week[(week_of(seen.at_s) - observed.first_week()) as usize] += 1;
    }
    let (hours, by_week) = (weights(&hours), weights(&by_week));
    let of_south = seen.iter().filter(|seen| seen.place == Place::South);
    let mut block = format!(
        "\n[documents]\ntotal = {}\nshare_of_south_per_mille = {}\n",
        seen.len(),
        per_mille(of_south.count(), seen.len())
    );
    block += "# A weight for each hour of the week, a line a day, Monday first; then one for each week.\nrhythm.hours_of_week = [\n";
    for day in hours.chunks(24) {
        let day: Vec<String> = day.iter().map(u64::to_string).collect();
        let _ = writeln!(block, "    {},", day.join(", "));
    }
    let _ = writeln!(block, "]\nrhythm.weeks = {}", listed(&by_week));
    let with = |gaps: &[u64]| format!("{block}rhythm.gaps_per_million = {}\n", listed(gaps));
    let clock = Clock {
        hours: &hours,
        weeks: &by_week,
        first_week: observed.first_week(),
    };
    let times: Vec<i64> = seen.iter().map(|seen| seen.at_s).collect();
    let offset_s = i64::from(observed.offset().seconds());
    let gaps = gaps::fitted(&times, &clock, offset_s, |gaps| {
        format!("{head}{}{PLAIN}", with(gaps))
    });
    if !gaps.is_empty() {
        block = with(&gaps);
    }
    block + &rest(observed, seen)
}

/// Everything of the documents but how many and when.
fn rest(observed: &Observed, seen: &[&Seen]) -> String {
    let mut block = form_and_precedence(seen);
    let subjects = observed.subjects.iter();
    let subjects = subjects.map(|(subject, count)| (subject.as_str(), *count));
    let subjects = most_frequent(subjects, "Matters of the day");
    let _ = writeln!(block, "subjects = {subjects}");
    let sizes = seen.iter().map(|seen| seen.bytes.min(BODY_BYTES_MAX));
    let _ = writeln!(
        block,
        "# From here on quantiles: evenly spaced, from the least to the most.\nbody_bytes = {}",
        listed(&quantiles(sizes.collect(), QUANTILES))
    );
    block + &answers(seen) + &replies(seen)
}

fn form_and_precedence(seen: &[&Seen]) -> String {
    // What another version knows, and this one does not, is taken for a message.
    let form = |seen: &&Seen| match ::words::form(seen.form) {
        none if none.is_empty() => "message".to_owned(),
        form => form,
    };
    let forms: Vec<String> = seen.iter().map(form).collect();
    let forms = words(forms.iter().map(String::as_str));
    let mut block = format!("forms = {forms}\n");
    let precedence = |seen: &&Seen| ::words::precedence(seen.precedence).to_lowercase();
    let precedences: Vec<String> = seen.iter().map(precedence).collect();
    let precedences = precedences.iter().map(String::as_str);
    let precedences: Vec<&str> = precedences.filter(|word| !word.is_empty()).collect();
    // A scenario's documents all have one, or none has.
    if precedences.len() * 2 > seen.len() {
        let precedences = words(precedences.into_iter());
        let _ = writeln!(block, "precedences = {precedences}");
    }
    block
}

fn answers(seen: &[&Seen]) -> String {
    let answers: Vec<u64> = seen.iter().filter_map(|seen| seen.answered_s).collect();
    let answered = per_mille(answers.len(), seen.len());
    let mut block = format!("answered_per_mille = {answered}\n");
    if answers.is_empty() {
        return block + "answer_seconds = [1] # assumption, without effect\n";
    }
    let refused = seen.iter().filter(|seen| seen.refused).count();
    let refused = per_mille(refused, answers.len());
    let seconds = listed(&quantiles(answers, QUANTILES));
    let _ = writeln!(
        block,
        "refused_per_mille = {refused}\nanswer_seconds = {seconds}"
    );
    block
}

fn replies(seen: &[&Seen]) -> String {
    let replies: Vec<u64> = seen.iter().filter_map(|seen| seen.replies_s).collect();
    if replies.is_empty() {
        return String::new();
    }
    let replied = per_mille(replies.len(), seen.len());
    let seconds = listed(&quantiles(replies, QUANTILES));
    format!("reply_per_mille = {replied}\nreply_seconds = {seconds}\n")
}

/// Weights no larger than a scenario takes; what was there at all keeps one.
fn weights(counts: &[u64]) -> Vec<u64> {
    let most = counts.iter().copied().max().unwrap_or(0);
    let divisor = most.div_ceil(WEIGHT_MAX).max(1);
    counts.iter().map(|count| count.div_ceil(divisor)).collect()
}
