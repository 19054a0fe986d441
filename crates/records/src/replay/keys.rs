//! The keys that steer a replay, while stdin and stderr are a terminal.

use std::io::{self, IsTerminal as _, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use replay::Control;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcgetpgrp, tcsetattr};

use command::output::note;

const HINT: &str = "keys: space pauses and resumes, n goes on to the next exchange, + and - double and halve the \
                    speed, q stops";
/// A read waits so long for a key, in tenths of a second; then it looks whether the replay is over.
const READ_DECISECONDS: u8 = 1;
/// After a read that nothing came of at once, as when the terminal is gone.
const REST: Duration = Duration::from_millis(10);

/// What a key asks for.
fn control_of(key: u8) -> Option<Control> {
    Some(match key {
        b' ' => Control::PauseOrResume,
        b'n' | b'N' | b'.' => Control::Step,
        b'+' | b'=' => Control::Faster,
        b'-' | b'_' => Control::Slower,
        b'q' | b'Q' => Control::Stop,
        _ => return None,
    })
}

/// Reads keys until it is dropped; then the terminal is as it was.
pub(super) struct Keys {
    over: Arc<AtomicBool>,
    reading: Option<JoinHandle<()>>,
    before: Termios,
}

impl Keys {
    /// Sends what keys ask for to `controls`, and tells which keys there are. `None` where nobody can press any: no
    /// terminal, or one that belongs to another command for now.
    pub(super) fn begin(controls: SyncSender<Control>) -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // Of a terminal that is not this session's nothing is told, and nothing need be.
        if tcgetpgrp(&stdin).is_ok_and(|group| group != rustix::process::getpgrp()) {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut keys = before.clone();
        // Keys come one by one and are not shown; Ctrl-C stays Ctrl-C.
        keys.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        keys.special_codes[SpecialCodeIndex::VMIN] = 0;
        keys.special_codes[SpecialCodeIndex::VTIME] = READ_DECISECONDS;
        tcsetattr(&stdin, OptionalActions::Now, &keys).ok()?;
        let over = Arc::new(AtomicBool::new(false));
        // From here on a panic gives the terminal back.
        let mut begun = Self {
            over: Arc::clone(&over),
            reading: None,
            before,
        };
        begun.reading = Some(std::thread::spawn(move || read(&controls, &over)));
        note(HINT);
        Some(begun)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reading) = self.reading.take() {
            // Whatever became of it, the terminal is given back.
            let _ = reading.join();
        }
        // A terminal that is gone needs no more.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

fn read(controls: &SyncSender<Control>, over: &AtomicBool) {
    let mut stdin = io::stdin().lock();
    let mut key = [0];
    while !over.load(Ordering::Relaxed) {
        match stdin.read(&mut key) {
            Ok(1) => {
                // A key that comes while many wait already is one too many.
                if let Some(control) = control_of(key[0]) {
                    let _ = controls.try_send(control);
                }
            }
            _ => std::thread::park_timeout(REST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_that_is_told_asks_for_something() {
        for (key, control) in [
            (b' ', Control::PauseOrResume),
            (b'n', Control::Step),
            (b'.', Control::Step),
            (b'+', Control::Faster),
            (b'-', Control::Slower),
            (b'q', Control::Stop),
        ] {
            assert_eq!(control_of(key), Some(control));
        }
        assert_eq!(control_of(b'x'), None);
        assert_eq!(control_of(0x1b), None, "nor does an arrow do anything");
    }
}
