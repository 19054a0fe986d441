//! Sources that are written in an edition, said in proto2: the compiler of protobuf here knows no editions.
//!
//! A field without a label is optional, and what features say of labels and packing stands in its place; the other
//! features change nothing on the wire, but for one, which is refused. All lines stay where they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

const DELIMITED: &str =
    "features.message_encoding = DELIMITED is not compiled here; give --descriptor-set";

/// What may be packed, as far as its name says it.
const NUMBERS: [&str; 13] = [
    "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "float", "double", "bool",
];

/// Finds sources in directories, and remembers which were written in an edition.
pub(super) struct Sources {
    includes: Vec<PathBuf>,
    editions: Arc<Mutex<BTreeSet<String>>>,
}

/// The names of the files that were written in an edition.
pub(super) type Editions = Arc<Mutex<BTreeSet<String>>>;

/// Where a compiler finds its files: in these directories, and what everybody has.
pub(super) fn resolver(includes: &[PathBuf]) -> (ChainFileResolver, Editions) {
    let editions = Editions::default();
    let mut chain = ChainFileResolver::new();
    chain.add(Sources {
        includes: includes.to_vec(),
        editions: Arc::clone(&editions),
    });
    chain.add(GoogleFileResolver::new());
    (chain, editions)
}

impl FileResolver for Sources {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        let named = self.includes.iter().find_map(|include| {
            let name = path.strip_prefix(include).ok()?;
            Some(name.to_str()?.replace('\\', "/"))
        });
        named.or_else(|| {
            let is_there = |include: &PathBuf| include.join(path).exists();
            let found = path.is_relative() && self.includes.iter().any(is_there);
            found.then(|| path.to_str().map(str::to_owned))?
        })
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let paths = self.includes.iter().map(|include| include.join(name));
        let Some(path) = paths.into_iter().find(|path| path.exists()) else {
            return Err(protox::Error::file_not_found(name));
        };
        let source = std::fs::read_to_string(&path).map_err(protox::Error::new)?;
        match lowered(&source).map_err(protox::Error::new)? {
            // As the compiler reads it, so that it tells mistakes by their place.
            None => File::open(name, &path),
            Some(lowered) => {
                let mut editions = self.editions.lock().unwrap_or_else(PoisonError::into_inner);
                editions.insert(name.to_owned());
                drop(editions);
                File::from_source(name, &lowered)
            }
        }
    }
}

/// What cannot be said without editions.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Unsayable(&'static str);

/// What features say, as far as it stands in sources.
#[derive(Debug, Clone, Copy, Default)]
struct Features {
    required: bool,
    expanded: bool,
}

impl Features {
    /// Takes what `features.NAME = VALUE` says; whether it is of features at all.
    fn take(&mut self, words: &[&str]) -> Result<bool, Unsayable> {
        let Some((first, rest)) = words.split_first() else {
            return Ok(false);
        };
        if *first != "features" {
            return Ok(false);
        }
        match (rest.get(1), rest.last()) {
            (Some(&"field_presence"), Some(value)) => self.required = *value == "LEGACY_REQUIRED",
            (Some(&"repeated_field_encoding"), Some(value)) => self.expanded = *value == "EXPANDED",
            (Some(&"message_encoding"), Some(&"DELIMITED")) => return Err(Unsayable(DELIMITED)),
            _ => {}
        }
        Ok(true)
    }
}

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    File,
    /// A message, or what extends one: here a field has a label.
    Fields,
    Other,
}

/// The source in proto2; `None` if it is in no edition.
fn lowered(source: &str) -> Result<Option<String>, Unsayable> {
    let tokens = tokens(source);
    let mut words = tokens.iter().filter(|token| !token.is_blank());
    if words.next().is_none_or(|first| first.text != "edition") {
        return Ok(None);
    }
    let mut blocks = vec![(Block::File, Features::default())];
    let (mut out, mut rest) = (String::with_capacity(source.len()), &tokens[..]);
    while !rest.is_empty() {
        let end = statement_end(rest);
        let (statement, behind) = rest.split_at(end);
        rest = behind;
        write(statement, &mut blocks, &mut out)?;
    }
    Ok(Some(out))
}

