//! The telephone line: calls, and what an office declares of it.

use protocol::pb::office as pb;
use serde_json::Value;

use crate::table::pairs;
use crate::{json, nouns, time};

/// A call that was recorded as JSON.
pub fn call_to_json(answer: &pb::RecordCallResponse) -> Value {
    json::of("liaison.office.v1.RecordCallResponse", answer)
}

/// A call of `day` that was recorded.
pub fn call(day: &str, answer: &pb::RecordCallResponse) -> String {
    pairs(
        0,
        &[
            ("name", answer.name.clone()),
            ("day", day.to_owned()),
            (
                "recorded",
                time::office_words_of(answer.recorded_at.as_ref()),
            ),
        ],
    )
}

/// A declaration that was recorded as JSON.
pub fn declaration_to_json(answer: &pb::DeclareLineResponse) -> Value {
    json::of("liaison.office.v1.DeclareLineResponse", answer)
}

/// What was declared of the line.
pub fn declaration(statement: pb::LineStatement, answer: &pb::DeclareLineResponse) -> String {
    pairs(
        0,
        &[
            ("name", answer.name.clone()),
            ("declared", nouns::statement(statement.into())),
            ("by", format!("the {} office", nouns::place(answer.place))),
            (
                "recorded",
                time::office_words_of(answer.recorded_at.as_ref()),
            ),
        ],
    )
}
