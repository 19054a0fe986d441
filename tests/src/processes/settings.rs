//! Flags, environment and file.

use std::fs;

use office::Place;

use crate::harness::{Ended, Pair, Process};

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Runs South with these arguments and variables, which must refuse.
async fn refuses(pair: &Pair, arguments: &[&str], variables: Variables<'_>) -> Ended {
    let mut command = Process::command(Place::South);
    command
        .current_dir(pair.path(""))
        .args(arguments)
        .envs(variables.iter().copied());
    let ended = Process::start(command, &pair.path("refused.log")).await;
    let ended = ended.expect_err("it must not start");
    assert!(!ended.log.is_empty());
    ended
}

#[tokio::test]
async fn a_flag_stands_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let pair = Pair::idle(&[]).await;
    let file = pair.path("south.toml");
    fs::write(&file, "listen = \"127.0.0.1:0\"\ndata = \"from-file\"\n").expect("it is ours");
    let file = file.display().to_string();
    let steps: [(&str, &[&str], Variables<'_>); 4] = [
        ("liaison-data/south", &["--listen", "127.0.0.1:0"], &[]),
        ("from-file", &["--config", &file], &[]),
        (
            "from-environment",
            &["--config", &file],
            &[("LIAISON_DATA", "from-environment")],
        ),
        (
            "from-flag",
            &["--config", &file, "--data", "from-flag"],
            &[("LIAISON_DATA", "from-environment")],
        ),
    ];
    for (directory, arguments, variables) in steps {
        let mut command = Process::command(Place::South);
        command
            .current_dir(pair.path(""))
            .args(arguments)
            .envs(variables.iter().copied());
        let process = Process::start(command, &pair.path("south.log")).await;
        let process = process.unwrap_or_else(|ended| panic!("{directory}: {ended:?}"));
        let ledger = pair.path(directory).join("00000000000000000001.segment");
        assert!(ledger.exists(), "{directory} holds the ledger");
        assert_eq!(process.stop().await.code, Some(0));
        fs::remove_dir_all(pair.path(directory)).expect("it is ours");
    }
}

#[tokio::test]
async fn a_limit_can_be_lowered_and_never_raised() {
    let pair = Pair::idle(&[]).await;
    for (limit, told) in [
        ("queue_max=5000", "never raised"),
        ("queue_max=0", "1 to 4096"),
        ("queues=1", "there is no limit"),
        ("queue_max", "NAME=NUMBER"),
        ("queue_max=some", "not a whole number"),
    ] {
        let ended = refuses(&pair, &["--limit", limit], &[]).await;
        assert!(ended.log.contains(told), "{limit}: {}", ended.log);
    }
    let file = pair.path("south.toml");
    fs::write(&file, "[limits]\nqueue_max = 5000\n").expect("it is ours");
    let file = file.display().to_string();
    let ended = refuses(&pair, &["--config", &file], &[]).await;
    assert!(ended.log.contains("never raised"), "{}", ended.log);
    // What a flag says stands over the file: the file's limit must be one all the same.
    let ended = refuses(&pair, &["--config", &file, "--limit", "queue_max=1"], &[]).await;
    assert!(ended.log.contains("never raised"), "{}", ended.log);
}

#[tokio::test]
async fn a_file_that_cannot_be_meant_is_refused_with_its_place() {
    let pair = Pair::idle(&[]).await;
    let file = pair.path("south.toml");
    let name = file.display().to_string();
    for (text, told) in [
        ("listens = \"127.0.0.1:0\"", "listens"),
        ("listen = 17", "line 1"),
        ("listen = \"somewhere\"", "line 1"),
        ("data = ", "line 1"),
    ] {
        fs::write(&file, text).expect("it is ours");
        let ended = refuses(&pair, &["--config", &name], &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(
            ended.log.contains(&name) && ended.log.contains(told),
            "{text}: {}",
            ended.log
        );
    }
    let ended = refuses(&pair, &["--config", "nowhere.toml"], &[]).await;
    assert!(ended.log.contains("nowhere.toml"), "{}", ended.log);
}

#[tokio::test]
async fn an_open_line_is_for_loopback_alone() {
    let pair = Pair::idle(&[]).await;
    let open = ["--listen", "0.0.0.0:0", "--data", "south"];
    let afar = ["--peer", "192.0.2.7:50052", "--data", "south"];
    for arguments in [&open[..], &afar] {
        let ended = refuses(&pair, &[arguments, &["--insecure-line"]].concat(), &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.log.contains("loopback"), "{}", ended.log);
        assert!(!pair.path("south").exists(), "nothing was begun");
    }
    let mut command = Process::command(Place::South);
    command.current_dir(pair.path("")).args(open);
    let process = Process::start(command, &pair.path("south.log")).await;
    let process = process.expect("whoever comes from elsewhere must be known");
    assert_eq!(process.stop().await.code, Some(0));
}
