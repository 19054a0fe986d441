//! What an answer says beyond that it came: whether it can be read, and whether it is a refusal.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};
use tonic::Code;

use crate::transport::{Blame, Failed};
use template::Method;
use template::wire::{Field, Fields};

/// How the answers of a method are read.
#[derive(Debug, Clone)]
pub(crate) struct AnswerKind {
    output: MessageDescriptor,
    /// The field in which an answer on a stream says that its message was refused, while the stream goes on.
    refusal: Option<u32>,
}

impl AnswerKind {
    pub(crate) fn of(method: &Method) -> Self {
        let refusal = method.output.fields().find(|field| {
            let is_status = matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "google.rpc.Status");
            is_status && field.containing_oneof().is_some()
        });
        Self {
            output: method.output.clone(),
            refusal: refusal.map(|field| field.number()),
        }
    }

    /// Whether the bytes are a message of the method.
    pub(crate) fn check(&self, answer: &[u8]) -> Result<(), Failed> {
        match DynamicMessage::decode(self.output.clone(), answer) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failed::garbage(format!(
                "the answer is no {}: {error}",
                self.output.full_name()
            ))),
        }
    }

    /// What an answer on a stream says of a message that was refused.
    pub(crate) fn refusal(&self, answer: &[u8]) -> Option<Failed> {
        let number = self.refusal?;
        let status = Fields::of(answer).find_map(|found| match found? {
            (found, Field::Delimited(bytes)) if found == number => Some(bytes),
            _ => None,
        })?;
        let status = tonic_status(status);
        Some(Failed::new(status.0, Blame::Server, status.1))
    }
}

/// The code and the message of a google.rpc.Status.
fn tonic_status(bytes: &[u8]) -> (Code, String) {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
    }
    let status = Status::decode(bytes).unwrap_or_default();
    (Code::from_i32(status.code), status.message)
}
