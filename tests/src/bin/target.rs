//! `target LISTEN`: a gRPC server with known latencies and faults. Prints `listening ADDR` once it serves.

use std::error::Error;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use tests::target::arithmetic::Run;
use tests::target::{Connections, Delay, Ending, Garbage, Shares, Stall, Target, parse_duration};
use tokio::net::TcpListener;
use tonic_health::ServingStatus;

/// A gRPC server with known latencies and faults, to hold load generators against.
///
/// It serves relay.v1.RelayService, health and reflection. The same seed gives the same delays and faults in the same
/// order.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen, such as 127.0.0.1:0.
    #[arg(required_unless_present = "expected_rate")]
    listen: Option<String>,
    /// How long answers take: none, fixed:5ms, uniform:1ms..9ms, exponential:5ms, or bimodal:1ms,50ms,0.02.
    #[arg(long, value_name = "DISTRIBUTION", default_value = "none")]
    delay: Delay,
    /// When it stalls, since the first call: what is due then is held, and goes out at once at the end.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "stall_for")]
    stall_at: Option<Duration>,
    /// How long it stalls.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "stall_at")]
    stall_for: Option<Duration>,
    /// Which share of the calls is refused with UNAVAILABLE.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    refuse_share: f64,
    /// Which share of the calls is ended by RST_STREAM.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    reset_share: f64,
    /// Which share of the calls is answered with garbage.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    garbage_share: f64,
    /// The kinds of garbage, in turn; all, if none is named.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    garbage: Vec<Garbage>,
    /// Send GOAWAY when so many calls have come on a connection.
    #[arg(long, value_name = "CALLS")]
    go_away_after: Option<u64>,
    /// Cut a connection off without a word when so many calls have come on it.
    #[arg(long, value_name = "CALLS", conflicts_with = "go_away_after")]
    cut_after: Option<u64>,
    /// How many calls at a time a client may have open on a connection; any number, if not given.
    #[arg(long, value_name = "CALLS")]
    streams_max: Option<u32>,
    /// What grpc.health.v1 says.
    #[arg(
        long,
        value_name = "STATUS",
        default_value = "serving",
        default_missing_value = "serving",
        num_args = 0..=1,
        require_equals = true
    )]
    health: Health,
    /// Decides the order of delays and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Serve nothing: print as JSON what a run at this rate a second must measure, by arithmetic.
    #[arg(long, value_name = "RATE", requires = "expected_duration")]
    expected_rate: Option<f64>,
    /// How long that run takes.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "expected_rate")]
    expected_duration: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Health {
    Serving,
    NotServing,
    /// There is no such service.
    None,
}

impl Arguments {
    fn stall(&self) -> Option<Stall> {
        let (at, lasts) = self.stall_at.zip(self.stall_for)?;
        Some(Stall { at, lasts })
    }

    fn expected_run(&self) -> Option<Run> {
        let (rate, duration) = self.expected_rate.zip(self.expected_duration)?;
        Some(Run {
            rate,
            duration,
            delay: self.delay,
            stall: self.stall(),
        })
    }

    fn target(&self) -> Target {
        let kinds = match self.garbage.as_slice() {
            [] => Garbage::ALL.to_vec(),
            kinds => kinds.to_vec(),
        };
        let go_away = self.go_away_after.map(|calls| (Ending::GoAway, calls));
        let cut = self.cut_after.map(|calls| (Ending::Cut, calls));
        Target {
            delay: self.delay,
            stall: self.stall(),
            faults: Shares {
                refuse: self.refuse_share,
                reset: self.reset_share,
                garbage: self.garbage_share,
                kinds,
            },
            connections: Connections {
                ends: go_away.or(cut),
                streams_max: self.streams_max,
            },
            health: match self.health {
                Health::Serving => Some(ServingStatus::Serving),
                Health::NotServing => Some(ServingStatus::NotServing),
                Health::None => None,
            },
            seed: self.seed,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    if let Some(run) = arguments.expected_run() {
        let expected: serde_json::Map<_, _> = run
            .expected()
            .named()
            .map(|(name, us)| (name.to_owned(), us.into()))
            .into_iter()
            .collect();
        println!("{}", serde_json::Value::from(expected));
        return Ok(());
    }
    let target = arguments.target();
    target.faults.check()?;
    let listen = arguments
        .listen
        .as_deref()
        .ok_or("there is no address to listen on")?;
    let listener = TcpListener::bind(listen).await?;
    println!("listening {}", listener.local_addr()?);
    match target.serve(listener).await? {}
}
