//! Bounds that keep an office there for everybody, whatever one caller does.

mod calls;
mod connections;
mod floods;
mod handles;
mod unread;
mod wire;
