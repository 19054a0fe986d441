//! Group commit on one writer thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::batch::Batch;
use crate::error::LedgerError;

/// Batches that may wait for the writer thread.
const BATCHES_MAX: usize = 4;

/// Called on the writer thread when a batch is durable, or failed.
pub type Committed = Box<dyn FnOnce(Result<u64, LedgerError>) + Send>;

/// A thread that writes and syncs batches in order. After a failure it commits nothing more: a failed sync is
/// never retried.
#[derive(Debug)]
pub struct Committer {
    batches: Option<SyncSender<(Batch, Committed)>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub fn start(name: &str) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(BATCHES_MAX);
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&receiver))?;
        Ok(Self {
            batches: Some(sender),
            thread: Some(thread),
        })
    }

    /// Hands a batch over. Waits if four are waiting already; an office has one in flight.
    pub fn submit(&self, batch: Batch, done: Committed) {
        if let Some(batches) = &self.batches
            && let Err(refused) = batches.send((batch, done))
        {
            (refused.0.1)(Err(LedgerError::Stopped {
                reason: "the writer thread is gone".to_owned(),
            }));
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
    }
}

fn run(batches: &Receiver<(Batch, Committed)>) {
    let mut failed: Option<String> = None;
    for (batch, done) in batches {
        let outcome = match &failed {
            Some(reason) => Err(LedgerError::Stopped {
                reason: reason.clone(),
            }),
            None => batch.commit(),
        };
        if let Err(error) = &outcome {
            failed.get_or_insert_with(|| error.to_string());
        }
        done(outcome);
    }
}
