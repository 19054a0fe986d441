//! The attacks, by name.

use std::time::Duration;

use crate::offices::Offices;
use crate::{body, crowd, flood, unread};

/// What is done to South.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    kind: Kind,
}

enum Kind {
    Unread(unread::Unread),
    Body(body::Body),
    Crowd(crowd::Crowd),
    Flood(flood::Flood),
}

const fn attack(name: &'static str, what: &'static str, kind: Kind) -> Attack {
    Attack { name, what, kind }
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack(
        "entries",
        "100 pages of entries a connection, never read",
        Kind::Unread(unread::Unread::Entries),
    ),
    attack(
        "document",
        "100 documents of 1 MiB a connection, never read",
        Kind::Unread(unread::Unread::Document),
    ),
    attack(
        "documents",
        "100 lists of documents a connection, never read",
        Kind::Unread(unread::Unread::Documents),
    ),
    attack(
        "downloads",
        "100 downloads a connection, never read",
        Kind::Unread(unread::Unread::Download),
    ),
    attack(
        "watches",
        "100 watches a connection, never read",
        Kind::Unread(unread::Unread::Watch),
    ),
    attack(
        "meetings",
        "100 watches of large meetings a connection, never read",
        Kind::Unread(unread::Unread::Meetings),
    ),
    attack(
        "reflection",
        "100 streams of reflection a connection, never read",
        Kind::Unread(unread::Unread::Reflection),
    ),
    attack(
        "half-bodies",
        "100 requests of 4 MiB a connection, never whole",
        Kind::Body(body::Body::Half),
    ),
    attack(
        "announced",
        "100 requests a connection of which only the length comes",
        Kind::Body(body::Body::Announced),
    ),
    attack(
        "half-uploads",
        "uploads that stop in the middle",
        Kind::Body(body::Body::Upload),
    ),
    attack(
        "hello",
        "a first message of the line of 17 MiB, never whole",
        Kind::Body(body::Body::Carry),
    ),
    attack(
        "bombs",
        "small requests that gzip unpacks to 1 GiB",
        Kind::Body(body::Body::Bomb),
    ),
    attack(
        "silent",
        "1,500 connections that say nothing at all",
        Kind::Crowd(crowd::Crowd::Silent),
    ),
    attack(
        "idle",
        "1,500 connections that only answer PING",
        Kind::Crowd(crowd::Crowd::Idle),
    ),
    attack(
        "idle-uploads",
        "16 uploads on as many connections that do not go on",
        Kind::Crowd(crowd::Crowd::Uploads),
    ),
    attack(
        "watchers",
        "300 watchers of a few clients",
        Kind::Crowd(crowd::Crowd::Watchers),
    ),
    attack(
        "proposals",
        "as many proposals as one client may have open",
        Kind::Crowd(crowd::Crowd::Proposals),
    ),
    attack(
        "ping",
        "PING as fast as it goes",
        Kind::Flood(flood::Flood::Ping),
    ),
    attack(
        "settings",
        "SETTINGS as fast as it goes",
        Kind::Flood(flood::Flood::Settings),
    ),
    attack(
        "priority",
        "PRIORITY as fast as it goes",
        Kind::Flood(flood::Flood::Priority),
    ),
    attack(
        "unknown",
        "frames of an unknown type as fast as it goes",
        Kind::Flood(flood::Flood::Unknown),
    ),
    attack(
        "window-update",
        "WINDOW_UPDATE as fast as it goes",
        Kind::Flood(flood::Flood::WindowUpdate),
    ),
];

impl Attack {
    /// Goes on for `time`, and says if what is to happen did not.
    pub(crate) async fn run(
        &self,
        offices: &Offices,
        connections: usize,
        time: Duration,
    ) -> Result<(), String> {
        let south = offices.south();
        match self.kind {
            Kind::Unread(unread) => unread.run(south, connections, time).await,
            Kind::Body(body) => body.run(south, connections, time).await,
            Kind::Crowd(crowd) => crowd.run(south, time).await,
            Kind::Flood(flood) => flood.run(south, time).await,
        }
    }
}
