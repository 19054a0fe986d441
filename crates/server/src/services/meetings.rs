//! Meetings: proposed, moved, read, watched.

use std::pin::Pin;

use bytes::Bytes;
use office::meeting::{Meeting, MeetingTerms};
use office::{Collection, Office, Order, Place, Refusal, StepId, StepKind};
use protocol::pb::office as pb;
use protocol::pb::office::meeting_service_server::MeetingService;
use protocol::{Checked, Fields, Original};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::gathered::{Gathered, page_size, wrong_page_token};
use super::measured::{measured, page_of};
use crate::desk::Desk;
use crate::handle::Authoring;
use crate::read::{self, Read};
use crate::status::{invalid, status_of};
use crate::watch::{self, Watch};

const TERMS_OF_PROPOSAL_FIELD: u32 = 2;
const CONTENT_FIELD: u32 = 4;

/// The meeting service.
#[derive(Clone)]
pub(crate) struct Meetings {
    pub(crate) desk: Desk,
}

/// A meeting as the office knows it.
#[derive(Clone)]
struct Known {
    id: StepId,
    meeting: Meeting,
    place: Place,
}

impl Known {
    fn of(office: &Office, id: StepId) -> Option<Self> {
        let meeting = office.exchanges().meetings.get(id)?.clone();
        let place = office.place();
        Some(Self { id, meeting, place })
    }
}

impl Meetings {
    /// Has a step of a meeting authored, and tells the meeting as it stood when the step was recorded.
    async fn step(&self, authoring: Authoring) -> Result<pb::Meeting, Status> {
        let authored = self.desk.author(authoring).await?;
        let known = move |office: &Office| {
            let id = office.exchanges().meetings.of_step(authored.id)?;
            let mut known = Known::of(office, id)?;
            known.meeting = known.meeting.as_of(authored.id);
            Some(known)
        };
        let told = async {
            let known = self.desk.owner.read(known).await?;
            let known = known.ok_or_else(|| not_found(authored.id))?;
            measured(|| self.told(&known)).await
        };
        told.await.map_err(|refusal| status_of(&refusal))
    }

    async fn move_meeting<M>(
        &self,
        moving: Moving,
        content: Option<M>,
        field: &str,
    ) -> Result<pb::Meeting, Status>
    where
        (): Checked<M>,
    {
        let mut gathered = Gathered::default();
        gathered.optional(content, &Fields::of(field, &self.desk.limits));
        let authoring = moving
            .authoring(gathered, Ok(None), &self.desk)
            .map_err(|refusal| status_of(&refusal))?;
        self.step(authoring).await
    }

    fn told(&self, known: &Known) -> Result<pb::Meeting, Refusal> {
        let Known { id, meeting, place } = known;
        let walk: Vec<StepId> = meeting.walk().iter().map(|node| node.id).collect();
        let mut terms = None;
        let mut steps = Vec::with_capacity(meeting.steps().len());
        for node in meeting.steps() {
            let read = read::step(&self.desk.owner.reader, node.id)?;
            let wins = walk.contains(&node.id);
            let step = told_step(&read, node.parent, wins);
            if wins && step.terms.is_some() {
                terms.clone_from(&step.terms);
            }
            steps.push(step);
        }
        Ok(pb::Meeting {
            name: id.name(Collection::Meetings),
            state: protocol::meeting_state_to_pb(meeting.state()).into(),
            terms,
            steps,
            tip: meeting.tip().id.name(Collection::Steps),
            allowed: meeting
                .allowed(*place)
                .iter()
                .map(|kind| protocol::step_kind_to_pb(*kind).into())
                .collect(),
            counted: meeting.is_counted(),
        })
    }

    async fn list(
        &self,
        request: pb::ListMeetingsRequest,
    ) -> Result<pb::ListMeetingsResponse, Refusal> {
        let state = pb::MeetingState::try_from(request.state).map_err(|_| {
            invalid(
                "state",
                &format!("{} is not a known value; see its enum", request.state),
            )
        })?;
        let size = page_size(request.page_size)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(
                Collection::Meetings
                    .parse(token)
                    .map_err(|_| wrong_page_token())?,
            ),
        };
        let page = move |office: &Office| -> Vec<Known> {
            office
                .exchanges()
                .meetings
                .after(after)
                .filter(|(_, meeting)| {
                    state == pb::MeetingState::Unspecified
                        || protocol::meeting_state_to_pb(meeting.state()) == state
                })
                .take(size + 1)
                .filter_map(|(id, _)| Known::of(office, id))
                .collect()
        };
        let mut page = self.desk.owner.read(page).await?;
        let found = page.len();
        page.truncate(size);
        let (meetings, count) = page_of(&page, |known| self.told(known)).await?;
        let last = count.checked_sub(1).filter(|_| count < found);
        let next = last.map(|last| page[last].id);
        Ok(pb::ListMeetingsResponse {
            meetings,
            next_page_token: next
                .map(|id| id.name(Collection::Meetings))
                .unwrap_or_default(),
        })
    }

    async fn get(&self, name: &str) -> Result<pb::Meeting, Refusal> {
        let id = meeting_id("name", name)?;
        let known = self.desk.owner.read(move |office| Known::of(office, id));
        let known = known.await?.ok_or_else(|| not_found(id))?;
        measured(|| self.told(&known)).await
    }

    /// The meeting that an entry moved, if it is the one wanted.
    async fn watched(
        &self,
        entry: ledger::Entry,
        only: Option<StepId>,
    ) -> Result<Option<pb::WatchMeetingsResponse>, Refusal> {
        let sequence = entry.sequence;
        let Some(step) = Read::of(entry)?.map(|read| read.step) else {
            return Ok(None);
        };
        if !is_of_a_meeting(step.kind) {
            return Ok(None);
        }
        let known = move |office: &Office| {
            let id = office.exchanges().meetings.of_step(step.id)?;
            Known::of(office, id)
        };
        let known = self.desk.owner.read(known).await?;
        let wanted = known.filter(|known| only.is_none_or(|only| only == known.id));
        wanted
            .map(|known| {
                let meeting = Some(self.told(&known)?);
                Ok(pb::WatchMeetingsResponse { meeting, sequence })
            })
            .transpose()
    }
}

