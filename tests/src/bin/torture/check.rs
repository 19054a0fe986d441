//! Holds two ledgers against each other, and against what clients were told.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use ledger::{DiskStorage, Reader, Record};
use office::{Limits, Office, PerPlace, Place};
use protocol::pb::ledger as pb;

use crate::Failed;
use crate::account::{Id, Request, Standing};

/// What a check found. Nothing, if all is well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// Acknowledged requests that a ledger does not hold.
    pub(crate) lost: u64,
    /// Requests that a ledger holds more than once.
    pub(crate) doubled: u64,
    /// Whatever else is not as it must be in the ledgers.
    pub(crate) diverged: u64,
    /// Wrong answers, and offices that do not answer.
    pub(crate) unhealthy: u64,
    pub(crate) notes: Vec<String>,
}

impl Findings {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.diverged + self.unhealthy == 0
    }

    pub(crate) fn note(&mut self, note: String) {
        let note = note.chars().take(400).collect();
        if self.notes.len() < 20 {
            self.notes.push(note);
        }
    }

    pub(crate) fn diverge(&mut self, what: String) {
        self.diverged += 1;
        self.note(what);
    }

    pub(crate) fn unhealthy(&mut self, what: String) {
        self.unhealthy += 1;
        self.note(what);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.diverged += other.diverged;
        self.unhealthy += other.unhealthy;
        for note in other.notes {
            self.note(note);
        }
    }
}

/// A step that a ledger holds.
#[derive(Debug)]
struct Held {
    outbound: bool,
    sequence: u64,
    payload: Bytes,
}

/// Everything a ledger holds, by the request that caused it.
type Steps = BTreeMap<Id, Vec<Held>>;

/// Checks the ledgers in `directory`. `live` is what the running offices say they have counted.
pub(crate) fn check(
    directory: &Path,
    requests: &BTreeMap<Id, Request>,
    live: Option<&PerPlace<pb::Tally>>,
) -> Result<Findings, Failed> {
    let mut findings = Findings::default();
    let Some(readers) = check_soundness(directory, &mut findings)? else {
        return Ok(findings);
    };
    let steps = PerPlace::new(
        steps_of(&readers[Place::South])?,
        steps_of(&readers[Place::North])?,
    );
    check_requests(requests, &steps, &mut findings);
    check_order(requests, &steps, &mut findings);
    check_folds(&readers, live, &mut findings)?;
    Ok(findings)
}

/// Each ledger verifies, and the two reconcile. `None` if they cannot be read any further.
pub(crate) fn check_soundness(
    directory: &Path,
    findings: &mut Findings,
) -> Result<Option<PerPlace<Reader>>, Failed> {
    let storage = |place: Place| DiskStorage::existing(directory.join(place.word()));
    let read = |place| ledger::read(&storage(place)).map_err(|error| Failed(error.to_string()));
    for place in Place::BOTH {
        let verified =
            ledger::verify(&storage(place)).map_err(|error| Failed(error.to_string()))?;
        for fault in verified.faults {
            findings.diverge(format!("the {place} ledger does not verify: {fault:?}"));
        }
    }
    if !findings.is_clean() {
        return Ok(None);
    }
    let readers = PerPlace::new(read(Place::South)?, read(Place::North)?);
    let reconciled = ledger::reconcile(&readers[Place::South], &readers[Place::North]);
    let reconciled = reconciled.map_err(|error| Failed(error.to_string()))?;
    for difference in reconciled.differences {
        findings.diverge(difference);
    }
    Ok(Some(readers))
}

fn steps_of(reader: &Reader) -> Result<Steps, Failed> {
    let mut steps = Steps::new();
    let mut cursor = reader.after(0);
    while let Some(entry) = cursor
        .next_entry()
        .map_err(|error| Failed(error.to_string()))?
    {
        let (outbound, parcel) = match &entry.record {
            Record::Outbound(parcel) => (true, parcel),
            Record::Inbound(parcel) => (false, parcel),
            _ => continue,
        };
        let step = ledger::step_of(parcel).map_err(|error| Failed(error.to_string()))?;
        if let (step, Some(request_id)) = step {
            steps.entry(request_id.0).or_default().push(Held {
                outbound,
                sequence: step.id.sequence,
                payload: parcel.payload.clone(),
            });
        }
    }
    Ok(steps)
}

