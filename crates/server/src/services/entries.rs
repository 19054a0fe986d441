//! The ledger, read and counted.

use std::pin::Pin;

use ledger::Entry;
use office::tally::By;
use office::{Office, Refusal, Tally};
use prost::Message as _;
use protocol::pb::ledger as pb;
use protocol::pb::ledger::ledger_service_server::LedgerService;
use protocol::pb::ledger::watch_entries_response::Event;
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use super::gathered::{page_size, wrong_page_token};
use super::measured::{measured, page_within};
use crate::desk::Desk;
use crate::phase::reached;
use crate::status::{damaged, invalid, status_of};
use crate::watch::{self, Watch};

/// The ledger service.
#[derive(Clone)]
pub(crate) struct Entries {
    pub(crate) desk: Desk,
}

fn rows(tally: &Tally, by: pb::TallyBy) -> Vec<pb::TallyRow> {
    let by = match by {
        pb::TallyBy::Unspecified => return Vec::new(),
        pb::TallyBy::Day => By::Day,
        pb::TallyBy::Week => By::Week,
        pb::TallyBy::Kind => By::Kind,
        pb::TallyBy::Office => By::Office,
    };
    tally
        .by(|count| by.key(count))
        .into_iter()
        .map(|(key, tally)| pb::TallyRow {
            key,
            tally: Some(protocol::tally_to_pb(&tally)),
        })
        .collect()
}

impl Entries {
    async fn list(
        &self,
        request: pb::ListEntriesRequest,
    ) -> Result<pb::ListEntriesResponse, Refusal> {
        let size = page_size(request.page_size)?;
        page_within(size, |size, bytes_max| self.page(&request, size, bytes_max)).await
    }

    /// A page of at most so many entries and bytes, and at least one entry.
    fn page(
        &self,
        request: &pb::ListEntriesRequest,
        size: usize,
        bytes_max: usize,
    ) -> Result<pb::ListEntriesResponse, Refusal> {
        let reader = &self.desk.owner.reader;
        let mut cursor = match (request.page_token.as_str(), &request.from_time) {
            ("", None) => reader.after(request.after_sequence),
            ("", Some(time)) => {
                let time = protocol::timestamp_from_pb(time).ok_or_else(|| {
                    invalid("from_time", "is not a time between the years 1 and 9999")
                })?;
                reader.from_time(time)
            }
            (token, _) => reader.after(token.parse().map_err(|_| wrong_page_token())?),
        };
        let mut page = pb::ListEntriesResponse::default();
        let mut bytes = 0;
        while let Some(entry) = cursor.next_entry().map_err(|error| damaged(&error))? {
            if entry.sequence <= request.after_sequence {
                continue;
            }
            let entry = entry.to_pb();
            let len = entry.encoded_len();
            let is_full = page.entries.len() == size || bytes + len > bytes_max;
            if is_full && !page.entries.is_empty() {
                page.next_page_token = (entry.sequence - 1).to_string();
                break;
            }
            bytes += len;
            page.entries.push(entry);
        }
        Ok(page)
    }
}

fn response(event: Event) -> pb::WatchEntriesResponse {
    pb::WatchEntriesResponse { event: Some(event) }
}

type Watching = Pin<Box<dyn Stream<Item = Result<pb::WatchEntriesResponse, Status>> + Send>>;

impl Entries {
    fn line_events(
        &self,
    ) -> impl Stream<Item = Result<pb::WatchEntriesResponse, Status>> + Send + use<> {
        let events = self.desk.events.watch();
        let closing = self.desk.draining.clone();
        futures_util::stream::unfold((events, closing), |(mut events, mut closing)| async move {
            loop {
                tokio::select! {
                    biased;
                    () = reached(&mut closing) => return None,
                    event = events.recv() => match event {
                        Ok(event) => {
                            return Some((Ok(response(Event::LineEvent(event))), (events, closing)));
                        }
                        // What nobody read in time is told of no more: events are not recorded.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    }
                }
            }
        })
    }
}

#[tonic::async_trait]
impl LedgerService for Entries {
    type WatchEntriesStream = Watching;

    async fn get_tally(
        &self,
        request: Request<pb::GetTallyRequest>,
    ) -> Result<Response<pb::GetTallyResponse>, Status> {
        let asked = request.into_inner().by;
        let by = pb::TallyBy::try_from(asked).map_err(|_| {
            status_of(&invalid(
                "by",
                &format!("{asked} is not a known value; see its enum"),
            ))
        })?;
        let counted = |office: &Office| office.exchanges().tally.clone();
        let owner = &self.desk.owner;
        let tally = owner
            .read(counted)
            .await
            .map_err(|refusal| status_of(&refusal))?;
        Ok(Response::new(pb::GetTallyResponse {
            tally: Some(protocol::tally_to_pb(&tally)),
            rows: rows(&tally, by),
            through_sequence: owner.reader.sequence(),
        }))
    }

    async fn get_entry(
        &self,
        request: Request<pb::GetEntryRequest>,
    ) -> Result<Response<pb::GetEntryResponse>, Status> {
        let sequence = request.into_inner().sequence;
        let found = measured(|| {
            let found = self.desk.owner.reader.get(sequence);
            let found = found.map_err(|error| damaged(&error))?;
            let entry = found.as_ref().map(Entry::to_pb);
            entry.ok_or_else(|| Refusal::NotFound {
                kind: "entry",
                name: sequence.to_string(),
            })
        });
        let entry = Some(found.await.map_err(|refusal| status_of(&refusal))?);
        Ok(Response::new(pb::GetEntryResponse { entry }))
    }

    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        self.list(request.into_inner())
            .await
            .map(Response::new)
            .map_err(|refusal| status_of(&refusal))
    }

    async fn watch_entries(
        &self,
        request: Request<pb::WatchEntriesRequest>,
    ) -> Result<Response<Watching>, Status> {
        let pb::WatchEntriesRequest {
            after_sequence,
            line_events,
        } = request.into_inner();
        let watching =
            Watch::new(&self.desk, after_sequence).map_err(|refusal| status_of(&refusal))?;
        let entries = watch::entries(&self.desk.tasks, watching, |entry| {
            std::future::ready(Ok(Some(response(Event::Entry(entry.to_pb())))))
        });
        Ok(Response::new(if line_events {
            Box::pin(entries.merge(self.line_events()))
        } else {
            Box::pin(entries)
        }))
    }
}
