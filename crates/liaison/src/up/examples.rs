//! What `liaison up` prints to copy from: three lines, and the rest under `--examples`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use command::connect::{Address, Offices};
use command::failure::Failure;
use command::output::Output;
use command::settings::{NORTH_DEFAULT, SOUTH_DEFAULT};
use ledger::DiskStorage;
use office::{PerPlace, Place};
use protocol::pb::office::GetOfficeRequest;
use words::style::{FAINT, HEADING, styled};

/// Where people act, and no scenario does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum People {
    /// No scenario is played.
    Both,
    /// A scenario plays the other office.
    At(Place),
    /// A scenario plays both.
    Nowhere,
}

/// Offices that serve, as whoever started them is told.
pub(super) struct Welcome<'a> {
    pub(super) addresses: &'a PerPlace<Address>,
    pub(super) data: &'a Path,
    /// Where the line takes commands.
    pub(super) control: Option<SocketAddr>,
    /// How many steps each office has made: names that are taken.
    pub(super) appended: &'a PerPlace<u64>,
    pub(super) people: People,
}

/// That both offices serve, and three lines to copy.
pub(super) fn welcome(told: &Welcome<'_>) -> String {
    let data = told.data.display();
    let (south, north) = (&told.addresses[Place::South], &told.addresses[Place::North]);
    let mut text = format!(
        "{}\n  South  {south}   {data}/south\n  North  {north}   {data}/north\n",
        styled(HEADING, "Both offices serve")
    );
    if let Some(control) = told.control {
        let (host, port) = (control.ip(), control.port());
        let _ = writeln!(
            text,
            "  Line   takes commands at {control}: echo cut | nc -N {host} {port}"
        );
    }
    text.push_str(&elsewhere(told.addresses));
    let heading = styled(HEADING, "To try, in another terminal");
    let _ = writeln!(text, "\n{heading}");
    for line in first_lines(told.people, told.appended) {
        let _ = writeln!(text, "  {line}");
    }
    let more = "More to copy: liaison up --examples. Ctrl-C drains both offices and ends.";
    text + "\n" + &styled(FAINT, more) + "\n"
}

/// Three lines that work as they stand.
fn first_lines(people: People, appended: &PerPlace<u64>) -> [String; 3] {
    let tally = "liaison tally".to_owned();
    match people {
        People::Both => [
            "liaison send --office south --subject 'Good morning' --text 'Hello' --wait delivered"
                .to_owned(),
            format!(
                "liaison document acknowledge {} --by 'Jon Jong-su, chief'",
                next_document(appended)
            ),
            tally,
        ],
        People::At(place) => [
            format!("liaison inbox --office {place}"),
            format!(
                "liaison send --office {place} --subject 'Good morning' --text 'Hello' --wait delivered"
            ),
            tally,
        ],
        People::Nowhere => [
            "liaison watch".to_owned(),
            "liaison inbox --office north".to_owned(),
            tally,
        ],
    }
}

/// The name that South's next document has, if South does nothing before.
fn next_document(appended: &PerPlace<u64>) -> String {
    format!("offices/south/documents/{}", appended[Place::South] + 1)
}

/// What leads the commands to these offices; nothing for the usual addresses.
fn elsewhere(addresses: &PerPlace<Address>) -> String {
    let [south, north] = Place::BOTH.map(|place| addresses[place].to_string());
    if (south.as_str(), north.as_str()) == (SOUTH_DEFAULT, NORTH_DEFAULT) {
        return String::new();
    }
    format!("\nIn another terminal, first\n  export LIAISON_SOUTH={south} LIAISON_NORTH={north}\n")
}

/// Prints what more there is to copy.
pub(super) fn print(
    output: Output,
    addresses: &PerPlace<Address>,
    data: &Path,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("failed to start the runtime: {error}")))?;
    let appended = runtime.block_on(async {
        let south = appended(Place::South, addresses, data).await?;
        let north = appended(Place::North, addresses, data).await?;
        Ok::<_, Failure>(PerPlace::new(south, north))
    })?;
    let text = more(addresses, &appended);
    output.print(|| text.clone(), || serde_json::json!({ "examples": text }))
}

/// How many steps an office has made: as it says itself if it is up, or else as its ledger says.
async fn appended(
    place: Place,
    addresses: &PerPlace<Address>,
    data: &Path,
) -> Result<u64, Failure> {
    let offices = Offices {
        addresses: addresses.clone(),
        timeout: std::time::Duration::from_secs(5),
        manner: client::Manner::default(),
    };
    if let Ok(connection) = offices.dial(place).await {
        let asked = connection.request(GetOfficeRequest {});
        let told = connection.office().get_office(asked).await;
        let office = connection.answer("read the office's state", told)?;
        return Ok(office.marks.unwrap_or_default().appended);
    }
    let storage = DiskStorage::existing(data.join(place.word()));
    if !ledger::is_ledger(&storage) {
        return Ok(0);
    }
    let reader = ledger::read(&storage)?;
    let mut steps = reader.steps_of(place, 0);
    let mut last = 0;
    while let Some((sequence, _)) = steps.next_step()? {
        last = sequence;
    }
    Ok(last)
}

