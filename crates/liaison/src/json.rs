//! Messages as JSON, as `--output json` prints them: with the fields that are not set.

use prost::Message;
use serde_json::Value;

pub(crate) use formats::message_descriptor as descriptor;

/// A message of the type `name` as JSON.
pub(crate) fn of(name: &str, message: &impl Message) -> Value {
    of_bytes(name, &message.encode_to_vec()).unwrap_or(Value::Null)
}

/// An encoded message of the type `name` as JSON; `None` if the bytes cannot be read as one.
pub(crate) fn of_bytes(name: &str, bytes: &[u8]) -> Option<Value> {
    formats::message_to_json(name, bytes, true)
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
}
