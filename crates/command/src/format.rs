//! How data is printed.

use clap::ValueEnum;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; the shapes are stable
    Json,
    /// As ghz prints it; of a load, where it is offered
    #[value(hide = true)]
    Ghz,
}
