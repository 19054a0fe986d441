//! One office as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use office::Place;

use super::command::command;
use super::wait::within;

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to stderr.
    pub(crate) log: String,
}

/// An office that serves.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// The command of an office.
    pub(crate) fn command(place: Place) -> Command {
        command(place.word())
    }

    /// Starts an office, and waits until it listens or has ended. Its stderr goes to the file `log`.
    pub(crate) async fn start(mut command: Command, log: &Path) -> Result<Self, Ended> {
        let stderr = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a file for the log");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the office can be run");
        let stdout = child.stdout.take().expect("it is piped");
        let listening = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            // A line that cannot be read is none.
            let _ = BufReader::new(stdout).read_line(&mut line);
            line
        });
        // From here on a panic ends the process.
        let mut process = Self {
            child,
            log: log.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let line = within("the office's first line", listening)
            .await
            .expect("the reader does not panic");
        match line.trim().strip_prefix("listening ") {
            Some(address) => process.address = address.parse().expect("an address"),
            None => return Err(process.wait().await),
        }
        Ok(process)
    }

    /// Sends a signal, such as TERM.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.child.id().to_string())
            .status()
            .expect("kill can be run");
        assert!(sent.success(), "the office lives");
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is ours");
    }

    /// Waits for its end.
    pub(crate) async fn wait(mut self) -> Ended {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("it is ours") {
                    return status;
                }
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        let status = within("the office's end", ended).await;
        Ended {
            code: status.code(),
            log: self.log(),
        }
    }

    /// Asks it to drain, and waits for its end.
    pub(crate) async fn stop(self) -> Ended {
        self.signal("TERM");
        self.wait().await
    }

    /// The most memory that it had, in MiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_mib(&self) -> u64 {
        let memory = tests::memory::of(self.child.id()).expect("the system tells");
        memory.peak_bytes / (1024 * 1024)
    }

    /// What it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is text")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
