//! Why a command failed, and the exit code that says so.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use reading::visible;
use serde_json::json;
use words::Refused;
use words::style::{BAD, styled};

use crate::format::Format;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const REFUSED_BASE: u8 = 64;
const DISAGREED: u8 = 99;
const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The arguments cannot be meant.
    Usage(String),
    /// Something here went wrong: what, where, and what to do next.
    Failed(String),
    /// An office refused, or could not be reached.
    Refused(Box<Refused>),
    /// A comparison or threshold failed. What differs has been said already, or is said here.
    Disagreed(String),
    /// Someone pressed Ctrl-C.
    Interrupted,
    /// Stdout took no more.
    Output(io::Error),
}

impl Failure {
    /// The exit code: 0 done, 1 failed, 2 usage, 64 + gRPC code when an office refused or could not be
    /// reached (78), 99 a comparison failed, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Refused(refused) => REFUSED_BASE + refused.code() as u8,
            Self::Disagreed(_) => DISAGREED,
            Self::Interrupted => INTERRUPTED,
            // The reader has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Failed(_) | Self::Output(_) => FAILED,
        }
    }

    /// Why, in a line: of a refusal what the office said.
    pub fn reason(&self) -> String {
        match self {
            Self::Refused(refused) => refused.message().to_owned(),
            other => other.to_string(),
        }
    }

    /// Says on stderr what failed, and gives the exit code.
    pub fn report(&self, format: Format) -> ExitCode {
        let code = self.exit_code();
        if code != 0 && !matches!(self, Self::Interrupted) {
            let text = match format {
                Format::Text | Format::Ghz => {
                    let told = self.to_string();
                    format!("{} {}", styled(BAD, "error:"), visible::lines(&told))
                }
                Format::Json => visible::json(&self.to_json().to_string()).into_owned(),
            };
            // Without stderr the exit code has to do.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
        ExitCode::from(code)
    }

    fn to_json(&self) -> serde_json::Value {
        let mut error = match self {
            Self::Refused(refused) => refused.to_json(),
            other => json!({ "message": other.to_string() }),
        };
        error["exit_code"] = json!(self.exit_code());
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failed(text) | Self::Disagreed(text) => f.write_str(text),
            Self::Refused(refused) => refused.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Output(error) => write!(f, "failed to write to stdout: {error}"),
        }
    }
}

impl From<ledger::LedgerError> for Failure {
    fn from(error: ledger::LedgerError) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;

    fn refused(code: Code) -> Failure {
        Failure::Refused(Box::new(Refused::new(
            "send the document",
            "the south office (127.0.0.1:50051)",
            Status::new(code, "no"),
        )))
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
        assert_eq!(Failure::Failed(String::new()).exit_code(), 1);
        assert_eq!(refused(Code::FailedPrecondition).exit_code(), 73);
        assert_eq!(refused(Code::Unavailable).exit_code(), 78);
        assert_eq!(Failure::Disagreed(String::new()).exit_code(), 99);
        assert_eq!(Failure::Interrupted.exit_code(), 130);
    }

    #[test]
    fn a_reader_who_leaves_is_no_error() {
        let gone = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(gone.exit_code(), 0);
        let full = Failure::Output(io::ErrorKind::StorageFull.into());
        assert_eq!(full.exit_code(), 1);
    }

    #[test]
    fn an_error_in_json_names_its_exit_code() {
        let error = refused(Code::NotFound).to_json();
        assert_eq!(error["error"]["code"], "NOT_FOUND");
        assert_eq!(error["error"]["exit_code"], 69);
    }
}
