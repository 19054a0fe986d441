//! The house: which crate knows which, and what must not be known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::root;

/// What each crate may build upon, one arrow after another; whoever stands here may also use what those use. A new
/// crate is written here first.
const ARROWS: &[(&str, &[&str])] = &[
    ("office", &[]),
    ("reading", &[]),
    ("proxy", &["reading"]),
    ("journal", &[]),
    ("tap", &[]),
    ("protocol", &["office"]),
    ("ledger", &["protocol", "journal"]),
    ("words", &["protocol", "reading"]),
    ("identity", &["office"]),
    ("handshake", &["identity"]),
    ("client", &["protocol", "handshake"]),
    ("callers", &["handshake", "tap"]),
    ("server", &["ledger", "callers"]),
    ("service", &["server", "reading"]),
    ("scenario", &["office", "reading"]),
    ("formats", &["ledger", "scenario", "words"]),
    ("fit", &["formats"]),
    ("replay", &["client", "ledger"]),
    ("officers", &["client", "ledger", "scenario"]),
    ("simulator", &["officers", "replay", "server"]),
    ("template", &["reading"]),
    ("report", &["words"]),
    ("screen", &["report"]),
    ("load", &["scenario", "replay", "remake", "report"]),
    ("south", &["service"]),
    ("north", &["service"]),
    ("command", &["client", "ledger", "words"]),
    ("transcript", &["tap", "template", "words"]),
    ("remake", &["transcript"]),
    ("wire", &["command", "load", "proxy", "transcript"]),
    ("pki", &["command"]),
    ("records", &["command", "fit", "simulator"]),
    ("liaison", &["pki", "records", "service", "wire", "screen"]),
    ("tests", &["liaison", "south", "north"]),
];

/// The crates that have no runtime: everything that can be used without `server`.
const PURE: &[&str] = &[
    "office",
    "reading",
    "journal",
    "tap",
    "identity",
    "protocol",
    "ledger",
    "words",
    "scenario",
    "formats",
    "fit",
    "template",
    "report",
    "screen",
    "transcript",
    "remake",
];

struct Member {
    name: String,
    directory: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    /// As the sources call it.
    crate_name: String,
    features: Vec<String>,
    is_for_tests: bool,
}

fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo can be run");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are members");
    packages.iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let dependency = |found: &Value| Dependency {
        name: text(&found["name"]),
        crate_name: text(
            found
                .get("rename")
                .filter(|it| it.is_string())
                .unwrap_or(&found["name"]),
        )
        .replace('-', "_"),
        features: found["features"]
            .as_array()
            .expect("a list")
            .iter()
            .map(text)
            .collect(),
        is_for_tests: found["kind"] == "dev",
    };
    Member {
        name: text(&package["name"]),
        directory: Path::new(&text(&package["manifest_path"]))
            .parent()
            .expect("a file lies in a directory")
            .to_owned(),
        dependencies: package["dependencies"]
            .as_array()
            .expect("a list")
            .iter()
            .map(dependency)
            .collect(),
    }
}

/// Tests that need a recording have one simulated; those that need a schema take the offices'.
const BY_TESTS: &[(&str, &str)] = &[
    ("replay", "simulator"),
    ("replay", "scenario"),
    ("template", "protocol"),
    ("load", "simulator"),
];

/// Every crate that `name` may use.
fn may_use(name: &str) -> BTreeSet<&'static str> {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut reached = BTreeSet::new();
    let mut open = arrows
        .get(name)
        .unwrap_or_else(|| panic!("{name} has no place in the architecture: give it one"))
        .to_vec();
    while let Some(used) = open.pop() {
        if reached.insert(used) {
            open.extend(arrows[used]);
        }
    }
    reached
}

#[test]
fn no_crate_knows_what_is_built_upon_it() {
    let members = members();
    let ours: BTreeSet<&str> = members.iter().map(|member| &*member.name).collect();
    for member in &members {
        let may_use = may_use(&member.name);
        for used in &member.dependencies {
            let by_tests = used.is_for_tests && BY_TESTS.contains(&(&*member.name, &*used.name));
            assert!(
                by_tests || !ours.contains(&*used.name) || may_use.contains(&*used.name),
                "{} must not know {}",
                member.name,
                used.name
            );
        }
    }
}

#[test]
fn only_the_server_and_what_uses_it_know_a_runtime() {
    const RUNTIMES: [&str; 6] = [
        "tokio",
        "tokio-stream",
        "tokio-util",
        "hyper",
        "hyper-util",
        "async-std",
    ];
    for member in members() {
        if !PURE.contains(&&*member.name) {
            continue;
        }
        for used in member.dependencies.iter().filter(|used| !used.is_for_tests) {
            let name = &*used.name;
            assert!(
                !RUNTIMES.contains(&name),
                "{} must not know {name}",
                member.name
            );
            let no_transport = used.features.iter().all(|feature| feature == "codegen");
            assert!(
                name != "tonic" || no_transport,
                "{} must not know tonic's transport: {:?}",
                member.name,
                used.features
            );
        }
    }
}

