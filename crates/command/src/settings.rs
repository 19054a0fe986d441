//! Settings: flags stand over the environment, the environment over `--config`, that over the defaults.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use client::Manner;
use identity::{Bundle, Tls};
use office::{PerPlace, Place};
use serde::Deserialize;
use words::time;

use crate::connect::{Address, Offices};
use crate::failure::Failure;
use crate::flags::OfficeWord;
use crate::format::Format;
use crate::output::Output;
use crate::zone::ZoneArgs;

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Where South listens by default.
pub const SOUTH_DEFAULT: &str = "127.0.0.1:50051";
/// Where North listens by default.
pub const NORTH_DEFAULT: &str = "127.0.0.1:50052";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct GlobalArgs {
    /// How to print data [default: text]
    #[arg(
        long,
        global = true,
        value_enum,
        env = "LIAISON_OUTPUT",
        value_name = "text|json",
        hide_possible_values = true,
        help_heading = "Settings",
        hide_env_values = true
    )]
    output: Option<Format>,

    /// A TOML file with settings: south, north, office, timeout, identity, output
    #[arg(
        long,
        global = true,
        env = "LIAISON_CONFIG",
        help_heading = "Settings",
        value_name = "FILE",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
}

/// Where the offices are.
#[derive(Debug, Clone, Args)]
pub struct OfficesArgs {
    /// Where the South office is [default: 127.0.0.1:50051]
    #[arg(
        long,
        env = "LIAISON_SOUTH",
        help_heading = "Settings",
        value_name = "ADDR",
        hide_env_values = true
    )]
    pub south: Option<Address>,

    /// Where the North office is [default: 127.0.0.1:50052]
    #[arg(
        long,
        env = "LIAISON_NORTH",
        help_heading = "Settings",
        value_name = "ADDR",
        hide_env_values = true
    )]
    pub north: Option<Address>,

    /// How long a call may take, such as 90s or 5m [default: 30s]
    #[arg(
        long,
        env = "LIAISON_TIMEOUT",
        help_heading = "Settings",
        value_name = "DURATION",
        value_parser = time::parse_duration,
        hide_env_values = true
    )]
    timeout: Option<Duration>,

    /// Who calls, over TLS: a file of `liaison pki`; of each office, one
    #[arg(
        long,
        env = "LIAISON_IDENTITY",
        help_heading = "Settings",
        value_name = "FILE",
        value_delimiter = ',',
        hide_env_values = true
    )]
    identity: Vec<PathBuf>,

    /// Speak with offices on other machines in plain text
    #[arg(long, help_heading = "Settings", conflicts_with = "identity")]
    insecure: bool,

    /// Whose days and hours.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

impl OfficesArgs {
    /// Has times told by the clocks that were named.
    pub fn set_clocks(&self) {
        if let Some(zone) = self.zone.named() {
            time::set_clocks(zone);
        }
    }

    /// Whether `--identity` was given by flag: what the environment says is there for other commands too.
    pub fn names_identity(&self) -> bool {
        let set = std::env::var("LIAISON_IDENTITY").unwrap_or_default();
        let set = set.split(',').filter(|file| !file.is_empty());
        !self.identity.is_empty()
            && !self
                .identity
                .iter()
                .map(PathBuf::as_path)
                .eq(set.map(Path::new))
    }

    /// Refuses flags that say where offices are beside `flag`, which asks none. What the environment says is no mistake: it
    /// is there for other commands too.
    pub fn say_nothing(&self, flag: &str) -> Result<(), Failure> {
        let flagged = |address: Option<&Address>, variable: &str| {
            let set: Option<Address> = std::env::var(variable)
                .ok()
                .and_then(|text| text.parse().ok());
            address.is_some() && address != set.as_ref()
        };
        let south = flagged(self.south.as_ref(), "LIAISON_SOUTH");
        if !south && !flagged(self.north.as_ref(), "LIAISON_NORTH") {
            return Ok(());
        }
        let name = if south { "--south" } else { "--north" };
        Err(Failure::Usage(format!(
            "{name} says nothing beside {flag}, which asks no office that is up; leave one of them out"
        )))
    }
}

/// Which office acts or is asked.
#[derive(Debug, Clone, Args)]
pub struct OfficeArgs {
    /// The office that acts or is asked [default: south]
    #[arg(
        long,
        value_enum,
        env = "LIAISON_OFFICE",
        value_name = "south|north",
        hide_possible_values = true,
        hide_env_values = true
    )]
    pub office: Option<OfficeWord>,

    /// Where the offices are.
    #[command(flatten)]
    pub offices: OfficesArgs,
}

/// The settings file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    south: Option<String>,
    north: Option<String>,
    office: Option<OfficeWord>,
    timeout: Option<String>,
    identity: Option<Files>,
    output: Option<Format>,
}

/// A file, or one of each office.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Files {
    One(PathBuf),
    Each(Vec<PathBuf>),
}

impl Files {
    fn files(&self) -> &[PathBuf] {
        match self {
            Self::One(file) => std::slice::from_ref(file),
            Self::Each(files) => files,
        }
    }
}

/// Settings as meant.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How data is printed.
    pub output: Output,
    file: SettingsFile,
}

impl Settings {
    /// Reads the settings file, if there is one.
    pub fn read(args: &GlobalArgs) -> Result<Self, Failure> {
        let file = match &args.config {
            None => SettingsFile::default(),
            Some(path) => read_file(path)?,
        };
        let format = args.output.or(file.output).unwrap_or_default();
        Ok(Self {
            output: Output { format },
            file,
        })
    }