/// A step of a meeting that a client asks for.
struct Moving {
    request_id: String,
    name: String,
    parent: String,
    kind: StepKind,
    payload: Bytes,
}

impl Moving {
    fn authoring(
        self,
        mut gathered: Gathered,
        terms: Result<Option<MeetingTerms>, ()>,
        desk: &Desk,
    ) -> Result<Authoring, Refusal> {
        let request_id = gathered.request_id(&self.request_id);
        let fields = |path| Fields::of(path, &desk.limits);
        let name = (self.name.as_str(), Collection::Meetings);
        let meeting: Option<StepId> = gathered.checked(name, &fields("name"));
        let parent = match self.parent.as_str() {
            "" => Some(None),
            parent => gathered
                .checked((parent, Collection::Steps), &fields("parent"))
                .map(Some),
        };
        let parts = request_id.zip(meeting).zip(parent).zip(terms.ok());
        let (((request_id, meeting), parent), terms) = gathered.done(parts)?;
        let order = Order::MoveMeeting {
            meeting,
            parent,
            kind: self.kind,
            terms,
        };
        Ok(Authoring {
            order,
            payload: self.payload,
            request_id,
        })
    }
}

fn is_of_a_meeting(kind: StepKind) -> bool {
    use StepKind as K;
    matches!(
        kind,
        K::MeetingProposed
            | K::MeetingCountered
            | K::MeetingAccepted
            | K::MeetingDeclined
            | K::MeetingCancelled
            | K::MeetingLapsed
            | K::MeetingConvened
            | K::MeetingClosed
    )
}

fn told_step(read: &Read, parent: Option<StepId>, wins: bool) -> pb::MeetingStep {
    let standing = if wins {
        pb::StepStanding::Winning
    } else {
        pb::StepStanding::Superseded
    };
    let mut step = pb::MeetingStep {
        name: read.step.id.name(Collection::Steps),
        kind: protocol::step_kind_to_pb(read.step.kind).into(),
        parent: parent
            .map(|parent| parent.name(Collection::Steps))
            .unwrap_or_default(),
        authored_at: Some(protocol::timestamp_to_pb(read.step.authored_at)),
        standing: standing.into(),
        terms: None,
        remark: None,
    };
    match read.step.kind {
        StepKind::MeetingProposed | StepKind::MeetingCountered => step.terms = Some(read.message()),
        StepKind::MeetingClosed => step.remark = read.message::<pb::MeetingClosing>().remark,
        StepKind::MeetingLapsed => {}
        _ if read.payload.is_empty() => {}
        _ => step.remark = Some(read.message()),
    }
    step
}

fn meeting_id(field: &str, name: &str) -> Result<StepId, Refusal> {
    Collection::Meetings
        .parse(name)
        .map_err(|error| invalid(field, &error.to_string()))
}

fn not_found(id: StepId) -> Refusal {
    Refusal::NotFound {
        kind: "meeting",
        name: id.name(Collection::Meetings),
    }
}

type Watching = Pin<Box<dyn Stream<Item = Result<pb::WatchMeetingsResponse, Status>> + Send>>;

/// A method that moves a meeting, and whose request differs from the others in its content only.
macro_rules! move_method {
    ($self:ident, $request:ident, $message:ident, $kind:ident, $content:ident, $response:ident) => {{
        let request = $request.into_inner();
        let payload = request.field(CONTENT_FIELD);
        let pb::$message {
            request_id,
            name,
            parent,
            $content,
        } = request.into_message();
        let moving = Moving {
            request_id,
            name,
            parent,
            kind: StepKind::$kind,
            payload,
        };
        let meeting = $self
            .move_meeting(moving, $content, stringify!($content))
            .await?;
        Ok(Response::new(pb::$response {
            meeting: Some(meeting),
        }))
    }};
}

