//! From a ledger to a running office: fold what a snapshot does not cover, and leave a snapshot now and then.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, BufMut as _};
use jiff::Timestamp;
use ledger::{
    Ledger, LedgerError, LedgerOptions, Record, Recovery, SnapshotDraft, SnapshotWriter, Snapshots,
    Storage,
};
use office::{FOLD_VERSION, Limits, Office, Place};

use office::Outbox;

/// Entries between two snapshots: about as many as are folded in a second.
const INTERVAL: u64 = 1 << 20;

/// What a ledger came to.
pub(crate) struct Recovered {
    pub(crate) office: Office,
    pub(crate) outbox: Outbox,
    pub(crate) ledger: Ledger,
    pub(crate) recovery: Recovery,
}

/// Opens the ledger of `place` and folds it, behind its snapshot if one fits.
pub(crate) fn recover(
    storage: Arc<dyn Storage>,
    place: Place,
    options: LedgerOptions,
    limits: &Limits,
    now: Timestamp,
    with_snapshots: bool,
) -> Result<Recovered, LedgerError> {
    let folded = RefCell::new((Office::new(place, limits.clone()), Outbox::default()));
    let mut restore = |state: &[u8]| match restored(state, place, limits) {
        Some(restored) => {
            *folded.borrow_mut() = restored;
            true
        }
        None => false,
    };
    let snapshots = with_snapshots.then_some(Snapshots {
        fold_version: FOLD_VERSION,
        restore: &mut restore,
    });
    let (ledger, recovery) = Ledger::open_with(storage, place, options, now, snapshots, |entry| {
        let (office, outbox) = &mut *folded.borrow_mut();
        ledger::fold_entry(office, &entry.record);
        match &entry.record {
            Record::Outbound(parcel) => {
                let bytes = (parcel.envelope.len() + parcel.payload.len()) as u64;
                outbox.recover(office.line().appended().sequence, bytes);
            }
            Record::AcknowledgementTaken(_) => {
                outbox.acknowledged(office.line().acknowledged());
            }
            _ => {}
        }
    })?;
    let (office, mut outbox) = folded.into_inner();
    outbox.close_batch();
    Ok(Recovered {
        office,
        outbox,
        ledger,
        recovery,
    })
}

/// A snapshot's state: the outbox's batches, then the office.
fn restored(mut state: &[u8], place: Place, limits: &Limits) -> Option<(Office, Outbox)> {
    let count = state.try_get_u32_le().ok()?;
    let mut outbox = Outbox::default();
    for _ in 0..count {
        let last = state.try_get_u64_le().ok()?;
        let bytes = state.try_get_u64_le().ok()?;
        outbox.add(last, bytes);
        outbox.close_batch();
    }
    let office = Office::from_snapshot(state, limits.clone()).ok()?;
    (office.place() == place).then_some((office, outbox))
}

/// Writes snapshots of an office, one at a time.
pub(crate) struct Snapshotter {
    writer: SnapshotWriter,
    next: u64,
    under_way: Arc<AtomicBool>,
}

impl Snapshotter {
    pub(crate) fn new(writer: SnapshotWriter, sequence: u64) -> Self {
        Self {
            writer,
            next: sequence + INTERVAL,
            under_way: Arc::default(),
        }
    }

    pub(crate) fn is_due(&self, sequence: u64) -> bool {
        sequence >= self.next && !self.under_way.load(Ordering::Acquire)
    }

    /// Writes a snapshot of an office whose entries through `sequence` are durable. It is copied here, and synced
    /// on a thread of its own: nobody waits for it, and nothing depends on it.
    pub(crate) fn begin(&mut self, sequence: u64, office: &Office, outbox: &Outbox) {
        self.next = sequence + INTERVAL;
        let draft = match self.draft(sequence, office, outbox) {
            Ok(draft) => draft,
            Err(error) => return tell(&error),
        };
        self.under_way.store(true, Ordering::Release);
        let under_way = Arc::clone(&self.under_way);
        let finish = move || {
            draft.finish().unwrap_or_else(|error| tell(&error));
            under_way.store(false, Ordering::Release);
        };
        let thread = std::thread::Builder::new().name("snapshot".to_owned());
        if let Err(error) = thread.spawn(finish) {
            self.under_way.store(false, Ordering::Release);
            tracing::warn!(%error, "no snapshot is written");
        }
    }

    /// Writes a last snapshot, and waits for it.
    pub(crate) fn end(&self, sequence: u64, office: &Office, outbox: &Outbox) {
        if self.under_way.load(Ordering::Acquire) {
            return;
        }
        self.draft(sequence, office, outbox)
            .and_then(SnapshotDraft::finish)
            .unwrap_or_else(|error| tell(&error));
    }

    fn draft(
        &self,
        sequence: u64,
        office: &Office,
        outbox: &Outbox,
    ) -> Result<SnapshotDraft, LedgerError> {
        let mut draft = self.writer.draft(FOLD_VERSION, sequence)?;
        let mut head = Vec::new();
        head.put_u32_le(outbox.batches().len() as u32);
        for (last, bytes) in outbox.batches() {
            head.put_u64_le(last);
            head.put_u64_le(bytes);
        }
        draft.put(&head)?;
        office.write_snapshot(|part| draft.put(part))?;
        Ok(draft)
    }
}

fn tell(error: &LedgerError) {
    tracing::warn!(%error, "no snapshot is written; the next start reads more of the ledger");
}
