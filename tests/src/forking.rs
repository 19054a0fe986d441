//! A recorded pair, forked at several points: offices carry on from there.

use office::Place;
use protocol::pb::office as pb;

use crate::harness::{Pair, arrives, ledger_of, liaison, send};

#[tokio::test(flavor = "multi_thread")]
async fn offices_carry_on_from_wherever_a_pair_is_forked() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let simulate = ["simulate", "kaesong-2018", "--out", "recorded"];
    let simulated = liaison(directory, &simulate).await;
    assert_eq!(simulated.code, Some(0), "{simulated:?}");
    let whole = ledger_of(&directory.join("recorded/south")).sequence();

    for at in [1, 40, 777, whole] {
        let mut pair = Pair::idle(&[]).await;
        let out = pair.path("").display().to_string();
        let at = at.to_string();
        let fork = ["ledger", "fork", "recorded", "--at", &at, "--out", &out];
        let forked = liaison(directory, &fork).await;
        assert_eq!(forked.code, Some(0), "{forked:?}");
        let before = pair.reconciled();

        for place in Place::BOTH {
            pair.start_office(place).await;
        }
        for place in Place::BOTH {
            let office = pair.connection(place, pb::Connection::Up).await;
            assert_eq!(office.epoch, 2, "at {at}");
        }
        let (south, north) = pair.both();
        for (from, to) in [(&south, &north), (&north, &south)] {
            let sent = send(from, "carrying on", pb::Wait::Delivered).await;
            arrives(to, &sent.name, pb::DocumentState::Delivered).await;
        }
        let after = pair.finish().await;
        assert_eq!(after.documents(), before.documents() + 2, "at {at}");
        assert_eq!(after.contacts(), before.contacts(), "at {at}");
    }
}
