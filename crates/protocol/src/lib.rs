//! The wire: generated protobuf types, their descriptors, and the conversions to and from [`office`].
//!
//! **The decision.** What a ledger stores and a line forwards are the bytes as they came in. prost drops
//! fields it does not know, so a re-encoded message is a changed message. Therefore servers receive
//! mutations as [`Original`]: the decoded request beside its bytes, from which the payload is sliced.
//!
//! **The invariant.** Every foreign message becomes a rule's type through one conversion that lists all its
//! violations; nothing here knows a runtime or a socket.
//!
//! ```
//! use protocol::{Original, pb::office as pb};
//!
//! let request = pb::SendDocumentRequest {
//!     document: Some(pb::Document { subject: "Notice".into(), ..Default::default() }),
//!     ..Default::default()
//! };
//! let original = Original::from(request);
//! assert_eq!(original.field(2).as_ref(), b"\x12\x06Notice");
//! ```

mod content;
mod convert;
mod envelope;
mod original;
pub mod reasons;
mod splice;
mod validate;

pub use content::{content_of, parse_request_id};
pub use convert::{
    acknowledgement_from_pb, acknowledgement_to_pb, call_to_pb, contact_kind_from_pb,
    contact_kind_to_pb, contact_state_to_pb, contact_to_pb, declaration_to_pb,
    document_state_to_pb, document_to_pb, duration_from_pb, form_to_pb, hash_from_bytes,
    hello_from_pb, hello_to_pb, mark_from_pb, mark_to_pb, meeting_state_to_pb, officer_to_pb,
    place_from_pb, place_to_pb, rank_from_pb, rank_to_pb, step_id_from_pb, step_id_to_pb,
    step_kind_from_pb, step_kind_to_pb, tally_to_pb, terms_to_pb, timestamp_from_pb,
    timestamp_to_pb,
};
pub use envelope::{
    FaultyEnvelope, Written, decode_envelope, encode_envelope, encode_envelope_by, read_envelope,
};
pub use original::{Original, field_of};
pub use splice::{reply_of, with_field, with_reply, without_field, without_reply};
pub use validate::{Checked, Fields};

/// Generated from `proto/`. The nesting mirrors the packages, as generated code expects.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "documented in the proto files"
)]
mod generated {
    pub mod office {
        pub mod v1 {
            include!("generated/liaison.office.v1.rs");
        }
    }
    pub mod line {
        pub mod v1 {
            include!("generated/liaison.line.v1.rs");
        }
    }
    pub mod ledger {
        pub mod v1 {
            include!("generated/liaison.ledger.v1.rs");
        }
    }
}

/// The generated types, by package.
pub mod pb {
    pub use crate::generated::ledger::v1 as ledger;
    pub use crate::generated::line::v1 as line;
    pub use crate::generated::office::v1 as office;
}

/// The encoded `FileDescriptorSet` of all of `proto/`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");
