//! Where schemas come from: the offices' own descriptors, `.proto` files, or the target itself.

mod edition;
mod error;
mod reflection;

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, string};
use template::wire::{Field, Fields};
use template::{Schema, SchemaError};
use tokio::task::LocalSet;

use crate::transport::Endpoint;

use edition::Editions;
pub use error::SourceError;
pub use reflection::Wanted;

/// Of a file descriptor.
const SYNTAX_FIELD: u32 = 12;
const COMPILED_ELSEWHERE: &str = "proto2, proto3 and editions are compiled here: let `buf build -o FILE` or `protoc \
     --include_imports --descriptor_set_out FILE` compile it and give --descriptor-set FILE, or ask the target by reflection";

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
    let proto = |source: protox::Error| {
        let message = source.to_string();
        let remedy = if message.contains("unknown syntax") {
            COMPILED_ELSEWHERE
        } else {
            "name the directories of the imports with --import-path"
        };
        SourceError::Proto {
            files: names.clone(),
            message,
            remedy,
        }
    };
    let mut includes = includes.to_vec();
    if includes.is_empty() {
        let beside = files.first().and_then(|file| file.parent());
        let beside = beside.filter(|directory| !directory.as_os_str().is_empty());
        includes.push(beside.unwrap_or(Path::new(".")).to_owned());
    }
    let (resolver, editions) = edition::resolver(&includes);
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    compiler.open_files(files).map_err(proto)?;
    // Through the encoded set, for it keeps options that the compiler's own pool may not have.
    let set = in_editions(&compiler.encode_file_descriptor_set(), &editions);
    Schema::of_descriptor_set(&names, &set).map_err(|error| match error {
        SchemaError::DescriptorSet { message, .. } => SourceError::Proto {
            files: names.clone(),
            message,
            remedy: "give another schema",
        },
        other => SourceError::Schema(other),
    })
}

/// The set, in which the files that were written in an edition say so: it is what they leave unsaid that depends on it.
fn in_editions(set: &[u8], editions: &Editions) -> Vec<u8> {
    let editions = editions.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = Vec::with_capacity(set.len());
    for file in Fields::of(set).flatten() {
        let (_, Field::Delimited(bytes)) = file else {
            continue;
        };
        let mut bytes = bytes.to_vec();
        let named = prost_types::FileDescriptorProto::decode(&bytes[..]);
        if named.is_ok_and(|file| editions.contains(file.name())) {
            // Of a field that comes twice the last one counts.
            string::encode(SYNTAX_FIELD, &"editions".to_owned(), &mut bytes);
        }
        encode_key(1, WireType::LengthDelimited, &mut out);
        encode_varint(bytes.len() as u64, &mut out);
        out.extend_from_slice(&bytes);
    }
    out
}

/// What the target at `endpoint` says of itself.
pub async fn by_reflection(endpoint: Endpoint, wanted: &Wanted) -> Result<Schema, SourceError> {
    let fetching = reflection::fetch(endpoint, wanted);
    let set = LocalSet::new().run_until(fetching).await?;
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
    fn an_edition_anywhere_among_the_imports_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, source: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, source).expect("written");
            path
        };
        write(
            "a.proto",
            "edition = \"2023\"; package a; enum Kind { NONE = 0; ONE = 1; }\n\
             message M { string name = 1; repeated Kind kinds = 2; repeated int32 loose = 3 \
             [features.repeated_field_encoding = EXPANDED]; int32 must = 4 [features.field_presence = LEGACY_REQUIRED]; }",
        );
        let file = write(
            "c.proto",
            "syntax = \"proto3\"; package c; import \"a.proto\"; message Ask { a.M m = 1; }\n\
             service S { rpc Call(Ask) returns (Ask); }",
        );
        let schema = of_protos(&[file], &[]).expect("a schema");
        let method = schema.method("c.S/Call").expect("a method");
        let message = method.input.get_field_by_name("m").expect("a field").kind();
        let message = message.as_message().expect("a message").clone();
        let field = |name: &str| message.get_field_by_name(name).expect("a field");
        assert!(field("kinds").is_packed() && !field("loose").is_packed());
        assert!(field("name").supports_presence());
        let compiled =
            |json| template::Template::compile(&message, &json, &template::Scope::default());
        let missing = compiled(serde_json::json!({"name": "x"}))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("`must` is missing"), "{missing}");
        assert!(compiled(serde_json::json!({"name": "x", "must": 0})).is_ok());

        let file = write("d.proto", "syntax = \"proto4\"; service S {}");
        let error = of_protos(&[file], &[]).unwrap_err().to_string();
        assert!(
            error.contains("proto4") && error.contains("--descriptor-set"),
            "{error}"
        );
    }

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
