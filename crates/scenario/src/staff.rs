//! The staff of an office: its officers by rank.

use jiff::civil::Weekday;
use office::Place;
use office::officer::{Officer, Rank};

use crate::calendar::WEEKDAYS;
use crate::draw::Draw;
use reading::{Table, Value};

pub(crate) const PLACES: &[(&str, Place)] = &[("south", Place::South), ("north", Place::North)];
pub(crate) const STAFF_KEYS: &[&str] = &[
    "chiefs",
    "deputy_chiefs",
    "government_officials",
    "working_level_officials",
    "present",
    "label",
    "rank_labels",
];
/// Who may come and go; working-level officials are always there.
const PRESENT_KEYS: &[&str] = &["chiefs", "deputy_chiefs", "government_officials"];

const OFFICERS_MAX: u64 = 1_000;
pub(crate) const NAME_BYTES_MAX: usize = 256;
/// Two of them and a number are a name.
const LABEL_BYTES_MAX: usize = 100;

/// The officers of an office, by rank. No rank is without an officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// What the office is called in what people read.
    label: Option<String>,
    // In the order of `Rank::WORDS`: what ranks are called there.
    rank_labels: Vec<Option<String>>,
    // In the order of `Rank::WORDS`.
    by_rank: Vec<Vec<Officer>>,
    // In the same order. None: on every day.
    present: Vec<Option<Vec<Weekday>>>,
}

impl Staff {
    pub(crate) fn read(place: Place, table: &Table<'_>) -> Option<Self> {
        let label = table.or("label", None, |value| value.text(LABEL_BYTES_MAX).map(Some));
        let rank_keys = &STAFF_KEYS[..Rank::WORDS.len()];
        let rank_labels = table.or("rank_labels", vec![None; Rank::WORDS.len()], |value| {
            value.table(rank_keys, |table| {
                let label =
                    |key: &&str| table.or(key, None, |value| value.text(LABEL_BYTES_MAX).map(Some));
                let labels: Vec<_> = rank_keys.iter().map(label).collect();
                labels.into_iter().collect()
            })
        });
        let rank_labels_known = rank_labels.clone().unwrap_or_default();
        let office = label.clone().flatten();
        let office = office.unwrap_or_else(|| format!("the {place} office"));
        let ranks: Vec<Option<Vec<Officer>>> = STAFF_KEYS
            .iter()
            .zip(Rank::WORDS)
            .enumerate()
            .map(|(index, (key, (word, rank)))| {
                let label = rank_labels_known.get(index).and_then(Option::as_deref);
                officers(&table.required(key)?, &office, label.unwrap_or(word), *rank)
            })
            .collect();
        let present = table.or("present", vec![None; Rank::WORDS.len()], |value| {
            value.table(PRESENT_KEYS, |table| {
                let days = |key: &&str| {
                    table.or(key, None, |value| {
                        value.filled_list(|day| day.word(WEEKDAYS)).map(Some)
                    })
                };
                let days: Vec<_> = PRESENT_KEYS.iter().map(days).collect();
                days.into_iter().chain([Some(None)]).collect()
            })
        });
        let by_rank = ranks.into_iter().collect::<Option<_>>()?;
        Some(Self {
            label: label?,
            rank_labels: rank_labels?,
            by_rank,
            present: present?,
        })
    }

    /// What the office is called, if not by its place.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// What the office is called, and ranks of it, as far as that is not the usual.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (Option<Rank>, &str)> {
        let office = self.label().map(|label| (None, label));
        let ranks = Rank::WORDS.iter().zip(&self.rank_labels);
        let ranks = ranks.filter_map(|((_, rank), label)| Some((Some(*rank), label.as_deref()?)));
        office.into_iter().chain(ranks)
    }

    /// How many officers.
    pub fn count(&self) -> usize {
        self.by_rank.iter().map(Vec::len).sum()
    }

    /// Whether the officers of `rank` are at the office on a `weekday`.
    pub(crate) fn is_there(&self, rank: Rank, weekday: Weekday) -> bool {
        let index = Rank::WORDS.iter().position(|(_, known)| *known == rank);
        let days = index.and_then(|index| self.present[index].as_ref());
        days.is_none_or(|days| days.contains(&weekday))
    }

    /// Who acts in the place of `officer` on a `weekday`: the next lower rank that is there.
    pub(crate) fn stand_in(&self, officer: &Officer, weekday: Weekday) -> Option<&Officer> {
        let at = Rank::WORDS
            .iter()
            .position(|(_, rank)| Some(*rank) == officer.rank)?;
        let there =
            (at..Rank::WORDS.len()).find(|index| self.is_there(Rank::WORDS[*index].1, weekday))?;
        (there > at).then(|| &self.by_rank[there][0])
    }

    /// The first officer of the highest rank.
    pub(crate) fn first(&self) -> Officer {
        self.by_rank[0][0].clone()
    }

    /// An officer of `rank`.
    pub(crate) fn of_rank(&self, rank: Rank, draw: &mut Draw) -> Officer {
        draw.one_of(self.officers(rank)).clone()
    }

    /// Any officer.
    pub(crate) fn any(&self, draw: &mut Draw) -> Officer {
        let mut index = draw.within(0..=self.count() as u64 - 1) as usize;
        for officers in &self.by_rank {
            match officers.get(index) {
                Some(officer) => return officer.clone(),
                None => index -= officers.len(),
            }
        }
        unreachable!("the index is below the count of all officers")
    }

    /// Who goes to a contact: one of `rank`, and up to two working-level officials beside.
    pub(crate) fn delegation(&self, rank: Rank, draw: &mut Draw) -> Vec<Officer> {
        let mut beside = self.officers(Rank::WorkingLevelOfficial).to_vec();
        let lead = self.of_rank(rank, draw);
        beside.retain(|officer| *officer != lead);
        let count = draw.within(0..=2) as usize;
        draw.shuffle_first(&mut beside, count);
        beside.truncate(count);
        beside.insert(0, lead);
        beside
    }

    fn officers(&self, rank: Rank) -> &[Officer] {
        let index = Rank::WORDS.iter().position(|(_, known)| *known == rank);
        &self.by_rank[index.expect("every rank has a word")]
    }
}

/// Names, or the count of officers who have none in the record.
fn officers(value: &Value<'_>, office: &str, word: &str, rank: Rank) -> Option<Vec<Officer>> {
    let officer = |name| Officer {
        name,
        rank: Some(rank),
    };
    if value.is_integer() {
        let count = value.integer(1..=OFFICERS_MAX)?;
        let unnamed = |number| officer(format!("{word} {number} of {office}"));
        return Some((1..=count).map(unnamed).collect());
    }
    let names = value.filled_list(|name| name.text(NAME_BYTES_MAX))?;
    Some(names.into_iter().map(officer).collect())
}