fn check_requests(
    requests: &BTreeMap<Id, Request>,
    steps: &PerPlace<Steps>,
    findings: &mut Findings,
) {
    const NONE: &[Held] = &[];
    for (id, request) in requests {
        let what = || {
            let id = uuid::Uuid::from_bytes(*id);
            format!("{} {id} at {}", request.mutation.name(), request.place)
        };
        let held = |place: Place| steps[place].get(id).map_or(NONE, Vec::as_slice);
        for place in Place::BOTH {
            let held = held(place);
            match (&request.standing, held.len()) {
                (Standing::Acknowledged(_), 0) => {
                    findings.lost += 1;
                    findings.note(format!(
                        "{} was acknowledged, and is not in the {place} ledger",
                        what()
                    ));
                }
                (Standing::Refused(why), 1..) => findings.diverge(format!(
                    "{} was refused ({why}), and is in the {place} ledger",
                    what()
                )),
                (_, 2..) => {
                    findings.doubled += 1;
                    findings.note(format!("{} is twice in the {place} ledger", what()));
                }
                _ => {}
            }
            for step in held {
                if step.payload != request.payload {
                    findings.diverge(format!("{} has other bytes in the {place} ledger", what()));
                }
                if step.outbound != (place == request.place) {
                    findings.diverge(format!("{} has another author at {place}", what()));
                }
            }
        }
    }
    for place in Place::BOTH {
        for id in steps[place].keys().filter(|id| !requests.contains_key(*id)) {
            let id = uuid::Uuid::from_bytes(*id);
            findings.diverge(format!("nobody asked for {id} in the {place} ledger"));
        }
    }
}

/// What one client asked for one after another stands in that order.
fn check_order(requests: &BTreeMap<Id, Request>, steps: &PerPlace<Steps>, findings: &mut Findings) {
    let mut lanes = BTreeMap::<(u64, Place), Vec<(u64, u64)>>::new();
    for (id, request) in requests {
        if let Some(held) = steps[request.place].get(id).and_then(|held| held.first()) {
            let lane = lanes.entry((request.lane, request.place)).or_default();
            lane.push((request.order, held.sequence));
        }
    }
    for ((_, place), mut lane) in lanes {
        lane.sort_unstable();
        for pair in lane.windows(2) {
            if pair[0].1 >= pair[1].1 {
                findings.diverge(format!(
                    "step {} of {place} was asked for before step {}",
                    pair[0].1, pair[1].1
                ));
            }
        }
    }
}

