//! Waiting until an office has come far enough.

use std::time::Duration;

use office::Place;
use protocol::pb::office as pb;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;

use pb::meeting_service_client::MeetingServiceClient;
use pb::office_service_client::OfficeServiceClient;

use crate::client::Client;

const PATIENCE: Duration = Duration::from_secs(60);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(3);

/// How an office is.
pub(crate) async fn office(channel: Channel) -> Option<pb::GetOfficeResponse> {
    let mut offices = OfficeServiceClient::new(channel);
    let answer = timeout(CALL_TIMEOUT, offices.get_office(pb::GetOfficeRequest {})).await;
    Some(answer.ok()?.ok()?.into_inner())
}

/// A meeting as `place` knows it, once it is as wanted; `None` if that does not come about.
pub(crate) async fn meeting(
    client: &Client,
    place: Place,
    name: &str,
    wanted: impl Fn(pb::MeetingState) -> bool,
) -> Option<pb::Meeting> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = pb::GetMeetingRequest {
            name: name.to_owned(),
        };
        let found = async {
            let mut meetings = MeetingServiceClient::new(client.doors.channel(place).await);
            meetings.get_meeting(request).await
        };
        if let Ok(Ok(response)) = timeout(CALL_TIMEOUT, found).await {
            let meeting = response.into_inner().meeting.unwrap_or_default();
            if wanted(meeting.state()) {
                return Some(meeting);
            }
            if is_over(meeting.state()) {
                return None;
            }
        }
        if Instant::now() >= deadline {
            client
                .account
                .wrong(format!("{name} does not come far enough at {place}"));
            return None;
        }
        sleep(PAUSE).await;
    }
}

fn is_over(state: pb::MeetingState) -> bool {
    matches!(
        state,
        pb::MeetingState::Closed
            | pb::MeetingState::Declined
            | pb::MeetingState::Cancelled
            | pb::MeetingState::Lapsed
    )
}

/// Waits until step `sequence` of the peer stands in the ledger of `place`.
pub(crate) async fn arrival(client: &Client, place: Place, sequence: u64) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let known = office(client.doors.channel(place).await).await;
        let received = known.and_then(|office| office.marks).unwrap_or_default();
        if received.received >= sequence {
            return true;
        }
        sleep(PAUSE).await;
    }
    let peer = place.peer();
    client.account.wrong(format!(
        "step {sequence} of {peer} does not arrive at {place}"
    ));
    false
}

/// Looks until it is so; false if it takes too long.
pub(crate) async fn wait_until<F: Future<Output = bool>>(mut look: impl FnMut() -> F) -> bool {
    let deadline = Instant::now() + CALL_TIMEOUT;
    while Instant::now() < deadline {
        if look().await {
            return true;
        }
        sleep(PAUSE).await;
    }
    false
}
