//! Flags of whoever looks on: `tap`, `proxy --tap` and `up --tap`.

use std::path::PathBuf;

use clap::Args;
use command::failure::Failure;

/// What is shown and recorded of what passes.
#[derive(Debug, Clone, Default, Args)]
pub struct LookingOn {
    /// Show frames of HTTP/2, too
    #[arg(long, help_heading = "Looking on")]
    pub frames: bool,

    /// Record what passes, as pcapng, which Wireshark reads, too
    #[arg(long, value_name = "FILE", help_heading = "Looking on")]
    pub record: Option<PathBuf>,

    /// Blank a field before it is shown or recorded, such as document.body, 3.1, or metadata.x-api-key; may be repeated.
    /// Of metadata authorization, proxy-authorization, cookie and set-cookie always are
    #[arg(long, value_name = "PATH", help_heading = "Looking on")]
    pub redact: Vec<String>,

    /// Record over a file that is there
    #[arg(long, requires = "record", help_heading = "Looking on")]
    pub force: bool,
}

impl LookingOn {
    /// # Errors
    /// Something is asked of a tap, and none is.
    pub fn without_tap(&self) -> Result<(), Failure> {
        if self.frames || self.record.is_some() || !self.redact.is_empty() {
            let text = "--frames, --record and --redact are of --tap: give it, too";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }
}
