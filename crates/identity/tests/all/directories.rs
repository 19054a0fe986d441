//! The directory of a pair.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use identity::{Addresses, Bundle, Directory, Holder, IdentityError, LIFE_DAYS, Standing};
use office::Place;
use office::authority::Name;

use crate::{in_days, kim, pair, tls};

#[test]
fn what_is_missing_is_made_once_however_many_ask_for_it() {
    let room = tempfile::tempdir().expect("room");
    let directory = Directory::at(room.path().join("identities"));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| directory.make_what_is_missing(in_days(0)).expect("made"));
        }
    });
    let issued = directory.issued().expect("a register");
    let names: Vec<String> = issued.iter().map(|it| it.name.to_string()).collect();
    let domain = directory.domain().expect("a domain");
    assert_eq!(
        names,
        [
            format!("spiffe://{domain}/office/south/server/south"),
            format!("spiffe://{domain}/office/north/server/north"),
        ]
    );
    let mode = |path: &std::path::Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(directory.path()), 0o700);
    for file in fs::read_dir(directory.path()).expect("it can be read") {
        let path = file.expect("a file").path();
        if path.extension().is_some() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn what_ends_soon_is_made_anew_and_nothing_else() {
    let (_room, directory) = pair();
    let south = Holder::server(Place::South);
    let first = tls(&directory, &south).own().clone();
    directory
        .make_what_is_missing(in_days(59))
        .expect("nothing to do");
    assert_eq!(*tls(&directory, &south).own(), first);
    directory
        .make_what_is_missing(in_days(61))
        .expect("made anew");
    let second = tls(&directory, &south).own().clone();
    assert_ne!(second.sha256, first.sha256);
    assert_eq!(second.name, first.name);
    assert!(directory.list_due().expect("a list") > in_days(61 + 89));
}

#[test]
fn where_there_is_no_authority_nothing_is_made_and_it_is_said_where_it_was_looked() {
    let (_room, directory) = pair();
    let other = tempfile::tempdir().expect("room");
    let copied = Directory::at(other.path());
    let trust = directory.bundle(None).expect("whom to trust");
    fs::write(other.path().join("trust.pem"), trust).expect("written");
    copied
        .make_what_is_missing(in_days(0))
        .expect("nothing to do");
    assert!(!copied.file(&Holder::server(Place::South)).exists());
    let refused = copied.issue(&kim(), Addresses::default(), LIFE_DAYS, in_days(0));
    let said = refused.expect_err("nobody can issue here").to_string();
    assert!(said.contains(&other.path().display().to_string()), "{said}");
    let missing = copied.missing(&kim()).to_string();
    assert!(
        missing.contains("south-officer-kim.pem") && missing.contains("--identity"),
        "{missing}"
    );
    assert!(matches!(
        directory.begin(None, in_days(0)),
        Err(IdentityError::File { .. })
    ));
}

#[test]
fn a_bundle_is_one_file_that_is_all_one_needs() {
    let (_room, directory) = pair();
    let path = directory
        .issue(&kim(), Addresses::default(), 7, in_days(0))
        .expect("issued");
    assert!(path.ends_with("south-officer-kim.pem"));
    let elsewhere = tempfile::tempdir().expect("room");
    let file = elsewhere.path().join("kim.pem");
    fs::write(&file, directory.bundle(Some(&kim())).expect("a bundle")).expect("written");
    let carried =
        identity::Tls::of(&Bundle::read(&file).expect("all of it")).expect("it can be used");
    assert_eq!(carried.own().name.name(), "kim");
    let warnings = carried.warnings(in_days(0));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].days, 7);
    assert_eq!(carried.warnings(in_days(8))[0].days, 0);
    let list_ends = carried.warnings(in_days(89));
    assert_eq!(list_ends[1].days, 1, "{list_ends:?}");
    // The file in the directory has no authority of its own: what lies beside it says whom to trust.
    let alone = elsewhere.path().join("alone.pem");
    fs::copy(directory.file(&kim()), &alone).expect("copied");
    let said = Bundle::read(&alone)
        .expect_err("nobody to trust")
        .to_string();
    assert!(said.contains("pki bundle"), "{said}");
}

