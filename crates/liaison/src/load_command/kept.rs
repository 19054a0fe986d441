//! The command line as a saved run keeps it: what can be copied and run again, without its secrets.

/// What stands where something secret stood.
const BLANK: &str = "…";
/// What is in the name of a flag, beside -H, whose values are headers: `name: value`, of which only the name is no secret.
const HEADERS: [&str; 2] = ["metadata", "header"];
/// What is in the name of a secret.
const SECRETS: [&str; 9] = [
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

/// The command line of this process.
pub(super) fn command_line() -> String {
    let words = std::env::args_os().skip(1);
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    kept(&words)
}

/// `words` behind `liaison`, as a shell reads them.
fn kept(words: &[String]) -> String {
    let mut told = vec!["liaison".to_owned()];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (flag, value) = split(word);
        let Some(flag) = flag else {
            told.push(quoted(&without_secrets(word)));
            continue;
        };
        let is_header = flag == "-H" || HEADERS.iter().any(|header| flag.contains(header));
        let blank = |value: &str| {
            if is_header {
                header(value)
            } else if is_secret(flag) && !value.starts_with('@') {
                BLANK.to_owned()
            } else {
                without_secrets(value)
            }
        };
        match value {
            Some(value) if flag.starts_with("--") => {
                told.push(quoted(&format!("{flag}={}", blank(value))));
            }
            Some(value) => told.push(quoted(&format!("{flag}{}", blank(value)))),
            None => {
                told.push(quoted(flag));
                // What follows is its value; of a flag that takes none it is read as what it is.
                if is_header || is_secret(flag) {
                    told.extend(words.next().map(|value| quoted(&blank(value))));
                }
            }
        }
    }
    told.join(" ")
}

/// A flag, and its value if that stands in the same word.
fn split(word: &str) -> (Option<&str>, Option<&str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((flag, value)) => (Some(flag), Some(value)),
            None => (Some(word), None),
        };
    }
    match word.strip_prefix("-H") {
        Some("") => (Some("-H"), None),
        Some(value) => (Some("-H"), Some(value)),
        None => (None, None),
    }
}

fn header(text: &str) -> String {
    let text = text.strip_prefix('=').unwrap_or(text);
    match text.split_once(':') {
        Some((name, _)) => format!("{}: {BLANK}", name.trim_end()),
        None => BLANK.to_owned(),
    }
}

fn is_secret(text: &str) -> bool {
    let text = text.to_lowercase();
    let text = text.replace(['-', '_'], "");
    SECRETS.iter().any(|secret| text.contains(secret)) || text.contains("apikey")
}

/// A value as it is, unless it speaks of a secret; a file that holds one may be named.
fn without_secrets(text: &str) -> String {
    if text.starts_with('@') || !is_secret(text) && !has_user(text) {
        return text.to_owned();
    }
    BLANK.to_owned()
}

/// Whether it is an address with somebody's name and password before it.
fn has_user(text: &str) -> bool {
    let address = text.split_once("://").map_or(text, |(_, address)| address);
    let authority = address.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':') && !user.contains([' ', '{', '"']))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        kept(&words)
    }

    #[test]
    fn a_command_line_can_be_run_again() {
        let words = [
            "load",
            "document",
            "--rate",
            "500",
            "--fail-if",
            "p99>20ms",
            "--label",
            "it's",
        ];
        assert_eq!(
            told(&words),
            r"liaison load document --rate 500 --fail-if 'p99>20ms' --label 'it'\''s'"
        );
        let words = [
            "load",
            "--call",
            "a.B/C",
            "--data",
            r#"{"n":"{{sequence}}"}"#,
        ];
        assert_eq!(
            told(&words),
            r#"liaison load --call a.B/C --data '{"n":"{{sequence}}"}'"#
        );
    }

    #[test]
    fn no_secret_is_kept() {
        for words in [
            &["-H", "authorization: Bearer hunter2"][..],
            &["-Hauthorization: hunter2"],
            &["-H=x-anything: hunter2"],
            &["--metadata", "x-user:hunter2"],
            &["--reflect-header", "x-user:hunter2"],
            &["--metadata=x-user: hunter2", "--rate", "5"],
            &["-H", "hunter2"],
            &["--token", "hunter2"],
            &["--auth-token=hunter2"],
            &["--api-key", "hunter2"],
            &["--data", r#"{"password":"hunter2"}"#],
            &["--data=Bearer hunter2"],
            &["--target", "http://me:hunter2@localhost:8080"],
            &["http://me:hunter2@localhost:8080"],
        ] {
            let line = told(&[&["load"], words].concat());
            assert!(!line.contains("hunter2"), "{line}");
        }
        assert_eq!(
            told(&["load", "-H", "authorization: x", "--rate", "5"]),
            "liaison load -H 'authorization: …' --rate 5"
        );
        // A file's name is no secret.
        assert_eq!(
            told(&["load", "--data", "@token.json"]),
            "liaison load --data @token.json"
        );
        assert_eq!(
            told(&["load", "--key", "key.pem"]),
            "liaison load --key key.pem"
        );
    }
}
