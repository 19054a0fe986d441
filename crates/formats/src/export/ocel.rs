//! OCEL 2.0 in JSON: steps are events; documents, meetings, contacts, calls, officers and the two offices are objects.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, BufWriter, Seek as _, Write};

use jiff::Timestamp;
use office::{Collection, Exchanges, Place, StepId, StepKind};
use serde_json::{Value, json};

use super::Form;
use crate::payload::{PayloadTold, officers_of, subject_of};
use crate::told::Told;

/// An object's value from the beginning on.
const ALWAYS: &str = "1970-01-01T00:00:00Z";

/// What each type of event has. `payload` is the step's payload as JSON, in a string; `payload_bytes` are its bytes as
/// base64, where the JSON would not give them back. Every value is written as a string, as the schema has it, whatever
/// its type.
const EVENT_ATTRIBUTES: [(&str, &str); 12] = [
    ("entry", "integer"),
    ("recorded_at", "time"),
    ("direction", "string"),
    ("office", "string"),
    ("parent", "string"),
    ("request_id", "string"),
    ("inert", "boolean"),
    ("counted", "string"),
    ("counted_day", "string"),
    ("counted_office", "string"),
    ("payload", "string"),
    ("payload_bytes", "string"),
];

/// The attribute beside them of a ledger whose format has it.
const MADE_BY: (&str, &str) = ("made_by", "string");

/// The types of objects, each with its attributes.
const OBJECT_TYPES: [(&str, &[&str]); 6] = [
    ("document", &["subject"]),
    ("meeting", &["state"]),
    ("contact", &[]),
    ("call", &[]),
    ("officer", &["rank"]),
    ("office", &[]),
];

pub(super) struct Ocel<W> {
    out: W,
    /// Objects that never change wait here, since they stand behind the events.
    objects: BufWriter<std::fs::File>,
    object_count: u64,
    meetings: BTreeMap<StepId, Vec<(Timestamp, StepKind)>>,
    /// The rank of each officer, by the object's id.
    ranks: BTreeMap<String, i32>,
    officers: Officers,
    /// Documents and contacts that began before the part that is wanted.
    left_out: BTreeSet<StepId>,
    events: u64,
}

impl<W: Write> Ocel<W> {
    pub(super) fn begin(mut out: W, has_authors: bool) -> io::Result<Self> {
        let attribute = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind});
        let attributes: Vec<Value> = EVENT_ATTRIBUTES
            .iter()
            .chain(has_authors.then_some(&MADE_BY))
            .map(attribute)
            .collect();
        let event_types: Vec<Value> = StepKind::ALL
            .iter()
            .map(|kind| json!({"name": kind.words(), "attributes": attributes}))
            .collect();
        let object_types: Vec<Value> = OBJECT_TYPES
            .iter()
            .map(|(name, attributes)| {
                let attributes = attributes.iter().map(|name| (*name, "string"));
                let attributes: Vec<Value> = attributes.map(|told| attribute(&told)).collect();
                json!({"name": name, "attributes": attributes})
            })
            .collect();
        write!(
            out,
            "{{\"objectTypes\":{},\n\"eventTypes\":{},\n\"events\":[",
            Value::from(object_types),
            Value::from(event_types)
        )?;
        let mut ocel = Self {
            out,
            objects: BufWriter::new(tempfile::tempfile()?),
            object_count: 0,
            meetings: BTreeMap::new(),
            ranks: BTreeMap::new(),
            officers: Officers::default(),
            left_out: BTreeSet::new(),
            events: 0,
        };
        for place in Place::BOTH {
            ocel.object(&office_name(place), "office", Vec::new())?;
        }
        Ok(ocel)
    }

    fn object(&mut self, id: &str, kind: &str, attributes: Vec<Value>) -> io::Result<()> {
        let object = json!({"id": id, "type": kind, "attributes": attributes, "relationships": []});
        let comma = if self.object_count == 0 { "" } else { "," };
        write!(self.objects, "{comma}\n{object}")?;
        self.object_count += 1;
        Ok(())
    }

    /// Tells of the object that a step is about, if there is one.
    fn about(&mut self, told: &Told) -> io::Result<Option<&'static str>> {
        let (collection, id) = told.exchange;
        let kind = match collection {
            Collection::Documents => "document",
            Collection::Contacts => "contact",
            Collection::Calls => "call",
            Collection::Meetings => {
                let states = self.meetings.entry(id).or_default();
                if !told.applied.inert {
                    states.push((told.step.authored_at, told.step.kind));
                }
                return Ok(Some("meeting"));
            }
            Collection::Steps => return Ok(None),
        };
        if told.applied.inert {
            // What it answers may not be there at all.
            return Ok(None);
        }
        // A part of a ledger may begin with an answer: what it answers is an object all the same.
        let fresh = told.step.parent.is_none() || self.left_out.remove(&id);
        if fresh {
            let mut attributes = Vec::new();
            if told.step.kind == StepKind::DocumentSent {
                let subject = subject_of(told.step.kind, &told.payload);
                attributes.push(value("subject", &subject));
            }
            self.object(&told.name(), kind, attributes)?;
        }
        Ok(Some(kind))
    }
}

/// Who is an object: each name once for each office that has it. Steps say whose officer somebody is, but for participants,
/// who are of either office: of the author's, if it has the name.
#[derive(Default)]
struct Officers {
    /// The offices that have a name, the first one first.
    offices: BTreeMap<String, Vec<Place>>,
}

