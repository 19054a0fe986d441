//! Who speaks, and what they may do: a table of roles and methods, in which what does not stand is denied.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::step::StepKind;

/// What somebody is to an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// An office itself: it carries the line.
    Server,
    /// Acts for an office in everything.
    Officer,
    /// Sends for an office, and keeps its calls.
    Clerk,
    /// Reads at an office.
    Observer,
    /// Reads at both offices, and declares the telephone line cut or restored.
    Controller,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Server,
        Self::Officer,
        Self::Clerk,
        Self::Observer,
        Self::Controller,
    ];

    /// The lower-case word used in names, flags and paths.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Officer => "officer",
            Self::Clerk => "clerk",
            Self::Observer => "observer",
            Self::Controller => "controller",
        }
    }

    /// Whether whoever has it may do such a thing, at the office that they belong to.
    const fn may(self, act: Act) -> bool {
        match self {
            Self::Server => matches!(act, Act::AskHealth),
            Self::Officer => !matches!(act, Act::Carry),
            Self::Clerk => matches!(
                act,
                Act::Send | Act::RecordCall | Act::Read | Act::AskHealth | Act::AskSchema
            ),
            Self::Observer => matches!(act, Act::Read | Act::AskHealth | Act::AskSchema),
            Self::Controller => matches!(
                act,
                Act::DeclareLine | Act::Read | Act::AskHealth | Act::AskSchema
            ),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a role: write server, officer, clerk, observer or controller")]
pub struct UnknownRole {
    /// The word given.
    pub word: String,
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.word() == word);
        found.ok_or_else(|| UnknownRole {
            word: word.to_owned(),
        })
    }
}

/// Who somebody is: `spiffe://<domain>/office/<south|north>/<role>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    domain: String,
    place: Place,
    role: Role,
    name: String,
}

/// Why a text names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names nobody of an office: {why}")]
pub struct FaultyName {
    /// As it was written.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

/// The longest name of a domain, and of somebody in an office.
const WORD_BYTES_MAX: usize = 64;
const SCHEME: &str = "spiffe://";

impl Name {
    /// Somebody of the office at `place`.
    pub fn new(domain: &str, place: Place, role: Role, name: &str) -> Result<Self, FaultyName> {
        let faulty = |text: &str, why| FaultyName {
            text: text.to_owned(),
            why,
        };
        if !is_word(domain, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit()
        }) {
            return Err(faulty(
                domain,
                "a domain is 1 to 64 of the characters a-z 0-9 . - _",
            ));
        }
        if !is_word(name, |byte| byte.is_ascii_alphanumeric()) || matches!(name, "." | "..") {
            return Err(faulty(
                name,
                "a name is 1 to 64 of the characters A-Z a-z 0-9 . - _",
            ));
        }
        Ok(Self {
            domain: domain.to_owned(),
            place,
            role,
            name: name.to_owned(),
        })
    }

    /// What both offices of a pair, and their people, have in common.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The office.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What they are to it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What they are called there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they could have made such a step of the office at `place`.
    pub fn could_author(&self, place: Place, kind: StepKind) -> bool {
        let at_home = self.place == place || self.role == Role::Controller;
        at_home && self.role != Role::Server && act_of(kind).is_some_and(|act| self.role.may(act))
    }
}

fn is_word(word: &str, is_letter: impl Fn(u8) -> bool) -> bool {
    let is_known = |byte| is_letter(byte) || matches!(byte, b'.' | b'-' | b'_');
    (1..=WORD_BYTES_MAX).contains(&word.len()) && word.bytes().all(is_known)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            place,
            role,
            name,
        } = self;
        write!(f, "{SCHEME}{domain}/office/{place}/{role}/{name}")
    }
}

impl FromStr for Name {
    type Err = FaultyName;

