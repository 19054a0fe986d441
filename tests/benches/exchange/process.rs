//! Processes, their addresses, and what they cost.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The offices' programs.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) south: PathBuf,
    pub(crate) north: PathBuf,
}

/// Builds both services as they are shipped.
pub(crate) fn build() -> Result<Binaries, Box<dyn Error>> {
    let built = |package: &str| -> Result<PathBuf, Box<dyn Error>> {
        let run = escargot::CargoBuild::new()
            .package(package)
            .bin(package)
            .args(["--profile", "dist"])
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .run()?;
        Ok(run.path().to_owned())
    };
    Ok(Binaries {
        south: built("south")?,
        north: built("north")?,
    })
}

/// Both services as somebody built them before.
pub(crate) fn built_in(directory: &str) -> Result<Binaries, Box<dyn Error>> {
    let directory = PathBuf::from(directory);
    let binaries = Binaries {
        south: directory.join("south"),
        north: directory.join("north"),
    };
    for program in [&binaries.south, &binaries.north] {
        if !program.is_file() {
            return Err(format!("there is no {}", program.display()).into());
        }
    }
    Ok(binaries)
}

/// A process that is ended with its owner.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    /// Starts a program that prints `listening ADDR`.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening ")
            .ok_or_else(|| format!("{command:?} did not start: {line:?}"))?
            .to_owned();
        Ok(Self { child, address })
    }

    /// Processor time used so far, in all threads.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.child.id().to_string())
    }

    /// The most memory it has had resident, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.measure().peak_bytes
    }

    /// What it has resident now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.measure().bytes
    }

    fn measure(&self) -> tests::memory::Memory {
        tests::memory::of(self.child.id()).unwrap_or_default()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Has it drain, and waits for its end.
    pub(crate) fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("an office ended with {status}").into())
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The clock's tick, in which Linux counts processor time.
const TICK: Duration = Duration::from_millis(10);

fn cpu_of(process: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name may hold spaces; fields are counted behind it.
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let field = |index: usize| {
        behind
            .split(' ')
            .nth(index)
            .and_then(|field| field.parse().ok())
    };
    TICK * (field(11).unwrap_or(0u32) + field(12).unwrap_or(0u32))
}
