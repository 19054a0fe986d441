//! The command line, run to its end.

use std::path::Path;
use std::process::{Command, Stdio};

use super::command::command;
use super::wait::within;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `liaison` with these arguments, to be run in the directory `current`.
pub(crate) fn liaison_command(current: &Path, arguments: &[&str]) -> Command {
    let mut command = command("liaison");
    command.current_dir(current).args(arguments);
    command
}

/// Runs `liaison` with these arguments, in the directory `current`.
pub(crate) async fn liaison(current: &Path, arguments: &[&str]) -> Ran {
    let mut command = liaison_command(current, arguments);
    command.stdin(Stdio::null());
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = within("the command's end", running)
        .await
        .expect("it does not panic")
        .expect("the command can be run");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
