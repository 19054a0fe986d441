//! Which parts of a schedule reports are, and what they are together.

use std::collections::BTreeMap;

use super::MergeError;
use crate::report::Report;
use crate::shard::Shard;

/// Parts of one schedule: each with the report it came from. They are written as `1/3+2/3`, all of them as nothing.
#[derive(Debug)]
pub(super) struct Parts<'r>(BTreeMap<Shard, &'r str>);

impl<'r> Parts<'r> {
    pub(super) fn of_all(named: &'r [(String, Report)]) -> Result<Self, MergeError> {
        let mut parts = BTreeMap::new();
        let mut of = None;
        for (name, report) in named {
            for shard in parts_of(name, &report.setup.shard)? {
                let (first, first_of) = *of.get_or_insert((name, shard.of()));
                if first_of != shard.of() {
                    return Err(MergeError::Differs {
                        name: name.clone(),
                        first: first.clone(),
                        what: "number of parts",
                        is: shard.of().to_string(),
                        was: first_of.to_string(),
                    });
                }
                if let Some(other) = parts.insert(shard, name.as_str()) {
                    return Err(MergeError::SamePart {
                        name: name.clone(),
                        other: other.to_owned(),
                        part: if shard.is_whole() {
                            "all".to_owned()
                        } else {
                            format!("part {shard}")
                        },
                    });
                }
            }
        }
        Ok(Self(parts))
    }
}

fn parts_of(name: &str, shard: &str) -> Result<Vec<Shard>, MergeError> {
    if shard.is_empty() {
        return Ok(vec![Shard::WHOLE]);
    }
    let parts: Result<_, _> = shard.split('+').map(str::parse).collect();
    parts.map_err(|_| MergeError::Part {
        name: name.to_owned(),
        shard: shard.to_owned(),
    })
}

impl std::fmt::Display for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = self.0.keys().next().map_or(1, |shard| shard.of());
        if self.0.len() as u64 == of {
            return Ok(());
        }
        let parts: Vec<String> = self.0.keys().map(Shard::to_string).collect();
        f.write_str(&parts.join("+"))
    }
}
