//! Progress on stderr, for work that takes longer than a second.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use words::style::clean;

use crate::output::note;
use crate::system::Stopwatch;

/// On a terminal the line is written anew so often; elsewhere a line is added ten times less often.
const ROUND: Duration = Duration::from_secs(1);

/// Tells how far work has come. What it wrote on a terminal is gone once it is dropped.
pub struct Progress {
    stopwatch: Stopwatch,
    next: Duration,
    terminal: bool,
    told: bool,
}

impl Progress {
    /// Begins to count the time.
    pub fn start() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            stopwatch: Stopwatch::start(),
            next: if terminal { ROUND } else { ROUND * 10 },
            terminal,
            told: false,
        }
    }

    /// Tells, if it is time to.
    pub fn tell(&mut self, text: impl FnOnce() -> String) {
        let elapsed = self.stopwatch.elapsed();
        if elapsed < self.next {
            return;
        }
        if self.terminal {
            self.next = elapsed + ROUND;
            self.told = true;
            // Without stderr there is nobody to tell.
            let _ = write!(anstream::stderr(), "\r\x1b[K{}", clean(&text()));
            let _ = anstream::stderr().flush();
        } else {
            self.next = elapsed + ROUND * 10;
            note(&text());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told {
            let _ = write!(anstream::stderr(), "\r\x1b[K");
        }
    }
}
