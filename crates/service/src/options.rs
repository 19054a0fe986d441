//! What a service is told: flags, environment and file, made one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use jiff::SignedDuration;
use office::limits::Unit;
use office::{Limits, Place};
use serde::Deserialize;

use crate::identities::Identities;

const EXAMPLES: &str = "\
Examples:
  south --data liaison-data/south
  south --listen 127.0.0.1:50051 --peer 127.0.0.1:50052
  north --listen 127.0.0.1:0 --peer 127.0.0.1:50051 --limit drain_timeout=2000

The file of --config is TOML: listen, peer, data, identities, identity, admin, and a table [limits], such as
  listen = \"127.0.0.1:50051\"
  [limits]
  outbox_bytes_max = 1048576
  drain_timeout = 2000
What a flag says stands over the environment, that over the file, and that over the default.";

/// One office of the pair.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen [default: 127.0.0.1:50051 for South, :50052 for North]
    #[arg(long, env = "LIAISON_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the peer listens [default: the other's default]
    #[arg(long, env = "LIAISON_PEER", value_name = "ADDR")]
    peer: Option<String>,
    /// The ledger's directory [default: liaison-data/south or liaison-data/north]
    #[arg(long, env = "LIAISON_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A TOML file with the same settings
    #[arg(long, env = "LIAISON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Lower a limit; durations in milliseconds. May be repeated
    #[arg(long, value_name = "NAME=NUMBER", value_parser = limit)]
    limit: Vec<(String, u64)>,
    /// The pair's identities; what is missing is made there [default: liaison-data/identities]
    #[arg(long, env = "LIAISON_IDENTITIES", value_name = "DIR")]
    identities: Option<PathBuf>,
    /// This office's own, as `liaison pki bundle` makes it for another machine
    #[arg(long, env = "LIAISON_IDENTITY", value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Carry the line without certificates, on loopback: for a peer that knows no TLS
    #[arg(long)]
    insecure_line: bool,
    /// Let clients on other machines in without certificates, and unencrypted; and --admin be seen there
    #[arg(long)]
    insecure_bind: bool,
    /// Tell how the office is over HTTP: /metrics, /livez and /readyz, such as at 127.0.0.1:9464
    #[arg(long, env = "LIAISON_ADMIN", value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// How log lines look, on stderr
    #[arg(long, env = "LIAISON_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or directives such as server=debug
    #[arg(long, env = "LIAISON_LOG", default_value = "info")]
    pub(crate) log: String,
    /// Set the office's clock off by so many seconds, to rehearse a clock that is wrong
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, hide = true)]
    clock_offset: i64,
}

impl Args {
    /// Reads the command line; ends the process if it cannot be read, or asks for help.
    pub(crate) fn of(place: Place) -> Self {
        let matches = Self::told(place).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// What is told of the service at `place`.
    fn told(place: Place) -> clap::Command {
        let about = match place {
            Place::South => "The South office",
            Place::North => "The North office",
        };
        let command = Self::command().name(place.word()).about(about);
        command.after_long_help(format!("{EXAMPLES}\n\n{}", limits()))
    }
}

/// Every limit with its default, as `--limit` names it.
fn limits() -> String {
    let mut text = "Limits, with their defaults, which can be lowered:".to_owned();
    for limit in Limits::default().table() {
        let unit = match limit.unit {
            Unit::Count => "",
            Unit::Bytes => " bytes",
            Unit::Milliseconds => " ms",
        };
        let value = format!("{}{unit}", limit.value);
        let _ = write!(text, "\n  {:<28} {value:<18} {}", limit.name, limit.about);
    }
    text
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, number) = text
        .split_once('=')
        .ok_or("write NAME=NUMBER, such as drain_timeout=2000")?;
    let number = number
        .parse()
        .map_err(|_| format!("{number:?} is not a whole number"))?;
    Ok((name.to_owned(), number))
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// The file of `--config`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    peer: Option<String>,
    data: Option<PathBuf>,
    identities: Option<PathBuf>,
    identity: Option<PathBuf>,
    admin: Option<SocketAddr>,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

/// What an office runs with, once flags, environment, file and defaults are one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the peer listens.
    pub peer: String,
    /// The ledger's directory.
    pub data: PathBuf,
    /// The bounds.
    pub limits: Limits,
    /// Who the office is.
    pub identities: Identities,
    /// Where it is told how the office is; `None` if nowhere.
    pub admin: Option<SocketAddr>,
    /// What the clock is off by.
    pub clock_offset: SignedDuration,
}

impl Options {
    /// The defaults of an office.
    pub fn of(place: Place) -> Self {
        let address = |place| SocketAddr::from(([127, 0, 0, 1], default_port(place)));
        Self {
            listen: address(place),
            peer: address(place.peer()).to_string(),
            data: Path::new("liaison-data").join(place.word()),
            limits: Limits::default(),
            identities: Identities::default(),
            admin: None,
            clock_offset: SignedDuration::ZERO,
        }
    }

    pub(crate) fn merged(place: Place, args: Args) -> Result<Self, String> {
        let file = args.config.as_deref().map(read_file).transpose()?;
        let file = file.unwrap_or_default();
        let default = Self::of(place);
        let mut limits = default.limits;
        for (name, value) in file.limits.into_iter().chain(args.limit) {
            limits
                .set(&name, value)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(default.listen),
            peer: args.peer.or(file.peer).unwrap_or(default.peer),
            data: args.data.or(file.data).unwrap_or(default.data),
            limits,
            identities: Identities {
                directory: args
                    .identities
                    .or(file.identities)
                    .unwrap_or(default.identities.directory),
                file: args.identity.or(file.identity),
                insecure_line: args.insecure_line,
                insecure_bind: args.insecure_bind,
            },
            admin: args.admin.or(file.admin),
            clock_offset: SignedDuration::from_secs(args.clock_offset),
        })
    }
}

const fn default_port(place: Place) -> u16 {
    match place {
        Place::South => 50_051,
        Place::North => 50_052,
    }
}

fn read_file(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("failed to read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1 cargo test -p service help` writes it anew.
    #[test]
    fn help_is_as_it_is_kept() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
        for place in Place::BOTH {
            for (flag, file) in [("-h", "short"), ("--help", "long")] {
                // As wide as it is anywhere, and without what is set here.
                let told = Args::told(place).term_width(100);
                let told = told.mut_args(|flag| flag.hide_env_values(true));
                let said = told.try_get_matches_from([place.word(), flag]);
                let text = said.expect_err("help is no command").to_string();
                let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
                let text = lines.join("\n") + "\n";
                let path = kept.join(format!("{}-{file}.txt", place.word()));
                if std::env::var_os("UPDATE_DOCS").is_some() {
                    std::fs::create_dir_all(&kept).expect("it can be made");
                    std::fs::write(&path, &text).expect("it can be written");
                }
                let before = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(
                    before == text,
                    "{} says otherwise than {} keeps; if that is meant, write it anew with UPDATE_DOCS=1 cargo test \
                     -p service help\n{text}",
                    place.word(),
                    path.display()
                );
            }
        }
    }
}
