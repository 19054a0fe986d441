//! Recordings written and read again, in whatever pieces, and with what is missing.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tap::{Bounds, Capture, Event, Passed, Passing, Recorder, Recording, Side, Told, What};

/// What has passed, with its bytes its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Opened(SocketAddr, SocketAddr),
    Bytes(Side, Vec<u8>),
    Missing(Side, u64),
    Ended(Side),
    Broken(Option<Side>),
}

impl Owned {
    fn of(passing: Passing<'_>) -> Self {
        match passing {
            Passing::Opened(client, server) => Self::Opened(client, server),
            Passing::Bytes(from, bytes) => Self::Bytes(from, bytes.to_vec()),
            Passing::Missing(from, bytes) => Self::Missing(from, bytes),
            Passing::Ended(from) => Self::Ended(from),
            Passing::Broken(from) => Self::Broken(from),
        }
    }

    fn passing(&self) -> Passing<'_> {
        match self {
            Self::Opened(client, server) => Passing::Opened(*client, *server),
            Self::Bytes(from, bytes) => Passing::Bytes(*from, bytes),
            Self::Missing(from, bytes) => Passing::Missing(*from, *bytes),
            Self::Ended(from) => Passing::Ended(*from),
            Self::Broken(from) => Passing::Broken(*from),
        }
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(Side::BOTH.to_vec())
}

fn said() -> impl Strategy<Value = Owned> {
    prop_oneof![
        8 => (side(), prop::collection::vec(any::<u8>(), 1..50)).prop_map(|(from, bytes)| Owned::Bytes(from, bytes)),
        1 => (side(), Just(70_000)).prop_map(|(from, len)| Owned::Bytes(from, vec![7; len])),
    ]
}

fn written(said: &[(u64, Duration, Owned)]) -> Vec<u8> {
    let (mut recorder, mut file) = (Recorder::new(1_700_000_000_000_000_000), Vec::new());
    for (connection, at, what) in said {
        let passed = Passed {
            connection: *connection,
            at: *at,
            what: what.passing(),
        };
        recorder.take(passed, &mut file);
    }
    file
}

fn read(file: &[u8], piece: usize) -> Vec<(u64, Duration, Owned)> {
    let (mut capture, mut all) = (Capture::default(), Vec::new());
    let mut keep =
        |passed: Passed<'_>| all.push((passed.connection, passed.at, Owned::of(passed.what)));
    for bytes in file.chunks(piece) {
        capture.take(bytes, &mut keep).expect("it is a capture");
    }
    capture.end(&mut keep).expect("it is whole");
    all
}