/// Writes a statement: up to its semicolon, or to the brace that begins or ends a block.
fn write(
    statement: &[Token<'_>],
    blocks: &mut Vec<(Block, Features)>,
    out: &mut String,
) -> Result<(), Unsayable> {
    let blank = statement
        .iter()
        .take_while(|token| token.is_blank())
        .count();
    let (before, statement) = statement.split_at(blank);
    out.extend(before.iter().map(|token| token.text));
    let words: Vec<&str> = statement
        .iter()
        .filter(|it| !it.is_blank())
        .map(|it| it.text)
        .collect();
    let (block, features) = *blocks
        .last()
        .unwrap_or(&(Block::Other, Features::default()));
    match words[..] {
        [] => {}
        ["edition", ..] => out.push_str("syntax = \"proto2\";"),
        ["option", ref said @ .., ";"] if said.first() == Some(&"features") => {
            if let Some((_, features)) = blocks.last_mut() {
                features.take(said)?;
            }
            keep_lines(statement, out);
        }
        // Names that are kept free are no strings in an edition, and nothing depends on them here.
        ["reserved", ..] | ["import", "option", ..] => keep_lines(statement, out),
        [.., "}"] => {
            blocks.pop();
            plain(statement, out, features)?;
        }
        [first, .., "{"] => {
            let first = match first {
                "export" | "local" => words[1],
                first => first,
            };
            let block = match first {
                "message" | "extend" => Block::Fields,
                _ => Block::Other,
            };
            blocks.push((block, features));
            let skipped = usize::from(matches!(words[0], "export" | "local"));
            plain(&statement[skipped..], out, features)?;
        }
        [first, ..] if block == Block::Fields => {
            let mut own = features;
            let options = options_of(statement, &mut own)?;
            let is_labelled = matches!(first, "repeated" | "map" | "optional" | "required");
            if !is_labelled && !matches!(first, "option" | "extensions") {
                out.push_str(if own.required {
                    "required "
                } else {
                    "optional "
                });
            }
            out.push_str(&options);
        }
        _ => plain(statement, out, features)?,
    }
    Ok(())
}

/// A statement without what it says of features.
fn plain(statement: &[Token<'_>], out: &mut String, around: Features) -> Result<(), Unsayable> {
    let mut own = around;
    out.push_str(&options_of(statement, &mut own)?);
    Ok(())
}

/// A statement, its features taken out of the options in its brackets; what they say of packing stands there in their place.
fn options_of(statement: &[Token<'_>], own: &mut Features) -> Result<String, Unsayable> {
    let open = statement.iter().position(|token| token.text == "[");
    let close = statement.iter().rposition(|token| token.text == "]");
    let text = |tokens: &[Token<'_>]| tokens.iter().map(|token| token.text).collect::<String>();
    let is_repeated = statement.iter().any(|token| token.text == "repeated");
    let Some((open, close)) = open.zip(close).filter(|(open, close)| open < close) else {
        let mut words = statement.iter().filter(|token| !token.is_blank());
        let is_number = words
            .nth(1)
            .is_some_and(|kind| NUMBERS.contains(&kind.text));
        if is_repeated && own.expanded && is_number {
            return Ok(text(statement).replacen(';', " [packed = false];", 1));
        }
        return Ok(text(statement));
    };
    let (mut kept, mut depth, mut begin) = (Vec::new(), 0_usize, open + 1);
    let inside = &statement[..close];
    for at in open + 1..=close {
        match statement[at].text {
            "{" | "[" | "(" => depth += 1,
            "}" | ")" => depth = depth.saturating_sub(1),
            "]" if at < close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if at == close || (depth == 0 && statement[at].text == ",") {
            let option = &inside[begin.min(at)..at];
            let words: Vec<&str> = option
                .iter()
                .filter(|it| !it.is_blank())
                .map(|it| it.text)
                .collect();
            let said_packing = words.get(2) == Some(&"repeated_field_encoding");
            if own.take(&words)? {
                if said_packing && is_repeated {
                    kept.push(format!("packed = {}", !own.expanded));
                }
            } else if !words.is_empty() {
                kept.push(text(option));
            }
            begin = at + 1;
        }
    }
    let mut out = text(&statement[..open]);
    if !kept.is_empty() {
        out.extend(["[", &kept.join(","), "]"]);
    }
    keep_lines(&statement[open..close], &mut out);
    out.push_str(&text(&statement[close + 1..]));
    Ok(out)
}

/// Leaves a statement out, and its lines in.
fn keep_lines(statement: &[Token<'_>], out: &mut String) {
    let lines = statement
        .iter()
        .map(|token| token.text.matches('\n').count());
    out.extend(std::iter::repeat_n('\n', lines.sum()));
}

/// Where the first statement ends, its end included.
fn statement_end(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    let mut is_value = false;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "[" | "(" => depth += 1,
            "]" | ")" => depth = depth.saturating_sub(1),
            "=" => is_value = true,
            // The value of an option may be a message.
            "{" if is_value || depth > 0 => depth += 1,
            "}" if depth > 0 => depth -= 1,
            ";" | "{" | "}" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[derive(Debug, Clone, Copy)]
struct Token<'s> {
    text: &'s str,
}

impl Token<'_> {
    fn is_blank(&self) -> bool {
        self.text.starts_with(char::is_whitespace)
            || self.text.starts_with("//")
            || self.text.starts_with("/*")
    }
}

/// Cuts a source into blanks, comments, texts, words and signs.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let until = |end: Option<usize>| end.unwrap_or(rest.len());
        let length = match first {
            _ if rest.starts_with("//") => until(rest.find('\n')),
            _ if rest.starts_with("/*") => until(rest.find("*/").map(|end| end + 2)),
            '"' | '\'' => text_length(rest, first),
            first if first.is_whitespace() => {
                until(rest.find(|letter: char| !letter.is_whitespace()))
            }
            first if is_word(first) => until(rest.find(|letter: char| !is_word(letter))),
            first => first.len_utf8(),
        };
        let (text, behind) = rest.split_at(length);
        tokens.push(Token { text });
        rest = behind;
    }
    tokens
}

/// How long a text in quotes is, with them.
fn text_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_said_in_proto2_line_by_line() {
        let source = r#"// A licence; edition = "2023";
edition = "2023";
package a;
import "b.proto";
option features.field_presence = IMPLICIT;
option (own) = { a: 1; b { c: "}" } };

message M {
  reserved gone, "gone too"; reserved 5;
  string name = 1 [features.field_presence = LEGACY_REQUIRED, deprecated = true];
  repeated int32 loose = 2 [features.repeated_field_encoding = EXPANDED];
  map<string, M> by_name = 3;
  oneof one { string a = 6; M b = 7 [json_name = "x;y"]; }
  enum Kind { option features.enum_type = CLOSED; NONE = 1; }
  message Inner { .a.M m = 1; }
  extensions 100 to max;
}
extend M { int32 more = 100; }
service S { rpc Call(M) returns (stream M) { option deprecated = true; } rpc Other(M) returns (M); }
"#;
        let lowered = lowered(source).expect("sayable").expect("an edition");
        assert_eq!(lowered.lines().count(), source.lines().count());
        for (line, wanted) in [
            (2, "syntax = \"proto2\";"),
            (10, "  required string name = 1 [ deprecated = true];"),
            (11, "  repeated int32 loose = 2 [packed = false];"),
            (12, "  map<string, M> by_name = 3;"),
            (
                13,
                "  oneof one { string a = 6; M b = 7 [json_name = \"x;y\"]; }",
            ),
            (14, "  enum Kind {  NONE = 1; }"),
            (15, "  message Inner { optional .a.M m = 1; }"),
            (16, "  extensions 100 to max;"),
            (18, "extend M { optional int32 more = 100; }"),
            (
                19,
                "service S { rpc Call(M) returns (stream M) { option deprecated = true; } rpc Other(M) returns (M); }",
            ),
        ] {
            assert_eq!(lowered.lines().nth(line - 1), Some(wanted));
        }
    }

    #[test]
    fn what_is_in_no_edition_is_left_as_it_is() {
        assert_eq!(
            lowered("syntax = \"proto3\"; message M { string edition = 1; }"),
            Ok(None)
        );
        assert_eq!(lowered(""), Ok(None));
        let delimited =
            "edition = \"2023\"; message M { M m = 1 [features.message_encoding = DELIMITED]; }";
        assert_eq!(lowered(delimited), Err(Unsayable(DELIMITED)));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(source in "(edition = \"2023\";)?[a-z{}\\[\\];=\"/* \n,().]{0,60}") {
            let _ = lowered(&source);
        }
    }
}
