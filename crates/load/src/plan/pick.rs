//! Which workflow an arrival makes: the weights hold exactly in each round of the mix.

use super::{Plan, Workflow};
use template::{Draw, mixed};

/// Where the orders of rounds are drawn; no step is as high.
const ORDER_PLACE: u64 = u64::MAX;

impl Plan {
    /// The workflow that the arrival `index` makes. Of every round of as many arrivals as the weights come to, each
    /// workflow is made as often as its weight, in an order that the seed draws. With `kind` it is one of the workflows
    /// of that kind, or else the workflow of that name, or else one of all.
    pub fn pick(&self, seed: u64, index: u64, kind: Option<&str>) -> usize {
        let matches = |workflow: &Workflow| match kind {
            None => true,
            Some(kind) if self.has_kind(kind) => workflow.kind.as_deref() == Some(kind),
            Some(name) if self.has_name(name) => workflow.name == name,
            Some(_) => true,
        };
        let chosen = self.workflows.iter().enumerate();
        let chosen = chosen.filter(|(_, workflow)| matches(workflow));
        let total: u64 = chosen.clone().map(|(_, workflow)| workflow.weight).sum();
        let total = total.max(1);
        let mut ticket = shuffled(seed, index / total, index % total, total);
        let mut last = 0;
        for (position, workflow) in chosen {
            last = position;
            if ticket < workflow.weight {
                break;
            }
            ticket -= workflow.weight;
        }
        last
    }

    /// Whether a workflow is of this kind.
    pub fn has_kind(&self, kind: &str) -> bool {
        let is = |workflow: &Workflow| workflow.kind.as_deref() == Some(kind);
        self.workflows.iter().any(is)
    }

    fn has_name(&self, name: &str) -> bool {
        self.workflows.iter().any(|workflow| workflow.name == name)
    }
}

/// Where `position` comes to stand when `count` of them are shuffled. A permutation that needs no list: four Feistel
/// rounds over as many bits as `count` takes; what falls outside goes on until it is inside.
fn shuffled(seed: u64, round: u64, position: u64, count: u64) -> u64 {
    let bits = 64 - count.saturating_sub(1).leading_zeros();
    let half = bits.div_ceil(2);
    let mask = (1_u64 << half) - 1;
    let key = Draw::new(&[seed, round, 0, ORDER_PLACE]).word();
    let mut position = position;
    loop {
        let (mut left, mut right) = (position >> half, position & mask);
        for turn in 0..4_u64 {
            let next = left ^ (mixed(key ^ (right << 3 | turn)) & mask);
            (left, right) = (right, next);
        }
        position = left << half | right;
        if position < count {
            return position;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_shuffle_takes_each_position_once() {
        for count in [1, 2, 3, 7, 64, 65, 598] {
            for round in 0..5 {
                let all: BTreeSet<u64> = (0..count)
                    .map(|position| shuffled(7, round, position, count))
                    .collect();
                assert_eq!(all, (0..count).collect());
            }
        }
    }

    #[test]
    fn rounds_have_orders_of_their_own() {
        let order = |seed, round| -> Vec<u64> {
            (0..50)
                .map(|position| shuffled(seed, round, position, 50))
                .collect()
        };
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_eq!(order(1, 0), order(1, 0));
    }
}
