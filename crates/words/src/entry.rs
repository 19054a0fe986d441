//! An entry as people read it: a line of a journal, or in full; and as JSON.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use prost::Message as _;
use protocol::pb::{ledger as pb, line, office};
use serde_json::{Value, json};

use crate::figures::thousands;
use crate::style::{FAINT, clean, styled};
use crate::{hex, json, nouns, officer, table, time};
use ::office::authority::Name;
use ::office::{Collection, Place, StepId, StepKind};
use reading::visible;

const BODY_CHARS_MAX: usize = 4_000;

/// An entry with its envelope read.
#[derive(Debug)]
pub struct Line {
    entry: pb::Entry,
    envelope: Option<line::Envelope>,
    /// Where the clocks are that it is told by.
    zone: TimeZone,
}

impl Line {
    /// Reads an entry's envelope.
    pub fn new(entry: pb::Entry) -> Self {
        let envelope = match entry.direction() {
            pb::Direction::Outbound | pb::Direction::Inbound => {
                line::Envelope::decode(entry.envelope.clone()).ok()
            }
            _ => None,
        };
        Self {
            entry,
            envelope,
            zone: time::clocks(),
        }
    }

    /// The same with the days and hours of `zone`: without it they are those of the clocks.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// Whether it is a step, and no local note.
    pub fn is_step(&self) -> bool {
        matches!(
            self.entry.direction(),
            pb::Direction::Outbound | pb::Direction::Inbound
        )
    }

    /// The day on which it was recorded, such as `Fri 2018-09-14`.
    pub fn day(&self) -> String {
        let time = self.entry.recorded_at.as_ref();
        time.and_then(protocol::timestamp_from_pb).map_or_else(
            || "no day".to_owned(),
            |time| {
                let local = self.zone.to_datetime(time);
                local.strftime("%a %Y-%m-%d").to_string()
            },
        )
    }

    /// A row of the journal, at most `width` columns wide.
    pub fn row(&self, width: usize) -> String {
        let full_time = time::words_in(self.entry.recorded_at.as_ref(), &self.zone);
        let clock = full_time.rsplit(' ').next().unwrap_or_default();
        let row = format!("{:>6}  {clock}  {}", self.entry.sequence, self.told());
        let row = table::cut(&row, width);
        if self.is_step() {
            row
        } else {
            styled(FAINT, &row)
        }
    }

    /// Which way, what, the name, and the gist, in columns. A note of the line's own has no name, so that its
    /// gist has the room.
    pub fn told(&self) -> String {
        let (arrow, words) = (self.arrow(), self.words());
        let gist = clean(&self.gist());
        let told = if self.is_step() {
            format!("{arrow}  {words:<21}  {:<27}  {gist}", self.name())
        } else {
            format!("{arrow}  {words:<21}  {gist}")
        };
        told.trim_end().to_owned()
    }