fn more(addresses: &PerPlace<Address>, appended: &PerPlace<u64>) -> String {
    let mut text = String::new();
    let exports = elsewhere(addresses);
    if !exports.is_empty() {
        text = exports.trim_start().to_owned() + "\n";
    }
    let document = next_document(appended);
    for (heading, lines) in [
        (
            "Send a document, have it acknowledged, count it",
            format!(
                "liaison send --office south --subject 'Good morning' --text 'Hello' --wait delivered\n\
                 liaison document acknowledge {document} --by 'Jon Jong-su, chief'\n\
                 liaison tally"
            ),
        ),
        (
            "Negotiate a meeting (NAME is what the proposal prints)",
            "liaison meeting propose --office north --kind working-level --topic Roads --begins-at 2h\n\
             liaison meeting accept --office south NAME\n\
             liaison meeting convene --office north NAME\n\
             liaison meeting close --office south NAME"
                .to_owned(),
        ),
        (
            "See what the offices do, and what waits for an officer",
            "liaison watch --line\nliaison status\nliaison inbox --office north".to_owned(),
        ),
        (
            "Declare the telephone cut: a statement, counted like others, and documents go on",
            "liaison telephone cut --office north --by 'Jon Jong-su, chief'\n\
             liaison telephone restore --office north"
                .to_owned(),
        ),
        (
            "Cut the line itself: what is sent waits until it is restored",
            "liaison up --control 127.0.0.1:50053\n\
             echo cut | nc -N 127.0.0.1 50053\n\
             echo restore | nc -N 127.0.0.1 50053"
                .to_owned(),
        ),
    ] {
        text.push_str(&styled(HEADING, heading));
        for line in lines.lines() {
            let _ = write!(text, "\n  {line}");
        }
        text.push_str("\n\n");
    }
    text + &of_other_tools(&addresses[Place::South].to_string())
}

/// What other tools call. They need no files of ours, since the offices reflect.
fn of_other_tools(south: &str) -> String {
    let method = "liaison.office.v1.DocumentService/SendDocument";
    let document = r#"{"form":"DOCUMENT_FORM_MESSAGE","subject":"Good morning","body":"SGVsbG8="}"#;
    format!(
        "\
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
",
        grpcurl = styled(HEADING, "Send with grpcurl"),
        ghz = styled(
            HEADING,
            "Load with ghz: each call answers once the document is on disk at both offices"
        ),
        k6 = styled(HEADING, "Load with k6"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(south: &str) -> PerPlace<Address> {
        let address = |text: &str| text.parse().expect("it is an address");
        PerPlace::new(address(south), address("127.0.0.1:50052"))
    }

    fn told(south: &str, appended: u64, people: People) -> String {
        let welcome = welcome(&Welcome {
            addresses: &at(south),
            data: Path::new("liaison-data/up"),
            control: None,
            appended: &PerPlace::new(appended, 0),
            people,
        });
        anstream::adapter::strip_str(&welcome).to_string()
    }

    fn commands(text: &str) -> usize {
        let lines = text.lines();
        lines.filter(|line| line.starts_with("  liaison ")).count()
    }

    #[test]
    fn lines_to_copy_lead_to_the_offices_that_serve() {
        let usual = told("127.0.0.1:50051", 0, People::Both);
        assert!(!usual.contains("export LIAISON_"), "{usual}");
        let other = told("127.0.0.1:7", 0, People::Both);
        let export = "export LIAISON_SOUTH=127.0.0.1:7 LIAISON_NORTH=127.0.0.1:50052";
        assert!(other.contains(export), "{other}");
    }

    #[test]
    fn three_lines_are_to_be_copied_and_name_what_comes_next() {
        for people in [People::Both, People::At(Place::South), People::Nowhere] {
            let text = told("127.0.0.1:50051", 41, people);
            assert_eq!(commands(&text), 3, "{text}");
            assert!(text.contains("liaison up --examples"), "{text}");
        }
        let fresh = told("127.0.0.1:50051", 0, People::Both);
        assert!(
            fresh.contains("acknowledge offices/south/documents/1 "),
            "{fresh}"
        );
        let used = told("127.0.0.1:50051", 41, People::Both);
        assert!(
            used.contains("acknowledge offices/south/documents/42 "),
            "{used}"
        );
        // Where a scenario plays, nobody knows the next name.
        let played = told("127.0.0.1:50051", 41, People::At(Place::North));
        assert!(!played.contains("/documents/"), "{played}");
        assert!(played.contains("send --office north"), "{played}");
    }

    #[test]
    fn the_rest_offers_the_telephone_and_the_line_apart() {
        let text = more(&at("127.0.0.1:50051"), &PerPlace::new(7, 0));
        let text = anstream::adapter::strip_str(&text).to_string();
        for part in [
            "offices/south/documents/8",
            "liaison telephone cut",
            "liaison up --control",
            "echo cut | nc",
            "grpcurl -plaintext",
            "ghz --insecure",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
