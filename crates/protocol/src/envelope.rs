//! Envelopes: what is written on a parcel.

use bytes::Bytes;
use office::{RequestId, Step};
use prost::Message;

use crate::content::content_of;
use crate::convert::{
    step_id_from_pb, step_id_to_pb, step_kind_from_pb, step_kind_to_pb, timestamp_from_pb,
    timestamp_to_pb,
};
use crate::pb;

/// Why an envelope cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct FaultyEnvelope {
    /// What is wrong.
    pub what: String,
}

/// What an envelope and its payload say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The step.
    pub step: Step,
    /// The request that caused it; `None` if a clock did.
    pub request_id: Option<RequestId>,
    /// Who made it, as a certificate named them; empty if nobody had to show one.
    pub author: String,
}

/// The envelope of a step that nobody made who has a name, in bytes.
pub fn encode_envelope(step: &Step, request_id: Option<RequestId>) -> Bytes {
    encode_envelope_by(step, request_id, "")
}

/// The envelope of a step that `author` made, in bytes.
pub fn encode_envelope_by(step: &Step, request_id: Option<RequestId>, author: &str) -> Bytes {
    pb::line::Envelope {
        step: Some(step_id_to_pb(step.id)),
        parent: step.parent.map(step_id_to_pb),
        kind: step_kind_to_pb(step.kind).into(),
        authored_at: Some(timestamp_to_pb(step.authored_at)),
        request_id: request_id
            .map(|id| Bytes::copy_from_slice(&id.0))
            .unwrap_or_default(),
        author: author.to_owned(),
    }
    .encode_to_vec()
    .into()
}

/// Reads a step from an envelope and its payload, and the request that caused it: see [`read_envelope`].
pub fn decode_envelope(
    envelope: &[u8],
    payload: &Bytes,
) -> Result<(Step, Option<RequestId>), FaultyEnvelope> {
    let written = read_envelope(envelope, payload)?;
    Ok((written.step, written.request_id))
}

/// Reads what an envelope and its payload say. A payload that cannot be read makes the step inert, so that
/// no parcel can block the line; a faulty envelope is an error.
pub fn read_envelope(envelope: &[u8], payload: &Bytes) -> Result<Written, FaultyEnvelope> {
    let faulty = |what: &str| FaultyEnvelope {
        what: what.to_owned(),
    };
    let decoded =
        pb::line::Envelope::decode(envelope).map_err(|error| faulty(&error.to_string()))?;
    let id = decoded
        .step
        .as_ref()
        .and_then(step_id_from_pb)
        .ok_or_else(|| faulty("it names no step"))?;
    let parent = match &decoded.parent {
        None => None,
        Some(parent) => {
            Some(step_id_from_pb(parent).ok_or_else(|| faulty("its parent is no step"))?)
        }
    };
    let kind = step_kind_from_pb(decoded.kind).ok_or_else(|| faulty("its kind is unknown"))?;
    let authored_at = decoded
        .authored_at
        .as_ref()
        .and_then(timestamp_from_pb)
        .ok_or_else(|| faulty("it has no time"))?;
    let request_id = match decoded.request_id.len() {
        0 => None,
        16 => Some(RequestId(
            decoded.request_id[..]
                .try_into()
                .expect("16 bytes were counted"),
        )),
        _ => return Err(faulty("its request id is not 16 bytes")),
    };
    let content = content_of(kind, payload);
    let step = Step {
        id,
        parent,
        kind,
        authored_at,
        content,
    };
    Ok(Written {
        step,
        request_id,
        author: decoded.author,
    })
}
