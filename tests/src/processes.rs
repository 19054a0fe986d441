//! Two offices as processes: what they exchange, and what becomes of it when one is killed, drained, damaged,
//! restored, or started as it must not be.

mod crashes;
mod drain;
mod exchanges;
mod restoring;
mod settings;
mod starting;
