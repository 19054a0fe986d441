//! Offices as processes, the line between them, and clients.

mod binaries;
mod cli;
mod clients;
mod command;
mod content;
mod line;
pub(crate) mod meeting;
mod pair;
mod plain;
mod process;
pub(crate) mod raw;
mod status;
mod wait;

pub(crate) use binaries::root;
pub(crate) use cli::{Ran, liaison, liaison_command};
pub(crate) use clients::Clients;
pub(crate) use content::{
    acknowledge, arrives, document, known, request_id, send, sending, terms, try_send,
};
pub(crate) use pair::{Pair, ledger_of};
pub(crate) use plain::Plain;
pub(crate) use process::{Ended, Process};
pub(crate) use status::{Refused, refused};
pub(crate) use wait::{DEADLINE, message, until, within};