    fn from_str(text: &str) -> Result<Self, FaultyName> {
        let faulty = |why| FaultyName {
            text: text.to_owned(),
            why,
        };
        let path = text.strip_prefix(SCHEME);
        let parts: Vec<&str> = path
            .ok_or_else(|| faulty("it does not begin with spiffe://"))?
            .split('/')
            .collect();
        let [domain, "office", place, role, name] = parts[..] else {
            return Err(faulty(
                "it is not spiffe://<domain>/office/<south|north>/<role>/<name>",
            ));
        };
        let place = place
            .parse()
            .map_err(|_| faulty("its office is neither south nor north"))?;
        let role = role.parse().map_err(|_| {
            faulty("its role is not server, officer, clerk, observer or controller")
        })?;
        Self::new(domain, place, role, name).map_err(|error| faulty(error.why))
    }
}

/// Who speaks over a connection, as the office knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// Nobody has said who they are, where that need not be said: an officer of the office that is asked, without a name.
    Unnamed,
    /// Whoever a certificate names, or a pipe within one process.
    Named(Name),
    /// A certificate that was issued by the right authority, and names nobody who can be known here: why.
    Unproven(String),
}

/// What kind of thing a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Carries the line.
    Carry,
    /// Sends documents.
    Send,
    /// Records a call.
    RecordCall,
    /// Declares the telephone line cut or restored.
    DeclareLine,
    /// Any other step.
    Move,
    /// Changes nothing.
    Read,
    /// Asks whether the office serves.
    AskHealth,
    /// Asks what methods there are.
    AskSchema,
}

/// Every method of every service. What stands here alone may be called.
const METHODS: &[(&str, Act)] = &[
    ("liaison.line.v1.LineService/Carry", Act::Carry),
    ("liaison.office.v1.DocumentService/SendDocument", Act::Send),
    ("liaison.office.v1.DocumentService/SendDocuments", Act::Send),
    (
        "liaison.office.v1.DocumentService/UploadDocument",
        Act::Send,
    ),
    (
        "liaison.office.v1.DocumentService/DownloadDocument",
        Act::Read,
    ),
    ("liaison.office.v1.DocumentService/GetDocument", Act::Read),
    ("liaison.office.v1.DocumentService/ListDocuments", Act::Read),
    (
        "liaison.office.v1.DocumentService/AcknowledgeDocument",
        Act::Move,
    ),
    (
        "liaison.office.v1.DocumentService/RefuseDocument",
        Act::Move,
    ),
    ("liaison.office.v1.MeetingService/ProposeMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/CounterMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/AcceptMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/DeclineMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/CancelMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/ConveneMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/CloseMeeting", Act::Move),
    ("liaison.office.v1.MeetingService/GetMeeting", Act::Read),
    ("liaison.office.v1.MeetingService/ListMeetings", Act::Read),
    ("liaison.office.v1.MeetingService/WatchMeetings", Act::Read),
    ("liaison.office.v1.ContactService/RecordContact", Act::Move),
    ("liaison.office.v1.ContactService/ConfirmContact", Act::Move),
    ("liaison.office.v1.ContactService/ListContacts", Act::Read),
    (
        "liaison.office.v1.ContactService/RecordCall",
        Act::RecordCall,
    ),
    (
        "liaison.office.v1.ContactService/DeclareLine",
        Act::DeclareLine,
    ),
    ("liaison.office.v1.OfficeService/GetOffice", Act::Read),
    ("liaison.ledger.v1.LedgerService/GetTally", Act::Read),
    ("liaison.ledger.v1.LedgerService/GetEntry", Act::Read),
    ("liaison.ledger.v1.LedgerService/ListEntries", Act::Read),
    ("liaison.ledger.v1.LedgerService/WatchEntries", Act::Read),
    ("grpc.health.v1.Health/Check", Act::AskHealth),
    ("grpc.health.v1.Health/Watch", Act::AskHealth),
    (
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Act::AskSchema,
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Act::AskSchema,
    ),
];

/// The act that makes such a step; `None` for what only a clock does.
const fn act_of(kind: StepKind) -> Option<Act> {
    match kind {
        StepKind::DocumentSent => Some(Act::Send),
        StepKind::CallRecorded => Some(Act::RecordCall),
        StepKind::LineDeclared => Some(Act::DeclareLine),
        StepKind::DocumentExpired | StepKind::MeetingLapsed => None,
        _ => Some(Act::Move),
    }
}

/// What a method does, named `package.Service/Method`; `None` if it does not stand in the table, and so is nobody's to call.
pub fn act_of_method(method: &str) -> Option<Act> {
    let known = METHODS.iter().find(|(name, _)| *name == method);
    known.map(|(_, act)| *act)
}

