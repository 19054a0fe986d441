//! The live view of a running load test, on the terminal.
//!
//! It draws on a thread of its own, and only when there is something new: a second that passed, a key, another size.
//! Whoever hands in a second never waits for the terminal: a frame is written while nothing of the run is locked.

mod frame;
mod terminal;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use report::{Interval, Report};
use screen::{Heading, Key, Palette, Pressed, View};

/// So long the thread waits for a key before it looks for something else to draw.
const ROUND: Duration = Duration::from_millis(100);

/// The view. Once it is dropped the terminal is as it was; after a panic, of any thread, too.
///
/// While it is there, nothing else may write on stderr.
pub(crate) struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    over: AtomicBool,
    view: Mutex<View>,
}

impl Shared {
    fn view(&self) -> MutexGuard<'_, View> {
        // A view that a panic left half told is shown all the same: the next second puts it right.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Takes the terminal. `None` where nobody looks: stdin or stderr is no terminal, or a dumb one, or it belongs to
    /// another command for now.
    ///
    /// `pressed` is called on the thread that draws.
    pub(crate) fn begin(
        heading: Heading,
        pressed: impl Fn(Pressed) + Send + 'static,
    ) -> Option<Self> {
        if !terminal::is_watched() {
            return None;
        }
        let shared = Arc::new(Shared {
            over: AtomicBool::new(false),
            view: Mutex::new(View::new(heading, palette())),
        });
        let mut terminal = frame::take().ok()?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("live view".to_owned())
            .spawn(move || keep_drawing(&theirs, &mut terminal, &pressed));
        let Ok(thread) = thread else {
            terminal::give_back();
            return None;
        };
        Some(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// A second has passed.
    pub(crate) fn show(
        &self,
        interval: &Interval,
        so_far: &Report,
        length_s: Option<f64>,
        paused: bool,
    ) {
        self.shared.view().show(interval, so_far, length_s, paused);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        terminal::give_back();
        if let Some(thread) = self.thread.take() {
            // If it panicked, that has been said.
            let _ = thread.join();
        }
    }
}

fn keep_drawing(shared: &Shared, terminal: &mut frame::Terminal, pressed: &impl Fn(Pressed)) {
    // After a panic elsewhere the terminal is given back, and its message is not drawn over.
    while !shared.over.load(Ordering::Relaxed) && terminal::is_taken() {
        let mut wait = ROUND;
        // All keys that wait, and then one frame.
        loop {
            match event::poll(wait).and_then(|any| {
                if any {
                    event::read().map(Some)
                } else {
                    Ok(None)
                }
            }) {
                Ok(Some(Event::Key(key))) => {
                    if is_redraw(key) {
                        // If it cannot be cleared, it cannot be drawn on either.
                        let _ = terminal.clear();
                    }
                    let meant = meant(key).and_then(|key| shared.view().press(key));
                    if let Some(meant) = meant {
                        pressed(meant);
                    }
                }
                Ok(Some(_)) => shared.view().disturb(),
                Ok(None) => break,
                Err(_) => {
                    // A terminal that is gone has no keys; it must not make the thread spin.
                    std::thread::park_timeout(ROUND);
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        if shared.view().take_fresh() {
            // Nobody sees a frame that cannot be written, and the run goes on.
            let _ = terminal.draw(|frame| screen::draw(&shared.view(), frame.buffer_mut()));
        }
    }
}

/// Ctrl-L, as everywhere: draw all of it anew.
fn is_redraw(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('l') && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// The key that was pressed; `None` if it was let go.
fn meant(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    Some(match key.code {
        // In raw mode Ctrl-C is a key like others.
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Key::Control(letter)
        }
        KeyCode::Char(letter) => Key::Letter(letter),
        _ => Key::Other,
    })
}

/// The colours that the environment promises.
fn palette() -> Palette {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    Palette::of(
        &variable("NO_COLOR"),
        &variable("COLORTERM"),
        &variable("TERM"),
    )
}

#[cfg(test)]
mod tests;
