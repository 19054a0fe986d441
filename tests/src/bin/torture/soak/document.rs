//! The documents of a soak. Each is made from the seed, its lane and its order alone, so none has to be remembered.

use protocol::pb::office as pb;
use uuid::Uuid;

use crate::draw::Draw;

const BODY_BYTES_MAX: u64 = 512;
const ORDER_BITS: u32 = 40;

/// Which document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) lane: u32,
    pub(crate) order: u64,
}

impl Origin {
    fn number(self) -> u64 {
        u64::from(self.lane) << ORDER_BITS | self.order
    }

    /// The document, and the id of the request that sends it.
    pub(crate) fn document(self, seed: u64) -> (Uuid, pb::Document) {
        let mut draw = Draw::new(seed ^ self.number());
        let request_id = draw.request_id();
        let len = draw.within(0, BODY_BYTES_MAX) as usize;
        let document = pb::Document {
            form: pb::DocumentForm::Message.into(),
            subject: format!("{}/{}", self.lane, self.order),
            body: draw.bytes(len).into(),
            media_type: "application/octet-stream".to_owned(),
            ..Default::default()
        };
        (request_id, document)
    }

    /// Which one a document says it is.
    pub(crate) fn of(document: &pb::Document) -> Option<Self> {
        let (lane, order) = document.subject.split_once('/')?;
        Some(Self {
            lane: lane.parse().ok()?,
            order: order.parse().ok()?,
        })
    }

    /// What a receipt adds to the sum of its lane: the sums are equal when all receipts named the right steps.
    pub(crate) fn receipt(self, sequence: u64) -> u64 {
        let mut mixed = self.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ sequence;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_made_again_from_what_it_says_it_is() {
        let origin = Origin { lane: 7, order: 12 };
        let (request_id, document) = origin.document(1);
        let said = Origin::of(&document).expect("it says so");
        assert_eq!(said, origin);
        assert_eq!(said.document(1), (request_id, document));
        assert_ne!(said.document(2).0, request_id);
        let next = Origin {
            order: 13,
            ..origin
        };
        assert_ne!(next.document(1).0, request_id);
    }
}
