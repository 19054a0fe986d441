//! The books of a run: what was sent and answered, held against what both offices counted, request id by request id.

use client::Entries;
use jiff::Timestamp;
use office::{PerPlace, Place};
use prost::Message as _;
use protocol::pb::ledger as pb;
use replay::{ReplayError, Sequences};
use tokio::time::Duration;
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::generator::Sample;
use crate::mutations::{Known, Mutations, RunId};
use report::LatencyHistogram;
use report::{Books, Breakdown, Stage};

const EXAMPLES_MAX: usize = 20;

/// What the books are made up of.
#[derive(Debug)]
pub struct Accounts {
    /// What the run's request ids begin with.
    pub run_id: RunId,
    /// How far the ledgers were before the run.
    pub before: Sequences,
    /// Every request that changes something, by thread.
    pub mutations: Vec<Mutations>,
    /// Steps whose times were kept, by thread.
    pub samples: Vec<Vec<Sample>>,
}

/// When both offices had a sampled step.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    by_south: Option<Timestamp>,
    by_north: Option<Timestamp>,
    /// Who made it.
    author: Option<Place>,
}

/// Makes up the books: waits until the line is at rest (at most `patience`), and reads what both ledgers hold since.
/// `on_entries` hears how many entries have been read.
pub async fn make_up(
    accounts: Accounts,
    channels: &PerPlace<Channel>,
    patience: Duration,
    on_entries: &dyn Fn(u64),
) -> Result<(Books, Option<Breakdown>), ReplayError> {
    let found = replay::quiet(channels, patience).await?;
    let mut accounts = accounts;
    for samples in &mut accounts.samples {
        samples.sort_by_key(|sample| sample.number);
    }
    let mut held: Vec<_> = accounts
        .samples
        .iter()
        .map(|samples| vec![Held::default(); samples.len()])
        .collect();
    for place in Place::BOTH {
        let channel = channels[place].clone();
        let mut entries = Entries::new(channel, accounts.before[place], found.sequences[place]);
        let unreadable = |status| unreadable(place, status);
        while let Some(page) = entries.page().await.map_err(unreadable)? {
            on_entries(page.len() as u64);
            for entry in page {
                count(&entry, place, &mut accounts, &mut held);
            }
        }
    }
    let breakdown = breakdown(&accounts, &held);
    let mut books = balance(&accounts);
    books.quiet = found.is_quiet;
    Ok((books, breakdown))
}

fn unreadable(place: Place, status: Status) -> ReplayError {
    ReplayError::Fetch {
        place,
        status: Box::new(status),
    }
}

fn count(entry: &pb::Entry, place: Place, accounts: &mut Accounts, held: &mut [Vec<Held>]) {
    let Ok(envelope) = protocol::pb::line::Envelope::decode(entry.envelope.clone()) else {
        return;
    };
    let Ok(id) = Uuid::from_slice(&envelope.request_id) else {
        return;
    };
    let Some((thread, number)) = accounts.run_id.parse(id) else {
        return;
    };
    let thread = usize::from(thread);
    let Some(mutations) = accounts.mutations.get_mut(thread) else {
        return;
    };
    match place {
        Place::South => mutations.count_south(number),
        Place::North => mutations.count_north(number),
    }
    let samples = &accounts.samples[thread];
    if let Ok(index) = samples.binary_search_by_key(&number, |sample| sample.number) {
        let at = entry
            .recorded_at
            .as_ref()
            .and_then(protocol::timestamp_from_pb);
        let held = &mut held[thread][index];
        match place {
            Place::South => held.by_south = at,
            Place::North => held.by_north = at,
        }
        if entry.direction() == pb::Direction::Outbound {
            held.author = Some(place);
        }
    }
}

fn balance(accounts: &Accounts) -> Books {
    let mut books = Books::default();
    for (thread, mutations) in (0..).zip(&accounts.mutations) {
        for (number, (known, south, north)) in (0..).zip(mutations.counted()) {
            let counted = south > 0 || north > 0;
            books.sent += u64::from(known != Known::NotSent);
            books.south += u64::from(south > 0);
            books.north += u64::from(north > 0);
            let mut amiss = None;
            match known {
                Known::NotSent => {}
                Known::Unknown => {
                    books.unknown += 1;
                    books.unknown_but_counted += u64::from(counted);
                }
                Known::Answered => {
                    books.answered += 1;
                    if south == 0 || north == 0 {
                        books.lost += 1;
                        amiss = Some("lost: answered, and not in both ledgers");
                    }
                }
                Known::Refused => {
                    books.refused += 1;
                    if counted {
                        books.refused_but_counted += 1;
                        amiss = Some("refused, and counted all the same");
                    }
                }
            }
            if south > 1 || north > 1 {
                books.doubled += 1;
                amiss = Some("doubled: a ledger holds it more than once");
            }
            if let Some(amiss) = amiss
                && books.examples.len() < EXAMPLES_MAX
            {
                let id = accounts.run_id.request(thread, number);
                books.examples.push(format!("{id} {amiss}"));
            }
        }
    }
    books
}

/// Where the time of the sampled steps went. The two offices' clocks and this machine's must agree for it, as they do on
/// one machine.
fn breakdown(accounts: &Accounts, held: &[Vec<Held>]) -> Option<Breakdown> {
    const NAMES: [&str; 4] = ["queued", "synced", "crossed the line", "synced at the peer"];
    let mut stages: [LatencyHistogram; 4] = Default::default();
    let mut samples = 0;
    for (of_thread, held) in accounts.samples.iter().zip(held) {
        for (sample, held) in of_thread.iter().zip(held) {
            let Some(times) = times_of(sample, held) else {
                continue;
            };
            samples += 1;
            for (stage, time) in stages.iter_mut().zip(times) {
                if let Some(time) = time {
                    stage.record(time);
                }
            }
        }
    }
    (samples > 0).then(|| Breakdown {
        samples,
        stages: NAMES
            .iter()
            .zip(&stages)
            .map(|(name, stage)| Stage {
                name: (*name).to_owned(),
                latency: stage.summary(),
            })
            .collect(),
    })
}

fn times_of(sample: &Sample, held: &Held) -> Option<[Option<Duration>; 4]> {
    let (own, peer) = match held.author? {
        Place::South => (held.by_south?, held.by_north?),
        Place::North => (held.by_north?, held.by_south?),
    };
    let between = |from: Timestamp, to: Timestamp| {
        Duration::try_from(to.duration_since(from)).unwrap_or_default()
    };
    let timing = sample.timing;
    let synced = own.checked_add(timing.synced).ok()?;
    let delivered = timing.delivered.and_then(|it| own.checked_add(it).ok());
    Some([
        Some(between(sample.sent, own)),
        Some(timing.synced),
        Some(between(synced, peer)),
        delivered.map(|delivered| between(peer, delivered)),
    ])
}
