//! Follow-ups: what answers the documents of another block, or comes of them.

use crate::delay::Delay;
use crate::documents::{Documents, Sending};
use crate::meetings::Meetings;
use crate::staff::NAME_BYTES_MAX;
use reading::{Table, Value};

/// Which block is followed, and how soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Follows {
    name: String,
    pub(crate) after: Delay,
}

impl Follows {
    /// Reads `follows` and `after_…`. The inner `None`: nothing is followed.
    pub(crate) fn read(table: &Table<'_>) -> Option<Option<Self>> {
        let Some(value) = table.optional("follows") else {
            for key in ["after_minutes_min", "after_minutes_max", "after_seconds"] {
                if let Some(value) = table.optional(key) {
                    let message = format!("`{}` says nothing without `follows`", value.path());
                    value.mistake(message, "add `follows`, or leave it out");
                    return None;
                }
            }
            return Some(None);
        };
        let name = value.text(NAME_BYTES_MAX);
        let after = Delay::read(table, "after");
        Some(Some(Self {
            name: name?,
            after: after?,
        }))
    }

    /// The index of the block that is followed; it was checked that there is one.
    pub(crate) fn block_of(&self, all: &[Documents]) -> usize {
        let name = Some(self.name.as_str());
        let found = all.iter().position(|block| block.name.as_deref() == name);
        found.expect("the name was checked")
    }
}

/// Checks that names are given once, that what is followed is there and has enough, and that nothing follows itself.
pub(crate) fn check(
    documents: &[(Value<'_>, Documents)],
    meetings: &[(Value<'_>, Meetings)],
) -> Option<()> {
    let mut right = true;
    for (index, (value, block)) in documents.iter().enumerate() {
        let mut before = documents[..index].iter().map(|(_, before)| &before.name);
        if block.name.is_some() && before.any(|name| *name == block.name) {
            let name = block.name.as_deref().unwrap_or_default();
            let message = format!("`{}` has the name {name:?} of one before it", value.path());
            value.mistake(message, "give each block a name of its own");
            right = false;
        }
    }
    let following = documents.iter().filter_map(|(value, block)| {
        let Sending::Following(follows) = &block.sending else {
            return None;
        };
        Some((value, follows, block.amount.total()))
    });
    let meetings = meetings.iter().filter_map(|(value, block)| {
        let follows = block.follows.as_ref()?;
        Some((value, follows, block.amount.total()))
    });
    for (value, follows, total) in following.chain(meetings) {
        right &= check_one(value, follows, total, documents).is_some();
    }
    right.then_some(())
}

fn check_one(
    value: &Value<'_>,
    follows: &Follows,
    total: Option<u64>,
    documents: &[(Value<'_>, Documents)],
) -> Option<()> {
    let named = |name: &str| {
        let mut blocks = documents.iter().map(|(_, block)| block);
        blocks.find(|block| block.name.as_deref() == Some(name))
    };
    let Some(followed) = named(&follows.name) else {
        let names: Vec<String> = documents
            .iter()
            .filter_map(|(_, block)| Some(format!("{:?}", block.name.as_ref()?)))
            .collect();
        let remedy = if names.is_empty() {
            "give a block of `documents` that `name`".to_owned()
        } else {
            format!("write one of {}", names.join(", "))
        };
        let message = format!(
            "`{}` follows {:?}, which no block is called",
            value.path(),
            follows.name
        );
        value.mistake(message, remedy);
        return None;
    };
    let mut path = vec![follows.name.as_str()];
    let mut at = followed;
    while let Sending::Following(next) = &at.sending {
        let is_cycle = path.contains(&next.name.as_str());
        path.push(&next.name);
        if is_cycle {
            let message = format!(
                "`{}` follows itself: {}",
                value.path(),
                path.join(" follows ")
            );
            value.mistake(message, "let one of them begin of its own accord");
            return None;
        }
        // A name that is not there is told where it is written.
        at = named(&next.name)?;
    }
    if let (Some(total), Some(of)) = (total, followed.amount.total())
        && total > of
    {
        value.mistake(
            format!(
                "`{}` has {total}, and follows {of} of {:?}",
                value.path(),
                follows.name
            ),
            "lower the total: each follows another one",
        );
        return None;
    }
    Some(())
}
