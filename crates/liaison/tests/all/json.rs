//! What every command prints for programs, kept: the shape is stable, and a change of it is seen in review.
//!
//! Times, ids, hashes, addresses and what is measured stand as placeholders; of a list the first rows stand for all.
//! `UPDATE_DOCS=1 cargo test -p liaison json` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use serde_json::{Map, Value, json};

use crate::harness::{Offices, command, wait_until};

/// Of a list so many rows are kept.
const ROWS_MAX: usize = 2;

/// Numbers that another run has otherwise, by their keys.
const MEASURED: [&str; 33] = [
    "lag_s",
    "took_then_s",
    "at_s",
    "after_s",
    "began_s",
    "first_byte_s",
    "took_s",
    "stalled_s",
    "bytes_up",
    "bytes_down",
    "wall_ms",
    "p50_us",
    "p99_us",
    "max_us",
    "appended",
    "acknowledged",
    "settled",
    "received",
    "ledger_sequence",
    "sequence",
    "queue_depth",
    "outbox_bytes",
    "open_meetings",
    "segments",
    "entries",
    "outbound",
    "inbound",
    "bytes",
    "frames",
    "peer_epoch",
    "epoch",
    "ledger_bytes",
    "last_sync_entries",
];

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/json")
}

/// Holds what a command printed against what is kept under `name`.
#[track_caller]
fn holds(name: &str, printed: &[u8]) {
    let text = std::str::from_utf8(printed).expect("JSON is text");
    let values: Vec<Value> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("it is JSON");
    // A stream is values one after another, told as the list it is.
    let value = match <[Value; 1]>::try_from(values) {
        Ok([one]) => one,
        Err(many) => Value::Array(many),
    };
    let found = serde_json::to_string_pretty(&stable("", &value)).expect("it is JSON") + "\n";
    let path = kept().join(format!("{name}.json"));
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(kept()).expect("it can be made");
        fs::write(&path, &found).expect("it can be written");
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        before == found,
        "{name} prints another shape than {} keeps; if that is meant, write it anew with UPDATE_DOCS=1 cargo test -p \
         liaison json\n{found}",
        path.display()
    );
}

/// The value without what another run has otherwise.
fn stable(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| (key.clone(), stable(key, value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(rows) => {
            let rows = rows.iter().take(ROWS_MAX);
            rows.map(|row| stable(key, row)).collect()
        }
        Value::Number(_) if MEASURED.contains(&key) => json!("<number>"),
        Value::String(text) => json!(stable_text(key, text)),
        other => other.clone(),
    }
}

/// Of what is measured, the keys and what sort of value each has.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            // What is counted by latency has other keys at each run.
            let is_number = |key: &str| key.chars().all(|it| it.is_ascii_digit());
            let named = |key: &String| {
                let key = if is_number(key) { "<number>" } else { key };
                key.to_owned()
            };
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| (named(key), shape(value)));
            Value::Object(fields.collect())
        }
        Value::Array(rows) => rows
            .iter()
            .take(1)
            .filter(|row| row.is_object())
            .map(shape)
            .collect(),
        Value::Null => Value::Null,
        Value::Bool(_) => json!("<boolean>"),
        Value::Number(_) => json!("<number>"),
        Value::String(_) => json!("<text>"),
    }
}

fn stable_text(key: &str, text: &str) -> String {
    let is_hex = |text: &str| text.chars().all(|it| it.is_ascii_hexdigit());
    if ["last_sync", "software_version", "identity", "payload_hex"].contains(&key) {
        return format!("<{key}>");
    }
    if text.len() == 64 && is_hex(text) {
        return "<hash>".to_owned();
    }
    if text.len() == 36 && text.split('-').all(is_hex) {
        return "<uuid>".to_owned();
    }
    if text.ends_with('Z') && text.contains('T') && text.starts_with(|it: char| it.is_ascii_digit())
    {
        return "<time>".to_owned();
    }
    // An address may stand within a message.
    let mut stable = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("127.0.0.1:") {
        stable.push_str(before);
        stable.push_str("<address>");
        rest = after.trim_start_matches(|it: char| it.is_ascii_digit());
    }
    stable + rest
}

