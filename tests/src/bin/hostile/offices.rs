//! South under a limit of memory, and North.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Failed;
use crate::good::{document, request_id};

use protocol::pb::office as pb;

/// What South may have of memory that it writes to.
const DATA_BYTES_MAX: u64 = 300 * 1024 * 1024;
const LISTEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Documents of a mebibyte to read.
const DOCUMENTS: usize = 24;
const MEETINGS: usize = 8;

/// A pair of offices.
pub(crate) struct Offices {
    south: Child,
    north: Child,
    address: SocketAddr,
    _directory: TempDir,
}

/// Handles for a crowd.
pub(crate) fn raise_handles() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A smaller crowd then.
    let _ = setrlimit(Resource::Nofile, limit);
}

async fn start(
    binary: &Path,
    data: &Path,
    listen: SocketAddr,
    peer: SocketAddr,
) -> Result<Child, Failed> {
    let mut child = Command::new(binary)
        .args(["--listen", &listen.to_string(), "--peer", &peer.to_string()])
        .args(["--log", "warn"])
        .arg("--data")
        .arg(data)
        .arg("--identities")
        .arg(data.with_file_name("identities"))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let said = timeout(LISTEN_TIMEOUT, lines.next_line()).await;
    match said {
        Ok(Ok(Some(_))) => Ok(child),
        _ => Err(Failed(format!("{} did not listen", binary.display()))),
    }
}

/// A port that nobody has now.
async fn free() -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

impl Offices {
    pub(crate) async fn start(binaries: Option<&Path>) -> Result<Self, Failed> {
        let directory = tempfile::Builder::new().prefix("hostile-").tempdir()?;
        let (address, there) = (free().await?, free().await?);
        let binaries = match binaries {
            Some(directory) => directory.to_owned(),
            None => tests::binaries::build().map_err(|error| Failed(error.to_string()))?,
        };
        let (here, beside) = (binaries.join("south"), binaries.join("north"));
        let data = |place| directory.path().join(place);
        let south = start(&here, &data("south"), address, there).await?;
        let north = start(&beside, &data("north"), there, address).await?;
        let offices = Self {
            south,
            north,
            address,
            _directory: directory,
        };
        let limit = Rlimit {
            current: Some(DATA_BYTES_MAX),
            maximum: Some(DATA_BYTES_MAX),
        };
        prlimit(offices.pid(), Resource::Data, limit)?;
        Ok(offices)
    }

    fn pid(&self) -> Option<Pid> {
        self.south.id().and_then(|id| Pid::from_raw(id as i32))
    }

    pub(crate) fn south(&self) -> SocketAddr {
        self.address
    }

    /// Something to read.
    pub(crate) async fn fill(&self) -> Result<(), Failed> {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", self.address))?;
        let channel = endpoint.connect().await?;
        let mut documents =
            pb::document_service_client::DocumentServiceClient::new(channel.clone());
        for number in 0..DOCUMENTS {
            let request = pb::SendDocumentRequest {
                request_id: request_id(),
                document: Some(pb::Document {
                    body: vec![b'z'; 1024 * 1024 - 1024].into(),
                    ..document(&format!("number {number}"))
                }),
                wait: pb::Wait::Delivered.into(),
            };
            documents.send_document(request).await?;
        }
        let mut meetings = pb::meeting_service_client::MeetingServiceClient::new(channel);
        for number in 0..MEETINGS {
            let topic = format!("{number} {}", "z".repeat(1_000));
            let request = pb::ProposeMeetingRequest {
                request_id: request_id(),
                terms: Some(pb::MeetingTerms {
                    kind: pb::ContactKind::WorkingLevel.into(),
                    topics: vec![topic; 64],
                    ..Default::default()
                }),
            };
            meetings.propose_meeting(request).await?;
        }
        Ok(())
    }

    pub(crate) fn are_alive(&mut self) -> bool {
        let runs = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        runs(&mut self.south) && runs(&mut self.north)
    }

    /// From here on the peak is counted anew, where the system lets one.
    pub(crate) fn forget_peak(&self) {
        if let Some(id) = self.south.id() {
            let _ = std::fs::write(format!("/proc/{id}/clear_refs"), "5");
        }
    }

    /// The most memory that South had, in MiB.
    pub(crate) fn peak_mib(&self) -> Option<u64> {
        let memory = tests::memory::of(self.south.id()?).ok()?;
        Some(memory.peak_bytes / (1024 * 1024))
    }

    pub(crate) async fn end(mut self) {
        // They are about to be killed anyway.
        let _ = self.south.kill().await;
        let _ = self.north.kill().await;
    }
}
