//! Messages and payloads as JSON, and back: protobuf's own mapping, with the field names of the proto files and numbers as
//! numbers. Bytes are base64.

use std::sync::LazyLock;

use bytes::Bytes;
use office::StepKind;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(protocol::DESCRIPTORS).expect("the build wrote the descriptors")
});

/// The descriptor of a message of ours, by its name such as `liaison.office.v1.Document`; `None` if there is none.
pub fn descriptor(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

/// An encoded message of the type `name` as JSON, with the fields that are not set or without them. `None` if the type
/// is not known, or the bytes cannot be read as one.
pub fn to_json(name: &str, bytes: &[u8], unset: bool) -> Option<Value> {
    let message = DynamicMessage::decode(descriptor(name)?, bytes).ok()?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(!unset);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

/// A message of the type `name` as JSON.
pub fn of(name: &str, message: &impl Message) -> Value {
    of_bytes(name, &message.encode_to_vec()).unwrap_or(Value::Null)
}

/// An encoded message of the type `name` as JSON; `None` if the bytes cannot be read as one.
pub fn of_bytes(name: &str, bytes: &[u8]) -> Option<Value> {
    to_json(name, bytes, true)
}

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
    to_json(payload_type(kind)?, payload, unset)
}

/// The payload that JSON tells; the error is the reason why there is none.
pub fn payload_from_json(kind: StepKind, value: &Value) -> Result<Bytes, String> {
    let Some(name) = payload_type(kind) else {
        return Ok(Bytes::new());
    };
    let descriptor = descriptor(name).ok_or_else(|| format!("{name} is not known"))?;
    if value.is_null() {
        return Ok(Bytes::new());
    }
    let message =
        DynamicMessage::deserialize(descriptor, value).map_err(|error| error.to_string())?;
    Ok(message.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    use protocol::pb::office as pb;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_has_the_names_of_the_proto_files() {
        let receipt = pb::Receipt {
            name: "offices/south/documents/17".to_owned(),
            state: pb::DocumentState::Delivered.into(),
            recorded_at: Some(prost_types::Timestamp {
                seconds: 1_536_886_800,
                nanos: 0,
            }),
            request_id: String::new(),
        };
        assert_eq!(
            of("liaison.office.v1.Receipt", &receipt),
            json!({
                "name": "offices/south/documents/17",
                "state": "DOCUMENT_STATE_DELIVERED",
                "recorded_at": "2018-09-14T01:00:00Z",
                "request_id": "",
            })
        );
    }

    #[test]
    fn numbers_stay_numbers() {
        let marks = pb::Marks {
            appended: 7,
            ..Default::default()
        };
        assert_eq!(of("liaison.office.v1.Marks", &marks)["appended"], json!(7));
    }

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
    fn json_that_is_no_payload_is_told() {
        let value = serde_json::json!({"subjekt": "x"});
        let error = payload_from_json(StepKind::DocumentSent, &value).expect_err("no such field");
        assert!(error.contains("subjekt"), "{error}");
    }
}
