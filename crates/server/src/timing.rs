//! Where a mutation's time went, told to whoever asks for it: a call with the metadata `liaison-timing: 1` is answered
//! with `liaison-timing: queued=…, synced=…, delivered=…`, each in microseconds.
//!
//! *Queued* runs until the owner has judged the step, *synced* from there until it is durable here, and *delivered* from
//! the judging until the peer has it too, where the call waited for that.

use std::cell::Cell;
use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::time::{Duration, Instant};
use tonic::body::Body;

use crate::handle::Authored;

static HEADER: HeaderName = HeaderName::from_static("liaison-timing");

#[derive(Debug, Clone, Copy)]
struct Timing {
    queued: Duration,
    synced: Duration,
    delivered: Option<Duration>,
}

tokio::task_local! {
    static TIMING: Cell<Option<Timing>>;
}

/// Whether a call asks for it.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    headers.contains_key(&HEADER)
}

/// Takes the times of the step that `answering` makes, if they are wanted, and tells them with the answer.
pub(crate) async fn taken(
    wanted: bool,
    answering: impl Future<Output = Result<Response<Body>, Infallible>>,
) -> Result<Response<Body>, Infallible> {
    if !wanted {
        return answering.await;
    }
    let (response, timing) = TIMING
        .scope(Cell::new(None), async {
            let response = answering.await;
            (response, TIMING.with(Cell::get))
        })
        .await;
    let mut response = response?;
    if let Some(timing) = timing
        && let Ok(value) = HeaderValue::from_str(&timing.words())
    {
        response.headers_mut().insert(&HEADER, value);
    }
    Ok(response)
}

/// A step that was asked for at `asked` is durable here.
pub(crate) fn recorded(asked: Instant, authored: &Authored) {
    tell(asked, authored, None);
}

/// A step that was asked for at `asked` is durable at the peer too.
pub(crate) fn delivered(asked: Instant, authored: &Authored) {
    tell(asked, authored, Some(authored.judged.elapsed()));
}

fn tell(asked: Instant, authored: &Authored, delivered: Option<Duration>) {
    let synced = authored.synced.unwrap_or_else(Instant::now);
    let timing = Timing {
        queued: authored.judged.saturating_duration_since(asked),
        synced: synced.saturating_duration_since(authored.judged),
        delivered,
    };
    // Nobody has asked: there is nowhere to tell it.
    let _ = TIMING.try_with(|told| told.set(Some(timing)));
}

impl Timing {
    fn words(self) -> String {
        let Self {
            queued,
            synced,
            delivered,
        } = self;
        let (queued, synced) = (queued.as_micros(), synced.as_micros());
        match delivered.map(|it| it.as_micros()) {
            None => format!("queued={queued}, synced={synced}"),
            Some(delivered) => format!("queued={queued}, synced={synced}, delivered={delivered}"),
        }
    }
}
