//! Programs that run: started, listened for, killed, stopped.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use office::Place;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Failed;
use crate::binaries::Binaries;

const START_TIMEOUT: Duration = Duration::from_secs(20);
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// A program that has said where it listens.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Program {
    async fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, Failed> {
        let failed = |what: &str| Failed(format!("{name} {what}; see {}", log.display()));
        let log_file = File::options().create(true).append(true).open(log);
        let log_file = log_file
            .map_err(|error| Failed(format!("failed to open {}: {error}", log.display())))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&format!("could not be started: {error}")))?;
        let stdout = child.stdout.take().ok_or_else(|| failed("has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let first = timeout(START_TIMEOUT, lines.next_line()).await;
        let first = first.map_err(|_| failed("did not listen in time"))?;
        let address = first
            .ok()
            .flatten()
            .and_then(|line| line.strip_prefix("listening ")?.parse().ok())
            .ok_or_else(|| failed("did not say where it listens"))?;
        Ok(Self {
            name: name.to_owned(),
            stdin: child.stdin.take(),
            child,
            lines,
            address,
        })
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    fn signal(&self, signal: Signal) -> Result<(), Failed> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        let pid = pid.ok_or_else(|| Failed(format!("{} has ended by itself", self.name)))?;
        kill_process(pid, signal)
            .map_err(|error| Failed(format!("failed to signal {}: {error}", self.name)))
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(crate) async fn kill(mut self) -> Result<(), Failed> {
        self.signal(Signal::KILL)?;
        self.ended().await.map(drop)
    }

    /// SIGTERM: it drains, and says so with its exit status.
    pub(crate) async fn terminate(mut self) -> Result<(), Failed> {
        self.signal(Signal::TERM)?;
        match self.ended().await?.code() {
            Some(0) => Ok(()),
            code => Err(Failed(format!(
                "{} drained, and exited with {code:?} where 0 was due",
                self.name
            ))),
        }
    }

    /// SIGSTOP.
    pub(crate) fn stop(&self) -> Result<(), Failed> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) -> Result<(), Failed> {
        self.signal(Signal::CONT)
    }

    async fn ended(&mut self) -> Result<std::process::ExitStatus, Failed> {
        match timeout(END_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(Failed(format!("failed to wait for {}: {error}", self.name))),
            Err(_) => Err(Failed(format!("{} did not end in time", self.name))),
        }
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// How an office is started.
#[derive(Debug, Clone)]
pub(crate) struct OfficeStart<'a> {
    pub(crate) place: Place,
    pub(crate) directory: &'a Path,
    pub(crate) peer: SocketAddr,
    pub(crate) limits: &'a [(&'static str, u64)],
    pub(crate) clock_offset_seconds: i64,
}

impl OfficeStart<'_> {
    pub(crate) async fn start(&self, binaries: &Binaries) -> Result<Program, Failed> {
        let word = self.place.word();
        let mut command = Command::new(&binaries.offices[self.place]);
        command
            .args(["--listen", "127.0.0.1:0", "--log", "info,server=debug"])
            .args(["--peer", &self.peer.to_string()])
            .arg("--data")
            .arg(self.directory.join(word))
            .arg("--identities")
            .arg(self.directory.join("identities"));
        for (name, value) in self.limits {
            command.args(["--limit", &format!("{name}={value}")]);
        }
        if self.clock_offset_seconds != 0 {
            let offset = self.clock_offset_seconds.to_string();
            command.args(["--clock-offset", &offset]);
        }
        let log = self.directory.join(format!("{word}.log"));
        Program::start(word, command, &log).await
    }
}

/// A running `liaison proxy`, steered over its standard input.
#[derive(Debug)]
pub(crate) struct Relay {
    program: Program,
}

impl Relay {
    /// The line that `place` dials.
    pub(crate) async fn start(
        binaries: &Binaries,
        place: Place,
        seed: u64,
        directory: &Path,
    ) -> Result<Self, Failed> {
        let mut command = Command::new(&binaries.liaison);
        command
            .args(["proxy", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"])
            .args(["--seed", &seed.to_string()]);
        let name = format!("the line from {place}");
        let log = directory.join(format!("{place}-line.log"));
        let program = Program::start(&name, command, &log).await?;
        Ok(Self { program })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// Says a command, and waits until it is in force.
    pub(crate) async fn tell(&mut self, line: &str) -> Result<(), Failed> {
        let name = self.program.name.clone();
        let failed = |what: String| Failed(format!("{name} was told `{line}`: {what}"));
        let stdin = self.program.stdin.as_mut();
        let stdin = stdin.ok_or_else(|| failed("it has no input".to_owned()))?;
        let said = async {
            stdin.write_all(format!("{line}\n").as_bytes()).await?;
            stdin.flush().await?;
            self.program.lines.next_line().await
        };
        match timeout(START_TIMEOUT, said).await {
            Ok(Ok(Some(answer))) if answer == "ok" => Ok(()),
            Ok(answer) => Err(failed(format!("{answer:?}"))),
            Err(_) => Err(failed("no answer in time".to_owned())),
        }
    }

    /// As it was when it started.
    pub(crate) async fn mend(&mut self) -> Result<(), Failed> {
        for line in [
            "restore",
            "delay off",
            "jitter off",
            "trickle off",
            "reset off",
        ] {
            self.tell(line).await?;
        }
        Ok(())
    }
}