    /// Which way it went.
    pub fn arrow(&self) -> &'static str {
        match self.entry.direction() {
            pb::Direction::Outbound => "→",
            pb::Direction::Inbound => "←",
            _ => "·",
        }
    }

    fn direction(&self) -> &'static str {
        match self.entry.direction() {
            pb::Direction::Outbound => "outbound",
            pb::Direction::Inbound => "inbound",
            pb::Direction::Local => "local",
            pb::Direction::Unspecified => "unspecified",
        }
    }

    /// What was done.
    pub fn words(&self) -> String {
        match &self.entry.note {
            Some(pb::entry::Note::Opening(_)) => "ledger opened".to_owned(),
            Some(pb::entry::Note::AcknowledgementTaken(_)) => "line acknowledged".to_owned(),
            Some(pb::entry::Note::EpochRaised(_)) => "epoch raised".to_owned(),
            Some(pb::entry::Note::PeerCertified(_)) => "peer certified".to_owned(),
            None => nouns::step(self.entry.kind),
        }
    }

    fn kind(&self) -> Option<StepKind> {
        protocol::step_kind_from_pb(self.entry.kind)
    }

    fn step_id(&self) -> Option<StepId> {
        protocol::step_id_from_pb(self.envelope.as_ref()?.step.as_ref()?)
    }

    fn parent_id(&self) -> Option<StepId> {
        protocol::step_id_from_pb(self.envelope.as_ref()?.parent.as_ref()?)
    }

    /// The name of what the step concerns: the document, the contact, the call; of a meeting's later steps the
    /// step itself, since that is what the next one builds upon.
    pub fn name(&self) -> String {
        let (Some(kind), Some(step)) = (self.kind(), self.step_id()) else {
            return String::new();
        };
        let parent = self.parent_id().unwrap_or(step);
        match kind {
            StepKind::DocumentSent => step.name(Collection::Documents),
            StepKind::DocumentAcknowledged
            | StepKind::DocumentReceiptRefused
            | StepKind::DocumentExpired => parent.name(Collection::Documents),
            StepKind::MeetingProposed => step.name(Collection::Meetings),
            StepKind::ContactRecorded => step.name(Collection::Contacts),
            StepKind::ContactConfirmed => parent.name(Collection::Contacts),
            StepKind::CallRecorded => step.name(Collection::Calls),
            _ => step.name(Collection::Steps),
        }
    }

    /// The protobuf type of the payload.
    pub fn payload_type(&self) -> Option<&'static str> {
        json::payload_type(self.kind()?)
    }

    /// What it says, in a few words.
    pub fn gist(&self) -> String {
        if let Some(note) = &self.entry.note {
            return note_gist(note);
        }
        let gist = self.payload_gist().unwrap_or_default();
        format!("{gist}{}", self.maker()).trim_start().to_owned()
    }

    /// Who made it, in short: the office is known.
    fn maker(&self) -> String {
        let name = self.made_by().and_then(|name| name.parse::<Name>().ok());
        name.map(|name| format!("  [{} {}]", name.role(), name.name()))
            .unwrap_or_default()
    }

    fn payload_gist(&self) -> Option<String> {
        let payload = self.entry.payload.clone();
        let kind = self.kind()?;
        let by = self.step_id().map(|step| step.place);
        Some(match kind {
            StepKind::DocumentSent => {
                let document = office::Document::decode(payload).ok()?;
                format!("{}: {}", nouns::form(document.form), document.subject)
            }
            StepKind::DocumentReceiptRefused => {
                office::ReceiptRefusal::decode(payload).ok()?.reason
            }
            StepKind::MeetingProposed | StepKind::MeetingCountered => {
                let terms = office::MeetingTerms::decode(payload).ok()?;
                let kind = nouns::contact_kind(terms.kind);
                let begins = time::short_words_in(terms.begins_at.as_ref(), &self.zone);
                self.answering(format!("{kind} {begins}"))
            }
            StepKind::MeetingClosed => {
                let closing = office::MeetingClosing::decode(payload).ok()?;
                let lasted = time::duration_words_of(closing.duration.as_ref());
                self.answering(remark_gist(by, closing.remark.as_ref()) + " " + &lasted)
            }
            StepKind::ContactRecorded => {
                let contact = office::Contact::decode(payload).ok()?;
                let kind = nouns::contact_kind(contact.kind);
                format!(
                    "{kind} {}",
                    time::short_words_in(contact.begun_at.as_ref(), &self.zone)
                )
            }
            StepKind::CallRecorded => {
                let call = office::Call::decode(payload).ok()?;
                let kind = nouns::word(call.kind().as_str_name(), "CALL_KIND_");
                let outcome = nouns::word(call.outcome().as_str_name(), "CALL_OUTCOME_");
                format!("{kind}, {outcome}, for {}", call.day)
            }
            StepKind::LineDeclared => {
                let declaration = office::LineDeclaration::decode(payload).ok()?;
                nouns::statement(declaration.statement)
            }
            StepKind::DocumentExpired | StepKind::MeetingLapsed => self.answering(String::new()),
            StepKind::DocumentAcknowledged | StepKind::ContactConfirmed => {
                remark_gist(by, office::Remark::decode(payload).ok().as_ref())
            }
            _ => self.answering(remark_gist(
                by,
                office::Remark::decode(payload).ok().as_ref(),
            )),
        })
    }

    /// A meeting's step names the step that it builds upon.
    fn answering(&self, gist: String) -> String {
        match self.parent_id() {
            Some(parent) if self.name().contains("/steps/") => {
                format!("on {}/{} {gist}", parent.place, parent.sequence)
                    .trim_end()
                    .to_owned()
            }
            _ => gist.trim().to_owned(),
        }
    }

    /// The whole entry, for people.
    pub fn in_full(&self) -> String {
        let entry = &self.entry;
        let envelope = self.envelope.as_ref();
        let zone = format!(" ({})", time::zone_words(&self.zone));
        let authored = envelope.and_then(|envelope| envelope.authored_at.as_ref());
        let text_of = |id: Option<StepId>| id.map(|id| id.to_string()).unwrap_or_default();
        let request_id = envelope.map(|envelope| request_id_words(&envelope.request_id));
        let durable = entry
            .durable
            .as_ref()
            .map(|at| format!("segment {}, offset {}", at.segment, thousands(at.offset)));
        let mut text = table::pairs(
            0,
            &[
                ("sequence", entry.sequence.to_string()),
                (
                    "recorded at",
                    time::words_in(entry.recorded_at.as_ref(), &self.zone) + &zone,
                ),
                (
                    "direction",
                    format!("{} {}", self.arrow(), self.direction()),
                ),
                ("what", self.words()),
                ("name", self.name()),
                ("step", text_of(self.step_id())),
                ("parent", text_of(self.parent_id())),
                (
                    "authored at",
                    authored.map_or_else(String::new, |_| {
                        time::words_in(authored, &self.zone) + &zone
                    }),
                ),
                ("made by", self.made_by().unwrap_or_default().to_owned()),
                ("request id", request_id.unwrap_or_default()),
                (
                    "note",
                    entry.note.as_ref().map(note_gist).unwrap_or_default(),
                ),
                ("line hash", hex::joined(&entry.line_hash)),
                ("durable before", durable.unwrap_or_default()),
                ("chain", hex::joined(&entry.chain)),
            ],
        );
        if let Some(name) = self.payload_type() {
            let _ = writeln!(
                text,
                "payload ({name}, {} bytes)",
                thousands(entry.payload.len() as u64)
            );
            match json::of_bytes(name, &entry.payload) {
                Some(payload) => {
                    write_value(&mut text, 1, &shown(&payload, &entry.payload), &self.zone);
                }
                None => text.push_str("  cannot be read: the step is inert\n"),
            }
        }
        text
    }

    /// The entry as JSON.
    pub fn to_json(&self) -> Value {
        let entry = &self.entry;
        let envelope = self.envelope.as_ref();
        let time_json = |time: Option<&prost_types::Timestamp>| {
            time.and_then(protocol::timestamp_from_pb)
                .map(|time| time.to_string())
        };
        let payload = self
            .payload_type()
            .and_then(|name| json::of_bytes(name, &entry.payload));
        let mut told = json!({
            "sequence": entry.sequence,
            "recorded_at": time_json(entry.recorded_at.as_ref()),
            "direction": self.direction(),
            "what": self.words(),
            "name": Some(self.name()).filter(|name| !name.is_empty()),
            "step": self.step_id().map(|id| id.to_string()),
            "parent": self.parent_id().map(|id| id.to_string()),
            "authored_at": time_json(envelope.and_then(|envelope| envelope.authored_at.as_ref())),
            "request_id": envelope.map(|envelope| request_id_words(&envelope.request_id))
                .filter(|id| !id.is_empty()),
            "payload_type": self.payload_type(),
            "payload": payload,
            "note": entry.note.as_ref().map(note_gist),
            "line_hash": Some(hex::joined(&entry.line_hash)).filter(|hash| !hash.is_empty()),
            "chain": hex::joined(&entry.chain),
        });
        if let Some(made_by) = self.made_by() {
            told["made_by"] = json!(made_by);
        }
        told
    }

    /// Who made the step, as a certificate named them.
    fn made_by(&self) -> Option<&str> {
        let author = self.envelope.as_ref().map(|it| it.author.as_str());
        author.filter(|author| !author.is_empty())
    }
}

