//! Mistakes: each with its line, its column and what to write instead, and all at once.
//!
//! `tests/corpus` holds scenarios that cannot be played, and beside each what a person is told. After a change of
//! what is told, write it anew with `BLESS=1 cargo test -p scenario corpus`, and read the difference.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scenario::Scenario;

fn corpus() -> BTreeMap<String, PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = fs::read_dir(directory).expect("there is a corpus");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let scenarios = paths.filter(|path| path.extension().is_some_and(|found| found == "toml"));
    let named = scenarios.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), path)
    });
    named.collect()
}

#[test]
fn what_is_told_of_the_corpus_stands_beside_it() {
    let corpus = corpus();
    assert!(corpus.len() >= 40, "{}", corpus.len());
    for (name, path) in corpus {
        let text = fs::read_to_string(&path).expect("it can be read");
        let Err(error) = Scenario::parse(&name, &text) else {
            panic!("{name} is taken")
        };
        let told = format!("{error}\n");
        let beside = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&beside, &told).expect("it can be written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(
            told, expected,
            "{name} is told otherwise than {beside:?} has it"
        );
    }
}

#[test]
fn every_mistake_has_its_place_and_a_remedy() {
    for (name, path) in corpus() {
        let text = fs::read_to_string(&path).expect("it can be read");
        let error = Scenario::parse(&name, &text).expect_err("it cannot be played");
        let lines = text.lines().count().max(1);
        for mistake in &error.mistakes {
            assert!(
                (1..=lines + 1).contains(&mistake.line),
                "{name}: {mistake:?}"
            );
            assert!(mistake.column >= 1, "{name}: {mistake:?}");
            assert!(
                !mistake.message.is_empty() && !mistake.remedy.is_empty(),
                "{name}"
            );
        }
        let places: Vec<_> = error
            .mistakes
            .iter()
            .map(|mistake| (mistake.line, mistake.column))
            .collect();
        assert!(places.is_sorted(), "{name}: in the order of the file");
    }
}

#[test]
fn mistakes_of_all_parts_come_at_once() {
    let text = crate::own::scenario_with(
        "\n[documents]\ntotl = 3\n\n[[meetings]]\nkind = 3\nfoo = 4\n\n[[faults]]\nfault = \"rain\"\n",
    );
    let error = Scenario::parse("m.toml", &text).expect_err("it has mistakes");
    let keys: Vec<&str> = error.mistakes.iter().map(|mistake| &*mistake.key).collect();
    for wanted in [
        "documents.totl",
        "meetings[0].kind",
        "meetings[0].foo",
        "faults[0].fault",
    ] {
        assert!(keys.contains(&wanted), "{wanted} is not among {keys:?}");
    }
}