/// Why somebody may not do what they ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It is known who they are, and it is not theirs to do.
    #[error("{who} may not call {method} at the {office} office; {would} would do")]
    NotPermitted {
        /// Who they are.
        who: String,
        /// What was called.
        method: String,
        /// Where.
        office: Place,
        /// Who may.
        would: String,
    },
    /// It is not known who they are, and here it must be.
    #[error("{why}")]
    NoIdentity {
        /// Why, and what to do.
        why: String,
    },
}

/// What an office lets people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    office: Place,
    open_line: bool,
}

impl Authority {
    /// That of the office at `office`. With an `open_line` whoever has no name may be its peer.
    pub fn new(office: Place, open_line: bool) -> Self {
        Self { office, open_line }
    }

    /// Whether `speaker` may call a method, named `package.Service/Method`, which does what [`act_of_method`] says.
    pub fn permits(&self, speaker: &Speaker, act: Option<Act>, method: &str) -> Result<(), Denied> {
        let Some(act) = act else {
            return Err(self.not_permitted(speaker, method, "nobody".to_owned()));
        };
        match speaker {
            Speaker::Unproven(why) => Err(Denied::NoIdentity { why: why.clone() }),
            Speaker::Unnamed if act == Act::Carry && !self.open_line => Err(Denied::NoIdentity {
                why: format!(
                    "the line is spoken with the certificate of the {} office's server, and this connection showed none; \
                     give both offices their identities, or run both with --insecure-line on loopback",
                    self.office.peer()
                ),
            }),
            Speaker::Unnamed => Ok(()),
            Speaker::Named(name) if self.permits_named(name, act) => Ok(()),
            Speaker::Named(_) => {
                let would = self.would_do(act);
                Err(self.not_permitted(speaker, method, would))
            }
        }
    }

    /// Whether `speaker` is the other office itself.
    pub fn is_peer(&self, speaker: &Speaker) -> bool {
        matches!(speaker, Speaker::Named(name) if self.permits_named(name, Act::Carry))
    }

    fn permits_named(&self, name: &Name, act: Act) -> bool {
        if act == Act::Carry {
            return name.role == Role::Server && name.place == self.office.peer();
        }
        // The peer asks how this office is; whoever controls both is nobody's own.
        let at_home =
            name.place == self.office || matches!(name.role, Role::Controller | Role::Server);
        at_home && name.role.may(act)
    }

    fn would_do(&self, act: Act) -> String {
        if act == Act::Carry {
            return format!("the {} office's server", self.office.peer());
        }
        let roles = Role::ALL.into_iter().filter(|role| role.may(act));
        let words: Vec<String> = roles
            .map(|role| match role {
                Role::Controller => "a controller".to_owned(),
                role => format!("the {} office's {role}", self.office),
            })
            .collect();
        words.join(" or ")
    }

    fn not_permitted(&self, speaker: &Speaker, method: &str, would: String) -> Denied {
        let who = match speaker {
            Speaker::Named(name) => name.to_string(),
            Speaker::Unnamed | Speaker::Unproven(_) => "whoever has no name".to_owned(),
        };
        Denied::NotPermitted {
            who,
            method: method.to_owned(),
            office: self.office,
            would,
        }
    }
}