fn request_id_words(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map_or_else(|_| String::new(), |id| id.to_string())
}

fn remark_gist(by: Option<Place>, remark: Option<&office::Remark>) -> String {
    let Some(remark) = remark else {
        return String::new();
    };
    match (&remark.officer, remark.text.as_str()) {
        (Some(officer), "") => officer::words_at(by, officer),
        (Some(officer), text) => format!("{}: {text}", officer::words_at(by, officer)),
        (None, text) => text.to_owned(),
    }
}

fn note_gist(note: &pb::entry::Note) -> String {
    match note {
        pb::entry::Note::Opening(opening) => format!(
            "{}, format {}, epoch {}",
            nouns::place(opening.place),
            opening.format_version,
            opening.epoch
        ),
        pb::entry::Note::AcknowledgementTaken(taken) => {
            let acknowledgement = taken.acknowledgement.as_ref();
            let through = acknowledgement.and_then(|taken| taken.through.as_ref());
            format!(
                "through step {}; the peer's own by then: {}",
                through.map_or(0, |mark| mark.sequence),
                acknowledgement.map_or(0, |taken| taken.appended)
            )
        }
        pb::entry::Note::EpochRaised(raised) => {
            let restoring = if raised.restoring {
                ", being restored"
            } else {
                ""
            };
            format!(
                "{} to {}{restoring}",
                nouns::place(raised.place),
                raised.epoch
            )
        }
        pb::entry::Note::PeerCertified(certified) => {
            let sha256 = hex::joined(&certified.certificate_sha256);
            format!("the line was opened under another certificate, SHA-256 {sha256}")
        }
    }
}

