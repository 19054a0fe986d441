//! (b) The pair: every document synced at both offices, and DELIVERED.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use office::Place;
use protocol::pb::office as pb;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::office_service_client::OfficeServiceClient;
use protocol::pb::office::send_documents_response::Outcome;
use tempfile::TempDir;
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};

use crate::process::{Binaries, Process};
use crate::report::Latency;
use crate::{BODY_BYTES, Plan, load};

/// What the pair exchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) stream1_per_s: f64,
    pub(crate) stream4_per_s: f64,
    pub(crate) unary1_per_s: f64,
    pub(crate) unary64_per_s: f64,
    pub(crate) unary1: Latency,
    pub(crate) unary64: Latency,
    /// Processor time of both offices a document, on one stream.
    pub(crate) stream1_cpu_us: f64,
    /// The same of unary calls, 64 in flight.
    pub(crate) unary64_cpu_us: f64,
    pub(crate) south_bytes: u64,
    pub(crate) north_bytes: u64,
}

/// As long as a UUID, and one.
pub(crate) fn request_id(index: u64) -> String {
    format!("{:08x}-0000-4000-8000-{index:012x}", std::process::id())
}

pub(crate) fn document(index: u64, body: &Bytes) -> pb::Document {
    pb::Document {
        form: pb::DocumentForm::Message.into(),
        subject: "List of persons entering".to_owned(),
        reference: format!("S-{index}"),
        body: body.clone(),
        ..Default::default()
    }
}

fn body() -> Bytes {
    Bytes::from(vec![7; BODY_BYTES])
}

/// Which pair is measured, and how it is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) binaries: Binaries,
    /// The line is carried in plain text.
    pub(crate) open_line: bool,
    /// It is called over TLS, by an officer.
    pub(crate) tls_client: bool,
}

impl Way {
    pub(crate) fn of(binaries: Binaries) -> Self {
        Self {
            binaries,
            open_line: false,
            tls_client: false,
        }
    }
}

/// Both offices as processes, at their defaults, with the ledgers on a disk.
pub(crate) struct Pair {
    pub(crate) south: Process,
    pub(crate) north: Process,
    addresses: [String; 2],
    data: TempDir,
}

impl Pair {
    pub(crate) fn start(binaries: &Binaries) -> Result<Self, Box<dyn Error>> {
        Self::start_with(binaries, &[])
    }

    fn start_with(binaries: &Binaries, more: &[&str]) -> Result<Self, Box<dyn Error>> {
        // Beside the other files of the build: a temporary directory may lie in memory, where a sync is none.
        let data = tempfile::tempdir_in(".")?;
        // Each must know the other's port before it starts.
        let ports = [free_port()?, free_port()?];
        let [at_south, at_north] = ports.map(|port| format!("127.0.0.1:{port}"));
        let north = data.path().join("north");
        let north = office(&binaries.north, &north, &at_north, &at_south, more)?;
        let south = data.path().join("south");
        let south = office(&binaries.south, &south, &at_south, &at_north, more)?;
        Ok(Self {
            south,
            north,
            addresses: [at_south, at_north],
            data,
        })
    }

    /// Starts South again, on what is there.
    pub(crate) fn start_south(&mut self, binaries: &Binaries) -> Result<(), Box<dyn Error>> {
        let [at_south, at_north] = &self.addresses;
        self.south = office(&binaries.south, &self.south_data(), at_south, at_north, &[])?;
        Ok(())
    }

    /// Starts North again, on what is there.
    pub(crate) fn start_north(&mut self, binaries: &Binaries) -> Result<(), Box<dyn Error>> {
        let [at_south, at_north] = &self.addresses;
        let data = self.data.path().join("north");
        self.north = office(&binaries.north, &data, at_north, at_south, &[])?;
        Ok(())
    }

    pub(crate) fn south_data(&self) -> PathBuf {
        self.data.path().join("south")
    }

    /// A connection to South.
    pub(crate) async fn channel(&self) -> Result<Channel, Box<dyn Error>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addresses[0]))?;
        Ok(endpoint.connect().await?)
    }

    /// The same over TLS, by an officer.
    fn officers_channel(&self) -> Result<Channel, Box<dyn Error>> {
        let directory = self.data.path().join("identities");
        let officer = tests::secured::officer(&directory, Place::South)
            .map_err(|error| error as Box<dyn Error>)?;
        Ok(tests::secured::channel(self.addresses[0].parse()?, officer))
    }

    /// A connection to North.
    pub(crate) async fn north_channel(&self) -> Result<Channel, Box<dyn Error>> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.addresses[1]))?;
        Ok(endpoint.connect().await?)
    }
}

