//! (c) NATS JetStream, one node, publishing with acknowledgement, 1,000 in flight.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::Plan;

/// What JetStream acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// As it comes: what is acknowledged may not be on disk.
    pub(crate) default_per_s: f64,
    /// With `sync_interval: always`.
    pub(crate) synced_per_s: f64,
}

const IN_FLIGHT_MAX: u64 = 1_000;
const MESSAGE_BYTES: usize = 350;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None` when there is no nats-server of version 2.10 or newer.
pub(crate) async fn measure(plan: Plan) -> Result<Option<Figures>, Box<dyn Error>> {
    let Ok(version) = Command::new("nats-server").arg("--version").output() else {
        return Ok(None);
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !is_new_enough(&version) {
        return Ok(None);
    }
    Ok(Some(Figures {
        default_per_s: publish(plan, "").await?,
        synced_per_s: publish(plan, "sync_interval: always").await?,
    }))
}

fn is_new_enough(version: &str) -> bool {
    let numbers = version
        .rsplit('v')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let mut numbers = numbers
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (2, 10)
}

async fn start(directory: &Path, setting: &str) -> Result<(Server, TcpStream), Box<dyn Error>> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let config = directory.join("nats.conf");
    let store = directory.join("store");
    std::fs::write(
        &config,
        format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\"\n {setting} }}\n",
            store.display()
        ),
    )?;
    let server = Server(
        Command::new("nats-server")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    for _ in 0..500 {
        if let Ok(connection) = TcpStream::connect(("127.0.0.1", port)).await {
            connection.set_nodelay(true)?;
            return Ok((server, connection));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("nats-server did not start in 5 s".into())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time"
)]
async fn publish(plan: Plan, setting: &str) -> Result<f64, Box<dyn Error>> {
    let directory = tempfile::tempdir_in(".")?;
    let (_server, connection) = start(directory.path(), setting).await?;
    let (read, mut write) = connection.into_split();
    let mut answers = BufReader::with_capacity(1 << 16, read);
    let stream = r#"{"name":"BENCH","subjects":["bench"],"storage":"file"}"#;
    let opening = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB _INBOX.* 1\r\nPUB $JS.API.STREAM.CREATE.BENCH _INBOX.0 {}\r\n{stream}\r\n",
        stream.len()
    );
    write.write_all(opening.as_bytes()).await?;
    let created = message(&mut answers, &mut write).await?;
    if created.contains("\"error\"") {
        return Err(format!("JetStream would not make a stream: {created}").into());
    }
    let payload = "7".repeat(MESSAGE_BYTES);
    let (mut sent, mut acknowledged) = (0u64, 0u64);
    let begun = Instant::now();
    let mut pending = String::new();
    while begun.elapsed() < plan.each || acknowledged < sent {
        let open = sent - acknowledged;
        // Half the window at a time, so that neither side waits for single messages.
        if begun.elapsed() < plan.each && open <= IN_FLIGHT_MAX / 2 {
            pending.clear();
            for _ in open..IN_FLIGHT_MAX {
                sent += 1;
                let _ = write!(
                    pending,
                    "PUB bench _INBOX.{sent} {MESSAGE_BYTES}\r\n{payload}\r\n"
                );
            }
            write.write_all(pending.as_bytes()).await?;
        }
        if acknowledged < sent {
            message(&mut answers, &mut write).await?;
            acknowledged += 1;
        }
    }
    Ok(acknowledged as f64 / begun.elapsed().as_secs_f64())
}

/// The payload of the next message to this client.
async fn message(
    answers: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    write: &mut tokio::net::tcp::OwnedWriteHalf,
) -> Result<String, Box<dyn Error>> {
    let mut line = String::new();
    loop {
        line.clear();
        if answers.read_line(&mut line).await? == 0 {
            return Err("nats-server hung up".into());
        }
        if line.starts_with("PING") {
            write.write_all(b"PONG\r\n").await?;
        } else if line.starts_with("-ERR") {
            return Err(line.into());
        } else if line.starts_with("MSG") {
            let bytes: usize = line.trim().rsplit(' ').next().unwrap_or("0").parse()?;
            let mut payload = vec![0; bytes + 2];
            answers.read_exact(&mut payload).await?;
            return Ok(String::from_utf8_lossy(&payload).into_owned());
        }
    }
}
