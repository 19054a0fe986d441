//! What whoever runs an office is warned of.

/// Something that ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What, and what to do.
    pub what: String,
    /// In how many days it ends at most: 30, 7 or 1; 0 if it has.
    pub days: i64,
}
