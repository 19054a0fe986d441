//! The terminal: taken, drawn on, and given back whatever happens.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError, TryLockError};
use std::time::Duration;

use crossterm::QueueableCommand as _;
use crossterm::cursor::{Hide, Show};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether the terminal is ours. One process has one, so this is no one's field; a panic hook could not reach it there.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Held while a frame is written.
static WRITING: Mutex<()> = Mutex::new(());
static HOOK: Once = Once::new();

/// Whoever gives the terminal back waits so often, so long, for a frame that is being written.
const WAITS_MAX: u32 = 20;
const WAIT: Duration = Duration::from_millis(10);

/// Whether somebody sees what is drawn on stderr, and can press keys.
pub(super) fn is_watched() -> bool {
    let stdin = io::stdin();
    stdin.is_terminal()
        && io::stderr().is_terminal()
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty())
        // Of a terminal that is not this session's nothing is told, and nothing need be.
        && rustix::termios::tcgetpgrp(&stdin)
            .map_or(true, |group| group == rustix::process::getpgrp())
}

/// Takes the terminal: keys come one by one, and what was on the screen is put aside.
pub(super) fn take() -> io::Result<()> {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // First: what a panic says would vanish with the screen that it is said on.
            give_back();
            before(panic);
        }));
    });
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let entered = write(|out| {
        out.queue(EnterAlternateScreen)?.queue(Hide)?;
        Ok(())
    });
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Whether the terminal is ours.
pub(super) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Gives the terminal back, if it is ours. Not one byte is drawn after that.
pub(super) fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    for _ in 0..WAITS_MAX {
        // Waiting without end would be wrong: the thread that writes may be the one that panicked.
        match WRITING.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(WAIT),
            _ => break,
        }
    }
    let mut out = Vec::new();
    let written = out
        .queue(Show)
        .and_then(|out| out.queue(LeaveAlternateScreen))
        .and_then(|out| io::stderr().write_all(out));
    // A terminal that is gone needs no more.
    let _ = written;
    let _ = disable_raw_mode();
}

/// Writes a frame at once, unless the terminal has been given back.
pub(super) fn write(frame: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut out = Vec::new();
    frame(&mut out)?;
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    if is_taken() {
        let mut stderr = io::stderr().lock();
        stderr.write_all(&out)?;
        stderr.flush()?;
    }
    Ok(())
}