/// Bytes that follow one another are one; where they were cut is TCP's affair.
fn joined(all: Vec<(u64, Duration, Owned)>) -> Vec<(u64, Owned)> {
    let mut joined: Vec<(u64, Owned)> = Vec::new();
    for (connection, _, what) in all {
        match (joined.last_mut(), what) {
            (Some((last, Owned::Bytes(of, bytes))), Owned::Bytes(from, more))
                if *last == connection && *of == from =>
            {
                bytes.extend(more);
            }
            (_, what) => joined.push((connection, what)),
        }
    }
    joined
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        said in prop::collection::vec((1_u64..4, said()), 0..30),
        piece in 1_usize..5_000,
        is_v6 in any::<bool>(),
    ) {
        let host = if is_v6 { "[::1]" } else { "127.0.0.1" };
        let address = |port: u64| format!("{host}:{port}").parse::<SocketAddr>().expect("an address");
        let mut all: Vec<(u64, Duration, Owned)> = (1..4)
            .map(|number| (number, Duration::ZERO, Owned::Opened(address(40_000 + number), address(50_051))))
            .collect();
        let said = said.into_iter().enumerate();
        all.extend(said.map(|(at, (connection, what))| (connection, Duration::from_nanos(at as u64 * 17), what)));
        let at = Duration::from_secs(1);
        all.push((1, at, Owned::Ended(Side::Client)));
        all.push((1, at, Owned::Ended(Side::Server)));
        all.push((2, at, Owned::Broken(Some(Side::Server))));
        all.push((3, at, Owned::Ended(Side::Server)));
        all.push((3, at, Owned::Broken(None)));
        let found = read(&written(&all), piece);
        for (_, at, _) in &found {
            prop_assert!(*at <= Duration::from_secs(1));
        }
        let mut expected = joined(all);
        // Who broke it off is not said twice.
        if let Some(last) = expected.last_mut() {
            last.1 = Owned::Broken(Some(Side::Client));
        }
        prop_assert_eq!(joined(found), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        kind in 0_usize..4,
    ) {
        let head: &[u8] = [&b""[..], b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\0\0\0\x05"][kind];
        let mut recording = Recording::new(Bounds::default());
        let _ = recording.take(&[head, &bytes].concat(), &mut |_| {});
        let _ = recording.end(&mut |_| {});
    }
}

#[test]
fn what_is_missing_is_told_and_what_follows_is_read() {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let at = Duration::ZERO;
    let all = [
        (1, at, Owned::Opened(address(40_000), address(50_051))),
        (1, at, Owned::Bytes(Side::Client, b"first".to_vec())),
        (1, at, Owned::Missing(Side::Client, 1_000)),
        (1, at, Owned::Bytes(Side::Client, b"then".to_vec())),
        (1, at, Owned::Bytes(Side::Server, b"answer".to_vec())),
        (1, at, Owned::Broken(Some(Side::Client))),
    ];
    assert_eq!(read(&written(&all), 100), all);
}

/// A capture that begins in the middle of a connection: the same frames, and headers that cannot be known.
#[test]
fn a_connection_that_is_joined_midway_is_told_as_such() {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
        frame.extend_from_slice(payload);
        frame
    };
    let mut conversation = tap::Conversation::new(Bounds::default());
    let mut events = Vec::new();
    let midway = [
        frame(1, 4, 9, &[0x83, 0xc4, 0x40, 1, b'a', 1, b'b']),
        frame(0, 1, 9, b"\0\0\0\0\x02hi"),
    ]
    .concat();
    conversation.take(
        Side::Client,
        Duration::ZERO,
        &midway,
        &mut |event: Event| events.push(event.what),
    );
    assert!(matches!(
        &events[0],
        What::Speaks(tap::Protocol::Http2Midway)
    ));
    let head = events.iter().find_map(|what| match what {
        What::Head(head) => Some(head),
        _ => None,
    });
    let fields = &head.expect("a head").fields;
    assert_eq!((fields[0].name(), fields[0].is_known), (":method", true));
    assert_eq!((fields[1].name(), fields[1].is_known), ("?", false));
    assert_eq!((fields[2].name(), fields[2].is_known), ("a", true));
    let is_message = |what: &What| matches!(what, What::Message(message) if message.bytes == "hi");
    assert!(events.iter().any(is_message), "{events:?}");
}

/// As Go's library writes its log, and as Java's does.
#[test]
fn binary_logs_are_read() {
    // call 7: a header, a message, a trailer with status 5.
    let entries: [&[u8]; 3] = [
        b"\x10\x07\x20\x01\x32\x08\x12\x06/s.S/M",
        b"\x10\x07\x20\x03\x42\x06\x08\x02\x12\x02hi",
        b"\x10\x07\x20\x06\x4a\x09\x10\x05\x1a\x05never",
    ];
    let fixed: Vec<u8> = entries
        .iter()
        .flat_map(|it| [&(it.len() as u32).to_be_bytes()[..], it].concat())
        .collect();
    let varint: Vec<u8> = entries
        .iter()
        .flat_map(|it| [&[it.len() as u8][..], it].concat())
        .collect();
    for log in [fixed, varint] {
        for piece in [1, 5, 100] {
            let mut recording = Recording::new(Bounds::default());
            let mut calls = tap::Calls::new(Some(100));
            let mut ended = Vec::new();
            let mut tell = |told: Told<'_>| {
                if let Told::Event(connection, event) = told {
                    ended.extend(calls.take(connection, &event).ended);
                }
            };
            for bytes in log.chunks(piece) {
                recording.take(bytes, &mut tell).expect("it is a log");
            }
            recording.end(&mut tell).expect("it is whole");
            let call = &ended[0];
            assert_eq!(call.path.as_deref(), Some("/s.S/M"));
            assert_eq!(call.messages[0].message.bytes, "hi");
            let expected = tap::CallStatus {
                code: 5,
                message: "never".to_owned(),
                details: bytes::Bytes::new(),
            };
            assert_eq!(call.end, tap::CallEnd::Answered(expected));
        }
        let mut recording = Recording::new(Bounds::default());
        recording
            .take(&log[..log.len() - 1], &mut |_| {})
            .expect("so far");
        let fault = recording.end(&mut |_| {}).expect_err("it is cut off");
        assert!(fault.to_string().contains("cut off"), "{fault}");
    }
}
