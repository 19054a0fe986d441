//! A document: what it is, and what has become of it.

use bytes::Bytes;
use office::Place;
use protocol::pb::office as pb;
use reading::visible;
use serde_json::Value;

use crate::figures::bytes as bytes_words;
use crate::table::{Table, pairs};
use crate::{json, labels, nouns, officer, time};

/// The longest body that is shown with its document, in bytes.
const SHOWN_BYTES_MAX: usize = 16 * 1024;

/// A document as JSON.
pub fn to_json(record: &pb::DocumentRecord) -> Value {
    json::of("liaison.office.v1.DocumentRecord", record)
}

/// A receipt as JSON.
pub fn receipt_to_json(receipt: &pb::Receipt) -> Value {
    json::of("liaison.office.v1.Receipt", receipt)
}

/// A receipt that the office at `place` gave.
pub fn receipt(place: Place, receipt: &pb::Receipt) -> String {
    let recorded = time::words_of(receipt.recorded_at.as_ref());
    pairs(
        0,
        &[
            ("name", receipt.name.clone()),
            ("state", nouns::document_state(receipt.state).to_owned()),
            (
                "recorded",
                format!("{} at the {place} office", time::heading(&recorded)),
            ),
            ("request id", receipt.request_id.clone()),
        ],
    )
}

/// Documents, a row each, at most `width` columns wide.
pub fn table(documents: &[pb::DocumentRecord], width: usize) -> String {
    let mut table = Table::new(&[
        "name",
        "state",
        &time::heading("sent"),
        "form",
        "subject",
        ">size",
    ])
    .named();
    for record in documents {
        let document = record.document.clone().unwrap_or_default();
        table.row(vec![
            record.name.clone(),
            nouns::document_state(record.state).to_owned(),
            time::words_of(record.sent_at.as_ref()),
            nouns::form(document.form),
            document.subject,
            bytes_words(record.body_bytes),
        ]);
    }
    table.render(width)
}

/// A document without its body.
pub fn text(record: &pb::DocumentRecord) -> String {
    let document = record.document.clone().unwrap_or_default();
    let sender = protocol::place_from_pb(record.sender);
    let receiver = sender.map(Place::peer);
    let answered = [
        time::office_words_of(record.answered_at.as_ref()),
        officer::words_or_empty_at(receiver, record.answered_by.as_ref()),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join(", by ");
    pairs(
        0,
        &[
            ("name", record.name.clone()),
            ("state", nouns::document_state(record.state).to_owned()),
            (
                "sender",
                sender.map_or_else(|| "-".to_owned(), labels::office),
            ),
            ("sent", time::office_words_of(record.sent_at.as_ref())),
            ("answered", answered),
            ("answer", record.answer.clone()),
            ("form", nouns::form(document.form)),
            ("subject", document.subject.clone()),
            (
                "signatory",
                officer::words_or_empty_at(sender, document.signatory.as_ref()),
            ),
            (
                "addressee",
                officer::words_or_empty_at(receiver, document.addressee.as_ref()),
            ),
            ("in reply to", document.in_reply_to.clone()),
            ("reference", document.reference.clone()),
            ("precedence", nouns::precedence(document.precedence)),
            (
                "deadline",
                time::office_words_of(document.deadline.as_ref()),
            ),
            ("media type", document.media_type.clone()),
            ("body", bytes_words(record.body_bytes)),
        ],
    )
}

/// A document with its body, where that is text and not too long; else with how to have it.
pub fn text_with_body(record: &pb::DocumentRecord) -> String {
    let body = record.document.as_ref().map(|document| &document.body);
    text(record) + &body.map_or_else(String::new, |body| body_text(record, body))
}

fn body_text(record: &pb::DocumentRecord, body: &Bytes) -> String {
    if record.body_bytes == 0 {
        return String::new();
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.is_empty() && text.len() <= SHOWN_BYTES_MAX => {
            let lines: Vec<String> = text
                .lines()
                .map(|line| format!("  {}\n", visible::lines(line)))
                .collect();
            format!("\n{}", lines.concat())
        }
        _ => format!(
            "  (write it to a file: liaison document show {} --body > FILE)\n",
            record.name
        ),
    }
}
