//! Values that are other ones this time: those that answers make, and keys that are drawn anew.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use prost_reflect::MessageDescriptor;
use transcript::{FieldName, Known};

use crate::leaf::{self, Leaf};
use crate::script::{Planned, Say, Script};

/// What is drawn for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// A UUID, version 4.
    Uuid,
    /// 1, 2, 3 and so on.
    Sequence,
}

/// A field whose values are drawn anew: the same one for the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekey {
    /// The field.
    pub field: FieldName,
    /// What is drawn.
    pub fresh: Fresh,
}

/// A `--rekey` that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key to draw anew; write request_id=uuid, 3.1=sequence or metadata.x-request-id=uuid"
)]
pub struct FaultyRekey(String);

impl FromStr for Rekey {
    type Err = FaultyRekey;

    fn from_str(written: &str) -> Result<Self, FaultyRekey> {
        let faulty = || FaultyRekey(written.to_owned());
        let (field, fresh) = written.split_once('=').ok_or_else(faulty)?;
        let fresh = match fresh {
            "uuid" => Fresh::Uuid,
            "sequence" => Fresh::Sequence,
            _ => return Err(faulty()),
        };
        let field = field.parse().map_err(|_| faulty())?;
        Ok(Self { field, fresh })
    }
}

/// Which values of answers are looked for in later requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Correlate {
    /// None.
    #[default]
    Nothing,
    /// Whatever an answer says first, and is neither a word nor a small number.
    Auto,
    /// Those of these fields.
    Fields(Vec<FieldName>),
}

/// A value that an answer made, and later requests repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The call whose answer it was: an index of [`Script::calls`].
    pub call: usize,
    /// The how-manieth of its answers, from 0 on.
    pub answer: usize,
    /// The fields that lead to it.
    pub path: Vec<u32>,
    /// The how-manieth value there, from 0 on.
    pub place: usize,
    /// The value, when it was recorded.
    pub recorded: Leaf,
    /// How many requests repeat it.
    pub repeats: usize,
}

impl Script {
    /// Finds what answers make and requests repeat, and notes with each request what it needs.
    pub fn correlate(&mut self, correlate: &Correlate) {
        if *correlate == Correlate::Nothing {
            return;
        }
        let mut found = self.made(correlate);
        let sources = &mut self.sources;
        for call in &mut self.calls {
            for say in &mut call.says {
                let mut needs = BTreeSet::new();
                leaf::visit(&say.unpacked, call.input.as_ref(), |_, leaf| {
                    needs.extend(needed(&mut found, sources, &leaf, say.at));
                });
                say.needs = needs.into_iter().collect();
            }
            let metadata = call.metadata.iter();
            let values = metadata.map(|(_, value)| Leaf::Bytes(value.clone()));
            let needs = values.filter_map(|leaf| needed(&mut found, sources, &leaf, call.began));
            call.needs = needs.collect::<BTreeSet<_>>().into_iter().collect();
            let of_messages = call.says.iter().flat_map(|say| &say.needs);
            for need in of_messages.chain(&call.needs) {
                sources[*need].repeats += 1;
            }
        }
    }

