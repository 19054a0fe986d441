//! Group commit on one writer thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::batch::Batch;
use crate::error::JournalError;
use crate::form::Form;

/// Batches that may wait for the writer thread.
const BATCHES_MAX: usize = 4;

/// Called on the writer thread when a batch is durable, with the highest durable sequence, or failed.
pub type Committed<E> = Box<dyn FnOnce(Result<u64, E>) + Send>;

/// What waits for the thread.
type Submitted<F> = (Batch<F>, Committed<<F as Form>::Error>);

/// A thread that writes and syncs batches in order. After a failure it commits nothing more: a failed sync is
/// never retried.
pub struct Committer<F: Form> {
    batches: Option<SyncSender<Submitted<F>>>,
    thread: Option<JoinHandle<()>>,
}

impl<F: Form> std::fmt::Debug for Committer<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}

impl<F: Form> Committer<F> {
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

    /// Hands a batch over. Waits if four are waiting already; a writer has one in flight.
    pub fn submit(&self, batch: Batch<F>, done: Committed<F::Error>) {
        if let Some(batches) = &self.batches
            && let Err(refused) = batches.send((batch, done))
        {
            let stopped = JournalError::Stopped {
                reason: "the writer thread is gone".to_owned(),
            };
            (refused.0.1)(Err(stopped.into()));
        }
    }
}

impl<F: Form> Drop for Committer<F> {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
    }
}

fn run<F: Form>(batches: &Receiver<Submitted<F>>) {
    let mut failed: Option<String> = None;
    for (batch, done) in batches {
        let outcome = match &failed {
            Some(reason) => Err(JournalError::Stopped {
                reason: reason.clone(),
            }
            .into()),
            None => batch.commit(),
        };
        if let Err(error) = &outcome {
            failed.get_or_insert_with(|| error.to_string());
        }
        done(outcome);
    }
}
