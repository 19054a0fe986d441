//! What stands in which column of other people's records.

use std::fs;

use clap::{Args, ValueEnum};
use formats::{Layout, Mapping, Recipients, Rule, TimeColumn};
use jiff::tz::{Offset, TimeZone};
use office::tally::OFFICE_TIME;

use command::failure::Failure;

use command::zone::{parse_offset, parse_zone};

/// None of it says that the file is an export of ours. An event log has a standard for most of it.
#[derive(Debug, Args)]
pub(super) struct ColumnsArgs {
    /// When: the column, and how it writes times [event logs: their own times]
    #[arg(long, value_name = "COL:FORMAT")]
    time: Option<TimeColumn>,

    /// Where times are that say no offset, and whose days the ledgers count [default: +09:00]
    #[arg(long, value_name = "+HH:MM", value_parser = parse_offset, allow_hyphen_values = true, conflicts_with = "time_zone")]
    utc_offset: Option<Offset>,

    /// The same by name, with its daylight saving, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    time_zone: Option<TimeZone>,

    /// Who sent: the signatory [default: nobody, if the rule does not ask; event logs: the resource]
    #[arg(long, value_name = "COL")]
    from: Option<String>,

    /// To whom: the addressee [default: nobody]. Several are a JSON list, or parted by ; (addresses also by ,)
    #[arg(long, value_name = "COL")]
    to: Option<String>,

    /// What becomes of a row that went to several
    #[arg(long, value_enum, default_value_t)]
    recipients: RecipientsWord,

    /// What it is; without it every row is a document
    #[arg(long, value_name = "COL")]
    kind: Option<String>,

    /// The other system's id: stands in the reference, before the line [event logs: the event's or its trace's]
    #[arg(long, value_name = "COL")]
    id: Option<String>,

    /// The subject [default: the line; event logs: the activity]
    #[arg(long, value_name = "COL")]
    subject: Option<String>,

    /// Which rows South sent; North sent the others
    #[arg(long, value_name = "RULE", value_parser = parse_rule)]
    south_when: Option<Rule>,
}

/// Recipients, as the flag takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum RecipientsWord {
    /// An exchange with each of them
    #[default]
    Each,
    /// One exchange, with the first
    First,
}

fn parse_rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text, |path| fs::read_to_string(path)).map_err(|error| error.to_string())
}

impl ColumnsArgs {
    /// Where times are that say no offset.
    pub(super) fn zone(&self) -> TimeZone {
        let offset = || TimeZone::fixed(self.utc_offset.unwrap_or(OFFICE_TIME));
        self.time_zone.clone().unwrap_or_else(offset)
    }

    /// Whether each of several recipients is an exchange of its own.
    pub(super) fn is_each(&self) -> bool {
        self.recipients == RecipientsWord::Each
    }

    /// The mapping of other people's records; `None` for an export of ours.
    pub(super) fn mapping(self, layout: Layout) -> Result<Option<Mapping>, Failure> {
        let texts = [&self.from, &self.to, &self.kind, &self.id, &self.subject];
        let none = texts.iter().all(|text| text.is_none());
        if none && self.time.is_none() && self.south_when.is_none() {
            return Ok(None);
        }
        let is_log = layout.is_log();
        let missing: Vec<&str> = [
            ("--time", self.time.is_none() && !is_log),
            ("--south-when", self.south_when.is_none()),
        ]
        .into_iter()
        .filter_map(|(flag, is_missing)| is_missing.then_some(flag))
        .collect();
        let incomplete = || {
            Failure::Usage(format!(
                "other people's records need {} too; exports of ours need nothing but the file",
                missing.join(" and ")
            ))
        };
        let zone = self.zone();
        let south_when = self.south_when.ok_or_else(incomplete)?;
        let standard = Mapping::standard(layout, south_when.clone(), zone.clone());
        let (time, from, id, subject) = match standard {
            None => (self.time, self.from, self.id, self.subject),
            Some(standard) => (
                self.time.or(Some(standard.time)),
                self.from.or(standard.from),
                self.id.or(standard.id),
                self.subject.or(standard.subject),
            ),
        };
        let time = time.ok_or_else(incomplete)?;
        for (asks, column, word, flag) in [
            (south_when.asks_for_sender(), &from, "from", "--from"),
            (south_when.asks_for_addressee(), &self.to, "to", "--to"),
        ] {
            if asks && column.is_none() {
                return Err(Failure::Usage(format!(
                    "the rule asks for `{word}`, which no column gives; name one with {flag}"
                )));
            }
        }
        Ok(Some(Mapping {
            time,
            from,
            to: self.to,
            kind: self.kind,
            id,
            subject,
            south_when,
            zone,
            recipients: match self.recipients {
                RecipientsWord::Each => Recipients::Each,
                RecipientsWord::First => Recipients::First,
            },
        }))
    }
}
