//! All that a frame is drawn from, and what keys mean to it.

use crate::history::History;
use crate::palette::Palette;
use report::{Interval, Report};

/// What does not change during a run.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// The plan's name, or the method called.
    pub plan: String,
    /// The addresses called.
    pub targets: Vec<String>,
    /// The schedule in words.
    pub schedule: String,
    /// How long the warm-up is, in seconds; 0 for none.
    pub warmup_s: f64,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter, a digit, a sign or a space.
    Letter(char),
    /// The same with Ctrl.
    Control(char),
    /// Any other.
    Other,
}

/// What a key means to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Space.
    PauseOrResume,
    /// `q` or Ctrl-C; a second time too.
    Stop,
}

/// All that a frame is drawn from.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is on or off by itself: help is shown while a paused run is stopping"
)]
#[derive(Debug)]
pub struct View {
    pub(super) heading: Heading,
    pub(super) palette: Palette,
    pub(super) history: History,
    pub(super) length_s: Option<f64>,
    pub(super) paused: bool,
    pub(super) stopping: bool,
    pub(super) help: bool,
    /// Whether it differs from what was drawn last.
    fresh: bool,
}

impl View {
    /// The view of a run that has not begun.
    pub fn new(heading: Heading, palette: Palette) -> Self {
        Self {
            heading,
            palette,
            history: History::default(),
            length_s: None,
            paused: false,
            stopping: false,
            help: false,
            fresh: true,
        }
    }

    /// A second has passed. `so_far` is what the run has come to by then; `length_s` is how many seconds it lasts, if that is
    /// known.
    pub fn show(
        &mut self,
        interval: &Interval,
        so_far: &Report,
        length_s: Option<f64>,
        paused: bool,
    ) {
        self.history.add(interval, so_far);
        self.length_s = length_s;
        self.paused = paused;
        self.fresh = true;
    }

    /// What a key means to the run. What it means to the view is done.
    pub fn press(&mut self, key: Key) -> Option<Pressed> {
        self.fresh = true;
        match key {
            Key::Letter('q' | 'Q') | Key::Control('c' | 'C') => {
                self.stopping = true;
                Some(Pressed::Stop)
            }
            Key::Letter(' ') => {
                // Said at once; the next second corrects it if the run sees it otherwise.
                self.paused = !self.paused;
                Some(Pressed::PauseOrResume)
            }
            Key::Letter('?' | 'h' | 'H') => {
                self.help = !self.help;
                None
            }
            _ => {
                self.help = false;
                None
            }
        }
    }

    /// What is on the screen is not what was drawn: its size has changed.
    pub fn disturb(&mut self) {
        self.fresh = true;
    }

    /// Whether there is something to draw that has not been drawn yet. Whoever asks, draws.
    pub fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }
}