/// Each costs a cold build its time.
#[test]
fn no_dependency_is_without_use() {
    // Code that is generated at build time names these.
    const BY_GENERATED_CODE: [(&str, &str); 2] =
        [("protocol", "tonic"), ("protocol", "tonic-prost")];
    let mut unused = Vec::new();
    for member in members() {
        let mut sources = String::new();
        read_sources(&member.directory, &mut sources);
        let words: BTreeSet<&str> = sources
            .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
            .collect();
        for used in &member.dependencies {
            let is_known = BY_GENERATED_CODE.contains(&(&*member.name, &*used.name));
            if !is_known && !words.contains(&*used.crate_name) {
                unused.push(format!("{}: {}", member.name, used.name));
            }
        }
    }
    assert_eq!(unused, [""; 0], "take them out of Cargo.toml");
}

fn read_sources(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).expect("a member can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("it is text"));
        }
    }
}

/// A noun has one telling, and whoever prints asks for it.
#[test]
fn only_words_tells_a_noun() {
    // The JSON of a message, the name of a value of an enumeration, columns.
    const TELLING: [&str; 5] = [
        "json::of(",
        "json::of_bytes(",
        ".as_str_name()",
        "Table::new(",
        "pairs(",
    ];
    let printing = [
        "client", "command", "records", "replay", "service", "liaison",
    ];
    let members = members();
    for name in printing {
        let member = members.iter().find(|member| member.name == name);
        let member = member.unwrap_or_else(|| panic!("{name} is gone: say who prints instead"));
        let mut sources = String::new();
        read_sources(&member.directory.join("src"), &mut sources);
        for telling in TELLING {
            assert!(
                !sources.contains(telling),
                "{name} tells a noun itself, with {telling}: words does, and once"
            );
        }
    }
}

#[test]
fn the_rules_know_no_wire_no_runtime_and_no_system() {
    let members = members();
    let office = members.iter().find(|member| member.name == "office");
    let office = office.expect("the office is a crate");
    for used in office.dependencies.iter().filter(|used| !used.is_for_tests) {
        let known = [
            "bytes",
            "jiff",
            "postcard",
            "serde",
            "serde_bytes",
            "sha2",
            "thiserror",
            "xxhash-rust",
        ];
        assert!(
            known.contains(&&*used.name),
            "office came to know {}: is that a rule's business?",
            used.name
        );
    }
}

#[test]
fn the_journal_knows_no_exchange_no_wire_and_no_clock() {
    let members = members();
    let journal = members.iter().find(|member| member.name == "journal");
    let journal = journal.expect("the journal is a crate");
    for used in journal
        .dependencies
        .iter()
        .filter(|used| !used.is_for_tests)
    {
        let known = ["bytes", "crc32c", "rustix", "serde", "sha2", "thiserror"];
        assert!(
            known.contains(&&*used.name),
            "journal came to know {}: does an opaque entry need it?",
            used.name
        );
    }
}

#[test]
fn a_service_is_a_few_lines() {
    for place in ["south", "north"] {
        let sources = root().join("services").join(place).join("src");
        let names: Vec<_> = fs::read_dir(&sources)
            .expect("a service has sources")
            .map(|entry| entry.expect("it can be listed").file_name())
            .collect();
        assert_eq!(names, ["main.rs"], "a service only wires");
        let main = fs::read_to_string(sources.join("main.rs")).expect("it is text");
        let lines = main.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(
            lines <= 8,
            "{place}'s main has {lines} lines: it only wires"
        );
    }
}

#[test]
fn every_crate_is_named_after_what_it_is() {
    for member in members() {
        let drawers = [
            "core", "common", "utils", "util", "helpers", "shared", "misc",
        ];
        assert!(
            !drawers.contains(&&*member.name),
            "{} says nothing of what is in it",
            member.name
        );
    }
}

#[test]
fn nothing_else_lies_at_the_top() {
    const WANTED: [&str; 6] = [
        "Cargo.toml",
        "README.md",
        "crates",
        "proto",
        "services",
        "tests",
    ];
    const BY_TOOLS: [&str; 2] = ["Cargo.lock", "LICENSE"];
    let ignored = fs::read_to_string(root().join(".gitignore")).expect("it is text");
    let ignored: Vec<_> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let mut found: Vec<_> = fs::read_dir(root())
        .expect("the root can be listed")
        .map(|entry| entry.expect("it can be listed").file_name())
        .map(|name| name.into_string().expect("names are text"))
        .filter(|name| !name.starts_with('.') && !ignored.contains(&&**name))
        .collect();
    found.sort();
    for name in &found {
        let known = WANTED.contains(&&**name) || BY_TOOLS.contains(&&**name);
        assert!(known, "{name} does not belong at the top");
    }
    for name in WANTED {
        assert!(found.iter().any(|found| found == name), "{name} is missing");
    }
}
