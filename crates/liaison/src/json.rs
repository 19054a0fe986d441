//! Messages as JSON: protobuf's own mapping, with the field names of the proto files and numbers as numbers.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(protocol::DESCRIPTORS).expect("the build wrote the descriptors")
});

/// The descriptor of a message of ours.
pub(crate) fn descriptor(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

/// A message of the type `name` as JSON.
pub(crate) fn of(name: &str, message: &impl Message) -> Value {
    of_bytes(name, &message.encode_to_vec()).unwrap_or(Value::Null)
}

/// An encoded message of the type `name` as JSON; `None` if the bytes cannot be read as one.
pub(crate) fn of_bytes(name: &str, bytes: &[u8]) -> Option<Value> {
    let message = DynamicMessage::decode(descriptor(name)?, bytes).ok()?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
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