/// Both folds come to the same counts and meetings, and the running offices say the same.
pub(crate) fn check_folds(
    readers: &PerPlace<Reader>,
    live: Option<&PerPlace<pb::Tally>>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let fold = |place: Place| {
        let folded = ledger::fold(&readers[place], Limits::default());
        folded.map_err(|error| Failed(error.to_string()))
    };
    let offices = PerPlace::new(fold(Place::South)?, fold(Place::North)?);
    for place in Place::BOTH {
        let folded = protocol::tally_to_pb(&offices[place].exchanges().tally);
        if let Some(live) = live.filter(|live| live[place] != folded) {
            let live = &live[place];
            findings.diverge(format!(
                "the {place} office counts {live:?}, and its ledger holds {folded:?}"
            ));
        }
    }
    let states = |office: &Office| -> Vec<_> {
        let meetings = office.exchanges().meetings.after(None);
        meetings
            .map(|(id, meeting)| (id, meeting.state(), meeting.tip().id, meeting.is_counted()))
            .collect()
    };
    let (south, north) = (
        states(&offices[Place::South]),
        states(&offices[Place::North]),
    );
    for (here, there) in south
        .iter()
        .zip(&north)
        .filter(|(here, there)| here != there)
    {
        findings.diverge(format!(
            "a meeting stands otherwise at each office: {here:?}, {there:?}"
        ));
    }
    if south.len() != north.len() {
        findings.diverge("one office has meetings that the other has not".to_owned());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use ledger::{Ledger, LedgerOptions, Parcel};
    use office::line::LineHash;
    use office::{Content, RequestId, Step, StepId, StepKind};
    use protocol::pb::office::{Document, SendDocumentRequest};
    use tempfile::TempDir;

    use super::*;

    /// A document that South sent, as a request.
    fn request(number: u8, standing: Standing) -> (Id, Request) {
        let id = [number; 16];
        let request = SendDocumentRequest {
            request_id: uuid::Uuid::from_bytes(id).to_string(),
            document: Some(Document {
                subject: number.to_string(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mutation = crate::mutation::Mutation::from(request);
        let request = Request {
            place: Place::South,
            payload: mutation.payload(),
            lane: 0,
            order: u64::from(number),
            mutation,
            standing,
        };
        (id, request)
    }

    fn acknowledged(number: u8) -> (Id, Request) {
        request(number, Standing::Acknowledged(Bytes::new()))
    }

    /// Two ledgers: South's holds what it sent, North's what it received.
    fn ledgers(sent: &[u8], received: &[u8]) -> TempDir {
        let documents = |numbers: &[u8]| -> Vec<_> {
            let document = |number: &u8| ([*number; 16], acknowledged(*number).1.payload);
            numbers.iter().map(document).collect()
        };
        ledgers_of(&documents(sent), &documents(received))
    }

    /// The same, of documents and the ids of the requests that sent them.
    pub(crate) fn ledgers_of(sent: &[(Id, Bytes)], received: &[(Id, Bytes)]) -> TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (place, documents) in [(Place::South, sent), (Place::North, received)] {
            let storage = DiskStorage::create(directory.path().join(place.word()));
            let storage = Arc::new(storage.expect("a directory"));
            let now = Timestamp::UNIX_EPOCH;
            let opened = Ledger::open(storage, place, LedgerOptions::default(), now, |_| {});
            let (mut ledger, _) = opened.expect("a new ledger");
            let mut hash = LineHash::ZERO;
            for (index, (request_id, payload)) in documents.iter().enumerate() {
                let sequence = index as u64 + 1;
                let step = Step {
                    id: StepId::new(Place::South, sequence),
                    parent: None,
                    kind: StepKind::DocumentSent,
                    authored_at: now,
                    content: Content::Document { deadline: None },
                };
                let envelope = protocol::encode_envelope(&step, Some(RequestId(*request_id)));
                hash = hash.next(sequence, &envelope, payload);
                let parcel = Parcel {
                    kind: step.kind,
                    envelope,
                    payload: payload.clone(),
                    hash,
                };
                ledger.append(
                    now,
                    &match place {
                        Place::South => Record::Outbound(parcel),
                        Place::North => Record::Inbound(parcel),
                    },
                );
            }
            if let Some(batch) = ledger.take_batch() {
                batch.commit().expect("room");
            }
        }
        directory
    }

    fn found(sent: &[u8], received: &[u8], requests: Vec<(Id, Request)>) -> Findings {
        let directory = ledgers(sent, received);
        check(directory.path(), &requests.into_iter().collect(), None).expect("readable ledgers")
    }

    #[test]
    fn what_stands_once_in_each_ledger_is_found_clean() {
        let findings = found(&[1, 2], &[1, 2], vec![acknowledged(1), acknowledged(2)]);
        assert!(findings.is_clean(), "{findings:?}");
    }

    #[test]
    fn an_acknowledged_request_that_a_ledger_lacks_is_lost() {
        let findings = found(&[1], &[], vec![acknowledged(1), acknowledged(2)]);
        assert_eq!(findings.lost, 3, "{findings:?}");
        assert!(findings.diverged > 0, "the ledgers differ too");
    }

    #[test]
    fn a_request_that_stands_twice_is_doubled() {
        let findings = found(&[1, 1], &[1, 1], vec![acknowledged(1)]);
        assert_eq!((findings.lost, findings.doubled), (0, 2), "{findings:?}");
    }

    #[test]
    fn a_refused_request_another_order_and_a_step_of_nobody_are_divergences() {
        let refused = request(1, Standing::Refused("no".to_owned()));
        assert_eq!(found(&[1], &[1], vec![refused]).diverged, 2);
        let turned = found(&[2, 1], &[2, 1], vec![acknowledged(1), acknowledged(2)]);
        assert_eq!(turned.diverged, 1, "{turned:?}");
        assert_eq!(found(&[9], &[9], vec![]).diverged, 2);
    }

    #[test]
    fn other_counts_of_a_running_office_are_a_divergence() {
        let directory = ledgers(&[1], &[1]);
        let requests = [acknowledged(1)].into_iter().collect();
        let live = PerPlace::new(pb::Tally::default(), pb::Tally::default());
        let findings = check(directory.path(), &requests, Some(&live)).expect("readable ledgers");
        assert_eq!(findings.diverged, 2, "{findings:?}");
    }
}
