//! `liaison up`: both offices in one process, and what to try next.

mod examples;
mod line;
mod offices;
mod play;

use std::path::{Path, PathBuf};

use clap::Args;
use office::Place;
use service::Identities;
use wire::LookingOn;

use self::examples::{People, Welcome};
use self::offices::{Serving, Wanted};

use command::connect::Address;
use command::failure::Failure;
use command::output::Output;
use command::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison up
  liaison up --data /tmp/offices --south 127.0.0.1:6001 --north 127.0.0.1:6002
  liaison up --play both=workshop --speed 10
  liaison up --play north=kaesong-2018 --speed 600
  liaison up --control 127.0.0.1:50053             (and then: echo cut | nc -N 127.0.0.1 50053)
  liaison up --tap --frames                        (every frame, of clients and of the line)
  liaison up --examples

With --play both=SCENARIO the scenario's officers act at both offices, from now on. With one office \
named they play that office, and people the other: it sends, proposes, records and calls of its own accord, and what \
people do it answers as the scenario says: it acknowledges or refuses, accepts, counters or declines, convenes, \
closes, confirms. Faults that the scenario has are left out. At --speed 600 a while such as --begins-at 2h is one of the play: 12 s.

--control has the line between the offices fail on command, as `liaison proxy --help` says: cut, restore, delay, reset \
and others, for both ways at once. That the telephone is cut is another thing, a statement of an office: `liaison \
telephone`.

--tap shows each call at both offices as `liaison tap` does, the line's Carry too; --record keeps them for `liaison tap \
show`.

Ctrl-C drains both offices and ends the command. What was recorded is there again at the next start.

JSON: one line {\"south\": ADDR, \"north\": ADDR, \"data\": DIR} once both offices serve, with --control also \
\"control\": ADDR.";

/// Start both offices, and show what to try
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpArgs {
    /// Where the two ledgers are: DIR/south and DIR/north
    #[arg(
        long,
        value_name = "DIR",
        env = "LIAISON_DATA",
        default_value = "liaison-data/up",
        hide_env_values = true
    )]
    data: PathBuf,

    /// Who the offices are; what is missing is made there
    #[arg(
        long,
        value_name = "DIR",
        env = "LIAISON_IDENTITIES",
        default_value = "liaison-data/identities",
        hide_env_values = true
    )]
    identities: PathBuf,

    /// Where South listens [default: 127.0.0.1:50051]
    #[arg(
        long,
        env = "LIAISON_SOUTH",
        value_name = "ADDR",
        hide_env_values = true
    )]
    south: Option<Address>,

    /// Where North listens [default: 127.0.0.1:50052]
    #[arg(
        long,
        env = "LIAISON_NORTH",
        value_name = "ADDR",
        hide_env_values = true
    )]
    north: Option<Address>,

    /// Carry the line over proxies that fail on command, and take the commands here; port 0 picks a free one
    #[arg(long, value_name = "ADDR", value_parser = proxy::parse_address)]
    control: Option<String>,

    /// Print more lines to copy, for offices that are up, and end
    #[arg(long, conflicts_with_all = ["play", "control"])]
    examples: bool,

    /// Have a scenario played: at both offices, or at one while people play the other
    #[arg(long, value_name = "both|south|north=SCENARIO", value_parser = play::played)]
    play: Option<play::Played>,

    /// Play so many times as fast
    #[arg(long, value_name = "N", default_value_t = 1, requires = "play", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,

    /// What is drawn when, and between whom
    #[arg(long, value_name = "N", default_value_t = 1, requires = "play")]
    seed: u64,

    /// Show every gRPC call of clients and of the line, as it passes behind TLS
    #[arg(long, help_heading = "Looking on")]
    tap: bool,

    #[command(flatten)]
    looking: LookingOn,
}

impl UpArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let listen = settings.addresses(self.south.as_ref(), self.north.as_ref())?;
        if self.examples {
            return examples::print(settings.output, &listen, &self.data);
        }
        let Self {
            data,
            identities,
            control,
            play,
            speed,
            seed,
            tap,
            looking,
            ..
        } = self;
        if !tap {
            looking.without_tap()?;
        }
        let play = play.map(|played| played.drawn(seed)).transpose()?;
        let people = play.as_ref().map_or(People::Both, play::Drawn::people);
        let wanted = Wanted {
            data: &data,
            listen: &listen,
            control: control.as_deref(),
            identities: Identities {
                directory: identities,
                ..Identities::default()
            },
            played_speed: if play.is_some() { speed } else { 0 },
            tap: tap.then_some((&looking, settings.output)),
        };
        offices::run(&wanted, |serving| {
            tell(settings.output, serving, &data, people)?;
            match play {
                Some(play) => play.begin(&serving.addresses, speed),
                None => Ok(()),
            }
        })
    }
}

/// Says that both offices serve, and what to try.
fn tell(output: Output, serving: &Serving, data: &Path, people: People) -> Result<(), Failure> {
    let Serving {
        addresses,
        appended,
        control,
    } = serving;
    if output.is_json() {
        let address = |place| addresses[place].to_string();
        let (south, north) = (address(Place::South), address(Place::North));
        let mut line = serde_json::json!({"south": south, "north": north, "data": data});
        if let Some(control) = control {
            line["control"] = serde_json::json!(control.to_string());
        }
        return output.json_line(&line);
    }
    output.text(&examples::welcome(&Welcome {
        addresses,
        data,
        control: *control,
        appended,
        people,
    }))
}