    /// What answers say that no request has said before, each with the answer that it is best had from.
    fn made(&self, correlate: &Correlate) -> BTreeMap<Leaf, Made> {
        let mut said_by_requests: BTreeMap<Leaf, Duration> = BTreeMap::new();
        for call in &self.calls {
            for say in &call.says {
                leaf::visit(&say.unpacked, call.input.as_ref(), |_, leaf| {
                    let first = said_by_requests.entry(leaf).or_insert(say.at);
                    *first = say.at.min(*first);
                });
            }
        }
        let mut made: BTreeMap<Leaf, Made> = BTreeMap::new();
        for (index, call) in self.calls.iter().enumerate() {
            let fields: Option<BTreeSet<Vec<u32>>> = match correlate {
                Correlate::Fields(fields) => Some(
                    fields
                        .iter()
                        .filter_map(|field| field.numbers(call.output.as_ref()))
                        .collect(),
                ),
                _ => None,
            };
            // Of a stream it is not sure that the same comes at the same place.
            let is_one = call.awaited.played.answers.len() == 1;
            let answers = call.awaited.played.answers.iter().zip(&call.awaited.at);
            for (number, (answer, at)) in answers.enumerate() {
                let mut places: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
                leaf::visit(answer, call.output.as_ref(), |path, leaf| {
                    let place = places.entry(path.to_vec()).or_default();
                    let here = *place;
                    *place += 1;
                    let is_wanted = match &fields {
                        Some(fields) => fields.contains(path),
                        None => leaf.is_telling(),
                    };
                    let is_first = said_by_requests.get(&leaf).is_some_and(|said| said >= at);
                    if !is_wanted || !is_first {
                        return;
                    }
                    let source = Source {
                        call: index,
                        answer: number,
                        path: path.to_vec(),
                        place: here,
                        recorded: leaf.clone(),
                        repeats: 0,
                    };
                    let first_said = said_by_requests[&leaf];
                    let new = Made {
                        source,
                        at: *at,
                        is_one,
                        index: None,
                    };
                    let is_better = made.get(&leaf).is_none_or(|old| {
                        let rank = |it: &Made| (it.at > first_said, !it.is_one, it.at);
                        rank(&new) < rank(old)
                    });
                    if is_better {
                        made.insert(leaf, new);
                    }
                });
            }
        }
        made
    }
}

/// The source of a value, if an answer made it before `at`.
fn needed(
    found: &mut BTreeMap<Leaf, Made>,
    sources: &mut Vec<Source>,
    leaf: &Leaf,
    at: Duration,
) -> Option<usize> {
    let made = found.get_mut(leaf).filter(|made| made.at <= at)?;
    Some(*made.index.get_or_insert_with(|| {
        sources.push(made.source.clone());
        sources.len() - 1
    }))
}

/// A value, and where it is best had from.
#[derive(Debug)]
struct Made {
    source: Source,
    at: Duration,
    is_one: bool,
    index: Option<usize>,
}

/// What the values are this time.
#[derive(Debug)]
pub struct Values {
    sources: Vec<Source>,
    /// Indices of the sources of each call's answers.
    of_call: BTreeMap<usize, Vec<usize>>,
    settled: Vec<bool>,
    rekeyed: Vec<Rekey>,
    now: BTreeMap<Leaf, Leaf>,
    sequence: u64,
    /// Sources whose answer has not come, or lacks them.
    lost: u64,
}

