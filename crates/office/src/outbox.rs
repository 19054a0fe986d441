//! The outbox: steps that the peer has not acknowledged. They live on disk; this only counts their bytes.

use std::collections::VecDeque;

/// Bytes of steps that the peer has not acknowledged.
///
/// Bytes are kept a batch, not a step, so a full outbox of small steps stays small here. A partial
/// acknowledgement of a batch frees nothing yet: the count errs on the side of the bound.
#[derive(Debug, Default)]
pub struct Outbox {
    /// (last sequence, bytes) of each batch.
    batches: VecDeque<(u64, u64)>,
    bytes: u64,
    open: bool,
}

/// Steps counted together at recovery, when batches are not known.
const RECOVERED_BYTES: u64 = 256 * 1024;

impl Outbox {
    /// Adds a step; steps of one batch are kept as one number.
    pub fn add(&mut self, sequence: u64, bytes: u64) {
        self.bytes += bytes;
        match self.batches.back_mut().filter(|_| self.open) {
            Some(last) => *last = (sequence, last.1 + bytes),
            None => self.batches.push_back((sequence, bytes)),
        }
        self.open = true;
    }

    /// As [`Self::add`], for a step read at recovery.
    pub fn recover(&mut self, sequence: u64, bytes: u64) {
        self.open = self
            .batches
            .back()
            .is_some_and(|(_, held)| *held < RECOVERED_BYTES);
        self.add(sequence, bytes);
    }

    /// The next step begins a batch.
    pub fn close_batch(&mut self) {
        self.open = false;
    }

    /// The peer has acknowledged everything through `through`.
    pub fn acknowledged(&mut self, through: u64) {
        while let Some((_, bytes)) = self
            .batches
            .front()
            .copied()
            .filter(|(last, _)| *last <= through)
        {
            self.bytes -= bytes;
            self.batches.pop_front();
        }
        self.open &= !self.batches.is_empty();
    }

    /// (last sequence, bytes) of each batch, in order.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.batches.iter().copied()
    }

    /// Bytes not acknowledged.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_with_their_batch() {
        let mut outbox = Outbox::default();
        outbox.add(1, 10);
        outbox.add(2, 10);
        outbox.close_batch();
        outbox.add(3, 5);
        outbox.acknowledged(1);
        assert_eq!(outbox.bytes(), 25);
        outbox.acknowledged(2);
        assert_eq!(outbox.bytes(), 5);
        outbox.acknowledged(3);
        assert_eq!(outbox.bytes(), 0);
        outbox.add(4, 7);
        outbox.acknowledged(4);
        assert_eq!(outbox.bytes(), 0);
    }
}
