//! `liaison up`: both offices in one process, and what to try next.

mod offices;
mod play;

use std::path::PathBuf;

use clap::Args;
use office::{PerPlace, Place};
use words::style::{HEADING, styled};

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

With --play both=SCENARIO the scenario's officers act at both offices, from now on. With one office named they
play that office, and people the other: it sends, proposes, records and calls of its own accord, and what people do it
answers as the scenario says: it acknowledges or refuses, accepts, counters or declines, convenes, closes, confirms.
Faults that the scenario has are left out.

Ctrl-C drains both offices and ends the command. What was recorded is there again at the next start.

JSON: one line {\"south\": ADDR, \"north\": ADDR, \"data\": DIR} once both offices serve.";

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

    /// Have a scenario played: at both offices, or at one while people play the other
    #[arg(long, value_name = "both|south|north=SCENARIO", value_parser = play::played)]
    play: Option<play::Played>,

    /// Play so many times as fast
    #[arg(long, value_name = "N", default_value_t = 1, requires = "play", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,

    /// What is drawn when, and between whom
    #[arg(long, value_name = "N", default_value_t = 1, requires = "play")]
    seed: u64,
}

impl UpArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let listen = settings.addresses(self.south.as_ref(), self.north.as_ref())?;
        let play = self
            .play
            .map(|played| played.drawn(self.seed))
            .transpose()?;
        offices::run(&self.data, &listen, |addresses| {
            serving(settings.output, &addresses, &self.data)?;
            if let Some(play) = play {
                play.begin(&addresses, self.speed)?;
            }
            Ok(())
        })
    }
}

/// Says that both offices serve, and what to try.
fn serving(
    output: Output,
    addresses: &PerPlace<Address>,
    data: &std::path::Path,
) -> Result<(), Failure> {
    let (south, north) = (
        addresses[Place::South].to_string(),
        addresses[Place::North].to_string(),
    );
    if output.is_json() {
        return output
            .json_line(&serde_json::json!({"south": south, "north": north, "data": data}));
    }
    output.text(&welcome(&south, &north, data))
}

fn welcome(south: &str, north: &str, data: &std::path::Path) -> String {
    let heading = |text: &str| styled(HEADING, text);
    let data = data.display();
    // What a load tool calls in these lines. It needs no files of ours, since the offices reflect.
    let method = "liaison.office.v1.DocumentService/SendDocument";
    let document = r#"{"form":"DOCUMENT_FORM_MESSAGE","subject":"Good morning","body":"SGVsbG8="}"#;
    format!(
        "\
{serving}
  South  {south}   {data}/south
  North  {north}   {data}/north
{elsewhere}
{send}
  liaison send --office south --subject 'Good morning' --text 'Hello' --wait delivered
  liaison document acknowledge offices/south/documents/1 --by 'Jon Jong-su, chief'
  liaison tally south north

{meeting}
  liaison meeting propose --office north --kind working-level --topic Roads --begins-at 2h
  liaison meeting accept --office south NAME
  liaison meeting convene --office north NAME
  liaison meeting close --office south NAME

{watch}
  liaison watch --line
  liaison status

{grpcurl}
  grpcurl -plaintext -d '{{\"request_id\":\"'$(uuidgen)'\",\"document\":{document}}}' \\
      {south} {method}

{ghz}
  ghz --insecure --call {method} -n 2000 -c 20 \\
      -d '{{\"request_id\":\"{{{{newUUID}}}}\",\"wait\":\"WAIT_DELIVERED\",\"document\":{document}}}' \\
      {south}

{k6}
  cat > send.js <<'END' && k6 run --vus 20 --duration 10s send.js
import grpc from 'k6/net/grpc';
import {{ check }} from 'k6';
const client = new grpc.Client();
const document = {document};
export default () => {{
  if (__ITER === 0) client.connect('{south}', {{ plaintext: true, reflect: true }});
  const answer = client.invoke('{method}', {{ request_id: crypto.randomUUID(), document }});
  check(answer, {{ recorded: (answer) => answer.status === grpc.StatusOK }});
}};
END

Ctrl-C drains both offices and ends.
",
        serving = heading("Both offices serve"),
        elsewhere = elsewhere(south, north),
        send = heading("Send a document, have it acknowledged, count it (in another terminal)"),
        meeting = heading("Negotiate a meeting (NAME is what the proposal prints)"),
        watch = heading("See what the offices do"),
        grpcurl = heading("Send with grpcurl"),
        ghz = heading("Load with ghz: each call answers once the document is on disk at both offices"),
        k6 = heading("Load with k6"),
    )
}

/// What leads the commands to these offices; nothing for the usual addresses.
fn elsewhere(south: &str, north: &str) -> String {
    use command::settings::{NORTH_DEFAULT, SOUTH_DEFAULT};
    if (south, north) == (SOUTH_DEFAULT, NORTH_DEFAULT) {
        return String::new();
    }
    format!("\nIn another terminal, first\n  export LIAISON_SOUTH={south} LIAISON_NORTH={north}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_copy_lead_to_the_offices_that_serve() {
        let data = std::path::Path::new("liaison-data/up");
        let usual = welcome("127.0.0.1:50051", "127.0.0.1:50052", data);
        assert!(!usual.contains("export LIAISON_"), "{usual}");
        let other = welcome("127.0.0.1:7", "127.0.0.1:50052", data);
        let export = "export LIAISON_SOUTH=127.0.0.1:7 LIAISON_NORTH=127.0.0.1:50052";
        assert!(other.contains(export), "{other}");
    }
}