/// A command in a directory of its own, so that its paths are the same everywhere.
fn run(directory: &Path, line: &str) -> Output {
    let mut command = command();
    command.current_dir(directory).args(words(line));
    command.output().expect("the binary is built")
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').chain(["--output", "json"]).collect()
}

/// What is asked of scenarios and ledgers: under which name it is kept, with which code it exits, and the command.
const ON_FILES: [(&str, i32, &str); 26] = [
    ("simulate", 0, "simulate workshop --out pair"),
    (
        "simulate-seeds",
        0,
        "simulate workshop --seeds 1..3 --check",
    ),
    ("scenario-list", 0, "scenario list"),
    ("scenario-check", 2, "scenario check workshop wrong.toml"),
    ("scenario-plot", 0, "scenario plot workshop"),
    ("scenario-fit", 0, "scenario fit pair --out fitted.toml"),
    ("scenario-fit-check", 0, "scenario fit pair --check"),
    ("tally", 0, "tally pair"),
    ("tally-by", 0, "tally pair --by kind"),
    ("tally-of-two", 0, "tally pair/south pair/south"),
    ("ledger-show", 0, "ledger show pair/south"),
    ("ledger-show-one", 0, "ledger show pair/south --sequence 3"),
    (
        "ledger-show-bytes",
        0,
        "ledger show pair/south --sequence 3 --bytes",
    ),
    (
        "ledger-export",
        0,
        "ledger export pair/south --format jsonl --out steps.jsonl",
    ),
    ("ledger-verify", 0, "ledger verify pair"),
    ("ledger-reconcile", 0, "ledger reconcile pair"),
    ("ledger-diff", 0, "ledger diff pair pair"),
    (
        "ledger-cut",
        0,
        "ledger cut pair --from 2018-01-01 --out cut",
    ),
    ("ledger-fork", 0, "ledger fork pair --at 9 --out fork"),
    ("ledger-backup", 0, "ledger backup pair --out backup"),
    ("ledger-convert", 0, "ledger convert pair --out converted"),
    (
        "ledger-restore",
        0,
        "ledger restore backup/south --office south",
    ),
    ("import", 0, "import steps.jsonl --out again"),
    (
        "import-rows",
        0,
        "import rows.txt --delimiter space --time 3:unix --from 1 --to 2 --south-when from<to --out rows",
    ),
    ("replay-plan", 0, "replay pair --dry-run"),
    (
        "replay",
        0,
        "replay pair --simulated --verify --out replayed",
    ),
];

#[test]
fn what_is_printed_of_scenarios_and_ledgers_is_as_it_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    fs::write(directory.join("wrong.toml"), "[scenario]\nnam = \"x\"\n").expect("it is ours");
    fs::write(
        directory.join("rows.txt"),
        "1 2 1536886800\n2 1 1536886900\n3 x\n",
    )
    .expect("it is ours");
    for (name, code, line) in ON_FILES {
        let output = run(directory, line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {error}");
        holds(name, &output.stdout);
    }
    let mut up = command();
    up.current_dir(directory);
    up.args(words(
        "up --south 127.0.0.1:0 --north 127.0.0.1:0 --data up",
    ));
    holds("up", first_line(&mut up).as_bytes());
    let failed = run(directory, "ledger verify nowhere");
    holds("failure", &failed.stderr);
}

/// Holds what a command that succeeds prints.
#[track_caller]
fn hold(offices: &Offices, name: &str, line: &str) {
    let mut command = offices.command();
    let output = command.args(words(line)).output().expect("it is built");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}");
    holds(name, &output.stdout);
}