impl Values {
    /// Those of a script, with the keys that are drawn anew.
    pub fn new(script: &Script, rekeyed: &[Rekey]) -> Self {
        let mut of_call: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, source) in script.sources.iter().enumerate() {
            of_call.entry(source.call).or_default().push(index);
        }
        Self {
            settled: vec![false; script.sources.len()],
            sources: script.sources.clone(),
            of_call,
            rekeyed: rekeyed.to_vec(),
            now: BTreeMap::new(),
            sequence: 0,
            lost: 0,
        }
    }

    /// Whether all of these are known, or will not be.
    pub fn are_settled(&self, needs: &[usize]) -> bool {
        needs.iter().all(|need| self.settled[*need])
    }

    /// Values that the answers did not make again.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// An answer has come; true if something is known by it.
    pub fn hear(
        &mut self,
        call: usize,
        answer: usize,
        bytes: &[u8],
        output: Option<&MessageDescriptor>,
    ) -> bool {
        let Some(of_call) = self.of_call.get(&call) else {
            return false;
        };
        let mine: Vec<usize> = of_call
            .iter()
            .copied()
            .filter(|index| self.sources[*index].answer == answer)
            .collect();
        if mine.is_empty() {
            return false;
        }
        let mut places: BTreeMap<(Vec<u32>, usize), Leaf> = BTreeMap::new();
        let mut counts: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        leaf::visit(bytes, output, |path, leaf| {
            let count = counts.entry(path.to_vec()).or_default();
            places.insert((path.to_vec(), *count), leaf);
            *count += 1;
        });
        for index in mine {
            let source = &self.sources[index];
            let key = (source.path.clone(), source.place);
            match places.remove(&key) {
                Some(leaf) => {
                    self.now.insert(source.recorded.clone(), leaf.clone());
                    places.insert(key, leaf);
                }
                None => self.lost += 1,
            }
            self.settled[index] = true;
        }
        true
    }

    /// A call is over: what its answers have not made, they will not.
    pub fn end(&mut self, call: usize) -> bool {
        let mut is_news = false;
        for index in self.of_call.get(&call).into_iter().flatten() {
            if !self.settled[*index] {
                self.settled[*index] = true;
                self.lost += 1;
                is_news = true;
            }
        }
        is_news
    }

    /// A message as it is to be sent now; `None` if it is the one that was recorded. `uuid` draws one.
    pub fn say(
        &mut self,
        call: &Planned,
        say: &Say,
        mut uuid: impl FnMut() -> [u8; 16],
    ) -> Option<Vec<u8>> {
        let input = call.input.as_ref();
        let keys: Vec<(Vec<u32>, Fresh)> = self
            .rekeyed
            .iter()
            .filter_map(|rekey| Some((rekey.field.numbers(input)?, rekey.fresh)))
            .collect();
        leaf::rewrite(&say.unpacked, input, |path, leaf| {
            let known = self.now.get(&leaf).cloned();
            known.or_else(|| {
                let (_, fresh) = keys.iter().find(|(key, _)| key == path)?;
                let drawn = self.draw(*fresh, &leaf, uuid());
                self.now.insert(leaf, drawn.clone());
                Some(drawn)
            })
        })
    }

    /// A call's metadata as it is to be sent now.
    pub fn metadata(
        &mut self,
        call: &Planned,
        mut uuid: impl FnMut() -> [u8; 16],
    ) -> Vec<(String, Vec<u8>)> {
        let mut metadata = call.metadata.clone();
        for (name, value) in &mut metadata {
            let leaf = Leaf::Bytes(value.clone());
            let is_it =
                |rekey: &&Rekey| matches!(&rekey.field, FieldName::Metadata(of) if of == name);
            let fresh = self.rekeyed.iter().find(is_it).map(|it| it.fresh);
            let known = self.now.get(&leaf).cloned();
            let new = known.or_else(|| {
                let drawn = self.draw(fresh?, &leaf, uuid());
                self.now.insert(leaf, drawn.clone());
                Some(drawn)
            });
            match new {
                Some(Leaf::Bytes(bytes)) => *value = bytes,
                Some(Leaf::Number(number)) => *value = number.to_string().into_bytes(),
                None => {}
            }
        }
        metadata
    }

    /// What was recorded, with the values of now in it.
    pub fn translated(
        &self,
        message: &[u8],
        descriptor: Option<&MessageDescriptor>,
    ) -> Option<Vec<u8>> {
        leaf::rewrite(message, descriptor, |_, leaf| self.now.get(&leaf).cloned())
    }

    fn draw(&mut self, fresh: Fresh, leaf: &Leaf, uuid: [u8; 16]) -> Leaf {
        match (fresh, leaf) {
            (Fresh::Sequence, leaf) => {
                self.sequence += 1;
                match leaf {
                    Leaf::Number(_) => Leaf::Number(self.sequence),
                    Leaf::Bytes(_) => Leaf::Bytes(self.sequence.to_string().into_bytes()),
                }
            }
            (Fresh::Uuid, Leaf::Bytes(old)) if old.len() == uuid.len() => {
                Leaf::Bytes(version_4(uuid).to_vec())
            }
            (Fresh::Uuid, Leaf::Bytes(_)) => Leaf::Bytes(hyphenated(version_4(uuid)).into_bytes()),
            (Fresh::Uuid, Leaf::Number(_)) => Leaf::Number(
                uuid.iter()
                    .take(7)
                    .fold(0, |number, byte| number << 8 | u64::from(*byte)),
            ),
        }
    }
}

fn version_4(mut uuid: [u8; 16]) -> [u8; 16] {
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

fn hyphenated(uuid: [u8; 16]) -> String {
    let hex = words::hex::joined(&uuid);
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

/// How a field is called by its numbers, if what it is of is known.
pub(crate) fn named(path: &[u32], descriptor: Option<&MessageDescriptor>) -> String {
    Known::named(path, descriptor)
}

impl Source {
    /// How the field is called that it stands in.
    pub fn field(&self, script: &Script) -> String {
        named(&self.path, script.calls[self.call].output.as_ref())
    }
}
