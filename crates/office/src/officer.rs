//! Officers and their ranks.

/// The rank of an officer, and the level of a contact. Any rank may meet any rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are domain.md's own")]
pub enum Rank {
    Chief,
    DeputyChief,
    GovernmentOfficial,
    WorkingLevelOfficial,
}

/// A person who acts for an office.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Officer {
    /// The name.
    pub name: String,
    /// The rank, if known.
    pub rank: Option<Rank>,
}
