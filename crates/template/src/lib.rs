//! Request bodies from schemas and templates, for any gRPC method.
//!
//! **The decision.** A template is compiled to the wire, not to a message: what has no placeholder becomes bytes, and what
//! has one becomes a piece that writes itself behind them. So a message costs what its placeholders cost, and no message
//! object is made for it.
//!
//! **The invariant.** The bytes are those that protobuf's JSON mapping gives for the same text with its placeholders
//! filled in, field by field in the order of their numbers; what is drawn depends on the seed, the arrival, the message
//! and the placeholder's place, and on nothing else. No file, no clock, no socket: descriptors and texts are handed in.
//!
//! ```
//! use bytes::BytesMut;
//! use template::{Schema, Scope, Template, Values};
//!
//! let schema = Schema::of_descriptor_set("the offices", protocol::DESCRIPTORS)?;
//! let method = schema.method("liaison.office.v1.DocumentService/GetDocument")?;
//! let data = serde_json::json!({"name": "offices/south/documents/{{sequence}}"});
//! let template = Template::compile(&method.input, &data, &Scope::default())?;
//!
//! let mut body = BytesMut::new();
//! template.encode(&Values { index: 16, ..Values::default() }, &mut body)?;
//! assert_eq!(&body[..], b"\n\x1aoffices/south/documents/17");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compile;
mod draw;
mod error;
mod fill;
mod keep;
mod leaf;
mod meant;
mod piece;
mod placeholder;
mod schema;
mod scope;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod values;
pub mod wire;

pub use draw::{Draw, mixed};
pub use error::{TemplateError, TemplateMistake, field_path};
pub use keep::{Keep, KeepError, Kept};
pub use placeholder::is_reserved;
pub use schema::{CallKind, Method, Schema, SchemaError};
pub use scope::{Csv, Scope};
pub use template::Template;
pub use text::Text;
pub use values::Values;
