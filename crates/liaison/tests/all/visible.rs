//! What a hostile peer or client writes is shown visibly, everywhere, and kept as it came.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reading::visible;
use serde_json::Value;

use crate::harness::{Offices, command};

/// One of each: an override, an escape sequence, C1, zero width, a separator, tags, a filler, a flood of marks, and what
/// would begin a line or a cell of its own.
const HOSTILE: &str = "=cmd\u{202e}\u{1b}[2J\u{9b}1m\u{200b}\u{2028}\u{e0041}\u{3164}a\u{301}\u{301}\u{301}\u{301}\u{301}\
                       \u{301}\u{301}\u{301}\u{301}\u{301}\nerror: forged\tend";
/// What is seen of it first.
const SEEN: &str = "=cmd‹U+202E›‹U+001B›[2J‹U+009B›1m‹U+200B›";

/// Offices with one hostile document and its refusal.
struct Hostile(Offices);

impl Hostile {
    fn start() -> Self {
        let hostile = Self(Offices::start());
        hostile.send();
        hostile
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command();
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let command = &mut self.command(arguments);
        command.output().expect("the binary is built")
    }

    /// What a command prints; it must succeed, and neither stream may steer a terminal.
    #[track_caller]
    fn shown(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).expect("it is text");
        assert!(output.status.success(), "{arguments:?}: {error}");
        assert_steers_nothing(&error);
        let text = String::from_utf8(output.stdout).expect("it is text");
        assert_steers_nothing(&text);
        text
    }

    fn send(&self) {
        self.shown(&[
            "send",
            "--office",
            "south",
            "--subject",
            HOSTILE,
            "--reference",
            HOSTILE,
            "--text",
            HOSTILE,
            "--signatory",
            HOSTILE,
            "--media-type",
            HOSTILE,
            "--wait",
            "delivered",
        ]);
        let name = "offices/south/documents/1";
        let shown = self.shown(&[
            "document", "refuse", name, "--reason", HOSTILE, "--by", HOSTILE,
        ]);
        assert!(shown.contains(SEEN), "{shown}");
    }
}

#[track_caller]
fn assert_steers_nothing(text: &str) {
    assert_eq!(visible::lines(text), text);
    assert!(!text.lines().any(|line| line.starts_with("error: forged")));
}

#[test]
fn a_hostile_document_is_shown_visibly_everywhere() {
    let offices = Hostile::start();
    let name = "offices/south/documents/1";
    for arguments in [
        &["document", "list"][..],
        &["document", "list", "--office", "north"],
        &["document", "show", name],
        &["document", "show", name, "--office", "north"],
        &["ledger", "show", "south"],
        &["ledger", "show", "north"],
        &["ledger", "export", "south", "--format", "mermaid"],
    ] {
        let text = offices.shown(arguments);
        assert!(
            text.contains("=cmd‹U+202E›‹U+001B"),
            "{arguments:?}: {text}"
        );
    }
    let send = ["send", "--subject", HOSTILE, "--text", "A"];
    offices.shown(&[&send[..], &["--wait", "delivered"]].concat());
    let text = offices.shown(&["inbox", "--office", "north"]);
    assert!(text.contains("=cmd‹U+202E›"), "{text}");
    for arguments in [
        &["status"][..],
        &["tally", "south", "north", "--by", "kind"],
        &["tally", "south", "--by", "office"],
        &["ledger", "show", "south", "--sequence", "2", "--bytes"],
    ] {
        offices.shown(arguments);
    }
    let full = offices.shown(&["document", "show", name]);
    assert!(
        full.contains(SEEN) && full.contains("‹U+000A›error: forged‹U+0009›end"),
        "{full}"
    );
    assert!(
        full.contains("\n  error: forged\tend\n"),
        "a body keeps its lines: {full}"
    );
}

#[test]
fn json_has_the_same_value_and_steers_nothing() {
    let offices = Hostile::start();
    let text = offices.shown(&["document", "list", "--output", "json"]);
    assert!(
        text.contains("=cmd\\u202e\\u001b[2J\\u009b1m\\u200b"),
        "{text}"
    );
    let documents: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(documents[0]["document"]["subject"], HOSTILE);
    assert_eq!(documents[0]["answer"], HOSTILE);
    let text = offices.shown(&["ledger", "show", "north", "--output", "json"]);
    assert!(text.contains("\\udb40\\udc41"), "{text}");
}

