//! Why there is no schema, or no such method in it. What a target says of itself is anybody's text, and made visible.

use reading::visible;

/// A schema that cannot be had, or a method it does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No such method.
    #[error(
        "there is no method `{}`; {}",
        visible::line(name),
        visible::line(remedy)
    )]
    NoMethod {
        /// As it was asked for.
        name: String,
        /// What there is.
        remedy: String,
    },
    /// Nothing in it can be called.
    #[error("{name} has no service; give the file that declares one")]
    NoService {
        /// The file or files.
        name: String,
    },
    /// Not a descriptor set.
    #[error(
        "{name} is no descriptor set: {message}; write one with `buf build -o FILE` or `protoc --include_imports -o FILE`"
    )]
    DescriptorSet {
        /// The file.
        name: String,
        /// What is wrong.
        message: String,
    },
}
