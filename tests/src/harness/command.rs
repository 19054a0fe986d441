//! Commands that see nothing of the environment that the tests run in.

use std::process::Command;

use super::binaries::binary;

/// `south`, `north` or `liaison`, without settings from outside.
pub(super) fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("LIAISON_")) {
            command.env_remove(key);
        }
    }
    command.env("NO_COLOR", "1");
    command
}
