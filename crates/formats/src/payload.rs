//! Payloads as JSON, and back.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use office::StepKind;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use protocol::pb::office as pb;
use serde_json::Value;

use crate::message::{message_descriptor, message_to_json};

/// The protobuf type of a step's payload; `None` if it has none.
pub fn payload_type(kind: StepKind) -> Option<&'static str> {
    Some(match kind {
        StepKind::DocumentSent => "liaison.office.v1.Document",
        StepKind::DocumentReceiptRefused => "liaison.office.v1.ReceiptRefusal",
        StepKind::MeetingProposed | StepKind::MeetingCountered => "liaison.office.v1.MeetingTerms",
        StepKind::MeetingClosed => "liaison.office.v1.MeetingClosing",
        StepKind::ContactRecorded => "liaison.office.v1.Contact",
        StepKind::CallRecorded => "liaison.office.v1.Call",
        StepKind::LineDeclared => "liaison.office.v1.LineDeclaration",
        StepKind::DocumentExpired | StepKind::MeetingLapsed => return None,
        StepKind::DocumentAcknowledged
        | StepKind::MeetingAccepted
        | StepKind::MeetingDeclined
        | StepKind::MeetingCancelled
        | StepKind::MeetingConvened
        | StepKind::ContactConfirmed => "liaison.office.v1.Remark",
    })
}

/// A payload as JSON, with the fields that are not set or without them. `None` if the kind has no payload, or the bytes
/// cannot be read as one.
pub fn payload_to_json(kind: StepKind, payload: &[u8], unset: bool) -> Option<Value> {
    message_to_json(payload_type(kind)?, payload, unset)
}

/// The payload that JSON tells; the error is the reason why there is none.
pub fn payload_from_json(kind: StepKind, value: &Value) -> Result<Bytes, String> {
    let Some(name) = payload_type(kind) else {
        return Ok(Bytes::new());
    };
    let descriptor = message_descriptor(name).ok_or_else(|| format!("{name} is not known"))?;
    if value.is_null() {
        return Ok(Bytes::new());
    }
    let message =
        DynamicMessage::deserialize(descriptor, value).map_err(|error| error.to_string())?;
    Ok(message.encode_to_vec().into())
}

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
pub(crate) fn officers_of(kind: StepKind, payload: &Bytes) -> Vec<(&'static str, pb::Officer)> {
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
    fn a_payload_reads_back_from_its_json() {
        let document = pb::Document {
            form: pb::DocumentForm::Notice.into(),
            subject: "Flood warning".to_owned(),
            body: Bytes::from_static(b"\0\xff"),
            deadline: Some(prost_types::Timestamp {
                seconds: 1_536_886_800,
                nanos: 1,
            }),
            ..Default::default()
        };
        let payload: Bytes = document.encode_to_vec().into();
        for unset in [false, true] {
            let kind = StepKind::DocumentSent;
            let value = payload_to_json(kind, &payload, unset).expect("it is a document");
            assert_eq!(value["body"], "AP8=");
            assert_eq!(payload_from_json(kind, &value).as_ref(), Ok(&payload));
        }
    }

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

    #[test]
    fn json_that_is_no_payload_is_told() {
        let value = serde_json::json!({"subjekt": "x"});
        let error = payload_from_json(StepKind::DocumentSent, &value).expect_err("no such field");
        assert!(error.contains("subjekt"), "{error}");
    }
}
