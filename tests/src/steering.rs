//! A replay at live offices, steered by keys on a terminal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Stdio};

use office::Place;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;

use crate::harness::{Pair, liaison, liaison_command, until, within};

/// A terminal, from the side of whoever sits at it; and what a command has for one.
struct Terminal {
    keys: File,
    screen: BufReader<File>,
    commands: File,
}

impl Terminal {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pty");
        grantpt(&ours).expect("it is ours");
        unlockpt(&ours).expect("it is ours");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let path = std::ffi::OsStr::from_bytes(name.to_bytes());
        let commands = File::options().read(true).write(true).open(path);
        let copy = ours.try_clone().expect("a handle");
        Self {
            keys: File::from(copy),
            screen: BufReader::new(File::from(ours)),
            commands: commands.expect("it can be opened"),
        }
    }

    fn handle(&self) -> Stdio {
        let copy: OwnedFd = self
            .commands
            .as_fd()
            .try_clone_to_owned()
            .expect("a handle");
        copy.into()
    }

    fn press(&mut self, key: char) {
        write!(self.keys, "{key}").expect("the terminal takes it");
    }

    /// Whether keys are shown as they are pressed, a line at a time.
    fn is_plain(&self) -> bool {
        let modes = tcgetattr(&self.commands)
            .expect("it is a terminal")
            .local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Reads on until a line has `text` in it.
    async fn shows(mut self, text: &'static str) -> Self {
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !line.contains(text) {
                line.clear();
                let read = self.screen.read_line(&mut line).expect("it is open");
                assert!(read > 0, "{text:?} never came");
            }
            self
        });
        within(text, reading).await.expect("it reads on")
    }
}

/// A replay of `recorded` at its own speed, of 98 days.
async fn begin(pair: &Pair, directory: &std::path::Path, terminal: &Terminal) -> Child {
    let simulate = ["simulate", "kaesong-2018", "--out", "recorded"];
    let simulated = liaison(directory, &simulate).await;
    assert_eq!(simulated.code, Some(0), "{simulated:?}");
    let [south, north] = Place::BOTH.map(|place| pair.process(place).address.to_string());
    let mut arguments = vec!["replay", "recorded", "--verify", "--output", "json"];
    arguments.extend(["--south", &south, "--north", &north]);
    let mut command = liaison_command(directory, &arguments);
    command
        .stdin(terminal.handle())
        .stdout(Stdio::piped())
        .stderr(terminal.handle());
    command.spawn().expect("it can be run")
}

/// Steps that the offices have authored.
async fn authored(pair: &Pair) -> u64 {
    let (south, north) = pair.both();
    south.marks().await.appended + north.marks().await.appended
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_step_pause_and_stop_and_what_was_made_is_reported() {
    let pair = Pair::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut terminal = Terminal::open();
    assert!(terminal.is_plain());
    let replay = begin(&pair, directory.path(), &terminal).await;
    terminal = terminal.shows("keys: ").await;
    assert!(!terminal.is_plain(), "keys come one by one");
    until("the first step, which is due at once", async || {
        (authored(&pair).await > 0).then_some(())
    })
    .await;
    // Hours lie between the next ones; each press brings at least one.
    for _ in 0..3 {
        let before = authored(&pair).await;
        terminal.press('n');
        until("a step for the key", async || {
            (authored(&pair).await > before).then_some(())
        })
        .await;
    }
    terminal.press('x');
    terminal.press('-');
    terminal.press('q');
    let ended = tokio::task::spawn_blocking(move || replay.wait_with_output());
    let ended = within("the replay's end", ended).await.expect("it waits");
    let ended = ended.expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert!(terminal.is_plain(), "the terminal is as it was");
    let printed: Value = serde_json::from_slice(&ended.stdout).expect("it is JSON");
    assert_eq!(printed["stopped"], true, "{printed}");
    let made = printed["made"].as_u64().expect("a number");
    assert!((4..100).contains(&made), "{printed}");
    assert_eq!(printed["verified"]["steps"], made, "{printed}");
    assert_eq!(authored(&pair).await, made);
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_replay_gives_the_terminal_back() {
    let pair = Pair::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut terminal = Terminal::open();
    let replay = begin(&pair, directory.path(), &terminal).await;
    terminal = terminal.shows("keys: ").await;
    assert!(!terminal.is_plain());
    let pid = rustix::process::Pid::from_raw(replay.id() as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is ours");
    let ended = tokio::task::spawn_blocking(move || replay.wait_with_output());
    let ended = within("the replay's end", ended).await.expect("it waits");
    assert_eq!(ended.expect("it ends").status.code(), Some(130));
    assert!(terminal.is_plain(), "the terminal is as it was");
    pair.finish().await;
}
