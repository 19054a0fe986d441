//! A tally as it is printed everywhere.

use office::Tally;
use office::contact::ContactKind;
use serde::{Deserialize, Serialize};

/// The counts, in the shape that is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyReport {
    /// Contacts, face to face.
    pub contacts: ContactsReport,
    /// Documents, each once.
    pub documents: u64,
    /// Calls, beside the exchanges.
    pub calls: u64,
    /// Contacts and documents.
    pub exchanges: u64,
}

/// Contacts by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactsReport {
    /// All.
    pub total: u64,
    /// Negotiated ones.
    pub meetings: MeetingsReport,
    /// Others.
    pub consultations: ConsultationsReport,
    /// Of no stated kind.
    pub unspecified: u64,
}

/// Meetings by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeetingsReport {
    /// All.
    pub total: u64,
    /// Among government officials.
    pub government_officials: u64,
    /// Working-level talks.
    pub working_level: u64,
    /// Between chiefs and deputy chiefs.
    pub chiefs: u64,
}

/// Consultations by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsultationsReport {
    /// Regular.
    pub regular: u64,
    /// On demand.
    pub on_demand: u64,
}

impl From<&Tally> for TallyReport {
    fn from(tally: &Tally) -> Self {
        Self {
            contacts: ContactsReport {
                total: tally.contacts(),
                meetings: MeetingsReport {
                    total: tally.meetings(),
                    government_officials: tally.contacts_of(ContactKind::GovernmentOfficials),
                    working_level: tally.contacts_of(ContactKind::WorkingLevel),
                    chiefs: tally.contacts_of(ContactKind::Chiefs),
                },
                consultations: ConsultationsReport {
                    regular: tally.contacts_of(ContactKind::RegularConsultation),
                    on_demand: tally.contacts_of(ContactKind::OnDemandConsultation),
                },
                unspecified: tally.contacts_of(ContactKind::NotStated),
            },
            documents: tally.documents(),
            calls: tally.calls(),
            exchanges: tally.exchanges(),
        }
    }
}
