//! A ledger with a step of most kinds, for tests.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::{MemoryStorage, Reader};
use office::call::{Call, CallKind, LineDeclaration};
use office::contact::{Contact, ContactKind};
use office::document::{Document, Form};
use office::meeting::MeetingTerms;
use office::officer::{Officer, Rank};
use office::{Order, Place, StepId, StepKind};
use prost::Message;
use protocol::Written;

use crate::pair::PairWriter;

/// Every letter that some format has to escape.
pub(crate) const SUBJECT: &str = "Floods; #1 <b>";

fn officer(name: &str) -> Officer {
    Officer {
        name: name.to_owned(),
        rank: Some(Rank::DeputyChief),
    }
}

fn bytes(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn document() -> Document {
    Document {
        form: Form::Notice,
        subject: SUBJECT.to_owned(),
        body: Bytes::from_static(b"\0\xff"),
        media_type: String::new(),
        signatory: Some(officer("Chun")),
        addressee: Some(officer("Jon")),
        in_reply_to: None,
        reference: "S-017".to_owned(),
        precedence: None,
        deadline: None,
    }
}

fn terms() -> MeetingTerms {
    MeetingTerms {
        kind: ContactKind::Chiefs,
        level: Some(Rank::DeputyChief),
        participants: vec![officer("Chun"), officer("Jon")],
        place: "Kaesong, main building".to_owned(),
        begins_at: Some("2018-09-15T01:00:00Z".parse().expect("a time")),
        duration: None,
        topics: vec![
            "a topic that is long enough for a line to be folded in an iCalendar".to_owned(),
        ],
        formality: None,
        answer_by: None,
    }
}

fn contact(begun_at: Timestamp) -> Contact {
    Contact {
        kind: ContactKind::RegularConsultation,
        level: None,
        participants: Vec::new(),
        place: String::new(),
        begun_at,
        duration: None,
        topics: Vec::new(),
        formality: None,
    }
}

/// South's ledger: a document and its answer, a meeting to its close, a consultation, a call, a declaration, and a
/// cancel that comes too late.
pub(crate) fn ledger() -> Reader {
    let south = MemoryStorage::default();
    let north = MemoryStorage::default();
    let now: Timestamp = "2018-09-14T01:00:00Z".parse().expect("a time");
    let mut pair =
        PairWriter::begin(Arc::new(south.clone()), Arc::new(north), now).expect("it begins");
    // A second later each, so that a part can be asked for.
    let mut at = now;
    let mut author = |place, order: &Order, payload| -> StepId {
        let id = pair.author(place, at, order, payload).expect("it is legal");
        at += std::time::Duration::from_secs(1);
        id
    };
    let document = document();
    let payload = bytes(&protocol::document_to_pb(&document));
    let sent = author(Place::South, &Order::SendDocument(document), payload);
    author(
        Place::North,
        &Order::AcknowledgeDocument(sent),
        Bytes::new(),
    );
    let terms = terms();
    let payload = bytes(&protocol::terms_to_pb(&terms));
    let meeting = author(Place::South, &Order::ProposeMeeting(terms), payload);
    for (place, kind) in [
        (Place::North, StepKind::MeetingAccepted),
        (Place::North, StepKind::MeetingConvened),
        (Place::South, StepKind::MeetingClosed),
    ] {
        let order = Order::MoveMeeting {
            meeting,
            parent: None,
            kind,
            terms: None,
        };
        author(place, &order, Bytes::new());
    }
    let contact = contact(now);
    let payload = bytes(&protocol::contact_to_pb(&contact));
    let recorded = author(Place::North, &Order::RecordContact(contact), payload);
    author(Place::South, &Order::ConfirmContact(recorded), Bytes::new());
    let call = Call {
        kind: CallKind::Opening,
        day: "2018-09-14".parse().expect("a day"),
        answered: true,
    };
    author(
        Place::South,
        &Order::RecordCall(call),
        bytes(&protocol::call_to_pb(&call)),
    );
    let cut = LineDeclaration::Cut;
    author(
        Place::North,
        &Order::DeclareLine(cut),
        bytes(&protocol::declaration_to_pb(cut)),
    );
    let late = office::Step {
        id: StepId::new(Place::North, pair.next_sequence(Place::North)),
        parent: Some(meeting),
        kind: StepKind::MeetingCancelled,
        authored_at: now,
        content: office::Content::Plain,
    };
    pair.record(now, &by_somebody(late), Bytes::new())
        .expect("it is the next");
    pair.finish().expect("memory takes it");
    ledger::read(&south).expect("it reads")
}

fn by_somebody(step: office::Step) -> Written {
    Written {
        step,
        request_id: None,
        author: "spiffe://river/office/north/officer/min".to_owned(),
    }
}