#[test]
fn what_is_printed_of_running_offices_is_as_it_is_kept() {
    let offices = Offices::start();
    let hold = |name: &str, line: &str| hold(&offices, name, line);
    hold(
        "send",
        "send --subject Roads --text Hello --wait delivered --deadline 1d",
    );
    hold("document-list", "document list");
    hold("document-show", "document show offices/south/documents/1");
    hold(
        "contact-record",
        "contact record --kind regular --begun-at 2018-09-17T10:00 --participant Jon,chief",
    );
    hold(
        "meeting-propose",
        "meeting propose --kind chiefs --begins-at 2h --topic Roads",
    );
    let inbox = || {
        offices
            .json("inbox --office north")
            .as_array()
            .map(Vec::len)
    };
    wait_until(|| inbox() == Some(3));
    for (row, what) in ["document", "meeting", "contact"].into_iter().enumerate() {
        let told = offices.json("inbox --office north");
        let rows = told.as_array().expect("a list").iter();
        let one = rows.filter(|row| row["what"] == what).collect::<Vec<_>>();
        assert_eq!(one.len(), 1, "{row} {what}");
        holds(&format!("inbox-{what}"), json!(one).to_string().as_bytes());
    }
    hold(
        "document-acknowledge",
        "document acknowledge offices/south/documents/1 --by Jon",
    );
    offices.json("send --subject Rail --text Hello --wait delivered");
    let refuse = offices.json("document list --state delivered --office north");
    let name = refuse[0]["name"].as_str().expect("a name");
    hold(
        "document-refuse",
        &format!("document refuse {name} --reason No"),
    );
    hold(
        "contact-confirm",
        "contact confirm offices/south/contacts/2",
    );
    let at_south = || offices.json("contact list")[0]["state"].clone();
    wait_until(|| at_south() == "CONTACT_STATE_CONFIRMED");
    hold("contact-list", "contact list");
    hold_meetings(&offices);
    hold("call-open", "call open --day 2018-09-17");
    hold("call-close", "call close --day 2018-09-17");
    hold("telephone-cut", "telephone cut");
    hold("telephone-restore", "telephone restore");
    let at_north = || offices.json("status")["north"]["office"]["telephone_line_there"].clone();
    wait_until(|| at_north() == "LINE_STATEMENT_RESTORED");
    hold("status", "status");
    wait_until(|| offices.run("tally south north").status.success());
    hold("tally-live", "tally south");
    hold("ledger-show-live", "ledger show south --sequence 1");
    hold_refusal_load_and_watch(&offices);
    offices.stop();
}

/// What passed a tap while a document was sent through it, and the same again of what was recorded.
#[test]
fn what_a_tap_prints_is_as_it_is_kept() {
    let offices = Offices::start();
    let directory = tempfile::tempdir().expect("a directory");
    let mut tap = command();
    tap.current_dir(&directory);
    tap.args(words(&format!("tap --to {}", offices.south)));
    tap.args(["--record", "calls.pcapng"]);
    tap.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut tap = tap.spawn().expect("the binary is built");
    let printed = BufReader::new(tap.stdout.take().expect("it is piped"));
    let mut lines = printed
        .lines()
        .map(|line| line.expect("it can be read"))
        .map(|line| serde_json::from_str::<Value>(&line).expect("it is JSON"));
    let listening = lines.next().expect("it says where it listens");
    let mut send = offices.command();
    send.args(words("send --subject Roads --text Hello"));
    let address = listening["address"].as_str().expect("an address");
    let sent = send.args(["--south", address]).output();
    assert!(sent.expect("the binary is built").status.success());
    let pid = tap.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.expect("there is kill").success());
    // The first of each kind, of each side: which side is first to speak is chance.
    let mut events = BTreeMap::new();
    for event in std::iter::once(listening).chain(lines) {
        let kind = event["event"].as_str().expect("a name");
        let kind = match event["from"].as_str() {
            Some(from) => format!("{kind} of the {from}"),
            None => kind.to_owned(),
        };
        events.entry(kind).or_insert(event);
    }
    // Whether either says good-bye before the connection is closed is chance, too.
    events.retain(|kind, _| !kind.starts_with("goaway"));
    assert!(tap.wait().expect("it ends").success());
    holds("tap", json!(events).to_string().as_bytes());
    for (name, line) in [
        ("tap-show", "tap show calls.pcapng"),
        ("tap-show-call", "tap show calls.pcapng --call 1 --bytes"),
    ] {
        holds(name, &run(directory.path(), line).stdout);
    }
    let again = format!(
        "load --schedule tap:calls.pcapng --target {} --rekey request_id=uuid --compare --ignore receipt",
        offices.south
    );
    holds("load-remade", &run(directory.path(), &again).stdout);
    offices.stop();
}

