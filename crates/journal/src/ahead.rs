//! Reads ahead on a second thread while the caller folds: a long journal is read in the time of the slower of both.

use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

/// A shorter journal is read in line: a thread would only cost.
const BYTES_MIN: u64 = 4 * 1024 * 1024;
/// What is handed over at a time: so many items, or so many bytes.
const CHUNK_ITEMS: usize = 512;
const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks that may wait to be folded.
const CHUNKS_MAX: usize = 4;

/// Runs `walk` over a journal of `bytes` bytes, which gives out items, and folds them in order. `kept_bytes` says how many
/// bytes an item keeps in memory, beside itself.
pub(crate) fn fold_behind<I: Send, T: Send, E: Send>(
    bytes: u64,
    kept_bytes: fn(&I) -> usize,
    mut fold: impl FnMut(I),
    walk: impl FnOnce(&mut dyn FnMut(I)) -> Result<T, E> + Send,
) -> Result<T, E> {
    if bytes < BYTES_MIN {
        return walk(&mut fold);
    }
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<I>>(CHUNKS_MAX);
        let walker = scope.spawn(move || {
            let (mut chunk, mut chunk_bytes) = (Vec::with_capacity(CHUNK_ITEMS), 0);
            let walked = walk(&mut |item| {
                chunk_bytes += kept_bytes(&item);
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
