//! To whom a row went, if that is several.

use serde_json::Value;

/// What becomes of a row that went to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recipients {
    /// An exchange with each of them.
    #[default]
    Each,
    /// One exchange, with the first.
    First,
}

/// What a text is, if it is a JSON list or object and no name.
pub(super) fn listed(text: &str) -> Option<&'static str> {
    if !text.starts_with(['[', '{']) {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(_)) => Some("it is a list, and no name"),
        Ok(Value::Object(_)) => Some("it is an object, and no name"),
        _ => None,
    }
}

/// The names in a text: of a JSON list (or one as Python writes it) its values, else parted by semicolons, or, if each is
/// an address, by commas. Each stands once. An error says what the text is instead.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let text = text.trim();
    let quoted = text.replace('\'', "\"");
    let json = serde_json::from_str(text).ok();
    let json = json.or_else(|| serde_json::from_str(&quoted).ok());
    let mut names: Vec<String> = match json {
        Some(Value::Object(_)) => return Err("it is an object, and no name"),
        Some(Value::Array(values)) => {
            let names = values.iter().map(|value| match value {
                Value::String(name) => Ok(name.trim().to_owned()),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err("it is a list, and not of names"),
            });
            names.collect::<Result<_, _>>()?
        }
        _ => parted(text).into_iter().map(str::to_owned).collect(),
    };
    names.retain(|name| !name.is_empty());
    let mut seen = Vec::new();
    names.retain(|name| {
        let fresh = !seen.contains(name);
        seen.push(name.clone());
        fresh
    });
    if names.is_empty() {
        names.push(String::new());
    }
    Ok(names)
}

fn parted(text: &str) -> Vec<&str> {
    let parts = parts(text, ';');
    if parts.len() > 1 {
        return parts;
    }
    let parts = self::parts(text, ',');
    if parts.iter().all(|part| part.contains('@')) {
        return parts;
    }
    vec![text]
}

/// The parts between delimiters that stand neither in quotes nor in angle brackets.
fn parts(text: &str, delimiter: char) -> Vec<&str> {
    let (mut quoted, mut bracketed) = (false, false);
    let parts = text.split(|letter: char| {
        match letter {
            '"' => quoted = !quoted,
            '<' => bracketed = true,
            '>' => bracketed = false,
            _ => {}
        }
        letter == delimiter && !quoted && !bracketed
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_names_are_parted_and_one_stays_whole() {
        for (text, names) in [
            ("[\"a\", 7, \"a\"]", &["a", "7"][..]),
            ("['a', 'b']", &["a", "b"]),
            ("Kim, Chol-su", &["Kim, Chol-su"]),
            (
                "a@x, \"Kim, C\" <c@y>,b@z",
                &["a@x", "\"Kim, C\" <c@y>", "b@z"],
            ),
            ("Kim, C; Ri, D;", &["Kim, C", "Ri, D"]),
            ("[draft] a", &["[draft] a"]),
            ("17", &["17"]),
            ("[]", &[""]),
        ] {
            assert_eq!(split(text).expect(text), names, "{text}");
        }
        assert!(split("{\"name\": \"a\"}").is_err());
        assert!(split("[{\"name\": \"a\"}]").is_err());
    }
}
