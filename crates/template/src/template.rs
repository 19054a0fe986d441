//! A request message as written, compiled to pieces of the wire.

use bytes::BytesMut;
use prost_reflect::MessageDescriptor;

use crate::compile;
use crate::error::TemplateError;
use crate::piece::{self, Piece};
use crate::scope::Scope;
use crate::values::Values;

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