impl Officers {
    /// The id of an officer who is named as `role` in a step of `author`.
    fn id(&mut self, role: &str, author: Place, name: &str) -> String {
        let known = self.offices.entry(name.to_owned()).or_default();
        let place = match role {
            "participant" if known.contains(&author) => author,
            "participant" => known.first().copied().unwrap_or(author),
            "addressee" => author.peer(),
            _ => author,
        };
        if role != "participant" && !known.contains(&place) {
            known.push(place);
        }
        match known.first() {
            Some(first) if *first != place => format!("offices/{place}/officers/{name}"),
            _ => format!("officers/{name}"),
        }
    }
}

fn office_name(place: Place) -> String {
    format!("offices/{place}")
}

fn value(name: &str, text: &str) -> Value {
    json!({"name": name, "time": ALWAYS, "value": text})
}

impl<W: Write> Form for Ocel<W> {
    fn step(&mut self, told: &Told, wanted: bool) -> io::Result<()> {
        if !wanted {
            let (collection, id) = told.exchange;
            let answered = [Collection::Documents, Collection::Contacts].contains(&collection);
            if answered && told.step.parent.is_none() && !told.applied.inert {
                self.left_out.insert(id);
            }
            return Ok(());
        }
        let step = &told.step;
        let related = |id: &str, qualifier: &str| json!({"objectId": id, "qualifier": qualifier});
        let mut relationships = vec![related(&office_name(step.id.place), "author")];
        if let Some(kind) = self.about(told)? {
            relationships.push(related(&told.name(), kind));
        }
        for (role, officer) in officers_of(step.kind, &told.payload) {
            let id = self.officers.id(role, step.id.place, &officer.name);
            relationships.push(related(&id, role));
            let rank = self.ranks.entry(id).or_default();
            *rank = if *rank == 0 { officer.rank } else { *rank };
        }
        let payload = PayloadTold::new(step.kind, &told.payload, false);
        let values = [
            told.sequence.to_string(),
            told.recorded_at.to_string(),
            told.direction().to_owned(),
            step.id.place.word().to_owned(),
            told.parent_name(),
            told.request_id_text(),
            told.applied.inert.to_string(),
            told.counted().to_owned(),
            told.counted_day(),
            told.counted_office().to_owned(),
            payload.text(),
            payload.bytes.unwrap_or_default(),
            told.made_by.clone(),
        ];
        let attributes = EVENT_ATTRIBUTES.iter().chain([&MADE_BY]).zip(values);
        // An attribute without a value is left out.
        let attributes: Vec<Value> = attributes
            .filter(|(_, value)| !value.is_empty())
            .map(|((name, _), value)| json!({"name": name, "value": value}))
            .collect();
        let event = json!({
            "id": step.id.to_string(),
            "type": step.kind.words(),
            "time": step.authored_at.to_string(),
            "attributes": attributes,
            "relationships": relationships,
        });
        let comma = if self.events == 0 { "" } else { "," };
        write!(self.out, "{comma}\n{event}")?;
        self.events += 1;
        Ok(())
    }

    fn finish(&mut self, _: &Exchanges) -> io::Result<u64> {
        for (id, states) in std::mem::take(&mut self.meetings) {
            let attributes = states.iter().enumerate().map(|(index, (time, kind))| {
                let time = if index == 0 {
                    ALWAYS.to_owned()
                } else {
                    time.to_string()
                };
                let word = kind.words().trim_start_matches("meeting ");
                json!({"name": "state", "time": time, "value": word})
            });
            let attributes = attributes.collect();
            self.object(&id.name(Collection::Meetings), "meeting", attributes)?;
        }
        for (id, rank) in std::mem::take(&mut self.ranks) {
            let rank = protocol::pb::office::Rank::try_from(rank).unwrap_or_default();
            let word = rank
                .as_str_name()
                .trim_start_matches("RANK_")
                .to_lowercase();
            let attributes = match &*word {
                "unspecified" => Vec::new(),
                word => vec![value("rank", word)],
            };
            self.object(&id, "officer", attributes)?;
        }
        self.out.write_all(b"\n],\n\"objects\":[")?;
        self.objects.flush()?;
        let file = self.objects.get_mut();
        file.rewind()?;
        io::copy(&mut BufReader::new(file), &mut self.out)?;
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()?;
        Ok(self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_object_of_each_office_that_has_it() {
        let mut officers = Officers::default();
        for (role, author, name, id) in [
            ("participant", Place::North, "Kim", "officers/Kim"),
            ("signatory", Place::South, "Kim", "officers/Kim"),
            ("participant", Place::North, "Kim", "officers/Kim"),
            ("addressee", Place::North, "Kim", "officers/Kim"),
            (
                "addressee",
                Place::South,
                "Kim",
                "offices/north/officers/Kim",
            ),
            (
                "participant",
                Place::North,
                "Kim",
                "offices/north/officers/Kim",
            ),
            ("by", Place::South, "Kim", "officers/Kim"),
            ("by", Place::North, "Ri", "officers/Ri"),
            ("participant", Place::South, "Ri", "officers/Ri"),
        ] {
            assert_eq!(officers.id(role, author, name), id, "{role} {author}");
        }
    }
}
