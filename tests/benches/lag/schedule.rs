//! Plain documents, evenly spaced.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use formats::PairWriter;
use jiff::Timestamp;
use ledger::DiskStorage;
use office::document::{Document, Form};
use office::{Order, Place};
use prost::Message as _;
use replay::Recording;

const BODY_BYTES: usize = 280;

/// So many documents a second, for so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
}

/// When the recorded offices began.
pub(crate) fn opened_at() -> Timestamp {
    "2018-09-14T00:00:00Z".parse().expect("a time")
}

impl Schedule {
    pub(crate) fn documents(self) -> u64 {
        self.rate * self.seconds
    }

    /// When each is due, after the start.
    pub(crate) fn dues(self) -> impl Iterator<Item = Duration> {
        (0..self.documents()).map(move |n| Duration::from_nanos(n * 1_000_000_000 / self.rate))
    }

    /// Writes the pair of ledgers.
    pub(crate) fn record(self, data: &Path) -> Result<Recording, Box<dyn Error>> {
        let mut pair = PairWriter::create(data, opened_at())?;
        let body = Bytes::from(vec![7; BODY_BYTES]);
        for (n, due) in self.dues().enumerate() {
            let document = Document {
                form: Form::Message,
                subject: "List of persons entering".to_owned(),
                body: body.clone(),
                media_type: String::new(),
                signatory: None,
                addressee: None,
                in_reply_to: None,
                reference: format!("S-{n}"),
                precedence: None,
                deadline: None,
            };
            let payload = protocol::document_to_pb(&document).encode_to_vec().into();
            let order = Order::SendDocument(document);
            pair.author(Place::BOTH[n % 2], opened_at() + due, &order, payload)?;
        }
        pair.finish()?;
        let read = |place: Place| ledger::read(&DiskStorage::existing(data.join(place.word())));
        Ok(Recording::of_pair(
            read(Place::South)?,
            read(Place::North)?,
        )?)
    }
}
