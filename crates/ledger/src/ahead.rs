//! Reads ahead on a second thread while the caller folds: a long ledger opens in the time of the slower of both.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::entry::{Entry, Record};
use crate::error::LedgerError;

/// A shorter ledger is read in line: a thread would only cost.
const BYTES_MIN: u64 = 4 * 1024 * 1024;
/// What is handed over at a time: so many entries, or so many bytes.
const CHUNK_ENTRIES: usize = 512;
const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks that may wait to be folded.
const CHUNKS_MAX: usize = 4;

/// Runs `walk`, which gives out entries, and folds them in order.
pub(crate) fn fold_behind<T: Send>(
    bytes: u64,
    fold: &mut impl FnMut(&Entry),
    walk: impl FnOnce(&mut dyn FnMut(Entry)) -> Result<T, LedgerError> + Send,
) -> Result<T, LedgerError> {
    if bytes < BYTES_MIN {
        return walk(&mut |entry| fold(&entry));
    }
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<Entry>>(CHUNKS_MAX);
        let walker = scope.spawn(move || {
            let (mut chunk, mut chunk_bytes) = (Vec::with_capacity(CHUNK_ENTRIES), 0);
            let walked = walk(&mut |entry| {
                chunk_bytes += payload_bytes(&entry);
                chunk.push(entry);
                if chunk.len() == CHUNK_ENTRIES || chunk_bytes >= CHUNK_BYTES {
                    chunk_bytes = 0;
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ENTRIES));
                    // Nobody listens any more if the fold has panicked; the scope tells that.
                    let _ = sender.send(full);
                }
            });
            let _ = sender.send(chunk);
            walked
        });
        for chunk in receiver {
            chunk.iter().for_each(&mut *fold);
        }
        walker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn payload_bytes(entry: &Entry) -> usize {
    match &entry.record {
        Record::Outbound(parcel) | Record::Inbound(parcel) => parcel.payload.len(),
        _ => 0,
    }
}
