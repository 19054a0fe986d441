//! Each kind of corruption, planted into a copy of a recording, is found and named.

use ledger::MemoryStorage;
use scenario::Scenario;
use simulator::Simulation;

use super::*;

type Steps = PerPlace<Vec<Recorded>>;

fn recorded() -> Steps {
    let text = scenario::shipped_text("kaesong-2018").expect("it is shipped");
    let scenario = Scenario::parse("kaesong-2018.toml", text).expect("it has no mistake");
    let (south, north) = (MemoryStorage::default(), MemoryStorage::default());
    Simulation::in_storages(&scenario, 3, south.clone(), north.clone())
        .run()
        .expect("it can be simulated");
    let read = |storage| ledger::read(storage).expect("it is a ledger");
    let recording = Recording::of_pair(read(&south), read(&north)).expect("one of each");
    let lane = |place| recording.lane(place).collect::<Result<_, _>>();
    PerPlace::new(
        lane(Place::South).expect("it can be read"),
        lane(Place::North).expect("it can be read"),
    )
}

fn sides(steps: &Steps) -> PerPlace<Side> {
    let side = |place: Place| Box::new(steps[place].clone().into_iter().map(Ok)) as Side;
    PerPlace::new(side(Place::South), side(Place::North))
}

fn found(one: &Steps, other: &Steps, rules: &Rules) -> Vec<Difference> {
    let comparison = compare(sides(one), sides(other), rules).expect("all can be read");
    assert_eq!(comparison.agreed(), comparison.differences.is_empty());
    comparison.differences
}

/// The how-manieth of South's steps is the first of this kind, some way in.
fn first(steps: &Steps, place: Place, kind: StepKind) -> usize {
    let mut steps = steps[place].iter();
    steps
        .position(|step| step.step.kind == kind)
        .expect("there is one")
}

/// Plants a corruption, and gives the paths at which it is found.
fn planted(plant: impl FnOnce(&mut Steps)) -> Vec<Difference> {
    let recorded = recorded();
    let mut copy = recorded.clone();
    plant(&mut copy);
    found(&recorded, &copy, &Rules::strict())
}

fn has(differences: &[Difference], path: &str) -> bool {
    differences.iter().any(|found| found.path == path)
}

#[test]
fn a_copy_agrees() {
    assert_eq!(planted(|_| {}), []);
}

#[test]
fn a_missing_step_is_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::South, StepKind::CallRecorded);
        copy[Place::South].remove(at);
    });
    assert!(
        found
            .iter()
            .any(|it| it.path == "step" && it.found == "missing"),
        "{found:?}"
    );
    assert!(has(&found, "tally.calls"), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_doubled_step_is_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::North, StepKind::CallRecorded);
        let double = copy[Place::North][at].clone();
        copy[Place::North].insert(at, double);
    });
    let added = found.iter().find(|it| it.path == "step");
    assert!(
        added.is_some_and(|it| it.found == "added: call recorded"),
        "{found:?}"
    );
}

#[test]
fn a_swapped_order_is_found() {
    let found = planted(|copy| {
        let south = &mut copy[Place::South];
        let differ = |pair: &[Recorded]| {
            pair[0].step.kind != pair[1].step.kind
                && pair.iter().all(|step| step.step.parent.is_none())
        };
        let at = south.windows(2).position(differ).expect("there are two");
        south.swap(at, at + 1);
    });
    assert!(has(&found, "order"), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_changed_payload_byte_is_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::South, StepKind::DocumentSent);
        let step = &mut copy[Place::South][at];
        let mut document = protocol_document(&step.payload);
        document.subject = format!("{}!", document.subject);
        step.payload = prost::Message::encode_to_vec(&document).into();
    });
    assert!(has(&found, "payload.subject"), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
}

fn protocol_document(payload: &Bytes) -> protocol::pb::office::Document {
    prost::Message::decode(payload.clone()).expect("it is a document")
}

#[test]
fn a_byte_that_no_field_shows_is_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::South, StepKind::DocumentSent);
        let step = &mut copy[Place::South][at];
        // An unknown field.
        step.payload = [&step.payload[..], &[0xf8, 0x06, 1]].concat().into();
    });
    assert!(found[0].path.starts_with("payload"), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn another_kind_and_its_state_are_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::North, StepKind::DocumentAcknowledged);
        copy[Place::North][at].step.kind = StepKind::DocumentReceiptRefused;
    });
    assert!(has(&found, "kind"), "{found:?}");
    let state = found.iter().find(|it| it.path == "state");
    let state = state.expect("what became of the document is told");
    assert_eq!(
        (&*state.recorded, &*state.found),
        ("Acknowledged", "ReceiptRefused")
    );
}

#[test]
fn another_author_is_found() {
    let found = planted(|copy| {
        let at = first(copy, Place::South, StepKind::DocumentSent);
        let mut step = copy[Place::South].remove(at);
        step.step.id.place = Place::North;
        step.step.id.sequence = 0;
        copy[Place::North].insert(0, step);
    });
    let author = found.iter().find(|it| it.path == "author");
    assert!(
        author.is_some_and(|it| it.recorded == "south" && it.found == "north"),
        "{found:?}"
    );
}

#[test]
fn another_parent_is_found() {
    let found = planted(|copy| {
        let north = &mut copy[Place::North];
        let acknowledged = |step: &Recorded| step.step.kind == StepKind::DocumentAcknowledged;
        let at = north.iter().rposition(acknowledged).expect("there is one");
        let first = north.iter().position(acknowledged).expect("there is one");
        assert_ne!(at, first);
        north[at].step.parent = north[first].step.parent;
    });
    assert!(has(&found, "parent"), "{found:?}");
    assert!(has(&found, "state"), "{found:?}");
}

#[test]
fn another_time_is_found_if_times_are_compared() {
    let recorded = recorded();
    let mut copy = recorded.clone();
    let step = &mut copy[Place::South][4].step;
    step.authored_at = jiff::Timestamp::UNIX_EPOCH;
    let strict = found(&recorded, &copy, &Rules::strict().ignoring(["tally"]));
    assert!(has(&strict, "authored_at"), "{strict:?}");
    assert_eq!(strict.len(), 1, "{strict:?}");
    assert_eq!(found(&recorded, &copy, &Rules::default()), []);
}

#[test]
fn another_request_id_is_found_if_ids_are_compared() {
    let found = planted(|copy| copy[Place::North][9].request_id = None);
    assert!(has(&found, "request_id"), "{found:?}");
}

#[test]
fn a_truncated_end_is_found() {
    let found = planted(|copy| {
        let len = copy[Place::South].len();
        copy[Place::South].truncate(len - 3);
    });
    let missing = found.iter().filter(|it| it.found == "missing").count();
    assert_eq!(missing, 3, "{found:?}");
}

#[test]
fn a_path_that_is_ignored_hides_what_lies_below_it() {
    let rules = Rules::default().ignoring(["payload.addressee"]);
    assert!(rules.ignores("payload.addressee.name") && rules.ignores("payload.addressee"));
    assert!(!rules.ignores("payload.addressees") && !rules.ignores("payload"));
}
