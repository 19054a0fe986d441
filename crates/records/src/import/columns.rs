//! What stands in which column of other people's records.

use std::fs;

use clap::Args;
use formats::{Layout, Mapping, Rule, TimeColumn};

use command::failure::Failure;

/// None of it says that the file is an export of ours. An event log has a standard for most of it.
#[derive(Debug, Args)]
pub(super) struct ColumnsArgs {
    /// When: the column, and how it writes times [event logs: their own times]
    #[arg(long, value_name = "COL:FORMAT")]
    time: Option<TimeColumn>,

    /// Who sent: the signatory [event logs: the resource]
    #[arg(long, value_name = "COL")]
    from: Option<String>,

    /// To whom: the addressee [event logs: nobody]
    #[arg(long, value_name = "COL")]
    to: Option<String>,

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

fn parse_rule(text: &str) -> Result<Rule, String> {
    Rule::parse(text, |path| fs::read_to_string(path)).map_err(|error| error.to_string())
}

impl ColumnsArgs {
    /// The mapping of other people's records; `None` for an export of ours.
    pub(super) fn mapping(self, layout: Layout) -> Result<Option<Mapping>, Failure> {
        let texts = [&self.from, &self.to, &self.kind, &self.id, &self.subject];
        let none = texts.iter().all(|text| text.is_none());
        if none && self.time.is_none() && self.south_when.is_none() {
            return Ok(None);
        }
        let is_log = matches!(layout, Layout::Ocel | Layout::Xes);
        let missing: Vec<&str> = [
            ("--time", self.time.is_none() && !is_log),
            ("--from", self.from.is_none() && !is_log),
            ("--to", self.to.is_none() && !is_log),
            ("--south-when", self.south_when.is_none()),
        ]
        .into_iter()
        .filter_map(|(flag, is_missing)| is_missing.then_some(flag))
        .collect();
        let incomplete = || {
            Failure::Usage(format!(
                "other people's records need {} too; exports of ours need nothing but the file",
                missing.join(", ")
            ))
        };
        let south_when = self.south_when.ok_or_else(incomplete)?;
        if is_log && self.to.is_none() && south_when.asks_for_addressee() {
            return Err(Failure::Usage(
                "the rule asks for `to`, which no column gives; name one with --to".to_owned(),
            ));
        }
        let standard = Mapping::standard(layout, south_when.clone());
        let (time, from, id, subject) = match standard {
            None => (self.time, self.from, self.id, self.subject),
            Some(standard) => (
                self.time.or(Some(standard.time)),
                self.from.or(Some(standard.from)),
                self.id.or(standard.id),
                self.subject.or(standard.subject),
            ),
        };
        let (Some(time), Some(from), true) = (time, from, is_log || self.to.is_some()) else {
            return Err(incomplete());
        };
        Ok(Some(Mapping {
            time,
            from,
            to: self.to,
            kind: self.kind,
            id,
            subject,
            south_when,
        }))
    }
}
