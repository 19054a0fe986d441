//! Two recordings held against each other: what came out, and what was recorded. Pure: two streams of steps go in.
//!
//! Steps are compared in each office's own order. Ids are compared by the step that they name, not by their numbers.
//! By default request ids and times are left out: a replay has its own.

use std::collections::VecDeque;

use bytes::Bytes;
use ledger::TallyReport;
use office::{Collection, Exchanges, PerPlace, Place, Step, StepId, StepKind};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::Serialize;
use serde_json::Value;

use crate::Names;
use crate::plan::{Selection, Verdict};
use crate::recording::{Recorded, Recording, ReplayError};

/// Differences that are listed.
const DIFFERENCES_MAX: usize = 100;
/// How far steps are looked for that are missing, doubled or in another order.
const WINDOW: usize = 64;

/// The steps of one office, as one side has them.
pub type Side = Box<dyn Iterator<Item = Result<Recorded, ReplayError>> + Send>;

/// What is not compared: paths, each with all that lies below it.
#[derive(Debug, Clone)]
pub struct Rules {
    ignored: Vec<String>,
}

/// Ids and times of its own, which every replay has.
pub const IGNORED_BY_DEFAULT: [&str; 2] = ["request_id", "authored_at"];

impl Default for Rules {
    fn default() -> Self {
        Self::strict().ignoring(IGNORED_BY_DEFAULT)
    }
}

impl Rules {
    /// Everything is compared.
    pub fn strict() -> Self {
        Self {
            ignored: Vec::new(),
        }
    }

    /// These paths are left out too, such as `payload.subject` or `tally`.
    #[must_use]
    pub fn ignoring<T: Into<String>>(mut self, paths: impl IntoIterator<Item = T>) -> Self {
        self.ignored.extend(paths.into_iter().map(Into::into));
        self
    }

