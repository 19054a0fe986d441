//! Lists: pages, filters, and the tally's breakdowns.

use office::Place;
use protocol::pb::ledger as ledger_pb;
use protocol::pb::office as pb;

use crate::harness::meeting::{Move, propose, step};
use crate::harness::{Clients, Pair, acknowledge, request_id, send, terms};

/// Both offices with some of everything, and a quiet line.
async fn furnished() -> (Pair, Clients, Clients) {
    let pair = Pair::start().await;
    let (south, north) = pair.both();
    for number in 0..7 {
        send(&south, &number.to_string(), pb::Wait::Delivered).await;
        send(&north, &number.to_string(), pb::Wait::Delivered).await;
        let name = propose(&south, terms("Roads"))
            .await
            .expect("it is taken")
            .name;
        if number % 2 == 0 {
            step(&south, Move::Cancel, &name)
                .await
                .expect("it is taken");
        }
    }
    for number in [1, 4] {
        let name = format!("offices/south/documents/{number}");
        acknowledge(&north, &name).await.expect("it is taken");
    }
    pair.quiet().await;
    (pair, south, north)
}

async fn documents(
    clients: &Clients,
    mut request: pb::ListDocumentsRequest,
) -> Vec<pb::DocumentRecord> {
    let mut found = Vec::new();
    loop {
        let page = clients
            .documents
            .clone()
            .list_documents(request.clone())
            .await;
        let page = page.expect("it is taken").into_inner();
        assert!(request.page_size == 0 || page.documents.len() <= request.page_size as usize);
        found.extend(page.documents);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

fn names(records: &[pb::DocumentRecord]) -> Vec<&str> {
    records.iter().map(|record| &*record.name).collect()
}

#[tokio::test]
async fn documents_are_listed_in_the_order_of_their_names_by_sender_and_state() {
    let (_pair, south, north) = furnished().await;
    for office in [&south, &north] {
        let all = documents(office, pb::ListDocumentsRequest::default()).await;
        assert_eq!(all.len(), 14);
        for page_size in [1, 3, 14, 100_000] {
            let request = pb::ListDocumentsRequest {
                page_size,
                ..Default::default()
            };
            assert_eq!(
                documents(office, request).await,
                all,
                "pages of {page_size}"
            );
        }
        let senders: Vec<_> = all.iter().map(pb::DocumentRecord::sender).collect();
        assert_eq!(senders[..7], [pb::Place::South; 7], "South's first");
        assert_eq!(senders[7..], [pb::Place::North; 7]);
        assert!(all.iter().all(|record| record.body_bytes == 9));
        let bodies = all.iter().filter_map(|record| record.document.as_ref());
        assert!(
            bodies.into_iter().all(|document| document.body.is_empty()),
            "without bodies"
        );
        let request = pb::ListDocumentsRequest {
            sender: pb::Place::North.into(),
            page_size: 2,
            ..Default::default()
        };
        assert_eq!(names(&documents(office, request).await), names(&all[7..]));
        let request = pb::ListDocumentsRequest {
            state: pb::DocumentState::Acknowledged.into(),
            page_size: 1,
            ..Default::default()
        };
        let acknowledged = documents(office, request).await;
        let wanted = ["offices/south/documents/1", "offices/south/documents/4"];
        assert_eq!(names(&acknowledged), wanted);
    }
}

#[tokio::test]
async fn meetings_are_listed_by_state_and_contacts_by_page() {
    let (_pair, mut south, mut north) = furnished().await;
    for (state, count) in [
        (pb::MeetingState::Unspecified, 7),
        (pb::MeetingState::Cancelled, 4),
        (pb::MeetingState::Proposed, 3),
        (pb::MeetingState::Closed, 0),
    ] {
        let mut request = pb::ListMeetingsRequest {
            state: state.into(),
            page_size: 2,
            page_token: String::new(),
        };
        let mut found = Vec::new();
        loop {
            let page = north.meetings.list_meetings(request.clone()).await;
            let page = page.expect("it is taken").into_inner();
            found.extend(page.meetings.into_iter().map(|meeting| meeting.name));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found.len(), count, "{state:?}: {found:?}");
        assert!(found.is_sorted_by_key(String::len));
    }
    for seconds in 0..5 {
        let record = pb::RecordContactRequest {
            request_id: request_id(),
            contact: Some(pb::Contact {
                kind: pb::ContactKind::NotStated.into(),
                begun_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
                ..Default::default()
            }),
        };
        south
            .contacts
            .record_contact(record)
            .await
            .expect("it is taken");
    }
    let mut request = pb::ListContactsRequest {
        state: pb::ContactState::Recorded.into(),
        page_size: 2,
        page_token: String::new(),
    };
    let mut sizes = Vec::new();
    loop {
        let page = south.contacts.list_contacts(request.clone()).await;
        let page = page.expect("it is taken").into_inner();
        sizes.push(page.contacts.len());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn entries_are_listed_after_a_sequence_and_from_a_time() {
    let (_pair, mut south, _north) = furnished().await;
    let all = south.entries().await;
    let sequences: Vec<_> = all.iter().map(|entry| entry.sequence).collect();
    assert_eq!(
        sequences,
        (1..=all.len() as u64).collect::<Vec<_>>(),
        "gapless, from 1"
    );
    let middle = &all[all.len() / 2];
    let request = ledger_pb::ListEntriesRequest {
        after_sequence: middle.sequence,
        page_size: 3,
        ..Default::default()
    };
    let page = south
        .ledger
        .list_entries(request)
        .await
        .expect("it is taken")
        .into_inner();
    assert_eq!(page.entries[..], all[all.len() / 2 + 1..][..3]);
    let request = ledger_pb::ListEntriesRequest {
        from_time: middle.recorded_at,
        page_size: 1,
        ..Default::default()
    };
    let page = south
        .ledger
        .list_entries(request)
        .await
        .expect("it is taken")
        .into_inner();
    let first = page.entries.first().expect("there is one");
    assert_eq!(first.recorded_at, middle.recorded_at);
    assert!(first.sequence <= middle.sequence);
    let request = ledger_pb::GetEntryRequest {
        sequence: middle.sequence,
    };
    let got = south
        .ledger
        .get_entry(request)
        .await
        .expect("it is there")
        .into_inner();
    assert_eq!(got.entry.as_ref(), Some(middle));
}

#[tokio::test]
async fn the_tally_breaks_down_and_comes_to_the_same() {
    let (pair, mut south, _north) = furnished().await;
    for (by, keys) in [
        (ledger_pb::TallyBy::Office, &["north", "south"][..]),
        (ledger_pb::TallyBy::Kind, &["document"][..]),
    ] {
        let request = ledger_pb::GetTallyRequest { by: by.into() };
        let told = south
            .ledger
            .get_tally(request)
            .await
            .expect("it is taken")
            .into_inner();
        let found: Vec<_> = told.rows.iter().map(|row| &*row.key).collect();
        assert_eq!(found, keys);
        let sum: u64 = told
            .rows
            .iter()
            .filter_map(|row| row.tally.as_ref())
            .map(|tally| tally.documents)
            .sum();
        assert_eq!((sum, told.tally.expect("a tally").documents), (14, 14));
        assert_eq!(told.through_sequence, south.office().await.ledger_sequence);
    }
    let tally = pair.finish().await;
    assert_eq!(tally.by(|count| count.office).len(), Place::BOTH.len());
}
