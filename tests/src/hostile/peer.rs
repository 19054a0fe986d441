//! An honest peer, who has authored whatever the ledger says it has: it can connect, and gets all that it lacks.

use std::sync::Arc;

use jiff::Timestamp;
use ledger::faulty::FaultyStorage;
use ledger::{Ledger, LedgerOptions, Record, Storage};
use office::Place;
use protocol::pb::office as pb;

use super::place::{Door, Office, long_rest};
use super::play::Play;
use crate::harness::send;

impl Play {
    /// An honest North takes the caller's place. It has those of South's steps that it acknowledged, or `all`: its
    /// acknowledgements may have been lost.
    pub(super) async fn end_with_honest_peer(mut self, has_all: bool) {
        self.south.keep_power();
        self.leave().await;
        let through = if has_all {
            self.truth.own.len() as u64
        } else {
            self.truth.acknowledged()
        };
        let disk = FaultyStorage::new(2);
        self.mirror(&disk, through);
        let known = self.truth.peer_epoch();
        if known > 1 {
            self.is_told_of_stale_epoch(&disk).await;
            raise_epoch(&disk, known);
        }
        let door = Door::default();
        let mut north = Office::start(Place::North, disk, door, self.south.door.clone());
        self.to_north.lead_to(&north.door);
        long_rest().await;
        let (at_south, at_north) = (self.south.clients(), north.clients());
        for (here, there) in [(&at_south, &at_north), (&at_north, &at_south)] {
            send(here, "to an honest peer", pb::Wait::Delivered).await;
            let (office, peer) = (here.office().await, there.marks().await);
            assert_eq!(office.connection(), pb::Connection::Up, "{office:?}");
            let marks = office.marks.expect("there are marks");
            assert_eq!(marks.acknowledged, marks.appended, "all is delivered");
            assert_eq!(marks.appended, peer.received);
        }
        self.south.drain().await;
        north.drain().await;
        let [south, north] = [&self.south.storage, &north.storage].map(|disk| {
            let verified = ledger::verify(disk).expect("it is a ledger");
            assert_eq!(verified.faults, [], "it is sound");
            ledger::read(disk).expect("it can be read")
        });
        let found = ledger::reconcile(&south, &north).expect("they can be read");
        assert!(found.agreed, "{:?}", found.differences);
    }

    /// Writes North's ledger: the steps as South has them, in the order in which South has them.
    fn mirror(&self, disk: &FaultyStorage, through: u64) {
        let mut ledger = open(disk);
        let reader = ledger::read(&self.south.storage).expect("it can be read");
        let mut entries = reader.after(0);
        let mut outbound = 0;
        while let Some(entry) = entries.next_entry().expect("it can be read") {
            let record = match entry.record {
                Record::Inbound(parcel) => Record::Outbound(parcel),
                Record::Outbound(parcel) => {
                    outbound += 1;
                    if outbound > through {
                        continue;
                    }
                    Record::Inbound(parcel)
                }
                _ => continue,
            };
            ledger.append(entry.recorded_at, &record);
        }
        commit(&mut ledger);
    }

    /// A North from before its restore is told so, and so is whoever asks either office how it is.
    async fn is_told_of_stale_epoch(&mut self, disk: &FaultyStorage) {
        let before = self.south.clients().marks().await;
        let door = Door::default();
        let mut north = Office::start(Place::North, disk.clone(), door, self.south.door.clone());
        self.to_north.lead_to(&north.door);
        long_rest().await;
        for clients in [self.south.clients(), north.clients()] {
            let office = clients.office().await;
            assert_ne!(office.connection(), pb::Connection::Up, "{office:?}");
            let reason = &office.connection_reason;
            // What the caller left in doubt is told until a Hello passes.
            let is_in_doubt = office.connection() == pb::Connection::Fault;
            assert!(is_in_doubt || reason.contains("epoch"), "{reason}");
        }
        assert_eq!(self.south.clients().marks().await, before);
        north.drain().await;
    }
}

fn open(disk: &FaultyStorage) -> Ledger {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let options = LedgerOptions::default();
    let opened = Ledger::open(
        storage,
        Place::North,
        options,
        Timestamp::UNIX_EPOCH,
        |_| {},
    );
    opened.expect("it opens").0
}

fn commit(ledger: &mut Ledger) {
    if let Some(batch) = ledger.take_batch() {
        batch.commit().expect("it is written");
    }
}

fn raise_epoch(disk: &FaultyStorage, epoch: u64) {
    let mut ledger = open(disk);
    let raised = Record::EpochRaised {
        place: Place::North,
        epoch,
        restoring: false,
    };
    ledger.append(Timestamp::UNIX_EPOCH, &raised);
    commit(&mut ledger);
}
