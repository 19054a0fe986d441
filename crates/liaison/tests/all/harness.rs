//! Two running offices, and the binary.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Both offices, on ports of their own, with their ledgers in a directory of their own.
pub(crate) struct Offices {
    pub(crate) up: Child,
    /// Kept open: an office that finds it closed has nobody to talk to.
    _stdout: BufReader<ChildStdout>,
    pub(crate) south: String,
    pub(crate) north: String,
    /// Where the line takes commands, with `--control`.
    control: Option<String>,
    data: Option<TempDir>,
}

impl Offices {
    pub(crate) fn start() -> Self {
        Self::start_with(&[], Stdio::inherit())
    }

    pub(crate) fn start_with(flags: &[&str], stderr: Stdio) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let anywhere = "127.0.0.1:0";
        Self::begin(data, [anywhere; 2], flags, stderr)
    }

    /// The offices once more, with the ledgers that [`Offices::stop`] gave, where they were before.
    pub(crate) fn again(data: TempDir, south: &str, north: &str) -> Self {
        Self::begin(data, [south, north], &[], Stdio::inherit())
    }

    fn begin(data: TempDir, at: [&str; 2], flags: &[&str], stderr: Stdio) -> Self {
        let [south, north] = at;
        let mut up = command()
            .args(["up", "--output", "json", "--data"])
            .arg(data.path())
            .arg("--identities")
            .arg(data.path().join("identities"))
            .args(["--south", south, "--north", north])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary is built");
        let mut stdout = BufReader::new(up.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout
            .read_line(&mut line)
            .expect("it says where it serves");
        let said: Value = serde_json::from_str(&line).expect("it is JSON");
        let address = |key: &str| said[key].as_str().expect("an address").to_owned();
        Self {
            south: address("south"),
            north: address("north"),
            control: said["control"].as_str().map(str::to_owned),
            up,
            _stdout: stdout,
            data: Some(data),
        }
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command()
            .args(line.split(' '))
            .output()
            .expect("the binary is built")
    }

    /// The binary, told where these offices are.
    pub(crate) fn command(&self) -> Command {
        let mut command = command();
        command
            .env("LIAISON_SOUTH", &self.south)
            .env("LIAISON_NORTH", &self.north);
        command
    }

    /// What the line answers to a command.
    pub(crate) fn line(&self, command: &str) -> String {
        let control = self.control.as_ref().expect("it has a control");
        let mut stream = TcpStream::connect(control).expect("it listens");
        writeln!(stream, "{command}").expect("it takes lines");
        let mut answer = String::new();
        let mut reader = BufReader::new(stream);
        reader.read_line(&mut answer).expect("it answers");
        answer.trim_end().to_owned()
    }

    /// What the command prints as JSON; it must succeed.
    pub(crate) fn json(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --output json"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    /// The error that the command prints as JSON, and its exit code.
    pub(crate) fn refused(&self, line: &str) -> (Value, i32) {
        let output = self.run(&format!("{line} --output json"));
        let code = output.status.code().expect("it exits");
        let error: Value = serde_json::from_slice(&output.stderr).expect("it is JSON");
        assert_eq!(error["error"]["exit_code"], code);
        (error["error"].clone(), code)
    }

    /// Drains both offices; gives their ledgers.
    pub(crate) fn stop(mut self) -> TempDir {
        let pid = self.up.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.expect("there is kill").success());
        let status = self.up.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "a drain ends well");
        self.data.take().expect("it is taken once")
    }
}

impl Drop for Offices {
    fn drop(&mut self) {
        // A test that failed leaves no office behind; after a drain there is nothing to kill.
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

/// The binary, without what the environment of whoever tests says to it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liaison"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIAISON_")) {
        command.env_remove(name);
    }
    command
}

/// Tries until it holds: the other office has a step a moment later.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
    }
    panic!("it never held");
}
