//! Texts, lists and shares as a scenario file writes them.

use std::collections::BTreeMap;

/// Texts that a fit names, the most frequent first.
const TEXTS_MAX: usize = 20;
const TEXT_BYTES_MAX: usize = 512;
/// Words that stand for the shares of forms and precedences.
const WORDS: usize = 20;

pub(crate) fn per_mille(part: usize, whole: usize) -> u64 {
    let (part, whole) = (part as u64, (whole as u64).max(1));
    ((part * 1_000 + whole / 2) / whole).min(1_000)
}

pub(crate) fn listed(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// Words as often as their shares of [`WORDS`] say, each at least once: a draw from the list has the shares.
pub(crate) fn words<'a>(found: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in found {
        *counts.entry(word).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let mut listed = Vec::new();
    for (word, count) in &counts {
        let times = if counts.len() == 1 {
            1
        } else {
            (count * WORDS + all / 2) / all
        };
        listed.extend(std::iter::repeat_n(text(word), times.max(1)));
    }
    format!("[{}]", listed.join(", "))
}

/// The most frequent texts, as a list.
pub(crate) fn ranked<'a>(texts: impl Iterator<Item = &'a str>, or: &str) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for found in texts {
        *counts.entry(found).or_default() += 1;
    }
    most_frequent(counts.into_iter(), or)
}

pub(crate) fn most_frequent<'a>(counts: impl Iterator<Item = (&'a str, u64)>, or: &str) -> String {
    let counts = counts.filter(|(found, _)| fits(found, TEXT_BYTES_MAX));
    let mut counts: Vec<(&str, u64)> = counts.collect();
    counts.sort_by_key(|(found, count)| (std::cmp::Reverse(*count), *found));
    let mut texts: Vec<String> = counts
        .iter()
        .take(TEXTS_MAX)
        .map(|(found, _)| text(found))
        .collect();
    if texts.is_empty() {
        texts.push(text(or));
    }
    format!("[{}]", texts.join(", "))
}

pub(crate) fn fits(text: &str, bytes_max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= bytes_max
}

/// A text as TOML writes it: as JSON does, but for the one character that TOML escapes and JSON does not.
pub(crate) fn text(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}