    /// The format wanted, even if the settings file cannot be read.
    pub fn format_of(args: &GlobalArgs) -> Format {
        args.output.unwrap_or_default()
    }

    /// Where the offices are. From here on times are told by the clocks that were named.
    pub fn offices(&self, args: &OfficesArgs) -> Result<Offices, Failure> {
        args.set_clocks();
        let timeout = match (args.timeout, &self.file.timeout) {
            (Some(timeout), _) => timeout,
            (None, None) => TIMEOUT_DEFAULT,
            (None, Some(text)) => time::parse_duration(text)
                .map_err(|error| Failure::Usage(format!("in --config: {error}")))?,
        };
        Ok(Offices {
            addresses: self.addresses(args.south.as_ref(), args.north.as_ref())?,
            timeout,
            manner: self.manner(args)?,
        })
    }

    /// How the offices are spoken to.
    fn manner(&self, args: &OfficesArgs) -> Result<Manner, Failure> {
        let in_file = self.file.identity.as_ref().map_or(&[][..], Files::files);
        let files = match &args.identity[..] {
            _ if args.insecure => &[],
            [] => in_file,
            flags => flags,
        };
        let usage = |what: String| Failure::Usage(format!("--identity: {what}"));
        let mut identities = PerPlace::<Option<Arc<Tls>>>::default();
        for path in files {
            let tls = Bundle::read(path).and_then(|bundle| Tls::of(&bundle));
            let tls = Arc::new(tls.map_err(|error| usage(error.to_string()))?);
            let place = tls.own().name.place();
            if let Some(other) = identities[place].replace(tls) {
                return Err(usage(format!(
                    "{} and {} are both of the {place} office: one speaks there",
                    other.path().display(),
                    path.display()
                )));
            }
        }
        if files.len() == 1 {
            // A controller's is good at both; what another's may do at the other office, that office says.
            let one = Place::BOTH
                .into_iter()
                .find_map(|place| identities[place].clone());
            identities = PerPlace::new(one.clone(), one);
        }
        Ok(Manner {
            identities,
            insecure: args.insecure,
        })
    }

    /// The addresses of the offices: the flags', or else the file's, or else the usual ones.
    pub fn addresses(
        &self,
        south: Option<&Address>,
        north: Option<&Address>,
    ) -> Result<PerPlace<Address>, Failure> {
        let address = |flag: Option<&Address>, file: &Option<String>, usual: &str| {
            if let Some(address) = flag {
                return Ok(address.clone());
            }
            let text = file.as_deref().unwrap_or(usual);
            text.parse::<Address>()
                .map_err(|error| Failure::Usage(format!("in --config: {error}")))
        };
        Ok(PerPlace::new(
            address(south, &self.file.south, SOUTH_DEFAULT)?,
            address(north, &self.file.north, NORTH_DEFAULT)?,
        ))
    }

    /// The offices, and the one of them that acts or is asked: whose identity is given, or else South, unless another is named.
    pub fn acting(&self, args: &OfficeArgs) -> Result<(Offices, Place), Failure> {
        let offices = self.offices(&args.offices)?;
        let identities = &offices.manner.identities;
        let own = identities[Place::South]
            .as_ref()
            .map(|tls| tls.own().name.place());
        let place = self.office(args.office).or(own).unwrap_or(Place::South);
        Ok((offices, place))
    }

    /// The office named, if one is.
    pub fn office(&self, word: Option<OfficeWord>) -> Option<Place> {
        word.or(self.file.office).map(OfficeWord::place)
    }
}

fn read_file(path: &Path) -> Result<SettingsFile, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "failed to read --config {}: {error}",
            path.display()
        ))
    })?;
    toml::from_str(&text)
        .map_err(|error| Failure::Usage(format!("--config {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings {
            output: Output {
                format: Format::Text,
            },
            file: toml::from_str(text).expect("it is a settings file"),
        }
    }

    fn no_flags() -> OfficesArgs {
        OfficesArgs {
            south: None,
            north: None,
            timeout: None,
            identity: Vec::new(),
            insecure: false,
            zone: ZoneArgs::default(),
        }
    }

    #[test]
    fn flags_stand_over_the_file_and_the_file_over_the_defaults() {
        let settings =
            settings("south = \"127.0.0.1:1\"\nnorth = \"127.0.0.1:2\"\ntimeout = \"5s\"");
        let flags = OfficesArgs {
            south: "127.0.0.1:9".parse().ok(),
            ..no_flags()
        };
        let offices = settings.offices(&flags).expect("both are addresses");
        assert_eq!(offices.addresses[Place::South].to_string(), "127.0.0.1:9");
        assert_eq!(offices.addresses[Place::North].to_string(), "127.0.0.1:2");
        assert_eq!(offices.timeout, Duration::from_secs(5));
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let settings = settings("");
        let offices = settings
            .offices(&no_flags())
            .expect("the defaults are addresses");
        assert_eq!(offices.addresses[Place::South].to_string(), SOUTH_DEFAULT);
        assert_eq!(offices.timeout, TIMEOUT_DEFAULT);
        assert_eq!(settings.office(None), None);
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(toml::from_str::<SettingsFile>("sout = \"127.0.0.1:1\"").is_err());
    }
}
