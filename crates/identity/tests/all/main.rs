//! Identities: made, read, used in a handshake, revoked.

mod directories;
mod handshakes;

use identity::{Bundle, Directory, Holder, Tls};
use jiff::{SignedDuration, Timestamp};
use office::Place;
use office::authority::Role;

/// An officer of the South office.
pub fn kim() -> Holder {
    Holder {
        place: Place::South,
        role: Role::Officer,
        name: "kim".to_owned(),
    }
}

/// Now, or so many days from now.
#[expect(
    clippy::disallowed_methods,
    reason = "certificates hold for days of the real calendar"
)]
pub fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

/// What `holder` speaks with.
pub fn tls(directory: &Directory, holder: &Holder) -> Tls {
    let bundle = Bundle::read(&directory.file(holder)).expect("an identity");
    Tls::of(&bundle).expect("it can be used")
}

/// A pair's directory, with what is missing made.
pub fn pair() -> (tempfile::TempDir, Directory) {
    let room = tempfile::tempdir().expect("room");
    let directory = Directory::at(room.path().join("identities"));
    directory.make_what_is_missing(in_days(0)).expect("made");
    (room, directory)
}
