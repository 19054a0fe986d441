//! Reads ahead on a second thread while the caller folds: a long ledger is read in the time of the slower of both.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::entry::{Entry, Record};
use crate::error::LedgerError;

/// A shorter ledger is read in line: a thread would only cost.
const BYTES_MIN: u64 = 4 * 1024 * 1024;
/// What is handed over at a time: so many items, or so many bytes.
const CHUNK_ITEMS: usize = 512;
const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks that may wait to be folded.
const CHUNKS_MAX: usize = 4;

/// What is read ahead.
pub(crate) trait Ahead: Send {
    /// Bytes that it keeps in memory, beside itself.
    fn bytes(&self) -> usize;
}

impl Ahead for Entry {
    fn bytes(&self) -> usize {
        match &self.record {
            Record::Outbound(parcel) | Record::Inbound(parcel) => parcel.payload.len(),
            _ => 0,
        }
    }
}

/// Runs `walk` over a ledger of `bytes` bytes, which gives out items, and folds them in order.
pub(crate) fn fold_behind<I: Ahead, T: Send>(
    bytes: u64,
    mut fold: impl FnMut(I),
    walk: impl FnOnce(&mut dyn FnMut(I)) -> Result<T, LedgerError> + Send,
) -> Result<T, LedgerError> {
    if bytes < BYTES_MIN {
        return walk(&mut fold);
    }
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<I>>(CHUNKS_MAX);
        let walker = scope.spawn(move || {
            let (mut chunk, mut chunk_bytes) = (Vec::with_capacity(CHUNK_ITEMS), 0);
            let walked = walk(&mut |item| {
                chunk_bytes += item.bytes();
                chunk.push(item);
                if chunk.len() == CHUNK_ITEMS || chunk_bytes >= CHUNK_BYTES {
                    chunk_bytes = 0;
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ITEMS));
                    // Nobody listens any more if the fold has panicked; the scope tells that.
                    let _ = sender.send(full);
                }
            });
            let _ = sender.send(chunk);
            walked
        });
        receiver.into_iter().flatten().for_each(fold);
        walker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