#[test]
fn a_watch_shows_what_passes_visibly() {
    let offices = Hostile::start();
    for (flags, wanted) in [
        (&[][..], "=cmd‹U+202E›"),
        (&["--output", "json"], "=cmd\\u202e"),
    ] {
        let mut watch = offices
            .command(&["watch", "--line", "--after", "0"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary is built");
        let lines = BufReader::new(watch.stdout.take().expect("it is piped")).lines();
        let mut found = 0;
        for line in lines {
            let line = line.expect("it is text");
            assert_steers_nothing(&line);
            found += usize::from(line.contains(wanted));
            // The document and its refusal, at both offices.
            if found == 4 {
                break;
            }
        }
        watch.kill().expect("it runs");
        watch.wait().expect("it ends");
        assert_eq!(found, 4);
    }
}

#[test]
fn a_pipe_gets_every_byte_of_a_body_and_of_an_export() {
    let offices = Hostile::start();
    let body = offices.run(&["document", "show", "offices/south/documents/1", "--body"]);
    assert_eq!(body.stdout, HOSTILE.as_bytes());
    assert!(body.stderr.is_empty());
    let exact = offices.run(&["ledger", "export", "north", "--format", "csv"]);
    let exact = String::from_utf8(exact.stdout).expect("it is text");
    assert!(exact.contains(&format!(",\"{HOSTILE}\",")), "{exact}");
    let export = ["ledger", "export", "north", "--format", "csv", "--neutral"];
    let neutral = String::from_utf8(offices.run(&export).stdout).expect("it is text");
    assert!(neutral.contains(&format!(",\"'{HOSTILE}\",")), "{neutral}");
    assert!(!neutral.contains(",\"="), "{neutral}");
    assert!(
        neutral.contains("\n4,\"2"),
        "numbers stay as they are: {neutral}"
    );
    let jsonl = [
        "ledger",
        "export",
        "north",
        "--format",
        "jsonl",
        "--neutral",
    ];
    let refused = offices.run(&jsonl);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_mistake_in_somebodys_file_is_told_visibly() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path
    };
    let scenario = format!(
        "[scenario]\n{:?} = 1\nname = \"\u{202e}\u{200b}x\"\n",
        "a\u{202e}\u{1b}[2J"
    );
    let scenario = file(
        "\u{202e}s.toml",
        &scenario
            .replace("\\u{202e}", "\u{202e}")
            .replace("\\u{1b}", "\\u001b"),
    );
    let rows = file("rows\u{200b}.csv", "\u{202e}\u{1b}[2J,b\n");
    let jsonl = file("steps.jsonl", "{\"sequence\":\"\u{202e}\u{1b}\"}\n");
    let run = |arguments: &[&str], path: &Path| {
        let output = command()
            .args(arguments)
            .arg(path)
            .arg("--out")
            .arg(directory.path().join("out"))
            .output()
            .expect("the binary is built");
        assert!(!output.status.success());
        told(&output)
    };
    let import = [
        "import",
        "--time",
        "1:unix",
        "--from",
        "1",
        "--to",
        "2",
        "--south-when",
        "from < to",
    ];
    assert!(run(&import, &rows).contains("‹U+200B›"));
    run(&["import"], &jsonl);
    let checked = command()
        .args(["scenario", "check"])
        .arg(&scenario)
        .output()
        .expect("the binary is built");
    assert!(told(&checked).contains("‹U+202E›s.toml"));
    let shown = command()
        .args(["scenario", "show"])
        .arg(&scenario)
        .output()
        .expect("the binary is built");
    let mut raw = Vec::new();
    std::fs::File::open(&scenario)
        .and_then(|mut file| file.read_to_end(&mut raw))
        .expect("it reads");
    assert_eq!(shown.stdout, raw, "a pipe gets the file as it is");
}

/// Both streams, which must not steer a terminal.
fn told(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).expect("it is text");
    assert_steers_nothing(&text);
    text
}
