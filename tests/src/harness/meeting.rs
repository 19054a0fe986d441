//! Meetings, step by step.

use protocol::pb::office as pb;
use tonic::Status;

use super::clients::Clients;
use super::content::{remark, request_id};
use super::wait::until;

/// A step that needs no terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Accept,
    Decline,
    Cancel,
    Convene,
    Close,
}

/// Proposes a meeting.
pub(crate) async fn propose(
    clients: &Clients,
    terms: pb::MeetingTerms,
) -> Result<pb::Meeting, Status> {
    let request = pb::ProposeMeetingRequest {
        request_id: request_id(),
        terms: Some(terms),
    };
    let proposed = clients.meetings.clone().propose_meeting(request).await?;
    Ok(proposed.into_inner().meeting.expect("there is a meeting"))
}

/// Answers with other terms.
pub(crate) async fn counter(
    clients: &Clients,
    name: &str,
    terms: pb::MeetingTerms,
) -> Result<pb::Meeting, Status> {
    let request = pb::CounterMeetingRequest {
        request_id: request_id(),
        name: name.to_owned(),
        parent: String::new(),
        terms: Some(terms),
    };
    let countered = clients.meetings.clone().counter_meeting(request).await?;
    Ok(countered.into_inner().meeting.expect("there is a meeting"))
}

/// Moves a meeting on, from its tip.
pub(crate) async fn step(clients: &Clients, made: Move, name: &str) -> Result<pb::Meeting, Status> {
    step_from(clients, made, name, "").await
}

/// Moves a meeting on, from the step named `parent`.
pub(crate) async fn step_from(
    clients: &Clients,
    made: Move,
    name: &str,
    parent: &str,
) -> Result<pb::Meeting, Status> {
    let mut meetings = clients.meetings.clone();
    let (request_id, name, parent) = (request_id(), name.to_owned(), parent.to_owned());
    let remark = Some(remark("so be it"));
    macro_rules! made {
        ($method:ident, $request:ident) => {{
            let request = pb::$request {
                request_id,
                name,
                parent,
                remark,
            };
            meetings.$method(request).await?.into_inner().meeting
        }};
    }
    let meeting = match made {
        Move::Accept => made!(accept_meeting, AcceptMeetingRequest),
        Move::Decline => made!(decline_meeting, DeclineMeetingRequest),
        Move::Cancel => made!(cancel_meeting, CancelMeetingRequest),
        Move::Convene => made!(convene_meeting, ConveneMeetingRequest),
        Move::Close => {
            let request = pb::CloseMeetingRequest {
                request_id,
                name,
                parent,
                closing: Some(pb::MeetingClosing {
                    remark,
                    duration: None,
                }),
            };
            meetings.close_meeting(request).await?.into_inner().meeting
        }
    };
    Ok(meeting.expect("there is a meeting"))
}

/// Waits until an office knows a meeting in this state.
pub(crate) async fn comes_to(
    clients: &Clients,
    name: &str,
    state: pb::MeetingState,
) -> pb::Meeting {
    until(&format!("{name} as {state:?}"), async || {
        let request = pb::GetMeetingRequest {
            name: name.to_owned(),
        };
        let found = clients.meetings.clone().get_meeting(request).await.ok()?;
        let meeting = found.into_inner().meeting?;
        (meeting.state() == state).then_some(meeting)
    })
    .await
}
