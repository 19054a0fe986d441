//! Where schemas come from: the offices' own descriptors, `.proto` files, or the target itself.

mod error;
mod reflection;

use std::path::{Path, PathBuf};

use template::{Schema, SchemaError};
use tonic::transport::Channel;

pub use error::SourceError;

/// What the offices serve.
pub fn of_offices() -> Schema {
    let schema = Schema::of_descriptor_set("the offices", protocol::DESCRIPTORS);
    schema.expect("the build has checked the descriptors")
}

/// What `.proto` files have; their imports are looked for in `includes`, or beside the first file if there are none.
pub fn of_protos(files: &[PathBuf], includes: &[PathBuf]) -> Result<Schema, SourceError> {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let names = names.join(", ");
    let proto = |source: protox::Error| SourceError::Proto {
        files: names.clone(),
        message: format!("{source}"),
    };
    let mut includes = includes.to_vec();
    if includes.is_empty() {
        let beside = files.first().and_then(|file| file.parent());
        let beside = beside.filter(|directory| !directory.as_os_str().is_empty());
        includes.push(beside.unwrap_or(Path::new(".")).to_owned());
    }
    let mut compiler = protox::Compiler::new(&includes).map_err(proto)?;
    compiler.include_imports(true);
    compiler.open_files(files).map_err(proto)?;
    // Through the encoded set, for it keeps options that the compiler's own pool may not have.
    let set = compiler.encode_file_descriptor_set();
    Schema::of_descriptor_set(&names, &set).map_err(|error| match error {
        SchemaError::DescriptorSet { message, .. } => SourceError::Proto {
            files: names.clone(),
            message,
        },
        other => SourceError::Schema(other),
    })
}

/// What the target at the end of `channel` says of itself: of the services of `symbols` (methods or services), or of
/// all its services if there are none.
pub async fn by_reflection(channel: Channel, symbols: &[String]) -> Result<Schema, SourceError> {
    let set = reflection::fetch(channel, symbols).await?;
    Schema::of_descriptor_set("the target", &set).map_err(|error| match error {
        SchemaError::DescriptorSet { message, .. } => SourceError::Reflection {
            message: format!("what it told does not fit together: {message}"),
        },
        other => SourceError::Schema(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protos_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("echo.proto");
        let proto = "syntax = 'proto3'; package echo; message Say { string text = 1; } service Echo { rpc Call(Say) returns (Say); }";
        std::fs::write(&file, proto).expect("written");
        let schema = of_protos(std::slice::from_ref(&file), &[]).expect("a schema");
        assert!(schema.method("echo.Echo/Call").is_ok());
        assert_eq!(schema.services().len(), 1);
        std::fs::write(&file, "syntax = 'proto3'; message Say { text = 1; }").expect("written");
        let error = of_protos(&[file], &[]).unwrap_err().to_string();
        assert!(error.contains("echo.proto"), "{error}");
        assert!(error.contains("with --import-path"), "{error}");
    }
}