#[tonic::async_trait]
impl MeetingService for Meetings {
    type WatchMeetingsStream = Watching;

    async fn propose_meeting(
        &self,
        request: Request<Original<pb::ProposeMeetingRequest>>,
    ) -> Result<Response<pb::ProposeMeetingResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(TERMS_OF_PROPOSAL_FIELD);
        let pb::ProposeMeetingRequest { request_id, terms } = request.into_message();
        let mut gathered = Gathered::default();
        let request_id = gathered.request_id(&request_id);
        let terms = gathered.required("terms", terms, &Fields::of("terms", &self.desk.limits));
        let (request_id, terms) = gathered
            .done(request_id.zip(terms))
            .map_err(|refusal| status_of(&refusal))?;
        let order = Order::ProposeMeeting(terms);
        let authoring = Authoring {
            order,
            payload,
            request_id,
        };
        let meeting = Some(self.step(authoring).await?);
        Ok(Response::new(pb::ProposeMeetingResponse { meeting }))
    }

    async fn counter_meeting(
        &self,
        request: Request<Original<pb::CounterMeetingRequest>>,
    ) -> Result<Response<pb::CounterMeetingResponse>, Status> {
        let request = request.into_inner();
        let payload = request.field(CONTENT_FIELD);
        let pb::CounterMeetingRequest {
            request_id,
            name,
            parent,
            terms,
        } = request.into_message();
        let mut gathered = Gathered::default();
        let terms = gathered.required("terms", terms, &Fields::of("terms", &self.desk.limits));
        let moving = Moving {
            request_id,
            name,
            parent,
            kind: StepKind::MeetingCountered,
            payload,
        };
        let authoring = moving
            .authoring(gathered, terms.map(Some).ok_or(()), &self.desk)
            .map_err(|refusal| status_of(&refusal))?;
        let meeting = Some(self.step(authoring).await?);
        Ok(Response::new(pb::CounterMeetingResponse { meeting }))
    }

    async fn accept_meeting(
        &self,
        request: Request<Original<pb::AcceptMeetingRequest>>,
    ) -> Result<Response<pb::AcceptMeetingResponse>, Status> {
        move_method!(
            self,
            request,
            AcceptMeetingRequest,
            MeetingAccepted,
            remark,
            AcceptMeetingResponse
        )
    }

    async fn decline_meeting(
        &self,
        request: Request<Original<pb::DeclineMeetingRequest>>,
    ) -> Result<Response<pb::DeclineMeetingResponse>, Status> {
        move_method!(
            self,
            request,
            DeclineMeetingRequest,
            MeetingDeclined,
            remark,
            DeclineMeetingResponse
        )
    }

    async fn cancel_meeting(
        &self,
        request: Request<Original<pb::CancelMeetingRequest>>,
    ) -> Result<Response<pb::CancelMeetingResponse>, Status> {
        move_method!(
            self,
            request,
            CancelMeetingRequest,
            MeetingCancelled,
            remark,
            CancelMeetingResponse
        )
    }

    async fn convene_meeting(
        &self,
        request: Request<Original<pb::ConveneMeetingRequest>>,
    ) -> Result<Response<pb::ConveneMeetingResponse>, Status> {
        move_method!(
            self,
            request,
            ConveneMeetingRequest,
            MeetingConvened,
            remark,
            ConveneMeetingResponse
        )
    }

    async fn close_meeting(
        &self,
        request: Request<Original<pb::CloseMeetingRequest>>,
    ) -> Result<Response<pb::CloseMeetingResponse>, Status> {
        move_method!(
            self,
            request,
            CloseMeetingRequest,
            MeetingClosed,
            closing,
            CloseMeetingResponse
        )
    }

    async fn get_meeting(
        &self,
        request: Request<pb::GetMeetingRequest>,
    ) -> Result<Response<pb::GetMeetingResponse>, Status> {
        let meeting = self.get(&request.into_inner().name).await;
        let meeting = Some(meeting.map_err(|refusal| status_of(&refusal))?);
        Ok(Response::new(pb::GetMeetingResponse { meeting }))
    }

    async fn list_meetings(
        &self,
        request: Request<pb::ListMeetingsRequest>,
    ) -> Result<Response<pb::ListMeetingsResponse>, Status> {
        let list = self.list(request.into_inner()).await;
        list.map(Response::new)
            .map_err(|refusal| status_of(&refusal))
    }

    async fn watch_meetings(
        &self,
        request: Request<pb::WatchMeetingsRequest>,
    ) -> Result<Response<Watching>, Status> {
        let pb::WatchMeetingsRequest {
            name,
            after_sequence,
        } = request.into_inner();
        let only = match name.as_str() {
            "" => None,
            name => Some(meeting_id("name", name).map_err(|refusal| status_of(&refusal))?),
        };
        let meetings = self.clone();
        let watching =
            Watch::new(&self.desk, after_sequence).map_err(|refusal| status_of(&refusal))?;
        let stream = watch::entries(&self.desk.tasks, watching, move |entry| {
            let meetings = meetings.clone();
            async move { meetings.watched(entry, only).await }
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
