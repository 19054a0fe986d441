//! Payloads as exports tell them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use office::StepKind;
use prost::Message as _;
use protocol::pb::office as pb;
use serde_json::Value;
use words::json::{payload_from_json, payload_to_json};

/// A payload as exports tell it.
pub(crate) struct PayloadTold {
    /// As JSON, if it can be read.
    pub(crate) json: Option<Value>,
    /// As base64, if the JSON would not give the same bytes back.
    pub(crate) bytes: Option<String>,
}

impl PayloadTold {
    pub(crate) fn new(kind: StepKind, payload: &Bytes, unset: bool) -> Self {
        let json = payload_to_json(kind, payload, unset);
        let null = Value::Null;
        let back = payload_from_json(kind, json.as_ref().unwrap_or(&null));
        let bytes = (back.as_ref() != Ok(payload)).then(|| BASE64_STANDARD.encode(payload));
        Self { json, bytes }
    }

    /// The JSON as text; empty if there is none.
    pub(crate) fn text(&self) -> String {
        let json = self.json.as_ref();
        json.map(Value::to_string).unwrap_or_default()
    }
}

/// The officers that a payload names, each with what it is there.
pub fn officers_of(kind: StepKind, payload: &Bytes) -> Vec<(&'static str, pb::Officer)> {
    let payload = payload.clone();
    let by = |officer: Option<pb::Officer>| officer.map(|officer| ("by", officer));
    let remark = |remark: Option<pb::Remark>| by(remark.and_then(|remark| remark.officer));
    let participants = |officers: Vec<pb::Officer>| {
        let officers = officers.into_iter();
        officers.map(|officer| ("participant", officer)).collect()
    };
    let one = |officer: Option<(&'static str, pb::Officer)>| officer.into_iter().collect();
    let mut found: Vec<(&'static str, pb::Officer)> = match kind {
        StepKind::DocumentSent => {
            let document = pb::Document::decode(payload).unwrap_or_default();
            let signatory = document.signatory.map(|officer| ("signatory", officer));
            let addressee = document.addressee.map(|officer| ("addressee", officer));
            signatory.into_iter().chain(addressee).collect()
        }
        StepKind::DocumentReceiptRefused => one(by(pb::ReceiptRefusal::decode(payload)
            .unwrap_or_default()
            .officer)),
        StepKind::MeetingProposed | StepKind::MeetingCountered => participants(
            pb::MeetingTerms::decode(payload)
                .unwrap_or_default()
                .participants,
        ),
        StepKind::MeetingClosed => one(remark(
            pb::MeetingClosing::decode(payload)
                .unwrap_or_default()
                .remark,
        )),
        StepKind::ContactRecorded => participants(
            pb::Contact::decode(payload)
                .unwrap_or_default()
                .participants,
        ),
        StepKind::CallRecorded => one(remark(pb::Call::decode(payload).unwrap_or_default().remark)),
        StepKind::LineDeclared => one(remark(
            pb::LineDeclaration::decode(payload)
                .unwrap_or_default()
                .remark,
        )),
        _ => one(remark(pb::Remark::decode(payload).ok())),
    };
    found.retain(|(_, officer)| !officer.name.is_empty());
    found
}

/// The subject of a document; empty for other payloads.
pub(crate) fn subject_of(kind: StepKind, payload: &Bytes) -> String {
    if kind != StepKind::DocumentSent {
        return String::new();
    }
    pb::Document::decode(payload.clone())
        .unwrap_or_default()
        .subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_beside_json_that_would_not_give_them_back() {
        let kind = StepKind::DocumentSent;
        let plain: Bytes = pb::Document {
            subject: "x".to_owned(),
            ..Default::default()
        }
        .encode_to_vec()
        .into();
        // A field that nobody knows; a field that is set twice; no message at all.
        let unknown = [&plain[..], &[0xf8, 0x3f, 1]].concat();
        let twice = [&plain[..], &plain[..]].concat();
        for (payload, exact) in [
            (plain.clone(), true),
            (unknown.into(), false),
            (twice.into(), false),
            (Bytes::from_static(b"\xff"), false),
        ] {
            let told = PayloadTold::new(kind, &payload, true);
            assert_eq!(told.bytes.is_none(), exact, "{payload:?}");
            if let Some(bytes) = told.bytes {
                assert_eq!(BASE64_STANDARD.decode(&bytes).ok(), Some(payload.to_vec()));
            }
        }
        let nothing = PayloadTold::new(StepKind::DocumentExpired, &Bytes::new(), true);
        assert!(nothing.json.is_none() && nothing.bytes.is_none());
    }
}
