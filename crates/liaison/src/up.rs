//! `liaison up`: both offices in one process, and what to try next.

mod offices;

use std::path::PathBuf;

use clap::Args;
use office::{PerPlace, Place};

use crate::connect::Address;
use crate::failure::Failure;
use crate::output::{HEADING, Output, styled};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  liaison up
  liaison up --data /tmp/offices --south 127.0.0.1:6001 --north 127.0.0.1:6002

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
}

impl UpArgs {
    pub(crate) fn run(self, settings: &Settings) -> Result<(), Failure> {
        let listen = settings.addresses(self.south.as_ref(), self.north.as_ref())?;
        offices::run(&self.data, &listen, |addresses| {
            serving(settings.output, &addresses, &self.data)
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
    let flags = flags(south, north);
    let heading = |text: &str| styled(HEADING, text);
    let data = data.display();
    // The method that a load tool calls in these lines; both need no files of ours, since the offices reflect.
    let method = "liaison.office.v1.DocumentService/SendDocument";
    let document = r#"{"form":"DOCUMENT_FORM_MESSAGE","subject":"Good morning","body":"SGVsbG8="}"#;
    format!(
        "\
{serving}
  South  {south}   {data}/south
  North  {north}   {data}/north

{send}
  liaison send{flags} --office south --subject 'Good morning' --text 'Hello' --wait delivered
  liaison document acknowledge{flags} offices/south/documents/1 --by 'Jon Jong-su, chief'
  liaison tally{flags} south north

{meeting}
  liaison meeting propose{flags} --office north --kind working-level --topic 'Roads' --begins-at 2h
  liaison meeting list{flags} --office south
  liaison meeting accept{flags} --office south NAME
  liaison meeting convene{flags} --office north NAME
  liaison meeting close{flags} --office south NAME

{watch}
  liaison watch{flags} --line
  liaison status{flags}

{others}
  grpcurl -plaintext -d '{{\"request_id\":\"'$(uuidgen)'\",\"document\":{document}}}' {south} {method}
  ghz --insecure --call {method} -n 2000 -c 20 \\
      -d '{{\"request_id\":\"{{{{newUUID}}}}\",\"wait\":\"WAIT_DELIVERED\",\"document\":{document}}}' {south}
  cat > send.js <<'END' && k6 run --vus 20 --duration 10s send.js
import grpc from 'k6/net/grpc';
import {{ check }} from 'k6';
import {{ uuidv4 }} from 'https://jslib.k6.io/k6-utils/1.4.0/index.js';
const client = new grpc.Client();
export default () => {{
  if (__ITER == 0) client.connect('{south}', {{ plaintext: true, reflect: true }});
  const answer = client.invoke('{method}', {{ request_id: uuidv4(), document: {document} }});
  check(answer, {{ recorded: (a) => a.status === grpc.StatusOK }});
}};
END

Ctrl-C drains both offices and ends.
",
        serving = heading("Both offices serve"),
        send = heading("Send a document, have it acknowledged, count it"),
        meeting = heading("Negotiate a meeting (NAME is what the proposal prints)"),
        watch = heading("Watch them, in another terminal"),
        others = heading("The same with other people's tools"),
    )
}

/// The flags that lead to these offices; none for the usual addresses.
fn flags(south: &str, north: &str) -> String {
    let flag = |name: &str, address: &str, usual: &str| {
        if address == usual {
            String::new()
        } else {
            format!(" --{name} {address}")
        }
    };
    flag("south", south, crate::settings::SOUTH_DEFAULT)
        + &flag("north", north, crate::settings::NORTH_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_copy_lead_to_the_offices_that_serve() {
        let data = std::path::Path::new("liaison-data/up");
        let usual = welcome("127.0.0.1:50051", "127.0.0.1:50052", data);
        assert!(usual.contains("liaison send --office south"), "{usual}");
        let other = welcome("127.0.0.1:7", "127.0.0.1:50052", data);
        assert!(
            other.contains("liaison send --south 127.0.0.1:7 --office south"),
            "{other}"
        );
        assert!(!other.contains("--north"));
    }
}
