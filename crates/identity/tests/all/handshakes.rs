//! Handshakes in memory: who is let in, and what is said to whom is not.

use std::io;
use std::sync::Arc;

use identity::{Addresses, Bundle, Certified, Directory, Holder, LIFE_DAYS, Tls, why_not};
use office::Place;
use office::authority::Role;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use crate::{in_days, kim, pair, tls};

/// What both sides come to: whom the server sees, and whom the client does.
type Met = Result<(Certified, Certified), rustls::Error>;

fn meet(server: &Tls, client: &Tls, name: &str) -> Met {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client_side = ClientConnection::new(client.client(), name)?;
    let mut server_side = ServerConnection::new(server.server())?;
    for _ in 0..8 {
        carry(&mut |to| client_side.write_tls(to), &mut |from| {
            server_side.read_tls(from)
        });
        server_side.process_new_packets()?;
        carry(&mut |to| server_side.write_tls(to), &mut |from| {
            client_side.read_tls(from)
        });
        client_side.process_new_packets()?;
    }
    let refused = |error: identity::IdentityError| rustls::Error::General(error.to_string());
    Ok((
        server
            .certified(server_side.peer_certificates())
            .map_err(refused)?,
        client
            .certified(client_side.peer_certificates())
            .map_err(refused)?,
    ))
}

fn carry(
    write: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<usize>,
    read: &mut dyn FnMut(&mut dyn io::Read) -> io::Result<usize>,
) {
    let mut bytes = Vec::new();
    while write(&mut bytes).is_ok_and(|count| count > 0) {}
    let mut left = &bytes[..];
    while !left.is_empty() && read(&mut left).is_ok_and(|count| count > 0) {}
}

#[test]
fn both_sides_know_whom_they_have_met() {
    let (_room, directory) = pair();
    let (south, north) = servers(&directory);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let (seen, dialled) = meet(&south, &north, name).expect("they meet");
        assert_eq!(
            (seen.name.place(), seen.name.role()),
            (Place::North, Role::Server)
        );
        assert_eq!(dialled.name, south.own().name);
        assert_eq!(dialled.sha256, south.own().sha256);
    }
}

#[test]
fn whoever_should_not_be_let_in_is_not() {
    let (_room, directory) = pair();
    let (_other_room, other) = pair();
    let (south, north) = servers(&directory);
    let stranger = tls(&other, &Holder::server(Place::North));
    assert!(
        meet(&south, &stranger, "localhost").is_err(),
        "another pair's"
    );
    assert!(
        meet(&south, &north, "north.example").is_err(),
        "another address"
    );
    directory
        .issue(&kim(), Addresses::loopback(), LIFE_DAYS, in_days(0))
        .expect("issued");
    let officer = tls(&directory, &kim());
    assert!(meet(&south, &officer, "localhost").is_ok());
    assert!(
        meet(&officer, &north, "localhost").is_err(),
        "a client's that serves"
    );
    directory.revoke(&kim(), in_days(0)).expect("revoked");
    assert!(
        meet(&south, &officer, "localhost").is_ok(),
        "a list that is not read yet"
    );
    let south = tls(&directory, &Holder::server(Place::South));
    assert!(meet(&south, &officer, "localhost").is_err(), "revoked");
}

#[test]
fn a_certificate_that_is_over_is_not_let_in() {
    let (_room, directory) = pair();
    directory
        .issue(&kim(), Addresses::default(), 1, in_days(-2))
        .expect("issued");
    let (south, _) = servers(&directory);
    let met = meet(&south, &tls(&directory, &kim()), "localhost");
    let error = io::Error::other(met.expect_err("it is over"));
    assert!(why_not(&error).contains("is over"), "{error}");
}

#[test]
fn only_the_last_tls_is_spoken() {
    let (_room, directory) = pair();
    let (south, _) = servers(&directory);
    let mut side = ServerConnection::new(south.server()).expect("a side");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let old = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(old), name).expect("a side");
    carry(&mut |to| client.write_tls(to), &mut |from| {
        side.read_tls(from)
    });
    assert!(side.process_new_packets().is_err());
    // What is said to it is an alert.
    let mut said = Vec::new();
    side.write_tls(&mut said).expect("it says something");
    assert_eq!(said[0], 21);
}

fn servers(directory: &Directory) -> (Tls, Tls) {
    let of = |place| {
        let path = directory.file(&Holder::server(place));
        Tls::of(&Bundle::read(&path).expect("an identity")).expect("it can be used")
    };
    (of(Place::South), of(Place::North))
}
