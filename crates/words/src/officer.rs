//! Officers as flags take them: `Name, rank`, or `Name`.

use office::officer::Rank;
use office::{Place, UnknownWord};
use protocol::pb::office as pb;

use crate::nouns;

/// Reads an officer. What follows the last comma is the rank.
pub fn parse(text: &str) -> Result<pb::Officer, String> {
    let (name, rank) = match text.rsplit_once(',') {
        None => (text, pb::Rank::Unspecified),
        Some((name, rank)) => (name, parse_rank(rank)?),
    };
    let name = name.trim();
    if name.is_empty() {
        return Err("the name is missing; write it as \"Name, rank\" or \"Name\"".to_owned());
    }
    Ok(pb::Officer {
        name: name.to_owned(),
        rank: rank.into(),
    })
}

fn parse_rank(text: &str) -> Result<pb::Rank, String> {
    match text.parse::<Rank>() {
        Ok(rank) => Ok(protocol::rank_to_pb(rank)),
        Err(UnknownWord { word, .. }) => Err(format!(
            "{word:?} is no rank; after the last comma write chief, deputy chief, government official \
             or working-level official, or leave the comma out"
        )),
    }
}

/// An officer as people read it, in the form that [`parse`] reads where ranks have no labels.
pub fn words(officer: &pb::Officer) -> String {
    words_at(None, officer)
}

/// The same of an officer of the office at `place`, if that is known.
pub(crate) fn words_at(place: Option<Place>, officer: &pb::Officer) -> String {
    match nouns::rank_of(place, officer.rank) {
        rank if rank.is_empty() => officer.name.clone(),
        rank => format!("{}, {rank}", officer.name),
    }
}

/// An officer that may be missing.
pub fn words_or_empty(officer: Option<&pb::Officer>) -> String {
    officer.map(words).unwrap_or_default()
}

/// The same of an officer of the office at `place`, if that is known.
pub(crate) fn words_or_empty_at(place: Option<Place>, officer: Option<&pb::Officer>) -> String {
    officer
        .map(|officer| words_at(place, officer))
        .unwrap_or_default()
}

/// Several officers.
pub fn list(officers: &[pb::Officer]) -> String {
    let words: Vec<String> = officers.iter().map(words).collect();
    words.join("; ")
}

/// Who acts, and what is said: nothing at all if neither is given.
pub fn remark(officer: Option<pb::Officer>, text: Option<String>) -> Option<pb::Remark> {
    (officer.is_some() || text.is_some()).then(|| pb::Remark {
        officer,
        text: text.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_officer_reads_back() {
        for text in [
            "Chun Hae-sung, chief",
            "Jon Jong-su",
            "A. B., working-level official",
        ] {
            assert_eq!(words(&parse(text).expect("it is an officer")), text);
        }
    }

    #[test]
    fn a_rank_is_read_in_any_case() {
        let officer = parse("Chun Hae-sung,  Deputy Chief ").expect("it is an officer");
        assert_eq!(officer.rank(), pb::Rank::DeputyChief);
        assert_eq!(officer.name, "Chun Hae-sung");
    }

    #[test]
    fn what_is_no_rank_is_said_to_be_none() {
        let error = parse("Chun Hae-sung, general").expect_err("it is no rank");
        assert!(error.contains("\"general\" is no rank"), "{error}");
        assert!(parse(", chief").is_err());
    }
}
