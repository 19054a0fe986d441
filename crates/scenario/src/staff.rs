//! The staff of an office: its officers by rank.

use office::Place;
use office::officer::{Officer, Rank};

use crate::draw::Draw;
use crate::table::{Table, Value};

pub(crate) const PLACES: &[(&str, Place)] = &[("south", Place::South), ("north", Place::North)];
pub(crate) const RANKS: &[(&str, Rank)] = &[
    ("chief", Rank::Chief),
    ("deputy chief", Rank::DeputyChief),
    ("government official", Rank::GovernmentOfficial),
    ("working-level official", Rank::WorkingLevelOfficial),
];
pub(crate) const STAFF_KEYS: &[&str] = &[
    "chiefs",
    "deputy_chiefs",
    "government_officials",
    "working_level_officials",
];

const OFFICERS_MAX: u64 = 1_000;
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// The officers of an office, by rank. No rank is without an officer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    // In the order of `RANKS`.
    by_rank: Vec<Vec<Officer>>,
}

impl Staff {
    pub(crate) fn read(place: Place, table: &Table<'_>) -> Option<Self> {
        let ranks: Vec<Option<Vec<Officer>>> = STAFF_KEYS
            .iter()
            .zip(RANKS)
            .map(|(key, (word, rank))| officers(&table.required(key)?, place, word, *rank))
            .collect();
        let by_rank = ranks.into_iter().collect::<Option<_>>()?;
        Some(Self { by_rank })
    }

    /// How many officers.
    pub fn count(&self) -> usize {
        self.by_rank.iter().map(Vec::len).sum()
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
        let index = RANKS.iter().position(|(_, known)| *known == rank);
        &self.by_rank[index.expect("every rank has a word")]
    }
}

/// Names, or the count of officers who have none in the record.
fn officers(value: &Value<'_>, place: Place, word: &str, rank: Rank) -> Option<Vec<Officer>> {
    let officer = |name| Officer {
        name,
        rank: Some(rank),
    };
    if value.is_integer() {
        let count = value.integer(1..=OFFICERS_MAX)?;
        let unnamed = |number| officer(format!("{word} {number} of the {place} office"));
        return Some((1..=count).map(unnamed).collect());
    }
    let names = value.filled_list(|name| name.text(NAME_BYTES_MAX))?;
    Some(names.into_iter().map(officer).collect())
}
