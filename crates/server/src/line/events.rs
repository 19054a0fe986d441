//! What happens on the line, for people who watch. It is not recorded.

use std::sync::Arc;

use protocol::pb::line::{LineEvent, LineEventKind};
use tokio::sync::broadcast;

use crate::clock::Clock;

const HELD_MAX: usize = 4_096;

/// Tells watchers what happens on the line.
#[derive(Clone)]
pub(crate) struct LineEvents {
    sender: broadcast::Sender<LineEvent>,
    clock: Arc<dyn Clock>,
}

impl LineEvents {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            sender: broadcast::channel(HELD_MAX).0,
            clock,
        }
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<LineEvent> {
        self.sender.subscribe()
    }

    /// Tells an event. `text` is made only if somebody watches.
    pub(crate) fn tell(&self, kind: LineEventKind, sequence: u64, text: impl FnOnce() -> String) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let event = LineEvent {
            at: Some(protocol::timestamp_to_pb(self.clock.now())),
            kind: kind.into(),
            sequence,
            text: text(),
        };
        // Nobody may be left.
        let _ = self.sender.send(event);
    }
}
