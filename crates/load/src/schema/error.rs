//! Why a schema cannot be had. What a target says of itself is anybody's text, and made visible.

use reading::visible;
use template::SchemaError;

/// A schema that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It was told, and nothing can be done with it.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Not protobuf, or an import is missing.
    #[error("{files} cannot be compiled: {message}; {remedy}")]
    Proto {
        /// The files.
        files: String,
        /// What is wrong, and where.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The target serves no such thing.
    #[error(
        "the target knows no `{}`; {}",
        visible::line(name),
        visible::line(remedy)
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was meant, or what there is.
        remedy: String,
    },
    /// The target cannot be asked.
    #[error(
        "the target cannot be asked what it serves: {}",
        visible::line(message)
    )]
    Unreachable {
        /// Why.
        message: String,
    },
    /// The target does not tell what it serves.
    #[error(
        "the target does not tell what it serves: {}; give its schema with --proto or --descriptor-set",
        visible::line(message)
    )]
    Reflection {
        /// Why.
        message: String,
    },
}
