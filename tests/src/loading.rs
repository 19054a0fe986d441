//! `liaison load`: on a pair of offices, on a target whose latencies and faults are known, and on nothing at all.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use office::Place;
use serde_json::Value;
use tests::target::arithmetic::Run;
use tests::target::{Connections, Delay, Ending, Garbage, Shares, Stall, Target};
use tokio::net::TcpListener;

use crate::harness::{Pair, Ran, liaison, liaison_command, within};

const PASS: &str = "relay.v1.RelayService/Pass";
const PASS_MANY: &str = "relay.v1.RelayService/PassMany";
const PASS_OUT: &str = "relay.v1.RelayService/PassOut";
const PASS_IN: &str = "relay.v1.RelayService/PassIn";

/// A target in this process; it ends with the runtime.
async fn target(target: Target) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        let ended = target.serve(listener).await;
        panic!("the target ended: {ended:?}");
    });
    address.to_string()
}

async fn load(arguments: &[&str]) -> Ran {
    let directory = tempfile::tempdir().expect("a directory");
    load_in(directory.path(), arguments).await
}

async fn load_in(directory: &Path, arguments: &[&str]) -> Ran {
    let all: Vec<_> = ["load"].iter().chain(arguments).copied().collect();
    liaison(directory, &all).await
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// A call of a target, with the report as JSON.
fn call<'a>(address: &'a str, method: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let data = match method {
        PASS_OUT => r#"{"request_id":"{{uuid}}","answers":3}"#,
        _ => r#"{"request_id":"{{uuid}}","payload":"{{bytes 60}}"}"#,
    };
    let mut arguments = vec!["--target", address, "--call", method, "--data", data];
    arguments.extend(["--output", "json", "--plain"]);
    arguments.extend(more);
    arguments
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_each_office_is_called_by_its_own_officer() {
    let pair = Pair::start().await;
    let [south, north] = Place::BOTH.map(|place| pair.process(place).address.to_string());
    let (first, second) = (
        pair.officer(Place::South).await,
        pair.officer(Place::North).await,
    );
    let plan = [
        "kaesong-2018",
        "--rate",
        "50",
        "--total",
        "40",
        "--lag-max",
        "1m",
    ];
    let offices = ["--south", &south, "--north", &north, "--output", "json"];
    // The other order will do: which office an identity is of stands in it.
    let by = ["--identity", &second, "--identity", &first];
    let ran = load(&[&plan[..], &offices, &by].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = report(&ran);
    assert_eq!(number(&report["errors"]), 0, "{report}");
    let books = &report["books"];
    assert_eq!(number(&books["lost"]), 0, "{books}");
    assert_eq!(number(&books["south"]), number(&books["sent"]), "{books}");
    for place in Place::BOTH {
        let data = pair.data(place).display().to_string();
        let shown = liaison(
            &pair.path(""),
            &["ledger", "show", &data, "--output", "json"],
        )
        .await;
        for of in Place::BOTH {
            let author = format!("/office/{of}/officer/kim\"");
            assert!(shown.stdout.contains(&author), "{of} at {place}: {shown:?}");
        }
    }

    // One of them cannot act at both, and says so.
    let by = ["--identity", &first];
    let ran = load(&[&plan[..], &offices, &by].concat()).await;
    assert_ne!(ran.code, Some(0));
    assert!(format!("{ran:?}").contains("would do"), "{ran:?}");
    let twice = ["--identity", &first, "--identity", &first];
    let ran = load(&[&plan[..], &offices, &twice].concat()).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("both of the south office"), "{ran:?}");
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mix_of_2018_runs_and_its_books_balance() {
    let pair = Pair::start().await;
    let [south, north] = Place::BOTH.map(|place| pair.process(place).address.to_string());
    let directory = tempfile::tempdir().expect("a directory");
    let mut arguments = vec!["kaesong-2018", "--rate", "400", "--duration", "2s"];
    arguments.extend(["--south", &south, "--north", &north, "--output", "json"]);
    arguments.extend([
        "--save",
        "run.json",
        "--html",
        "run.html",
        "--csv-out",
        "run.csv",
    ]);
    // A debug build beside all other tests: whether it kept up is not what is asked here.
    arguments.extend([
        "--lag-max",
        "1m",
        "--fail-if",
        "lost>0",
        "--fail-if",
        "doubled>0",
    ]);
    let ran = load_in(directory.path(), &arguments).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = report(&ran);
    assert_eq!(number(&report["arrivals"]), 800, "400 a second for 2 s");
    assert_eq!(number(&report["errors"]), 0, "{report}");
    let books = &report["books"];
    let sent = number(&books["sent"]);
    assert!(sent > 800, "exchanges have several steps: {books}");
    for figure in ["answered", "south", "north"] {
        assert_eq!(number(&books[figure]), sent, "{figure}: {books}");
    }
    for figure in ["lost", "doubled", "unknown", "refused"] {
        assert_eq!(number(&books[figure]), 0, "{figure}: {books}");
    }
    assert_eq!(books["quiet"], true);
    // What the books say, the offices' own counts say too.
    let marks = pair.both();
    let appended = marks.0.marks().await.appended + marks.1.marks().await.appended;
    assert_eq!(appended, sent, "nobody else was there");
    let stages = report["breakdown"]["stages"]
        .as_array()
        .expect("there are stages");
    let names: Vec<_> = stages
        .iter()
        .filter_map(|stage| stage["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["queued", "synced", "crossed the line", "synced at the peer"]
    );
    for workflow in report["workflows"].as_array().expect("there are some") {
        assert_eq!(workflow["started"], workflow["finished"], "{workflow}");
    }
    // A run that was saved is its own equal.
    let again = load_in(directory.path(), &["merge", "run.json", "run.json"]).await;
    assert_eq!(
        again.code,
        Some(1),
        "the same part twice is no merge: {again:?}"
    );
    let html = std::fs::read_to_string(directory.path().join("run.html")).expect("it was written");
    assert!(html.contains("<svg"), "it has charts");
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shards_send_what_one_would_and_are_merged_exactly() {
    let address = target(Target::default()).await;
    let directory = tempfile::tempdir().expect("a directory");
    for (shard, file) in [("1/2", "a.json"), ("2/2", "b.json")] {
        let more = [
            "--rate",
            "500",
            "--total",
            "300",
            "--shard",
            shard,
            "--save",
            file,
            "--lag-max",
            "1m",
        ];
        let ran = load_in(directory.path(), &call(&address, PASS, &more)).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(number(&report(&ran)["arrivals"]), 150);
    }
    let merged = load_in(
        directory.path(),
        &["merge", "a.json", "b.json", "--output", "json"],
    )
    .await;
    assert_eq!(merged.code, Some(0), "{merged:?}");
    let merged = report(&merged);
    assert_eq!(number(&merged["arrivals"]), 300);
    assert_eq!(number(&merged["response"]["count"]), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_seen_by_everyone_who_was_due_meanwhile() {
    let run = Run {
        rate: 200.0,
        duration: Duration::from_secs(3),
        delay: Delay::None,
        stall: Some(Stall {
            at: Duration::from_secs(1),
            lasts: Duration::from_millis(1_000),
        }),
    };
    let address = target(Target {
        stall: run.stall,
        ..Target::default()
    })
    .await;
    let more = ["--rate", "200", "--duration", "3s", "--lag-max", "1m"];
    let ran = load(&call(&address, PASS, &more)).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = report(&ran);
    assert_eq!(number(&report["calls"]), run.calls());
    // A third of the calls is due in the stall, and waits for half of it on average. A busy machine adds to it, and
    // takes nothing away.
    for (quantile, figure) in [(0.90, "p90_us"), (0.95, "p95_us"), (0.99, "p99_us")] {
        let expected = run.response(quantile).as_micros() as u64;
        let seen = number(&report["response"][figure]);
        assert!(
            seen * 100 >= expected * 97,
            "{figure}: {seen} of {expected}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_call_is_made_and_told_of() {
    let address = target(Target::default()).await;
    let streams = [
        (PASS_OUT, vec![]),
        (PASS_IN, vec!["--messages", "5"]),
        (PASS_MANY, vec!["--messages", "5", "--every", "1ms"]),
    ];
    for (method, more) in streams {
        let mut arguments = vec!["--rate", "100", "--total", "20", "--lag-max", "1m"];
        arguments.extend(more);
        let ran = load(&call(&address, method, &arguments)).await;
        assert_eq!(ran.code, Some(0), "{method}: {ran:?}");
        let report = report(&ran);
        assert_eq!(number(&report["calls"]), 20, "{method}: a stream is a call");
        let streams = &report["streams"];
        assert_eq!(number(&streams["opened"]), 20, "{method}");
        assert_eq!(number(&streams["life"]["count"]), 20, "{method}");
        assert_eq!(number(&streams["first_message"]["count"]), 20, "{method}");
        let sent = if method == PASS_OUT { 20 } else { 100 };
        assert_eq!(number(&streams["messages_sent"]), sent, "{method}");
        if method == PASS_OUT {
            assert_eq!(number(&streams["messages_received"]), 60, "three each");
        }
        if method == PASS_MANY {
            assert_eq!(number(&streams["messages_received"]), 100);
            assert_eq!(
                number(&report["response"]["count"]),
                100,
                "each message has one"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_counted_and_told() {
    let shares = |refuse, reset, garbage| Shares {
        refuse,
        reset,
        garbage,
        kinds: Garbage::ALL.to_vec(),
    };
    for (faults, codes) in [
        (shares(0.1, 0.0, 0.0), vec!["UNAVAILABLE"]),
        (shares(0.0, 0.1, 0.0), vec!["INTERNAL"]),
        (
            shares(0.0, 0.0, 0.4),
            vec!["INTERNAL", "UNKNOWN", "UNAVAILABLE"],
        ),
    ] {
        let share = faults.refuse + faults.reset + faults.garbage;
        let address = target(Target {
            faults,
            ..Target::default()
        })
        .await;
        let more = ["--rate", "1000", "--total", "1000", "--lag-max", "1m"];
        let ran = load(&call(&address, PASS, &more)).await;
        assert_eq!(ran.code, Some(1), "failed calls make it fail: {ran:?}");
        assert!(ran.stderr.contains("calls failed"), "{}", ran.stderr);
        let report = report(&ran);
        assert_eq!(number(&report["calls"]), 1_000, "{report}");
        let errors = number(&report["errors"]);
        assert_eq!(errors, (1_000.0 * share).round() as u64, "{report}");
        for failure in report["failures"].as_array().expect("a list") {
            let code = failure["code"].as_str().expect("a code");
            assert!(codes.contains(&code), "{failure}");
            assert!(!failure["message"].as_str().expect("words").is_empty());
        }
        let sum: u64 = report["failures"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|failure| number(&failure["count"]))
            .sum();
        assert_eq!(sum, errors);
        let more = [
            "--rate",
            "500",
            "--total",
            "100",
            "--lag-max",
            "1m",
            "--fail-if",
            "errors>90%",
        ];
        let ran = load(&call(&address, PASS, &more)).await;
        assert_eq!(ran.code, Some(0), "so many are allowed: {ran:?}");
        let more = [
            "--rate",
            "500",
            "--total",
            "100",
            "--lag-max",
            "1m",
            "--fail-if",
            "errors>0",
        ];
        let ran = load(&call(&address, PASS, &more)).await;
        assert_eq!(ran.code, Some(99), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_are_opened_again() {
    for (ending, may_fail) in [(Ending::GoAway, false), (Ending::Cut, true)] {
        let address = target(Target {
            connections: Connections {
                ends: Some((ending, 50)),
                streams_max: Some(10),
            },
            ..Target::default()
        })
        .await;
        let more = [
            "--rate",
            "500",
            "--total",
            "500",
            "--lag-max",
            "1m",
            "--fail-if",
            "errors>50%",
        ];
        let ran = load(&call(&address, PASS, &more)).await;
        assert_eq!(ran.code, Some(0), "{ending:?}: {ran:?}");
        let report = report(&ran);
        assert_eq!(number(&report["calls"]), 500, "{ending:?}");
        assert!(
            may_fail || number(&report["errors"]) == 0,
            "{ending:?}: {report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_goes_away_is_told_of_and_nothing_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener
        .local_addr()
        .expect("it has an address")
        .to_string();
    // It takes a connection, speaks no word, and is gone: the first one is for reflection.
    let none = load(&call(
        "127.0.0.1:1",
        PASS,
        &["--rate", "100", "--total", "10"],
    ))
    .await;
    assert_eq!(none.code, Some(78), "{none:?}");
    assert!(none.stderr.contains("127.0.0.1:1"), "{}", none.stderr);
    drop(listener);
    let gone = load(&call(&address, PASS, &["--rate", "100", "--total", "10"])).await;
    assert_eq!(gone.code, Some(78), "{gone:?}");

    // In mid-run: a pair's office that is stopped.
    let mut pair = Pair::start().await;
    let [south, north] = Place::BOTH.map(|place| pair.process(place).address.to_string());
    let mut arguments = vec![
        "load",
        "document",
        "--rate",
        "200",
        "--duration",
        "3s",
        "--output",
        "json",
    ];
    arguments.extend([
        "--south",
        &south,
        "--north",
        &north,
        "--deadline",
        "1s",
        "--lag-max",
        "1m",
    ]);
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = liaison_command(directory.path(), &arguments);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let running = command.spawn().expect("it can be run");
    crate::harness::until("documents at South", async || {
        (pair.both().0.marks().await.appended > 50).then_some(())
    })
    .await;
    pair.kill(Place::North);
    let ended = tokio::task::spawn_blocking(move || running.wait_with_output());
    let ended = within("the run's end", ended)
        .await
        .expect("it waits")
        .expect("it ends");
    let stdout = String::from_utf8_lossy(&ended.stdout);
    let report: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!(ended.status.code(), Some(1), "{report}");
    assert!(number(&report["errors"]) > 0, "{report}");
    assert_eq!(number(&report["arrivals"]), 600, "{report}");
    let codes = report["codes"].as_object().expect("codes");
    let allowed = ["OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"];
    for code in codes.keys() {
        assert!(allowed.contains(&code.as_str()), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_said_before_anything_is_called() {
    let address = target(Target::default()).await;
    let unknown = call(
        &address,
        "relay.v1.RelayService/Pas",
        &["--rate", "1", "--total", "1"],
    );
    let data = [
        "--target",
        &address,
        "--call",
        PASS,
        "--data",
        r#"{"request":"x"}"#,
        "--total",
        "1",
    ];
    for (arguments, code, told) in [
        (unknown.as_slice(), 1, "Pass"),
        (&data, 1, "request_id"),
        (&["kaesong-2081", "--rate", "1"], 2, "kaesong-2018"),
        (&["document", "--rate", "0"], 2, "0"),
        (&["document", "--fail-if", "p999>5ms"], 2, "p99.9"),
        (&["document", "--target", "127.0.0.1:1"], 2, "--south"),
        (&["--call", PASS], 2, "--target"),
        (&["missing.toml"], 1, "missing.toml"),
    ] {
        let ran = load(arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(told), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_may_scrape_a_run_and_who_ends_it_is_told_what_was_done() {
    use rustix::process::Signal;

    for signals in [&[Signal::INT][..], &[Signal::TERM], &[Signal::INT; 2]] {
        ended_by(signals).await;
    }
}

async fn ended_by(signals: &[rustix::process::Signal]) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let address = target(Target::default()).await;
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let scraped: SocketAddr = port.local_addr().expect("an address");
    drop(port);
    let scraped_text = scraped.to_string();
    let mut arguments = vec!["load"];
    let more = [
        "--rate",
        "200",
        "--duration",
        "1h",
        "--prometheus",
        &scraped_text,
    ];
    arguments.extend(call(&address, PASS, &more));
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = liaison_command(directory.path(), &arguments);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let running = command.spawn().expect("it can be run");
    let pid = rustix::process::Pid::from_child(&running);
    let text = crate::harness::until("figures of calls", async || {
        let mut stream = tokio::net::TcpStream::connect(scraped).await.ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        text.contains("liaison_load_calls_total{").then_some(text)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.contains("# TYPE liaison_load_response_seconds histogram"),
        "{text}"
    );
    for signal in signals {
        // The second may find it ended.
        let _ = rustix::process::kill_process(pid, *signal);
    }
    let ended = tokio::task::spawn_blocking(move || running.wait_with_output());
    let ended = within("the run's end", ended)
        .await
        .expect("it waits")
        .expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("the report is printed");
    assert_eq!(report["interrupted"], true);
    assert!(number(&report["calls"]) > 0);
    if signals.len() == 1 {
        assert_eq!(
            report["calls"], report["arrivals"],
            "what was begun was waited for"
        );
    }
    // It has lasted until it was ended, and no shorter: rates are of that.
    let offered = report["offered_rate"].as_f64().expect("a rate");
    assert!((100.0..250.0).contains(&offered), "{signals:?}: {offered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_may_come_from_a_pipe_and_metadata_has_placeholders() {
    use std::io::Write as _;

    let address = target(Target::default()).await;
    let more = [
        "--total",
        "20",
        "--rate",
        "200",
        "-H",
        "X-Number: {{sequence}}",
    ];
    let mut arguments = call(&address, PASS, &more);
    let data = arguments
        .iter()
        .position(|it| *it == "--data")
        .expect("it has some");
    arguments[data + 1] = "@-";
    let all: Vec<_> = ["load"].iter().chain(&arguments).copied().collect();
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = liaison_command(directory.path(), &all);
    let pipes = command.stdin(std::process::Stdio::piped());
    pipes.stdout(std::process::Stdio::piped());
    let mut running = command.spawn().expect("it can be run");
    let mut stdin = running.stdin.take().expect("a pipe");
    // With the mark that some editors begin a file with.
    let request = "\u{feff}{\"request_id\":\"{{uuid}}\",\"payload\":\"{{bytes 60}}\"}";
    stdin.write_all(request.as_bytes()).expect("it reads");
    drop(stdin);
    let ended = tokio::task::spawn_blocking(move || running.wait_with_output());
    let ended = within("the run's end", ended)
        .await
        .expect("it waits")
        .expect("it ends");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("a report");
    assert_eq!(number(&report["codes"]["OK"]), 20, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_called_is_told_before_the_run() {
    let address = target(Target::default()).await;
    for (method, more, said) in [
        (
            "relay.v1.RelayServce/Pass",
            &[][..],
            "did you mean `relay.v1.RelayService`?",
        ),
        ("relay.v1.RelayService/Pas", &[], "did you mean `Pass`?"),
        (PASS, &["-H", "x: {{sequnce}}"], "did you mean `sequence`?"),
        (PASS, &["-H", "grpc-timeout: 1S"], "is no key for metadata"),
        (PASS, &["--stream-for", "0s"], "give it some"),
        (PASS, &["--message-max", "2TiB"], "write it as 64MiB"),
    ] {
        let ran = load(&call(&address, method, more)).await;
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.stderr.contains(said),
            "{method} {more:?}: {}",
            ran.stderr
        );
        assert!(ran.stdout.is_empty(), "{ran:?}");
    }
}
