//! The owner on a thread of its own: it writes and syncs in line, so that nobody need be woken between a batch and its
//! sync, nor between the sync and the answers.

use std::thread::{Builder, JoinHandle};

use ledger::LedgerError;
use office::Place;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::owner::Owner;

/// An owner that runs on its thread. When this is dropped it has ended, and its ledger is closed.
#[derive(Debug)]
pub(crate) struct OwnerThread {
    ended: oneshot::Receiver<Result<(), LedgerError>>,
    left: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl OwnerThread {
    /// Starts the thread, or says why the system has none.
    pub(crate) fn start(place: Place, owner: Owner) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (ending, ended) = oneshot::channel();
        let left = CancellationToken::new();
        let token = left.clone();
        let thread = Builder::new()
            .name(format!("{place}-owner"))
            .spawn(move || {
                if let Some(outcome) = runtime.block_on(token.run_until_cancelled(owner.run())) {
                    // Whoever served may have gone.
                    let _ = ending.send(outcome);
                }
            })?;
        Ok(Self {
            ended,
            left,
            thread: Some(thread),
        })
    }

    /// How the owner ended, once it has.
    pub(crate) async fn ended(&mut self) -> Result<(), LedgerError> {
        let gone = || LedgerError::Stopped {
            reason: "the thread that owns the ledger is gone".to_owned(),
        };
        let outcome = (&mut self.ended).await.unwrap_or_else(|_| Err(gone()));
        self.join();
        outcome
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
    }
}

impl Drop for OwnerThread {
    fn drop(&mut self) {
        self.left.cancel();
        // For one sync at most: the owner waits for nothing else.
        self.join();
    }
}