/// Holds what is printed of each step of a meeting that was proposed, and of those that come to nothing.
fn hold_meetings(offices: &Offices) {
    let hold = |name: &str, line: &str| hold(offices, name, line);
    let meeting = "offices/south/meetings/3";
    let at_north = |verb: &str| format!("meeting {verb} {meeting} --office north --text Yes");
    hold(
        "meeting-counter",
        &format!("meeting counter {meeting} --office north --begins-at 3h"),
    );
    let tip = || offices.json(&format!("meeting show {meeting}"))["state"].clone();
    wait_until(|| tip() == "MEETING_STATE_COUNTERED");
    hold("meeting-accept", &format!("meeting accept {meeting}"));
    let tip = || offices.json(&format!("meeting show {meeting} --office north"))["state"].clone();
    wait_until(|| tip() == "MEETING_STATE_ACCEPTED");
    hold("meeting-convene", &at_north("convene"));
    hold("meeting-close", &at_north("close"));
    hold("meeting-list", "meeting list --office north");
    hold(
        "meeting-show",
        &format!("meeting show {meeting} --office north"),
    );
    let propose = |kind: &str| {
        let line = format!("meeting propose --kind {kind} --begins-at 2h");
        let name = offices.json(&line)["name"].clone();
        name.as_str().expect("a name").to_owned()
    };
    let (declined, cancelled) = (propose("chiefs"), propose("working-level"));
    let decline = format!("meeting decline {declined} --office north");
    let is_there = || offices.run(&format!("meeting show {declined} --office north"));
    wait_until(|| is_there().status.success());
    hold("meeting-decline", &decline);
    hold("meeting-cancel", &format!("meeting cancel {cancelled}"));
}

/// Holds what is printed of a refusal, of a load, and of a watch that does not end.
fn hold_refusal_load_and_watch(offices: &Offices) {
    let refused = offices
        .command()
        .args(words("document show offices/north/documents/99"))
        .output();
    holds("refusal", &refused.expect("it is built").stderr);
    let mut load = offices.command();
    let directory = tempfile::tempdir().expect("a directory");
    let saved = directory.path().join("run.json");
    load.args(words("load document --rate 50 --total 10 --plain"));
    load.arg("--save").arg(&saved);
    let measured = load.output().expect("it is built").stdout;
    let mut measured: Value = serde_json::from_slice(&measured).expect("it is JSON");
    // A busy machine that gives the load too little time has it say so.
    measured["invalid_because"] = json!([]);
    holds("load", shape(&measured).to_string().as_bytes());
    let mut compare = offices.command();
    compare.args(words("load compare")).args([&saved; 2]);
    let compared = compare.output().expect("it is built").stdout;
    let compared: Value = serde_json::from_slice(&compared).expect("it is JSON");
    holds("load-compare", shape(&compared).to_string().as_bytes());
    let mut watch = offices.command();
    watch.args(words("watch --office south --after 0"));
    holds("watch", first_line(&mut watch).as_bytes());
}

/// What a command that does not end prints first.
fn first_line(command: &mut Command) -> String {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary is built");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    let read = BufReader::new(stdout).read_line(&mut line);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    read.expect("it prints a line");
    line
}

/// Every command that says what its JSON is has it kept here.
#[test]
fn no_command_is_left_out() {
    // They print what `load` does.
    const ELSEWHERE: [&str; 2] = ["load-merge", "load-report"];
    let names = |directory: &str| -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        let files = fs::read_dir(path).expect("it is there");
        let name = |path: PathBuf| path.file_stem().map(|it| it.to_string_lossy().into_owned());
        files
            .filter_map(|file| name(file.expect("it can be listed").path()))
            .collect()
    };
    let snapshots = names("tests/json");
    for command in names("tests/help") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{command}.txt"));
        let says = fs::read_to_string(path)
            .expect("it is there")
            .contains("\nJSON");
        let is_kept = snapshots.iter().any(|name| name.starts_with(&*command));
        assert!(
            !says || is_kept || ELSEWHERE.contains(&&*command),
            "what `liaison {}` prints as JSON is kept nowhere",
            command.replace('-', " ")
        );
    }
}