    fn ignores(&self, path: &str) -> bool {
        self.ignored.iter().any(|ignored| {
            path.strip_prefix(ignored.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The step in A (or in B, if A lacks it); empty for what is of no one step.
    pub step: String,
    /// The field's path, such as `payload.subject`, `parent`, `order` or `tally.documents`.
    pub path: String,
    /// What A has.
    pub recorded: String,
    /// What B has.
    pub found: String,
}

/// What comparing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Steps that both have alike.
    pub steps: u64,
    /// What differs, at most 100.
    pub differences: Vec<Difference>,
    /// Differences that are not listed.
    pub more: u64,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn agreed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Recording {
    /// Both offices' steps, to be compared.
    pub fn sides(&self) -> PerPlace<Side> {
        let side = |place| Box::new(self.lane(place)) as Side;
        PerPlace::new(side(Place::South), side(Place::North))
    }
}

/// The steps of `sides` that officers are to make again: what a replay is compared by.
pub fn wanted(sides: PerPlace<Side>, selection: &Selection) -> PerPlace<Side> {
    let mut sides = sides;
    let mut only = |place| {
        let side = std::mem::replace(&mut sides[place], Box::new(std::iter::empty()) as Side);
        let selection = selection.clone();
        let makes = move |step: &Result<Recorded, ReplayError>| {
            let verdict = step.as_ref().map(|step| selection.verdict(step));
            verdict.is_ok_and(|verdict| verdict == Verdict::Make) || step.is_err()
        };
        Box::new(side.filter(makes)) as Side
    };
    PerPlace::new(only(Place::South), only(Place::North))
}

/// The steps of `sides` up to these line sequences: what a replay that was stopped came to.
pub fn through(sides: PerPlace<Side>, last: PerPlace<u64>) -> PerPlace<Side> {
    let mut sides = sides;
    let mut until = |place: Place| {
        let side = std::mem::replace(&mut sides[place], Box::new(std::iter::empty()) as Side);
        let last = last[place];
        let reached = move |step: &Result<Recorded, ReplayError>| {
            step.as_ref()
                .map_or(true, |step| step.step.id.sequence <= last)
        };
        Box::new(side.take_while(reached)) as Side
    };
    PerPlace::new(until(Place::South), until(Place::North))
}

/// Compares `found` with `recorded`.
pub fn compare(
    recorded: PerPlace<Side>,
    found: PerPlace<Side>,
    rules: &Rules,
) -> Result<Comparison, ReplayError> {
    let mut comparing = Comparing {
        rules,
        recorded: Stream::both(recorded),
        found: Stream::both(found),
        names: Names::default(),
        exchanges: [Exchanges::default(), Exchanges::default()],
        unmatched: [Vec::new(), Vec::new()],
        comparison: Comparison::default(),
    };
    while let Some(place) = comparing.next_place()? {
        comparing.advance(place)?;
    }
    comparing.moved();
    comparing.states();
    comparing.tallies();
    Ok(comparing.comparison)
}

/// One office's steps with a window ahead.
struct Stream {
    side: Side,
    window: VecDeque<Recorded>,
    /// The last sequence taken.
    taken: u64,
}

impl Stream {
    fn both(sides: PerPlace<Side>) -> PerPlace<Self> {
        let mut sides = sides;
        let empty = || Box::new(std::iter::empty()) as Side;
        let mut take = |place| Self {
            side: std::mem::replace(&mut sides[place], empty()),
            window: VecDeque::new(),
            taken: 0,
        };
        PerPlace::new(take(Place::South), take(Place::North))
    }

    fn fill(&mut self, len: usize) -> Result<(), ReplayError> {
        while self.window.len() < len {
            let Some(step) = self.side.next() else {
                return Ok(());
            };
            self.window.push_back(step?);
        }
        Ok(())
    }

    fn take(&mut self, at: usize) -> Option<Recorded> {
        let step = self.window.remove(at)?;
        self.taken = self.taken.max(step.step.id.sequence);
        Some(step)
    }
}

const RECORDED: usize = 0;
const FOUND: usize = 1;

struct Comparing<'a> {
    rules: &'a Rules,
    recorded: PerPlace<Stream>,
    found: PerPlace<Stream>,
    /// Which step of `recorded` is which of `found`.
    names: Names,
    exchanges: [Exchanges; 2],
    /// Steps of one side only, for as long as there is room for differences.
    unmatched: [Vec<Recorded>; 2],
    comparison: Comparison,
}

impl Comparing<'_> {
    /// The office whose steps are looked at next: what a step answers is looked at before it.
    fn next_place(&mut self) -> Result<Option<Place>, ReplayError> {
        for place in Place::BOTH {
            self.recorded[place].fill(1)?;
            self.found[place].fill(1)?;
        }
        let over = |this: &Self, place: Place| {
            this.recorded[place].window.is_empty() && this.found[place].window.is_empty()
        };
        let waits = |this: &Self, place: Place| {
            this.recorded[place].window.front().is_some_and(|head| {
                head.answers().any(|id| {
                    id.place != place
                        && id.sequence > this.recorded[id.place].taken
                        && !this.recorded[id.place].window.is_empty()
                })
            })
        };
        let (south, north) = (Place::South, Place::North);
        Ok(match (over(self, south), over(self, north)) {
            (true, true) => None,
            (false, true) => Some(south),
            (true, false) => Some(north),
            (false, false) if waits(self, south) && !waits(self, north) => Some(north),
            (false, false) => Some(south),
        })
    }

    fn advance(&mut self, place: Place) -> Result<(), ReplayError> {
        let ours = self.recorded[place].window.front().cloned();
        let theirs = self.found[place].window.front().cloned();
        let (ours, theirs) = match (ours, theirs) {
            (None, None) => return Ok(()),
            (Some(_), None) => return self.rest(RECORDED, place),
            (None, Some(_)) => return self.rest(FOUND, place),
            (Some(ours), Some(theirs)) => (ours, theirs),
        };
        if self.alike(&ours, &theirs) {
            self.matched(place, 0, 0);
            return Ok(());
        }
        self.recorded[place].fill(WINDOW)?;
        self.found[place].fill(WINDOW)?;
        let ours_later = |this: &Self| {
            let mut window = this.found[place].window.iter();
            window.position(|step| this.alike(&ours, step))
        };
        let theirs_later = |this: &Self| {
            let mut window = this.recorded[place].window.iter();
            window.position(|step| this.alike(step, &theirs))
        };
        match (ours_later(self), theirs_later(self)) {
            (Some(at), Some(_)) => {
                let recorded = format!("{}, before {}", words(&ours), theirs.step.kind);
                let found = format!("{} comes {at} later", words(&ours));
                self.differ(&ours, "order", recorded, found);
                self.matched(place, 0, at);
            }
            // What stands between is of `found` alone, or of `recorded` alone.
            (Some(_), None) => self.unmatched(FOUND, place),
            (None, Some(_)) => self.unmatched(RECORDED, place),
            // The same step, changed; or, if what follows tells otherwise, one of each.
            (None, None) => {
                self.changed(&ours, &theirs);
                self.paired(place, 0, 0);
            }
        }
        Ok(())
    }

    /// Whether two steps are the same, as far as their own words tell.
    fn alike(&self, ours: &Recorded, theirs: &Recorded) -> bool {
        ours.step.kind == theirs.step.kind
            && self.parent_of(ours) == theirs.step.parent
            && (ours.payload == theirs.payload || self.payload_differences(ours, theirs).is_empty())
    }

    /// The step of `found` that `ours` should answer. What is of one side only names itself.
    fn parent_of(&self, ours: &Recorded) -> Option<StepId> {
        let parent = ours.step.parent?;
        Some(self.names.get(parent).unwrap_or(parent))
    }

    fn matched(&mut self, place: Place, at_ours: usize, at_theirs: usize) {
        let ours = &self.recorded[place].window[at_ours];
        let theirs = &self.found[place].window[at_theirs];
        let mut differences = Vec::new();
        if ours.request_id != theirs.request_id {
            let word = |step: &Recorded| {
                step.request_id
                    .map_or_else(|| "none".to_owned(), |id| id.to_string())
            };
            differences.push(("request_id", word(ours), word(theirs)));
        }
        let (time, other) = (ours.step.authored_at, theirs.step.authored_at);
        if time != other {
            differences.push(("authored_at", time.to_string(), other.to_string()));
        }
        let ours = ours.clone();
        self.comparison.steps += 1;
        for (path, recorded, found) in differences {
            self.differ(&ours, path, recorded, found);
        }
        self.paired(place, at_ours, at_theirs);
    }

    fn paired(&mut self, place: Place, at_ours: usize, at_theirs: usize) {
        let ours = self.recorded[place].take(at_ours);
        let theirs = self.found[place].take(at_theirs);
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            self.exchanges[RECORDED].apply(&ours.step);
            self.exchanges[FOUND].apply(&theirs.step);
            self.names.give(ours.step.id, theirs.step.id);
        }
    }

    /// The first step of one side has no like on the other.
    fn unmatched(&mut self, side: usize, place: Place) {
        let stream = match side {
            RECORDED => &mut self.recorded[place],
            _ => &mut self.found[place],
        };
        let Some(step) = stream.take(0) else { return };
        self.exchanges[side].apply(&step.step);
        if self.unmatched[side].len() < DIFFERENCES_MAX {
            self.unmatched[side].push(step);
        } else {
            self.comparison.more += 1;
        }
    }

    /// One side has ended, the other has not.
    fn rest(&mut self, side: usize, place: Place) -> Result<(), ReplayError> {
        self.unmatched(side, place);
        match side {
            RECORDED => self.recorded[place].fill(1),
            _ => self.found[place].fill(1),
        }
    }

    fn changed(&mut self, ours: &Recorded, theirs: &Recorded) {
        if ours.step.kind != theirs.step.kind {
            let (kind, other) = (ours.step.kind, theirs.step.kind);
            self.differ(ours, "kind", kind.to_string(), other.to_string());
        }
        let parent = self.parent_of(ours);
        if parent != theirs.step.parent {
            let word =
                |id: Option<StepId>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            self.differ(ours, "parent", word(parent), word(theirs.step.parent));
        }
        if ours.step.kind == theirs.step.kind {
            for (path, recorded, found) in self.payload_differences(ours, theirs) {
                self.differ(ours, &path, recorded, found);
            }
        }
    }

    fn payload_differences(
        &self,
        ours: &Recorded,
        theirs: &Recorded,
    ) -> Vec<(String, String, String)> {
        let payload = match protocol::reply_of(ours.step.kind, &ours.payload) {
            Some(reply) => match self.names.get(reply) {
                Some(given) if given != reply => protocol::with_reply(&ours.payload, given),
                _ => ours.payload.clone(),
            },
            None => ours.payload.clone(),
        };
        if payload == theirs.payload {
            return Vec::new();
        }
        let mut differences = Vec::new();
        let kind = ours.step.kind;
        match (json(kind, &payload), json(kind, &theirs.payload)) {
            (Some(one), Some(other)) if one != other => {
                differ_in("payload", &one, &other, &mut differences);
            }
            _ => differences.push((
                "payload.(bytes)".to_owned(),
                format!("{} bytes", payload.len()),
                format!("{} bytes, not the same", theirs.payload.len()),
            )),
        }
        differences.retain(|(path, ..)| !self.rules.ignores(path));
        differences
    }

    fn differ(&mut self, step: &Recorded, path: &str, recorded: String, found: String) {
        let name = step.step.id.to_string();
        self.note(name, path, recorded, found);
    }

    fn note(&mut self, step: String, path: &str, recorded: String, found: String) {
        if self.rules.ignores(path) {
            return;
        }
        if self.comparison.differences.len() >= DIFFERENCES_MAX {
            self.comparison.more += 1;
            return;
        }
        self.comparison.differences.push(Difference {
            step,
            path: path.to_owned(),
            recorded,
            found,
        });
    }

    /// Says of each step that one side lacks whether it is missing, added, or stands elsewhere.
    fn moved(&mut self) {
        let [missing, added] = std::mem::take(&mut self.unmatched);
        let mut added: Vec<Option<Recorded>> = added.into_iter().map(Some).collect();
        for ours in missing {
            let same = |theirs: &Recorded| {
                ours.step.kind == theirs.step.kind && ours.payload == theirs.payload
            };
            let elsewhere = added
                .iter_mut()
                .find(|theirs| theirs.as_ref().is_some_and(same));
            match elsewhere.and_then(Option::take) {
                Some(theirs) if theirs.step.id.place != ours.step.id.place => {
                    let author = |step: &Step| step.id.place.to_string();
                    self.differ(&ours, "author", author(&ours.step), author(&theirs.step));
                }
                Some(theirs) => {
                    let (at, other) = (ours.step.id.to_string(), theirs.step.id.to_string());
                    self.differ(&ours, "order", at, other);
                }
                None => self.differ(&ours, "step", words(&ours), "missing".to_owned()),
            }
        }
        for theirs in added.into_iter().flatten() {
            self.differ(
                &theirs,
                "step",
                "none".to_owned(),
                format!("added: {}", words(&theirs)),
            );
        }
    }

    /// Compares what became of each exchange that both have.
    fn states(&mut self) {
        let mut differences = Vec::new();
        let [recorded, found] = &self.exchanges;
        for place in Place::BOTH {
            for (id, state) in recorded.documents.after(place, 0, u64::MAX / 2) {
                let other = self.names.get(id);
                let other = other.and_then(|id| found.documents.state(id));
                if let Some(other) = other.filter(|other| *other != state) {
                    let name = id.name(Collection::Documents);
                    differences.push((name, format!("{state:?}"), format!("{other:?}")));
                }
            }
        }
        for (id, meeting) in recorded.meetings.after(None) {
            let other = self.names.get(id);
            let other = other.and_then(|id| Some(found.meetings.get(id)?.state()));
            let state = meeting.state();
            if let Some(other) = other.filter(|other| *other != state) {
                let name = id.name(Collection::Meetings);
                differences.push((name, format!("{state:?}"), format!("{other:?}")));
            }
        }
        for (id, state) in recorded.contacts.after(None) {
            let other = self.names.get(id);
            let other = other.and_then(|id| found.contacts.state(id));
            if let Some(other) = other.filter(|other| *other != state) {
                let name = id.name(Collection::Contacts);
                differences.push((name, format!("{state:?}"), format!("{other:?}")));
            }
        }
        for (name, recorded, found) in differences {
            self.note(name, "state", recorded, found);
        }
    }

    fn tallies(&mut self) {
        let report = |exchanges: &Exchanges| serde_json::json!(TallyReport::from(&exchanges.tally));
        let (recorded, found) = (
            report(&self.exchanges[RECORDED]),
            report(&self.exchanges[FOUND]),
        );
        let mut differences = Vec::new();
        differ_in("tally", &recorded, &found, &mut differences);
        for (path, recorded, found) in differences {
            self.note(String::new(), &path, recorded, found);
        }
    }
}

fn words(step: &Recorded) -> String {
    step.step.kind.to_string()
}

/// Lists the paths at which two values differ.
fn differ_in(path: &str, one: &Value, other: &Value, into: &mut Vec<(String, String, String)>) {
    match (one, other) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let (one, other) = (ours.get(key), theirs.get(key));
                let null = &Value::Null;
                let path = format!("{path}.{key}");
                differ_in(&path, one.unwrap_or(null), other.unwrap_or(null), into);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (one, other)) in ours.iter().zip(theirs).enumerate() {
                differ_in(&format!("{path}[{index}]"), one, other, into);
            }
        }
        (one, other) if one == other => {}
        (one, other) => into.push((path.to_owned(), shown(one), shown(other))),
    }
}

/// A value, short enough for one line.
fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    short.push('…');
    short
}

/// A payload as JSON, with the field names of the proto files.
fn json(kind: StepKind, payload: &Bytes) -> Option<Value> {
    static POOL: std::sync::LazyLock<DescriptorPool> = std::sync::LazyLock::new(|| {
        DescriptorPool::decode(protocol::DESCRIPTORS).expect("the build wrote the descriptors")
    });
    use StepKind as K;
    let name = match kind {
        K::DocumentSent => "Document",
        K::DocumentReceiptRefused => "ReceiptRefusal",
        K::MeetingProposed | K::MeetingCountered => "MeetingTerms",
        K::MeetingClosed => "MeetingClosing",
        K::ContactRecorded => "Contact",
        K::CallRecorded => "Call",
        K::LineDeclared => "LineDeclaration",
        _ => "Remark",
    };
    let descriptor = POOL.get_message_by_name(&format!("liaison.office.v1.{name}"))?;
    let message = DynamicMessage::decode(descriptor, payload.clone()).ok()?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

#[cfg(test)]
mod tests;
