//! A sparse array indexed by line sequence.

const PAGE_LEN: usize = 1024;

/// Values by line sequence, in pages that exist only where something was set. Unset values are `T::default()`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages<T> {
    pages: Vec<Option<Box<[T]>>>,
}

impl<T: Copy + Default> Pages<T> {
    /// The value at `sequence`.
    pub fn get(&self, sequence: u64) -> T {
        let index = usize::try_from(sequence).unwrap_or(usize::MAX);
        match self.pages.get(index / PAGE_LEN) {
            Some(Some(page)) => page[index % PAGE_LEN],
            _ => T::default(),
        }
    }

    /// Sets the value at `sequence`. Sequences are gapless, so the outer vector stays small.
    pub fn set(&mut self, sequence: u64, value: T) {
        let index = usize::try_from(sequence).expect("line sequences fit memory: they are gapless");
        if self.pages.len() <= index / PAGE_LEN {
            self.pages.resize_with(index / PAGE_LEN + 1, || None);
        }
        let page = self.pages[index / PAGE_LEN]
            .get_or_insert_with(|| vec![T::default(); PAGE_LEN].into_boxed_slice());
        page[index % PAGE_LEN] = value;
    }

    /// One more than the highest sequence that may hold a value.
    pub fn len(&self) -> u64 {
        (self.pages.len() * PAGE_LEN) as u64
    }

    /// Whether nothing was ever set.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}
