//! A consultation.

use protocol::pb::office as pb;
use serde_json::Value;

use crate::table::{Table, pairs};
use crate::{json, nouns, officer, time};

/// A contact as JSON.
pub fn to_json(record: &pb::ContactRecord) -> Value {
    json::of("liaison.office.v1.ContactRecord", record)
}

/// Contacts, a row each, at most `width` columns wide.
pub fn table(contacts: &[pb::ContactRecord], width: usize) -> String {
    let mut table =
        Table::new(&["name", "state", "kind", &time::heading("begun"), "topics"]).named();
    for record in contacts {
        let contact = record.contact.clone().unwrap_or_default();
        table.row(vec![
            record.name.clone(),
            nouns::contact_state(record.state).to_owned(),
            nouns::contact_kind(contact.kind),
            time::words_of(contact.begun_at.as_ref()),
            contact.topics.join("; "),
        ]);
    }
    table.render(width)
}

/// A contact, and how far it has come.
pub fn text(record: &pb::ContactRecord) -> String {
    let contact = record.contact.clone().unwrap_or_default();
    pairs(
        0,
        &[
            ("name", record.name.clone()),
            ("state", nouns::contact_state(record.state).to_owned()),
            ("kind", nouns::contact_kind(contact.kind)),
            ("level", nouns::rank(contact.level)),
            ("begun", time::office_words_of(contact.begun_at.as_ref())),
            (
                "duration",
                time::duration_words_of(contact.duration.as_ref()),
            ),
            ("place", contact.place.clone()),
            ("topics", contact.topics.join("; ")),
            ("participants", officer::list(&contact.participants)),
            ("formality", nouns::formality(contact.formality)),
        ],
    )
}