fn office(
    program: &Path,
    data: &Path,
    listen: &str,
    peer: &str,
    more: &[&str],
) -> Result<Process, Box<dyn Error>> {
    let mut command = Command::new(program);
    command
        .args([
            "--listen", listen, "--peer", peer, "--log", "warn", "--data",
        ])
        .arg(data)
        .arg("--identities")
        .arg(data.with_file_name("identities"))
        .args(more);
    Process::start(&mut command)
}

pub(crate) async fn measure(plan: Plan, way: &Way) -> Result<Figures, Box<dyn Error>> {
    let more: &[&str] = if way.open_line {
        &["--insecure-line"]
    } else {
        &[]
    };
    let pair = Pair::start_with(&way.binaries, more)?;
    let channel = if way.tls_client {
        pair.officers_channel()?
    } else {
        pair.channel().await?
    };
    line_up(&channel).await?;
    let (south, north) = (&pair.south, &pair.north);

    let alone = unary(&channel, 1, 1 << 40, plan).await?;
    let before = cpu(south, north);
    let together = unary(&channel, 64, 2 << 40, plan).await?;
    let unary_cpu = cpu(south, north).saturating_sub(before);
    let before = cpu(south, north);
    let (stream1_per_s, count) = streams(&channel, 1, 3 << 40, plan).await?;
    let stream_cpu = cpu(south, north).saturating_sub(before);
    let (stream4_per_s, _) = streams(&channel, 4, 7 << 40, plan).await?;
    Ok(Figures {
        stream1_per_s,
        stream4_per_s,
        unary1_per_s: alone.per_s,
        unary64_per_s: together.per_s,
        unary1: alone.latency,
        unary64: together.latency,
        stream1_cpu_us: each_us(stream_cpu, count),
        unary64_cpu_us: each_us(unary_cpu, together.count),
        south_bytes: south.memory_peak(),
        north_bytes: north.memory_peak(),
    })
}

fn cpu(south: &Process, north: &Process) -> Duration {
    south.cpu() + north.cpu()
}

fn each_us(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

fn free_port() -> Result<u16, Box<dyn Error>> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

pub(crate) async fn line_up(channel: &Channel) -> Result<(), Box<dyn Error>> {
    let mut offices = OfficeServiceClient::new(channel.clone());
    for _ in 0..1_000 {
        let office = offices
            .get_office(pb::GetOfficeRequest {})
            .await?
            .into_inner();
        if office.connection() == pb::Connection::Up {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("the line did not come up in 10 s".into())
}

async fn unary(
    channel: &Channel,
    workers: usize,
    first: u64,
    plan: Plan,
) -> Result<load::Done, Box<dyn Error>> {
    let client = DocumentServiceClient::new(channel.clone());
    let body = body();
    load::calls(workers, plan.each, move |index| {
        let mut client = client.clone();
        let request = pb::SendDocumentRequest {
            request_id: request_id(first + index),
            document: Some(document(index, &body)),
            wait: pb::Wait::Delivered.into(),
        };
        async move { client.send_document(request).await.map(drop) }
    })
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
async fn streams(
    channel: &Channel,
    count: u64,
    first: u64,
    plan: Plan,
) -> Result<(f64, u64), Box<dyn Error>> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for stream in 0..count {
        let first = first + (stream << 36);
        let goes_on = move |_| begun.elapsed() < plan.each;
        tasks.push(tokio::spawn(one_stream(channel.clone(), first, goes_on)));
    }
    let mut delivered = 0;
    for task in tasks {
        delivered += task.await??;
    }
    Ok((delivered as f64 / begun.elapsed().as_secs_f64(), delivered))
}

/// Streams documents as long as `goes_on` says of their number on the stream. Returns how many were delivered.
pub(crate) async fn one_stream(
    channel: Channel,
    first: u64,
    goes_on: impl Fn(u64) -> bool + Send + 'static,
) -> Result<u64, tonic::Status> {
    let body = body();
    let requests = tokio_stream::iter(0u64..)
        .take_while(move |index| goes_on(*index))
        .map(move |index| pb::SendDocumentsRequest {
            request_id: request_id(first + index),
            document: Some(document(index, &body)),
        });
    let mut client = DocumentServiceClient::new(channel);
    let mut receipts = client.send_documents(requests).await?.into_inner();
    let mut delivered = 0;
    while let Some(response) = receipts.message().await? {
        match response.outcome {
            Some(Outcome::Receipt(_)) => delivered += 1,
            Some(Outcome::Refusal(refusal)) => {
                return Err(tonic::Status::new(refusal.code.into(), refusal.message));
            }
            None => return Err(tonic::Status::internal("neither receipt nor refusal")),
        }
    }
    Ok(delivered)
}
