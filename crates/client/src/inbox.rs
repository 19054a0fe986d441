//! What waits for an officer, out of the lists that an office gives.

use std::collections::BTreeSet;
use std::time::Duration;

use office::{Collection, Place, StepKind};
use prost_types::Timestamp;
use protocol::pb::office as pb;
use protocol::pb::office::contact_service_client::ContactServiceClient;
use protocol::pb::office::document_service_client::DocumentServiceClient;
use protocol::pb::office::meeting_service_client::MeetingServiceClient;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::ANSWER_BYTES_MAX;

const PAGE: i32 = 1_000;

/// A noun that waits.
#[derive(Debug, Clone, PartialEq)]
pub enum Noun {
    /// A document of the peer that nobody has acknowledged or refused yet.
    Document(Box<pb::DocumentRecord>),
    /// A meeting: the peer's offer, or what was accepted or convened.
    Meeting(Box<pb::Meeting>),
    /// A consultation that the peer recorded and nobody has confirmed.
    Contact(Box<pb::ContactRecord>),
}

/// What waits for an officer.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// What it is.
    pub what: Noun,
    /// What an officer may do with it.
    pub may: Vec<StepKind>,
    /// When it is too late: of a document its deadline, of an offer the time to answer it or else when the meeting is to
    /// begin, of what was accepted when it is to begin.
    pub due: Option<Timestamp>,
    /// Since when, by its author's clock.
    pub since: Option<Timestamp>,
}

/// What waits, by precedence, then by when it is due, then by how long it waits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inbox {
    /// In order.
    pub waiting: Vec<Waiting>,
    /// Whether there is more than was wanted.
    pub more: bool,
}