/// Every method that somebody may call, for whoever holds the table against what is served.
pub fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(place: Place, role: Role) -> Name {
        Name::new("pair-1", place, role, "kim").expect("a name")
    }

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is() {
        let written = "spiffe://pair-1/office/north/clerk/kim.2";
        let name: Name = written.parse().expect("a name");
        assert_eq!(name.to_string(), written);
        assert_eq!((name.place(), name.role()), (Place::North, Role::Clerk));
        for wrong in [
            "",
            "spiffe://pair-1",
            "https://pair-1/office/north/clerk/kim",
            "spiffe://pair-1/office/north/clerk",
            "spiffe://pair-1/office/north/clerk/",
            "spiffe://pair-1/office/north/clerk/..",
            "spiffe://pair-1/office/north/clerk/kim/2",
            "spiffe://pair-1/office/east/clerk/kim",
            "spiffe://pair-1/office/north/chief/kim",
            "spiffe://PAIR/office/north/clerk/kim",
            "spiffe:///office/north/clerk/kim",
            "spiffe://pair-1/office/north/clerk/k%69m",
            "spiffe://pair-1/ofice/north/clerk/kim",
        ] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?} was taken");
        }
    }

    /// The whole table as it is meant, once more and from the other side: a role's rows.
    #[test]
    fn each_role_may_do_what_is_its_own() {
        let at = Authority::new(Place::South, false);
        let may = |name: &Name, method: &str| {
            let speaker = Speaker::Named(name.clone());
            let full = methods().find(|it| it.ends_with(&format!("/{method}")));
            let full = full.expect("a method");
            at.permits(&speaker, act_of_method(full), full).is_ok()
        };
        let tried = [
            ("Carry", [false, false, false, false, false]),
            ("SendDocument", [false, true, true, false, false]),
            ("UploadDocument", [false, true, true, false, false]),
            ("RecordCall", [false, true, true, false, false]),
            ("AcknowledgeDocument", [false, true, false, false, false]),
            ("CloseMeeting", [false, true, false, false, false]),
            ("DeclareLine", [false, true, false, false, true]),
            ("ListEntries", [false, true, true, true, true]),
            ("Check", [true, true, true, true, true]),
            ("ServerReflectionInfo", [false, true, true, true, true]),
        ];
        for (method, roles) in tried {
            for (role, own) in Role::ALL.into_iter().zip(roles) {
                assert_eq!(
                    may(&name(Place::South, role), method),
                    own,
                    "{role} {method}"
                );
                let at_peer = match (method, role) {
                    ("Carry", Role::Server) => true,
                    (_, Role::Controller | Role::Server) => own,
                    _ => false,
                };
                assert_eq!(
                    may(&name(Place::North, role), method),
                    at_peer,
                    "{role} {method}"
                );
            }
        }
    }

    #[test]
    fn whoever_has_no_name_is_an_officer_and_never_the_peer() {
        let carry = "liaison.line.v1.LineService/Carry";
        for method in methods() {
            let at = Authority::new(Place::South, false);
            let permitted = at.permits(&Speaker::Unnamed, act_of_method(method), method);
            assert_eq!(permitted.is_ok(), method != carry, "{method}");
        }
        let open = Authority::new(Place::South, true);
        assert_eq!(
            open.permits(&Speaker::Unnamed, Some(Act::Carry), carry),
            Ok(())
        );
        let unproven = Speaker::Unproven("it names two".to_owned());
        for method in methods() {
            let denied = open.permits(&unproven, act_of_method(method), method);
            assert!(matches!(denied, Err(Denied::NoIdentity { .. })), "{method}");
        }
        let unknown = open.permits(
            &Speaker::Unnamed,
            act_of_method("liaison.office.v1.OfficeService/Burn"),
            "Burn",
        );
        assert!(matches!(unknown, Err(Denied::NotPermitted { .. })));
    }

    #[test]
    fn a_denial_says_who_would_do() {
        let at = Authority::new(Place::South, false);
        let clerk = Speaker::Named(name(Place::South, Role::Clerk));
        let declare = "liaison.office.v1.ContactService/DeclareLine";
        let denied = at.permits(&clerk, act_of_method(declare), declare);
        let said = denied.expect_err("it is not a clerk's").to_string();
        assert!(
            said.ends_with("the south office's officer or a controller would do"),
            "{said}"
        );
    }

    #[test]
    fn a_step_could_be_of_those_alone_who_may_make_it() {
        let south = Place::South;
        let sent = StepKind::DocumentSent;
        assert!(name(south, Role::Clerk).could_author(south, sent));
        assert!(!name(Place::North, Role::Clerk).could_author(south, sent));
        assert!(!name(south, Role::Observer).could_author(south, sent));
        assert!(!name(south, Role::Server).could_author(south, sent));
        assert!(!name(south, Role::Officer).could_author(south, StepKind::MeetingLapsed));
        assert!(name(Place::North, Role::Controller).could_author(south, StepKind::LineDeclared));
    }
}
