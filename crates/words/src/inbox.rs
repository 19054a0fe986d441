//! What waits for an officer.

use office::StepKind;
use prost_types::Timestamp;
use protocol::pb::office as pb;
use serde_json::{Value, json};

use crate::table::Table;
use crate::{contact, document, meeting, nouns, time};

/// Something that waits, as it is told.
#[derive(Debug)]
pub struct Row {
    name: String,
    what: &'static str,
    may: Vec<StepKind>,
    precedence: String,
    due: Option<Timestamp>,
    since: Option<Timestamp>,
    gist: String,
    record: Value,
}

impl Row {
    /// A document, and what may be done with it.
    pub fn document(record: &pb::DocumentRecord, may: &[StepKind]) -> Self {
        let sent = record.document.clone().unwrap_or_default();
        Self {
            name: record.name.clone(),
            what: "document",
            may: may.to_vec(),
            precedence: nouns::precedence(sent.precedence),
            due: None,
            since: None,
            gist: format!("{}: {}", nouns::form(sent.form), sent.subject),
            record: document::to_json(record),
        }
    }

    /// A meeting, and what may be done with it.
    pub fn meeting(told: &pb::Meeting, may: &[StepKind]) -> Self {
        let terms = told.terms.clone().unwrap_or_default();
        let kind = nouns::contact_kind(terms.kind);
        Self {
            name: told.name.clone(),
            what: "meeting",
            may: may.to_vec(),
            precedence: String::new(),
            due: None,
            since: None,
            gist: with_topics(kind, &terms.topics),
            record: meeting::to_json(told),
        }
    }

    /// A consultation, and what may be done with it.
    pub fn contact(record: &pb::ContactRecord, may: &[StepKind]) -> Self {
        let held = record.contact.clone().unwrap_or_default();
        let kind = nouns::contact_kind(held.kind);
        let begun = time::short_words_of(held.begun_at.as_ref());
        Self {
            name: record.name.clone(),
            what: "contact",
            may: may.to_vec(),
            precedence: String::new(),
            due: None,
            since: None,
            gist: with_topics(format!("{kind} {begun}"), &held.topics),
            record: contact::to_json(record),
        }
    }

    /// When it is due, and since when it waits.
    #[must_use]
    pub fn at(mut self, due: Option<Timestamp>, since: Option<Timestamp>) -> Self {
        (self.due, self.since) = (due, since);
        self
    }

    /// In a word, what it waits for.
    fn wanted(&self) -> &'static str {
        let may = |kind| self.may.contains(&kind);
        if may(StepKind::MeetingAccepted) {
            return "answer";
        }
        [
            StepKind::DocumentAcknowledged,
            StepKind::MeetingConvened,
            StepKind::MeetingClosed,
            StepKind::ContactConfirmed,
        ]
        .into_iter()
        .find(|kind| may(*kind))
        .and_then(nouns::verb)
        .unwrap_or_default()
    }
}

fn with_topics(text: String, topics: &[String]) -> String {
    match topics {
        [] => text,
        topics => format!("{text}: {}", topics.join("; ")),
    }
}

/// What waits, a row each, at most `width` columns wide.
pub fn table(rows: &[Row], width: usize) -> String {
    let mut table =
        Table::new(&["name", "to do", "precedence", &time::heading("due"), "what"]).named();
    for row in rows {
        table.row(vec![
            row.name.clone(),
            row.wanted().to_owned(),
            row.precedence.clone(),
            time::words_of(row.due.as_ref()),
            row.gist.clone(),
        ]);
    }
    table.render(width)
}

/// What waits, as JSON.
pub fn to_json(rows: &[Row]) -> Value {
    let time = |time: Option<&Timestamp>| {
        time.and_then(protocol::timestamp_from_pb)
            .map(|time| time.to_string())
    };
    let one = |row: &Row| {
        json!({
            "name": row.name,
            "what": row.what,
            "may": row.may.iter().copied().filter_map(nouns::verb).collect::<Vec<_>>(),
            "precedence": Some(&row.precedence).filter(|word| !word.is_empty()),
            "due": time(row.due.as_ref()),
            "since": time(row.since.as_ref()),
            "record": row.record,
        })
    };
    rows.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_with_what_may_be_done() {
        let offer = pb::Meeting {
            name: "offices/north/meetings/4".to_owned(),
            terms: Some(pb::MeetingTerms {
                kind: pb::ContactKind::Chiefs.into(),
                topics: vec!["Roads".to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        };
        let may = [StepKind::MeetingCountered, StepKind::MeetingAccepted];
        let rows = [Row::meeting(&offer, &may).at(None, Some(Timestamp::default()))];
        let text = table(&rows, crate::table::WIDTH_MAX);
        assert!(text.contains("offices/north/meetings/4  answer"), "{text}");
        assert!(text.contains("chiefs: Roads"), "{text}");
        let value = to_json(&rows);
        assert_eq!(value[0]["may"], json!(["counter", "accept"]));
        assert_eq!(value[0]["since"], "1970-01-01T00:00:00Z");
        assert_eq!(value[0]["due"], Value::Null);
    }
}
