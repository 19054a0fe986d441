//! What a ledger has, as far as a scenario can say it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use ledger::Entry;
use office::{PerPlace, Place, StepId, StepKind};
use prost::Message as _;
use protocol::pb::office as pb;

use crate::contacts::Contacts;
use crate::weeks::{date_of, week_of};
use formats::officers_of;
use formats::{Teller, Told};

/// Subjects that are told apart; what comes after is counted with none.
const SUBJECTS_MAX: usize = 10_000;
/// Officers of one rank that are told apart.
pub(crate) const OFFICERS_MAX: usize = 1_000;
/// A document, as far as its fit goes. Times in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Since 1970-01-01 00:00 by the ledger's local clock.
    pub(crate) at_s: i64,
    pub(crate) place: Place,
    pub(crate) bytes: u64,
    /// Until it was acknowledged or refused.
    pub(crate) answered_s: Option<u64>,
    pub(crate) refused: bool,
    /// Since the document that it answers.
    pub(crate) replies_s: Option<u64>,
    pub(crate) form: i32,
    pub(crate) precedence: i32,
}

/// Which weeks of a ledger are looked at; a week begins on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weeks {
    /// All of them.
    All,
    /// The first, the third, and so on.
    Odd,
    /// The second, the fourth, and so on.
    Even,
}

/// What a ledger has, as far as a scenario can say it: about 150 bytes a document.
#[derive(Debug)]
pub struct Observed {
    offset: Offset,
    teller: Teller,
    pub(crate) documents: Vec<Seen>,
    index: BTreeMap<StepId, usize>,
    /// The last document without a reply, from one officer to another.
    unanswered: BTreeMap<(String, String), usize>,
    /// Whether documents say themselves what they answer.
    named_replies: bool,
    /// In the place of that: what the names say.
    paired_s: Vec<Option<u64>>,
    pub(crate) subjects: BTreeMap<String, u64>,
    pub(crate) officers: PerPlace<BTreeMap<i32, BTreeSet<String>>>,
    pub(crate) contacts: Contacts,
    first_s: Option<i64>,
    last_s: Option<i64>,
}

impl Observed {
    /// Begins to observe; `offset` is the local clock's distance from UTC.
    pub fn begin(offset: Offset) -> Self {
        Self {
            offset,
            teller: Teller::default(),
            documents: Vec::new(),
            index: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            named_replies: false,
            paired_s: Vec::new(),
            subjects: BTreeMap::new(),
            officers: PerPlace::default(),
            contacts: Contacts::default(),
            first_s: None,
            last_s: None,
        }
    }

    /// Takes an entry of the ledger, in order. Local notes are passed over.
    pub fn take(&mut self, entry: &Entry) {
        let Some(told) = self.teller.tell(entry) else {
            return;
        };
        if told.applied.inert {
            return;
        }
        let at_s = self.local_s(told.step.authored_at);
        self.first_s = Some(self.first_s.map_or(at_s, |first| first.min(at_s)));
        self.last_s = Some(self.last_s.map_or(at_s, |last| last.max(at_s)));
        self.meet(&told);
        match told.step.kind {
            StepKind::DocumentSent => self.sent(&told, at_s),
            StepKind::DocumentAcknowledged | StepKind::DocumentReceiptRefused => {
                let of = told.step.parent.and_then(|parent| self.index.get(&parent));
                if let Some(document) = of.map(|index| &mut self.documents[*index]) {
                    let answered_s = u64::try_from(at_s - document.at_s).unwrap_or(0);
                    document.answered_s.get_or_insert(answered_s.max(1));
                    document.refused = told.step.kind == StepKind::DocumentReceiptRefused;
                }
            }
            _ => self.contacts.take(&told, at_s, self.offset),
        }
    }

    /// All has been taken: what is only needed on the way is let go.
    pub fn finish(&mut self) {
        if !self.named_replies {
            for (document, paired_s) in self.documents.iter_mut().zip(&self.paired_s) {
                document.replies_s = *paired_s;
            }
        }
        self.teller = Teller::default();
        self.index.clear();
        self.unanswered.clear();
        self.paired_s.clear();
        // Both ledgers of a pair are to give one fit, in whichever order they recorded.
        self.documents
            .sort_by_key(|document| (document.at_s, document.place));
    }

    /// The local clock's distance from UTC.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// The documents of some weeks.
    pub(crate) fn documents_of(&self, weeks: Weeks) -> impl Iterator<Item = &Seen> {
        let first = self.first_week();
        self.documents.iter().filter(move |document| {
            let week = week_of(document.at_s) - first;
            match weeks {
                Weeks::All => true,
                Weeks::Odd => week % 2 == 0,
                Weeks::Even => week % 2 == 1,
            }
        })
    }

    /// The first and the last day, by the local clock.
    pub(crate) fn days(&self) -> Option<(Date, Date)> {
        Some((date_of(self.first_s?), date_of(self.last_s?)))
    }

    pub(crate) fn first_week(&self) -> i64 {
        self.first_s.map_or(0, week_of)
    }

    pub(crate) fn last_week(&self) -> i64 {
        self.last_s.map_or(0, week_of)
    }

    fn local_s(&self, at: Timestamp) -> i64 {
        at.as_second() + i64::from(self.offset.seconds())
    }

    fn sent(&mut self, told: &Told, at_s: i64) {
        let Ok(document) = pb::Document::decode(told.payload.clone()) else {
            return;
        };
        let place = told.step.id.place;
        let index = self.documents.len();
        let asked = office::Collection::Documents
            .parse(&document.in_reply_to)
            .ok();
        self.named_replies |= asked.is_some();
        let asked = asked.and_then(|asked| self.index.get(&asked));
        let asked = asked.map(|asked| self.documents[*asked].at_s);
        let since = |asked_s: i64| u64::try_from(at_s - asked_s).unwrap_or(0).max(1);
        let name = |officer: Option<pb::Officer>| officer.unwrap_or_default().name;
        let pair = (name(document.signatory), name(document.addressee));
        let mut paired_s = None;
        if !pair.0.is_empty() && !pair.1.is_empty() {
            let back = (pair.1.clone(), pair.0.clone());
            let asked = self.unanswered.remove(&back);
            paired_s = asked.map(|asked| since(self.documents[asked].at_s));
            self.unanswered.insert(pair, index);
        }
        self.paired_s.push(paired_s);
        let subject = document.subject.trim_end_matches(" (reissued)");
        let subject = subject.trim_start_matches("Re: ");
        if self.subjects.len() < SUBJECTS_MAX || self.subjects.contains_key(subject) {
            *self.subjects.entry(subject.to_owned()).or_default() += 1;
        }
        self.index.insert(told.step.id, index);
        self.documents.push(Seen {
            at_s,
            place,
            bytes: document.body.len() as u64,
            answered_s: None,
            refused: false,
            replies_s: asked.map(since),
            form: document.form,
            precedence: document.precedence,
        });
    }

    /// Notes the officers whose office is known.
    fn meet(&mut self, told: &Told) {
        let author = told.step.id.place;
        for (what, officer) in officers_of(told.step.kind, &told.payload) {
            let place = match what {
                "signatory" | "by" => author,
                "addressee" => author.peer(),
                _ => continue,
            };
            let names = self.officers[place].entry(officer.rank).or_default();
            if names.len() < OFFICERS_MAX {
                names.insert(officer.name);
            }
        }
    }
}
