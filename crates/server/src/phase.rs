//! How far an office is on its way to its end.

use tokio::sync::watch;

/// The steps of a drain, each true from some moment on.
pub(crate) struct Phases {
    /// The office is about to go: nobody need send it new work.
    pub(crate) leaving: watch::Sender<bool>,
    /// No mutation is taken, and watches end.
    pub(crate) draining: watch::Sender<bool>,
    /// Nothing more will be authored: the line carries what is left.
    pub(crate) line_closing: watch::Sender<bool>,
    /// Connections close.
    pub(crate) closing: watch::Sender<bool>,
}

impl Phases {
    pub(crate) fn new() -> Self {
        let phase = || watch::channel(false).0;
        Self {
            leaving: phase(),
            draining: phase(),
            line_closing: phase(),
            closing: phase(),
        }
    }
}

/// Waits for a phase; an office that is gone is past all of them.
pub(crate) async fn reached(phase: &mut watch::Receiver<bool>) {
    let _ = phase.wait_for(|reached| *reached).await;
}
