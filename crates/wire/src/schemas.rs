//! Where the names of fields come from: files, the target itself, or nowhere.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use command::failure::Failure;
use load::schema::{self, Wanted};
use load::transport::{Endpoint, Target, Tls};
use template::Schema;
use transcript::Known;

/// A target that does not say within this what it serves, does not say it.
const ASKED_FOR: Duration = Duration::from_secs(5);

/// Schemas that are given.
#[derive(Debug, Clone, Default, Args)]
pub struct SchemaArgs {
    /// .proto files, where the target has no reflection; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Schema")]
    pub proto: Vec<PathBuf>,

    /// Where imports of --proto are looked for; may be repeated
    #[arg(long, value_name = "DIR", requires = "proto", help_heading = "Schema")]
    pub import_path: Vec<PathBuf>,

    /// A descriptor set (buf build -o, protoc -o), where the target has no reflection
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "proto",
        help_heading = "Schema"
    )]
    pub descriptor_set: Option<PathBuf>,
}

impl SchemaArgs {
    /// Whether any are given.
    pub(crate) fn is_given(&self) -> bool {
        !self.proto.is_empty() || self.descriptor_set.is_some()
    }

    /// Those that are given, and those of the offices.
    pub(crate) fn known(&self) -> Result<Known, Failure> {
        let mut known = Known::default();
        let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
        if let Some(path) = &self.descriptor_set {
            let name = path.display().to_string();
            let bytes = std::fs::read(path)
                .map_err(|error| Failure::Failed(format!("failed to read {name}: {error}")))?;
            let schema = Schema::of_descriptor_set(&name, &bytes);
            known.add(schema.map_err(|error| failed(&error))?);
        } else if !self.proto.is_empty() {
            let schema = schema::of_protos(&self.proto, &self.import_path);
            known.add(schema.map_err(|error| failed(&error))?);
        }
        known.add(schema::of_offices());
        Ok(known)
    }
}

/// What a target says that it serves; why it does not, otherwise.
pub async fn asked(target: &str, tls: Option<&Tls>) -> Result<Schema, String> {
    let target: Target = target.parse().map_err(|error| format!("{error}"))?;
    let endpoint = Endpoint::new(target, None, tls).map_err(|error| error.to_string())?;
    let wanted = Wanted::default();
    let asking = schema::by_reflection(endpoint, &wanted);
    match tokio::time::timeout(ASKED_FOR, asking).await {
        Ok(asked) => asked.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it did not answer within {ASKED_FOR:?}")),
    }
}
