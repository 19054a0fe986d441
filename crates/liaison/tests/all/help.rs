//! What `--help` says of every command, kept: a change of it is seen in review.
//!
//! `UPDATE_DOCS=1 cargo test -p liaison help` writes it anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::harness::command;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help")
}

fn help(words: &[String], flag: &str) -> String {
    let said = command()
        .args(words)
        .arg(flag)
        .env("COLUMNS", "100")
        .output()
        .expect("the binary is built");
    assert!(said.status.success(), "{words:?} {flag}");
    let text = String::from_utf8(said.stdout).expect("help is text");
    // Padding of wrapped columns says nothing.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The commands below one, as its help names them.
fn below(text: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut names = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let name = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '));
        names.extend(
            name.and_then(|rest| rest.split(' ').next())
                .map(str::to_owned),
        );
    }
    names.retain(|name| name != "help");
    names
}

/// The commands of the first page, which stand in groups.
fn first() -> Vec<String> {
    let text = help(&[], "-h");
    let rows = text.lines().filter_map(|line| line.strip_prefix("  "));
    let names = rows
        .filter_map(|row| row.split_once("  "))
        .map(|(name, _)| name);
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|it| it.is_ascii_lowercase());
    names
        .filter(is_name)
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn help_is_as_it_is_kept() {
    let update = env::var_os("UPDATE_DOCS").is_some();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut told = BTreeSet::new();
    while let Some(words) = open.pop() {
        let text = help(&words, "--help");
        let names = if words.is_empty() {
            first()
        } else {
            below(&text)
        };
        open.extend(
            names
                .into_iter()
                .map(|name| [words.clone(), vec![name]].concat()),
        );
        let name = if words.is_empty() {
            "liaison".to_owned()
        } else {
            words.join("-")
        };
        let file = format!("{name}.txt");
        let path = kept().join(&file);
        if update {
            fs::create_dir_all(kept()).expect("it can be made");
            fs::write(&path, &text).expect("it can be written");
        }
        let before = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            before == text,
            "the help of `liaison {}` is another one than {file} keeps; if that is meant, write it anew with \
             UPDATE_DOCS=1 cargo test -p liaison help\n{text}",
            words.join(" ")
        );
        told.insert(file);
    }
    assert!(told.len() > 40, "{told:?}");
    for entry in fs::read_dir(kept()).expect("it is there") {
        let name = entry.expect("it can be listed").file_name();
        let name = name.into_string().expect("names are text");
        assert!(told.contains(&name), "{name} is of no command: remove it");
    }
}

/// Whoever asks for short help gets one screen.
#[test]
fn short_help_of_the_first_page_is_one_screen() {
    let text = help(&[], "-h");
    assert!(text.lines().count() <= 50, "{} lines", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}
