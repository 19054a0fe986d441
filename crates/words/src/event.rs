//! What a watcher of an office sees: a step, a note of the line's own, or what happens on the line.

use office::Place;
use protocol::pb::{ledger, line};
use serde_json::{Value, json};

use crate::entry::Line;
use crate::style::{FAINT, clean, styled};
use crate::table::cut;
use crate::{json, labels, nouns, time};

/// Something that one office told.
#[derive(Debug)]
pub struct Event {
    place: Place,
    at: Option<prost_types::Timestamp>,
    what: What,
}

#[derive(Debug)]
enum What {
    Entry(Box<Line>),
    Line(line::LineEvent),
}

impl Event {
    /// An entry of the ledger.
    pub fn entry(place: Place, entry: ledger::Entry) -> Self {
        Self {
            place,
            at: entry.recorded_at,
            what: What::Entry(Box::new(Line::new(entry))),
        }
    }

    /// What happened on the line.
    pub fn line(place: Place, event: line::LineEvent) -> Self {
        Self {
            place,
            at: event.at,
            what: What::Line(event),
        }
    }

    /// Whether it is a note of the line's own in the ledger.
    pub fn is_note(&self) -> bool {
        matches!(&self.what, What::Entry(line) if !line.is_step())
    }

    /// A row, at most `width` columns wide.
    pub fn row(&self, width: usize) -> String {
        let (clock, place) = (
            time::clock_words(self.at.as_ref()),
            labels::office(self.place),
        );
        let row = match &self.what {
            What::Entry(line) => format!("{clock}  {place}  {}", line.told()),
            What::Line(event) => {
                let kind = nouns::word(event.kind().as_str_name(), "LINE_EVENT_KIND_");
                let sequence = match event.sequence {
                    0 => String::new(),
                    sequence => sequence.to_string(),
                };
                let text = clean(&event.text);
                format!("{clock}  {place}  ~  {kind:<21}  {sequence:<6}  {text}")
            }
        };
        let row = cut(row.trim_end(), width);
        match &self.what {
            What::Entry(line) if line.is_step() => row,
            _ => styled(FAINT, &row),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let office = self.place.word();
        match &self.what {
            What::Entry(line) => json!({"office": office, "entry": line.to_json()}),
            What::Line(event) => {
                let event = json::of("liaison.line.v1.LineEvent", event);
                json!({"office": office, "line_event": event})
            }
        }
    }
}
