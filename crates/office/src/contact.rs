//! Contacts that need no negotiation: recorded by one office, confirmed by the other.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::officer::{Officer, Rank};
use crate::place::{PerPlace, Place};
use crate::refusal::Refusal;
use crate::step::{Collection, StepId, StepKind};

/// The kind of a contact. The first three are negotiated first: meetings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum ContactKind {
    GovernmentOfficials,
    WorkingLevel,
    Chiefs,
    RegularConsultation,
    OnDemandConsultation,
    NotStated,
}

impl ContactKind {
    /// Whether such a contact is negotiated before it takes place.
    pub const fn is_meeting(self) -> bool {
        matches!(
            self,
            Self::GovernmentOfficials | Self::WorkingLevel | Self::Chiefs
        )
    }

    /// The words people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GovernmentOfficials => "government officials",
            Self::WorkingLevel => "working level",
            Self::Chiefs => "chiefs",
            Self::RegularConsultation => "regular consultation",
            Self::OnDemandConsultation => "on-demand consultation",
            Self::NotStated => "not stated",
        }
    }
}

/// Formality of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum Formality {
    Official,
    Informal,
    Private,
}

/// A consultation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Regular, on demand, or not stated.
    pub kind: ContactKind,
    /// The level.
    pub level: Option<Rank>,
    /// Who took part.
    pub participants: Vec<Officer>,
    /// Where.
    pub place: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// How long it lasted.
    pub duration: Option<Duration>,
    /// What about.
    pub topics: Vec<String>,
    /// Formality.
    pub formality: Option<Formality>,
}

/// How far a contact has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactState {
    /// By one office.
    Recorded,
    /// By the other; counted.
    Confirmed,
    /// Both recorded it at once, and South's record stands.
    Superseded,
}

/// A record's key: a second record on a known key is refused.
pub type ContactKey = (ContactKind, Timestamp);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    key: ContactKey,
    recorded_at: Timestamp,
    state: ContactState,
}

/// The contacts of both offices, folded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    records: BTreeMap<StepId, Record>,
    /// The first record of each office on a key; an office has no second.
    by_key: BTreeMap<ContactKey, PerPlace<Option<StepId>>>,
}

impl Contacts {
    /// How far the contact recorded by step `id` has come.
    pub fn state(&self, id: StepId) -> Option<ContactState> {
        self.records.get(&id).map(|record| record.state)
    }

    /// Contacts after `after` in the order of their names, with their states.
    pub fn after(
        &self,
        after: Option<StepId>,
    ) -> impl Iterator<Item = (StepId, ContactState)> + '_ {
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.records
            .range((start, std::ops::Bound::Unbounded))
            .map(|(id, record)| (*id, record.state))
    }

    pub(crate) fn check_record(&self, contact: &Contact) -> Result<(), Refusal> {
        match self.standing((contact.kind, contact.begun_at)) {
            None => Ok(()),
            Some(id) => Err(Refusal::IllegalStep {
                subject: id.name(Collection::Contacts),
                state: "already recorded with this kind and time".to_owned(),
                step: StepKind::ContactRecorded,
                allowed: "confirm it at the other office".to_owned(),
            }),
        }
    }

    pub(crate) fn check_confirm(&self, author: Place, id: StepId) -> Result<(), Refusal> {
        let name = || id.name(Collection::Contacts);
        let record = self.records.get(&id).ok_or_else(|| Refusal::NotFound {
            kind: "contact",
            name: name(),
        })?;
        let (state, allowed) = match record.state {
            ContactState::Superseded => {
                let standing = self.standing(record.key).unwrap_or(id);
                return Err(Refusal::Superseded {
                    subject: name(),
                    by: standing.name(Collection::Contacts),
                });
            }
            ContactState::Confirmed => ("confirmed", "none"),
            ContactState::Recorded if author == id.place => {
                ("recorded by this office", "the peer confirms it")
            }
            ContactState::Recorded => return Ok(()),
        };
        Err(Refusal::IllegalStep {
            subject: name(),
            state: state.to_owned(),
            step: StepKind::ContactConfirmed,
            allowed: allowed.to_owned(),
        })
    }

    /// The record that stands on `key`.
    fn standing(&self, key: ContactKey) -> Option<StepId> {
        let firsts = self.by_key.get(&key)?;
        let mut standing = Place::BOTH.iter().filter_map(|place| firsts[*place]);
        standing.find(|id| self.state(*id) != Some(ContactState::Superseded))
    }

    /// Takes a record. Returns whether it is one (false: inert).
    pub(crate) fn record(&mut self, id: StepId, key: ContactKey, recorded_at: Timestamp) -> bool {
        let firsts = self.by_key.entry(key).or_default();
        // Whether the peer's has arrived yet must not matter here, or the offices would differ.
        if firsts[id.place].is_some() {
            return false;
        }
        firsts[id.place] = Some(id);
        let other = firsts[id.place.peer()].and_then(|other| self.records.get_mut(&other));
        let state = match other {
            None => ContactState::Recorded,
            Some(other) if id.place == Place::South && other.state == ContactState::Recorded => {
                other.state = ContactState::Superseded;
                ContactState::Recorded
            }
            Some(_) => ContactState::Superseded,
        };
        let record = Record {
            key,
            recorded_at,
            state,
        };
        self.records.insert(id, record);
        true
    }

    /// Takes a confirmation; returns what is counted by it, if it is legal.
    pub(crate) fn confirm(
        &mut self,
        author: Place,
        id: StepId,
    ) -> Option<(ContactKind, Timestamp)> {
        let record = self.records.get_mut(&id)?;
        if record.state != ContactState::Recorded || author == id.place {
            return None;
        }
        record.state = ContactState::Confirmed;
        Some((record.key.0, record.recorded_at))
    }
}
