//! Where in a ring something is, by a hash of it.

/// Slots by hash: open addressing with linear probing, at most half full, eight bytes an entry.
///
/// An entry keeps the hash beside the slot, so that neither looking past it, nor taking it out, nor growing
/// ever touches what the slot holds: two cache misses for one in and one out, whatever the size. Nothing
/// depends on the order of entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots {
    /// `hash << 32 | slot + 1`; 0 is free. Empty, or a power of two long.
    entries: Vec<u64>,
    len: usize,
}

impl Slots {
    /// The slot with `hash` that `is_it`.
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = hash as usize & self.mask();
        loop {
            let entry = self.entries.get(at).copied().filter(|entry| *entry != 0)?;
            let slot = entry as u32 - 1;
            if hash_of(entry) == hash && is_it(slot) {
                return Some(slot);
            }
            at = (at + 1) & self.mask();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds `slot`, below `u32::MAX`.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        if self.entries.len() < (self.len + 1) * 2 {
            self.grow();
        }
        self.put(entry_of(hash, slot));
        self.len += 1;
    }

    /// Takes `slot` out, if it is there.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let gone = entry_of(hash, slot);
        let mut at = hash as usize & self.mask();
        while self
            .entries
            .get(at)
            .is_some_and(|entry| *entry != gone && *entry != 0)
        {
            at = (at + 1) & self.mask();
        }
        if self.entries.get(at) == Some(&gone) {
            self.close_gap(at);
            self.len -= 1;
        }
    }

    /// Frees `gap`, and moves up what was put further on only because it was taken.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.mask();
        let mut at = (gap + 1) & mask;
        while self.entries[at] != 0 {
            let home = hash_of(self.entries[at]) as usize & mask;
            let from_home = at.wrapping_sub(home) & mask;
            let from_gap = at.wrapping_sub(gap) & mask;
            if from_home >= from_gap {
                self.entries[gap] = self.entries[at];
                gap = at;
            }
            at = (at + 1) & mask;
        }
        self.entries[gap] = 0;
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(16);
        let entries = std::mem::replace(&mut self.entries, vec![0; len]);
        for entry in entries.into_iter().filter(|entry| *entry != 0) {
            self.put(entry);
        }
    }

    fn put(&mut self, entry: u64) {
        let mut at = hash_of(entry) as usize & self.mask();
        while self.entries[at] != 0 {
            at = (at + 1) & self.mask();
        }
        self.entries[at] = entry;
    }

    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }
}

fn entry_of(hash: u32, slot: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(slot + 1)
}

fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Hashes that are equal or neighbours, as ids through the public face would hardly have.
        #[test]
        fn slots_are_found_by_hash_whatever_collides(
            steps in prop::collection::vec((0..8_u32, any::<bool>(), any::<bool>()), 1..200),
        ) {
            let mut slots = Slots::default();
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            for (slot, (near, wraps, remove)) in steps.into_iter().enumerate() {
                let hash = if wraps { u32::MAX - near } else { near };
                let slot = slot as u32;
                if remove {
                    let oldest = model.pop_first();
                    slots.remove(hash, u32::MAX - 1);
                    if let Some((slot, hash)) = oldest {
                        slots.remove(hash, slot);
                    }
                } else {
                    model.insert(slot, hash);
                    slots.insert(hash, slot);
                }
                for (slot, hash) in &model {
                    let found = slots.find(*hash, |candidate| candidate == *slot);
                    prop_assert_eq!(found, Some(*slot));
                }
                prop_assert_eq!(slots.find(hash, |_| false), None);
                let held = slots.entries.iter().filter(|entry| **entry != 0).count();
                prop_assert_eq!((held, slots.len), (model.len(), model.len()));
                prop_assert!(slots.len * 2 <= slots.entries.len());
            }
        }
    }
}
