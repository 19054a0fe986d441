//! Request messages as written, with placeholders, compiled once and encoded fast.
//!
//! **The decision.** A template is compiled to the wire, not to a message: what has no placeholder becomes bytes, and what
//! has one becomes a piece that writes itself behind them. So a message costs what its placeholders cost, and no message
//! object is made for it.
//!
//! **The invariant.** The bytes are those that protobuf's JSON mapping gives for the same text with its placeholders
//! filled in, field by field in the order of their numbers; what is drawn depends on the seed, the arrival, the message
//! and the placeholder's place, and on nothing else.

mod compile;
mod draw;
mod error;
mod fill;
mod leaf;
mod piece;
mod placeholder;
mod scope;
#[cfg(test)]
mod tests;
mod text;

use bytes::BytesMut;
use jiff::Timestamp;
use prost_reflect::MessageDescriptor;
use uuid::Uuid;

pub use error::{TemplateError, TemplateMistake};
pub use scope::{Csv, Scope};
pub use text::Text;

pub(crate) use compile::joined;
pub(crate) use draw::{Draw, mixed};
pub(crate) use placeholder::{is_reserved, meant_or_listed};

use crate::keep::Kept;
use piece::Piece;

/// What an arrival knows when a message of it is made.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    /// The seed of all draws.
    pub seed: u64,
    /// The arrival, from 0, over all shards.
    pub index: u64,
    /// The message within its stream, from 0.
    pub message: u64,
    /// The request id; a new one for every message.
    pub request_id: Uuid,
    /// Where it is called: `south`, `north`, or the target's name.
    pub at: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Where the instants of this run begin; another in every run. `{{instant}}` is this and 4.096 µs for each arrival,
    /// so no two arrivals of a run have the same, and no two runs, unless they make over 244,000 arrivals a second.
    pub instants_from: Timestamp,
    /// What earlier steps have kept, by slot.
    pub kept: Vec<Option<Kept>>,
}

impl Values<'_> {
    /// A time that no other arrival has: different for each arrival, and within it for each message up to the 4,096th.
    pub fn instant(&self) -> Timestamp {
        let nanoseconds = i128::from(self.index) * 4_096 + i128::from(self.message % 4_096);
        let instant = self.instants_from.as_nanosecond() + nanoseconds;
        Timestamp::from_nanosecond(instant).unwrap_or(Timestamp::MAX)
    }

    fn draw(&self, place: u64) -> Draw {
        Draw::new(&[self.seed, self.index, self.message, place])
    }
}

/// A request message as written, compiled.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    uses_request_id: bool,
}

impl Template {
    /// Compiles `data`, which is protobuf JSON with placeholders inside its strings. All mistakes come at once.
    pub fn compile(
        message: &MessageDescriptor,
        data: &serde_json::Value,
        scope: &Scope,
    ) -> Result<Self, TemplateError> {
        let mut compiler = compile::Compiler::new(scope);
        let pieces = compiler.message(message, data, "");
        let compile::Compiler {
            mistakes,
            uses_request_id,
            ..
        } = compiler;
        if !mistakes.is_empty() {
            return Err(TemplateError::Mistakes { mistakes });
        }
        Ok(Self {
            pieces: piece::joined(pieces),
            uses_request_id,
        })
    }

    /// Appends the encoded message to `out`. After an error `out` holds a part of it.
    pub fn encode(&self, values: &Values<'_>, out: &mut BytesMut) -> Result<(), TemplateError> {
        self.pieces
            .iter()
            .try_for_each(|piece| piece.encode(values, out))
    }

    /// Whether it says `{{request_id}}`: then the target can tell a repeat.
    pub fn uses_request_id(&self) -> bool {
        self.uses_request_id
    }

    /// Whether every message is the same.
    pub fn is_constant(&self) -> bool {
        let is_static = |piece: &Piece| matches!(piece, Piece::Static(_));
        self.pieces.iter().all(is_static)
    }
}