#[test]
fn whoever_is_revoked_is_listed_and_refused() {
    let (_room, directory) = pair();
    directory
        .issue(&kim(), Addresses::default(), LIFE_DAYS, in_days(0))
        .expect("issued");
    let shown = tls(&directory, &kim()).own().clone();
    let server = Holder::server(Place::South);
    let before = Bundle::read(&directory.file(&server)).expect("an identity");
    assert!(tls(&directory, &server).judge(&shown, in_days(0)).is_ok());
    assert!(!before.has_changed());
    assert_eq!(directory.revoke(&kim(), in_days(0)).expect("revoked"), 1);
    assert!(before.has_changed());
    let judge = |days| {
        let judged = tls(&directory, &server).judge(&shown, in_days(days));
        judged.expect_err("refused").to_string()
    };
    assert!(judge(0).contains("revoked"), "{}", judge(0));
    let standing = directory.issued().expect("a register")[2].standing(in_days(0));
    assert_eq!(standing, Standing::Revoked);
    let again = directory.revoke(&kim(), in_days(0));
    assert!(matches!(again, Err(IdentityError::Missing { .. })));
    // Another of the same name is somebody else.
    directory
        .issue(&kim(), Addresses::default(), LIFE_DAYS, in_days(0))
        .expect("issued");
    let anew = tls(&directory, &kim()).own().clone();
    assert!(tls(&directory, &server).judge(&anew, in_days(0)).is_ok());
    assert!(tls(&directory, &server).judge(&shown, in_days(0)).is_err());
}

#[test]
fn certificates_and_lists_that_are_over_let_nobody_in() {
    let (_room, directory) = pair();
    directory
        .issue(&kim(), Addresses::default(), LIFE_DAYS * 4, in_days(0))
        .expect("issued");
    let (kim, server) = (
        tls(&directory, &kim()),
        tls(&directory, &Holder::server(Place::South)),
    );
    let late = server
        .judge(kim.own(), in_days(91))
        .expect_err("the list is over");
    assert!(late.to_string().contains("list of revoked"), "{late}");
    let renewed = directory
        .renew(false, LIFE_DAYS, in_days(91))
        .expect("renewed");
    let names: Vec<&str> = renewed.iter().map(Name::name).collect();
    assert_eq!(names, ["south", "north"]);
    let server = tls(&directory, &Holder::server(Place::South));
    assert!(server.judge(kim.own(), in_days(91)).is_ok());
    assert_eq!(
        directory
            .renew(true, LIFE_DAYS, in_days(92))
            .expect("renewed")
            .len(),
        3
    );
    let over = tls(&directory, &Holder::server(Place::South)).judge(kim.own(), in_days(361));
    assert!(over.expect_err("it is over").to_string().contains("over"));
}

#[test]
fn what_is_no_identity_is_told_with_its_file() {
    let (room, directory) = pair();
    let path = room.path().join("wrong.pem");
    let server = fs::read_to_string(directory.file(&Holder::server(Place::South))).expect("text");
    let key = server.find("-----BEGIN PRIVATE").expect("a key");
    for (text, wanted) in [
        ("", "no certificate"),
        ("hello", "no certificate"),
        (&server[key..], "no certificate"),
        (&server[..key], "no private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "PEM"),
    ] {
        fs::write(&path, text).expect("written");
        let said = Bundle::read(&path).expect_err("no identity").to_string();
        assert!(
            said.contains(wanted) && said.contains("wrong.pem"),
            "{said}"
        );
    }
    fs::write(directory.path().join("issued"), "one line\n").expect("written");
    let said = directory.issued().expect_err("no register").to_string();
    assert!(said.contains("line 1"), "{said}");
}

/// An office on another machine is renewed as it was, and one that was revoked is not made anew by whoever starts an office.
#[test]
fn what_is_made_by_itself_keeps_addresses_and_revocations() {
    let (_room, directory) = pair();
    let (south, north) = (Holder::server(Place::South), Holder::server(Place::North));
    let addresses = Addresses {
        names: vec!["north.example".to_owned()],
        ips: vec!["192.0.2.7".parse().expect("an address")],
    };
    directory
        .issue(&north, addresses.clone(), LIFE_DAYS, in_days(0))
        .expect("issued");
    directory.revoke(&south, in_days(0)).expect("revoked");
    let before = directory.issued().expect("listed").len();
    directory
        .make_what_is_missing(in_days(70))
        .expect("renewed");
    let issued = directory.issued().expect("listed");
    assert_eq!(issued.len(), before + 1, "the north office's alone");
    let last = issued.last().expect("there is one");
    assert_eq!(last.name.place(), Place::North);
    assert_eq!(last.addresses, addresses);
    // Nor is it where its file is gone.
    std::fs::remove_file(directory.file(&south)).expect("it is there");
    directory
        .make_what_is_missing(in_days(71))
        .expect("nothing");
    assert!(!directory.file(&south).exists());
}
