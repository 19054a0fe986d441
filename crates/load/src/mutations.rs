//! Every request that changes something, and what was answered to it: a byte each, so that a hundred million fit.

use uuid::Uuid;

/// What is known here of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was never sent.
    NotSent = 0,
    /// It was sent, and no answer came that says what became of it.
    Unknown = 1,
    /// It was answered: recorded.
    Answered = 2,
    /// It was refused.
    Refused = 3,
}

impl Known {
    fn of(bits: u8) -> Self {
        match bits {
            0 => Self::NotSent,
            1 => Self::Unknown,
            2 => Self::Answered,
            _ => Self::Refused,
        }
    }
}

/// Which run's, which thread's and the how-manieth request it is, in the bits of a UUID (version 8, RFC 9562: bits of
/// our own).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(u64);

const RUN_BITS: u32 = 48;
const THREAD_BITS: u32 = 12;
const NUMBER_BITS: u32 = 62;

impl RunId {
    /// Of these bits, of which 48 count. Two runs against one pair need two ids: an office remembers requests.
    pub fn new(bits: u64) -> Self {
        Self(bits & ((1 << RUN_BITS) - 1))
    }

    /// The request id of a thread's request.
    pub fn request(self, thread: u16, number: u64) -> Uuid {
        let mut bits = u128::from(self.0) << 80;
        bits |= 8 << 76;
        bits |= (u128::from(thread) & ((1 << THREAD_BITS) - 1)) << 64;
        bits |= 2 << 62;
        bits |= u128::from(number & ((1 << NUMBER_BITS) - 1));
        Uuid::from_u128(bits)
    }

    /// Which thread's and the how-manieth request it is, if it is one of this run's.
    pub fn parse(self, id: Uuid) -> Option<(u16, u64)> {
        let bits = id.as_u128();
        let ours =
            (bits >> 80) as u64 == self.0 && (bits >> 76) & 0xf == 8 && (bits >> 62) & 3 == 2;
        let thread = (bits >> 64) as u16 & ((1 << THREAD_BITS) - 1);
        ours.then_some((thread, bits as u64 & ((1 << NUMBER_BITS) - 1)))
    }
}

/// The requests of one thread.
#[derive(Debug, Clone, Default)]
pub struct Mutations {
    states: Vec<u8>,
    /// How many there are, known or not.
    count: u64,
}

impl Mutations {
    /// One more; its number. Where no books are made up of it, it is not `kept`.
    pub fn begin(&mut self, kept: bool) -> u64 {
        if kept {
            self.states.push(Known::NotSent as u8);
        }
        self.count += 1;
        self.count - 1
    }

    /// What is known of it now.
    pub fn set(&mut self, number: u64, known: Known) {
        if let Some(state) = self.states.get_mut(number as usize) {
            *state = *state & !3 | known as u8;
        }
    }

    /// What is known of each.
    pub fn known(&self) -> impl ExactSizeIterator<Item = Known> {
        self.states.iter().map(|state| Known::of(*state & 3))
    }

    /// A ledger holds it. `shift` says whose: 2 for South's, 5 for North's.
    fn count(&mut self, number: u64, shift: u32) {
        if let Some(state) = self.states.get_mut(number as usize) {
            let times = (*state >> shift) & 7;
            *state = *state & !(7 << shift) | (times + 1).min(7) << shift;
        }
    }

    /// South's ledger holds it, once more.
    pub fn count_south(&mut self, number: u64) {
        self.count(number, 2);
    }

    /// North's does.
    pub fn count_north(&mut self, number: u64) {
        self.count(number, 5);
    }

    /// What is known of each, and how often South's and North's ledgers hold it (at most 7 times).
    pub fn counted(&self) -> impl ExactSizeIterator<Item = (Known, u8, u8)> {
        self.states
            .iter()
            .map(|state| (Known::of(*state & 3), (*state >> 2) & 7, *state >> 5))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_request_id_says_whose_it_is(run: u64, other: u64, thread in 0_u16..4_096, number in 0_u64..1 << 62) {
            let run = RunId::new(run);
            let id = run.request(thread, number);
            prop_assert_eq!(run.parse(id), Some((thread, number)));
            prop_assert_eq!(id.get_version_num(), 8);
            let other = RunId::new(other);
            prop_assert_eq!(other.parse(id).is_some(), other == run);
        }
    }

    #[test]
    fn a_byte_holds_all_that_is_known() {
        let mut mutations = Mutations::default();
        let number = mutations.begin(true);
        mutations.set(number, Known::Unknown);
        mutations.count_south(number);
        mutations.count_south(number);
        mutations.count_north(number);
        mutations.set(number, Known::Answered);
        let all: Vec<_> = mutations.counted().collect();
        assert_eq!(all, [(Known::Answered, 2, 1)]);
        for _ in 0..300 {
            mutations.count_north(number);
        }
        let all: Vec<_> = mutations.counted().collect();
        assert_eq!(all, [(Known::Answered, 2, 7)], "it does not run over");
    }
}
