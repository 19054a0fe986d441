//! How an office is.

use office::Office;
use office::call::Statement;
use office::line::{VERSION_MAX, VERSION_MIN};
use protocol::pb::office as pb;
use protocol::pb::office::office_service_server::OfficeService;
use tonic::{Request, Response, Status};

use crate::desk::Desk;
use crate::line::Connection;
use crate::seen::Seen;
use crate::status::status_of;

/// The office service.
#[derive(Clone)]
pub(crate) struct Offices {
    pub(crate) desk: Desk,
    /// How many times as fast as the clock a scenario is played here; 0 if none is.
    pub(crate) played_speed: u32,
    /// How its ledger is told to people.
    pub(crate) telling: Option<pb::Telling>,
    /// What is seen of it from outside too.
    pub(crate) seen: Seen,
}

fn statement(statement: Statement) -> pb::LineStatement {
    match statement {
        Statement::Nothing => pb::LineStatement::Unspecified,
        Statement::Unanswered => pb::LineStatement::Unanswered,
        Statement::Cut => pb::LineStatement::Cut,
        Statement::Restored => pb::LineStatement::Restored,
    }
}

fn told(office: &Office) -> pb::GetOfficeResponse {
    let (line, place) = (office.line(), office.place());
    let calls = &office.exchanges().calls;
    pb::GetOfficeResponse {
        place: protocol::place_to_pb(place).into(),
        peer: protocol::place_to_pb(place.peer()).into(),
        marks: Some(pb::Marks {
            appended: line.appended().sequence,
            acknowledged: line.acknowledged(),
            settled: line.settled(),
            received: line.received().sequence,
        }),
        epoch: line.epoch(),
        peer_epoch: line.peer_epoch(),
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        telephone_line_here: statement(calls.statement(place)).into(),
        telephone_line_there: statement(calls.statement(place.peer())).into(),
        open_meetings: office.exchanges().meetings.open(),
        documents: office.exchanges().tally.documents(),
        contacts: office.exchanges().tally.contacts(),
        calls: office.exchanges().tally.calls(),
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl OfficeService for Offices {
    async fn get_office(
        &self,
        _: Request<pb::GetOfficeRequest>,
    ) -> Result<Response<pb::GetOfficeResponse>, Status> {
        let owner = &self.desk.owner;
        let queue_depth = owner.queue_depth();
        let told = owner.read(told).await;
        let mut response = told.map_err(|refusal| status_of(&refusal))?;
        let progress = owner.progress().borrow().clone();
        let (connection, reason) = match (self.desk.peer.get(), progress.fault.clone()) {
            (_, Some(fault)) => (pb::Connection::Fault, fault),
            (_, None) if progress.restoring => {
                let reason = "waiting for the peer to give back what was missing";
                (pb::Connection::Restoring, reason.to_owned())
            }
            (Connection::Up, None) => (pb::Connection::Up, String::new()),
            (Connection::Dialling { reason, .. }, None) => (pb::Connection::Dialling, reason),
        };
        response.connection = connection.into();
        response.connection_reason = reason;
        response.ledger_sequence = progress.ledger_sequence;
        response.queue_depth = queue_depth;
        response.outbox_bytes = progress.outbox_bytes;
        response.last_sync = prost_types::Duration::try_from(progress.last_sync).ok();
        response.last_sync_entries = progress.last_sync_entries;
        response.held_reason = progress.held.unwrap_or_default();
        response.played_speed = self.played_speed;
        response.telling.clone_from(&self.telling);
        let marks = response.marks.unwrap_or_default();
        let oldest = self
            .seen
            .oldest_unacknowledged(marks.appended, marks.acknowledged);
        let oldest = oldest.map_err(|refusal| status_of(&refusal))?;
        response.oldest_unacknowledged = oldest.map(protocol::timestamp_to_pb);
        response.ledger_bytes = owner.reader.bytes();
        if let Some(own) = self.seen.identity() {
            response.identity = own.name.to_string();
            response.identity_until = Some(protocol::timestamp_to_pb(own.not_after));
        }
        response.refusals = self
            .seen
            .metrics
            .refusals()
            .into_iter()
            .map(|(reason, count)| pb::RefusalCount { reason, count })
            .collect();
        response.draining = *self.desk.draining.borrow();
        Ok(Response::new(response))
    }
}