/// The payload for people: a body that is text is shown as text, any other by its size.
fn shown(payload: &Value, bytes: &[u8]) -> Value {
    let mut payload = payload.clone();
    if payload.get("body").is_some()
        && let Ok(document) = office::Document::decode(bytes)
    {
        payload["body"] = match std::str::from_utf8(&document.body) {
            Ok(text) if text.chars().count() <= BODY_CHARS_MAX => json!(text),
            _ => json!(format!(
                "{} bytes, read them with `liaison document show NAME --body`",
                thousands(document.body.len() as u64)
            )),
        };
    }
    payload
}

/// JSON as indented lines; what is empty is left out.
fn write_value(text: &mut String, depth: usize, value: &Value, zone: &TimeZone) {
    let margin = "  ".repeat(depth);
    let Value::Object(fields) = value else {
        let _ = writeln!(text, "{margin}{}", scalar(value, zone));
        return;
    };
    if let Some(officer) = officer_of(fields) {
        let _ = writeln!(text, "{margin}{officer}");
        return;
    }
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::String(string) if string.is_empty() => {}
            Value::String(string) if string.ends_with("_UNSPECIFIED") => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Object(_) => {
                let _ = writeln!(text, "{margin}{name}");
                write_value(text, depth + 1, value, zone);
            }
            // A body is read as it was written, its lines further in than any field's name.
            Value::String(body) if name == "body" && body.contains('\n') => {
                let _ = writeln!(text, "{margin}{name}");
                for line in body.lines() {
                    let _ = writeln!(text, "{margin}  {}", visible::lines(line));
                }
            }
            Value::Array(items) => {
                let _ = writeln!(text, "{margin}{name}");
                for item in items {
                    write_value(text, depth + 1, item, zone);
                }
            }
            _ => {
                let _ = writeln!(text, "{margin}{name}: {}", scalar(value, zone));
            }
        }
    }
}

fn scalar(value: &Value, zone: &TimeZone) -> String {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => {
                let local = zone.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S");
                format!("{local} ({})", time::zone_words(zone))
            }
            Err(_) => clean(text),
        },
        other => other.to_string(),
    }
}

/// An officer on one line, as the flags take it.
fn officer_of(fields: &serde_json::Map<String, Value>) -> Option<String> {
    let (name, rank) = (fields.get("name")?.as_str()?, fields.get("rank")?.as_str()?);
    let officer = office::Officer {
        name: name.to_owned(),
        rank: office::Rank::from_str_name(rank)?.into(),
    };
    Some(clean(&officer::words(&officer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn sent() -> Line {
        let document = office::Document {
            form: office::DocumentForm::Notice.into(),
            subject: "Flood warning".to_owned(),
            body: Bytes::from_static(b"The river rises."),
            ..Default::default()
        };
        let envelope = line::Envelope {
            step: Some(office::StepId {
                place: office::Place::South.into(),
                sequence: 17,
            }),
            kind: office::StepKind::DocumentSent.into(),
            ..Default::default()
        };
        Line::new(pb::Entry {
            sequence: 40,
            recorded_at: Some(prost_types::Timestamp {
                seconds: 1_536_886_800,
                nanos: 0,
            }),
            direction: pb::Direction::Outbound.into(),
            kind: office::StepKind::DocumentSent.into(),
            envelope: envelope.encode_to_vec().into(),
            payload: document.encode_to_vec().into(),
            ..Default::default()
        })
    }

    #[test]
    fn a_row_says_what_when_and_which_way() {
        assert_eq!(
            sent().row(100),
            "    40  10:00:00  →  document sent          offices/south/documents/17   notice: Flood warning"
        );
        assert_eq!(sent().day(), "Fri 2018-09-14");
    }

    #[test]
    fn an_entry_in_full_shows_a_text_body() {
        let text = sent().in_full();
        assert!(text.contains("body: The river rises."), "{text}");
        assert!(!text.contains("UNSPECIFIED"), "{text}");
    }

    #[test]
    fn json_has_the_payload_decoded() {
        let value = sent().to_json();
        assert_eq!(value["name"], "offices/south/documents/17");
        assert_eq!(value["payload"]["subject"], "Flood warning");
        assert_eq!(value["direction"], "outbound");
    }
}
