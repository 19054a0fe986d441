//! What people call an office and its ranks, where that is not what the domain calls them.
//!
//! Labels are for whoever reads: a row, a page. JSON, exports and names keep the domain's words, by which programs go.

use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

use office::Place;
use office::officer::Rank;

use crate::style::clean;

/// So many bytes are more than any labels are.
pub const BYTES_MAX: usize = 8 * 1024;

/// What is called what: an office, or a rank of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(Place, Option<Rank>, String)>);

/// Those that all is told by. As with whose clocks, it is the process that tells.
static SET: RwLock<Labels> = RwLock::new(Labels(Vec::new()));

impl Labels {
    /// Adds what an office, or a rank of it, is called.
    pub fn add(&mut self, place: Place, rank: Option<Rank>, label: &str) {
        self.0.push((place, rank, label.to_owned()));
    }

    /// Whether nothing is called other than usual.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what [`Self::to_text`] writes. What is none is passed over: nothing but the look of a table stands on it.
    pub fn parse(text: &str) -> Self {
        let read = |line: &str| {
            let (of, label) = line.split_once(": ")?;
            let (place, rank) = match of.split_once(", ") {
                Some((place, rank)) => (place, Some(rank.parse().ok()?)),
                None => (of, None),
            };
            let label = clean(label.trim());
            (!label.is_empty()).then_some((place.parse().ok()?, rank, label))
        };
        Self(text.lines().filter_map(read).collect())
    }

    /// A line each: `south: the ministry`, `south, chief: director`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (place, rank, label) in &self.0 {
            let rank = rank.map_or_else(String::new, |rank| format!(", {}", rank.word()));
            let _ = writeln!(text, "{place}{rank}: {label}");
        }
        text
    }

    fn of(&self, place: Place, rank: Option<Rank>) -> Option<&str> {
        let mut all = self.0.iter();
        let found = all.find(|(at, of, _)| (*at, *of) == (place, rank))?;
        Some(&found.2)
    }

    /// What a rank is called: by the office, or where that is not known, by both.
    fn of_rank(&self, place: Option<Place>, rank: Rank) -> Option<String> {
        let at = |place| self.of(place, Some(rank));
        let label = match (place, at(Place::South), at(Place::North)) {
            (Some(place), ..) => at(place)?,
            (None, Some(south), Some(north)) if south != north => {
                return Some(format!("{south} or {north}"));
            }
            (None, south, north) => south.or(north)?,
        };
        Some(label.to_owned())
    }
}

/// Has all told by these labels.
pub fn set(labels: Labels) {
    *SET.write().unwrap_or_else(PoisonError::into_inner) = labels;
}

fn with<T>(ask: impl FnOnce(&Labels) -> T) -> T {
    ask(&SET.read().unwrap_or_else(PoisonError::into_inner))
}

/// What an office is called: `south`, unless it has a label.
pub fn office(place: Place) -> String {
    with(|labels| labels.of(place, None).map(str::to_owned)).unwrap_or_else(|| place.to_string())
}

/// What a rank of the office is called, as far as it is known whose it is.
pub(crate) fn rank(place: Option<Place>, rank: Rank) -> String {
    labelled(place, rank).unwrap_or_else(|| rank.word().to_owned())
}

/// The same, if it has a label.
pub(crate) fn labelled(place: Option<Place>, rank: Rank) -> Option<String> {
    with(|labels| labels.of_rank(place, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_and_what_is_none_is_passed_over() {
        let mut labels = Labels::default();
        labels.add(Place::South, None, "the ministry");
        labels.add(Place::South, Some(Rank::DeputyChief), "deputy director");
        labels.add(Place::North, Some(Rank::DeputyChief), "vice chair");
        let text = labels.to_text();
        assert_eq!(
            text,
            "south: the ministry\nsouth, deputy chief: deputy director\nnorth, deputy chief: vice chair\n"
        );
        let read = Labels::parse(&format!("x\nwest: w\n{text}south, king: k\nsouth: \n"));
        assert_eq!(read, labels);
        assert_eq!(read.of(Place::South, None), Some("the ministry"));
        let deputy = |place| read.of_rank(place, Rank::DeputyChief);
        assert_eq!(deputy(Some(Place::North)).as_deref(), Some("vice chair"));
        assert_eq!(
            deputy(None).as_deref(),
            Some("deputy director or vice chair")
        );
        assert_eq!(read.of_rank(None, Rank::Chief), None);
        assert!(
            !Labels::parse("south: a\u{1b}[2Jb")
                .to_text()
                .contains('\u{1b}')
        );
    }
}