/// What waits for an officer of the office at `place`, at most `most`; each call may take `timeout`.
///
/// Of what an officer owes, two things are not in it, since no list gives them: the day's opening and closing calls, and what is
/// to become of an own document whose receipt was refused.
///
/// # Errors
/// What the office refused.
pub async fn inbox(
    channel: Channel,
    place: Place,
    most: usize,
    timeout: Duration,
) -> Result<Inbox, Status> {
    let lists = Lists { channel, timeout };
    let mut inbox = Inbox::default();
    let mut token = String::new();
    loop {
        let page = lists.documents(place.peer(), token).await?;
        inbox.add(page.documents.into_iter().map(of_document), most);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    for state in [
        pb::MeetingState::Proposed,
        pb::MeetingState::Countered,
        pb::MeetingState::Accepted,
        pb::MeetingState::Convened,
    ] {
        loop {
            let page = lists.meetings(state, token).await?;
            // What has moved on since it was listed comes a second time, and waits for something else now.
            inbox.forget(page.meetings.iter().map(|meeting| &*meeting.name));
            inbox.add(page.meetings.into_iter().filter_map(of_meeting), most);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
    }
    loop {
        let page = lists.contacts(token).await?;
        let theirs = |record: &pb::ContactRecord| {
            let id = Collection::Contacts.parse(&record.name);
            id.is_ok_and(|id| id.place != place)
        };
        let contacts = page.contacts.into_iter().filter(theirs);
        inbox.add(contacts.map(of_contact), most);
        token = page.next_page_token;
        if token.is_empty() {
            inbox.sort();
            return Ok(inbox);
        }
    }
}

impl Inbox {
    /// Adds what waits too, and keeps the `most` that come first.
    fn add(&mut self, waiting: impl Iterator<Item = Waiting>, most: usize) {
        self.waiting.extend(waiting);
        if self.waiting.len() > most {
            self.more = true;
            self.sort();
            self.waiting.truncate(most);
        }
    }

    fn forget<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        let names: BTreeSet<_> = names.collect();
        self.waiting.retain(|one| !names.contains(one.name()));
    }

    fn sort(&mut self) {
        self.waiting.sort_by_cached_key(Waiting::key);
    }
}

type Key = (bool, i32, bool, (i64, i32), (i64, i32), String);

impl Waiting {
    fn key(&self) -> Key {
        let at = |time: Option<Timestamp>| time.map_or((0, 0), |time| (time.seconds, time.nanos));
        // FLASH is 1 and ROUTINE 4; what has none comes after them.
        let precedence = self.precedence();
        let has_none = precedence == 0;
        let name = self.name().to_owned();
        let (due, since) = (at(self.due), at(self.since));
        (has_none, precedence, self.due.is_none(), due, since, name)
    }

    /// The name of the noun.
    pub fn name(&self) -> &str {
        match &self.what {
            Noun::Document(record) => &record.name,
            Noun::Meeting(meeting) => &meeting.name,
            Noun::Contact(record) => &record.name,
        }
    }

    /// The number of the precedence; 0 for what has none.
    pub fn precedence(&self) -> i32 {
        match &self.what {
            Noun::Document(record) => record.document.as_ref().map_or(0, |it| it.precedence),
            Noun::Meeting(_) | Noun::Contact(_) => 0,
        }
    }
}

fn of_document(record: pb::DocumentRecord) -> Waiting {
    Waiting {
        may: vec![
            StepKind::DocumentAcknowledged,
            StepKind::DocumentReceiptRefused,
        ],
        due: record.document.as_ref().and_then(|it| it.deadline),
        since: record.sent_at,
        what: Noun::Document(Box::new(record)),
    }
}

/// An own offer waits for the peer, although it may be called off.
fn of_meeting(meeting: pb::Meeting) -> Option<Waiting> {
    let may: Vec<StepKind> = meeting
        .allowed
        .iter()
        .filter_map(|kind| protocol::step_kind_from_pb(*kind))
        .filter(|kind| *kind != StepKind::MeetingLapsed)
        .collect();
    may.iter()
        .find(|kind| **kind != StepKind::MeetingCancelled)?;
    let terms = meeting.terms.as_ref();
    let begins_at = terms.and_then(|terms| terms.begins_at);
    let due = match meeting.state() {
        pb::MeetingState::Convened => None,
        pb::MeetingState::Accepted => begins_at,
        _ => terms.and_then(|terms| terms.answer_by).or(begins_at),
    };
    let tip = meeting.steps.iter().find(|step| step.name == meeting.tip);
    Some(Waiting {
        may,
        due,
        since: tip.and_then(|tip| tip.authored_at),
        what: Noun::Meeting(Box::new(meeting)),
    })
}

fn of_contact(record: pb::ContactRecord) -> Waiting {
    Waiting {
        may: vec![StepKind::ContactConfirmed],
        due: None,
        since: record.recorded_at,
        what: Noun::Contact(Box::new(record)),
    }
}

/// Pages of an office's lists.
struct Lists {
    channel: Channel,
    timeout: Duration,
}

impl Lists {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    async fn documents(
        &self,
        sender: Place,
        page_token: String,
    ) -> Result<pb::ListDocumentsResponse, Status> {
        let request = self.request(pb::ListDocumentsRequest {
            sender: protocol::place_to_pb(sender).into(),
            state: pb::DocumentState::Delivered.into(),
            page_size: PAGE,
            page_token,
        });
        let client = DocumentServiceClient::new(self.channel.clone());
        let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
        client
            .list_documents(request)
            .await
            .map(Response::into_inner)
    }

    async fn meetings(
        &self,
        state: pb::MeetingState,
        page_token: String,
    ) -> Result<pb::ListMeetingsResponse, Status> {
        let request = self.request(pb::ListMeetingsRequest {
            state: state.into(),
            page_size: PAGE,
            page_token,
        });
        let client = MeetingServiceClient::new(self.channel.clone());
        let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
        client
            .list_meetings(request)
            .await
            .map(Response::into_inner)
    }

    async fn contacts(&self, page_token: String) -> Result<pb::ListContactsResponse, Status> {
        let request = self.request(pb::ListContactsRequest {
            state: pb::ContactState::Recorded.into(),
            page_size: PAGE,
            page_token,
        });
        let client = ContactServiceClient::new(self.channel.clone());
        let mut client = client.max_decoding_message_size(ANSWER_BYTES_MAX);
        client
            .list_contacts(request)
            .await
            .map(Response::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, precedence: pb::Precedence, deadline_s: Option<i64>) -> Waiting {
        of_document(pb::DocumentRecord {
            name: name.to_owned(),
            document: Some(pb::Document {
                precedence: precedence.into(),
                deadline: deadline_s.map(|seconds| Timestamp { seconds, nanos: 0 }),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn meeting(state: pb::MeetingState, allowed: &[pb::StepKind]) -> Option<Waiting> {
        of_meeting(pb::Meeting {
            name: "m".to_owned(),
            state: state.into(),
            terms: Some(pb::MeetingTerms {
                begins_at: Some(Timestamp::default()),
                ..Default::default()
            }),
            allowed: allowed.iter().map(|kind| *kind as i32).collect(),
            ..Default::default()
        })
    }

    #[test]
    fn precedence_goes_before_what_is_due_and_that_before_what_is_not() {
        let mut inbox = Inbox::default();
        let one = document("none", pb::Precedence::Unspecified, None);
        let others = [
            document("due", pb::Precedence::Unspecified, Some(9)),
            document("sooner", pb::Precedence::Unspecified, Some(8)),
            document("routine", pb::Precedence::Routine, None),
            document("flash", pb::Precedence::Flash, None),
        ];
        inbox.add(std::iter::once(one), 4);
        assert!(!inbox.more);
        inbox.add(others.into_iter(), 4);
        inbox.sort();
        let names: Vec<_> = inbox.waiting.iter().map(Waiting::name).collect();
        assert_eq!(names, ["flash", "routine", "sooner", "due"]);
        assert!(inbox.more);
    }

    #[test]
    fn a_meeting_that_moves_on_while_lists_are_read_waits_once() {
        use pb::MeetingState as State;
        use pb::StepKind as Kind;
        let mut inbox = Inbox::default();
        let offer = meeting(State::Proposed, &[Kind::MeetingAccepted]);
        inbox.add(offer.into_iter(), 2);
        inbox.add(
            std::iter::once(document("d", pb::Precedence::Flash, None)),
            2,
        );
        inbox.forget(std::iter::once("m"));
        inbox.add(
            meeting(State::Accepted, &[Kind::MeetingConvened]).into_iter(),
            2,
        );
        inbox.sort();
        let may: Vec<_> = inbox.waiting.iter().map(|one| one.may.clone()).collect();
        assert_eq!(may.len(), 2);
        assert_eq!(may[1], [StepKind::MeetingConvened]);
        assert!(!inbox.more);
    }

    #[test]
    fn an_own_offer_waits_for_nobody_here() {
        use pb::MeetingState as State;
        use pb::StepKind as Kind;
        let own = [Kind::MeetingCancelled, Kind::MeetingLapsed];
        assert_eq!(meeting(State::Proposed, &own), None);
        let theirs = [Kind::MeetingAccepted, Kind::MeetingDeclined];
        let theirs = meeting(State::Proposed, &theirs).expect("it is to be answered");
        assert_eq!(theirs.due, Some(Timestamp::default()));
        let convened = meeting(State::Convened, &[Kind::MeetingClosed]);
        assert_eq!(convened.expect("it is to be closed").due, None);
    }
}
