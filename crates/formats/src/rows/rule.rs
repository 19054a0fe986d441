//! The rule that says which office sent a row.
//!
//! ```text
//! rule    = all { "or" all }
//! all     = one { "and" one }
//! one     = "not" one | "(" rule ")" | test
//! test    = operand ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) operand
//!         | operand "=~" "/" regex "/"
//!         | operand "in" "@" FILE
//! operand = "from" | "to" | column | "#" number | `column` | 'text' | number
//! ```

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io;
use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use regex::Regex;

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the rule {rule:?}, column {column}: {message}; {remedy}")]
pub struct RuleError {
    /// The rule.
    pub rule: String,
    /// Where in it, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// Which rows South sent: those that it holds for. North sent the others.
#[derive(Debug, Clone)]
pub struct Rule {
    condition: Condition,
    columns: Vec<String>,
}

#[derive(Debug, Clone)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparison, Operand),
    Matches(Operand, Regex),
    Among(Operand, BTreeSet<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    From,
    To,
    /// The how-manieth of the rule's columns.
    Column(usize),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// What a row says, as far as a rule asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// The rule's columns, in its order.
    pub(crate) columns: &'a [String],
}

impl Rule {
    /// Reads a rule; `read` gives the text of a file of names, one a line.
    pub fn parse(
        text: &str,
        read: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, RuleError> {
        let tokens = Tokens { text }.split()?;
        let mut parser = Parser {
            text,
            tokens: tokens.into_iter().peekable(),
            columns: Vec::new(),
            read: &read,
        };
        let condition = parser.any()?;
        if let Some((column, token)) = parser.tokens.next() {
            return Err(parser.error(
                column,
                format!("{} stands where the rule has ended", token.words()),
                "join two tests with `and` or `or`",
            ));
        }
        Ok(Self {
            condition,
            columns: parser.columns,
        })
    }

    /// The columns it asks for beside from and to, in the order of [`Values::columns`].
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether it asks to whom a row went.
    pub fn asks_for_addressee(&self) -> bool {
        self.asks_for(&Operand::To)
    }

    /// Whether it asks who sent a row.
    pub fn asks_for_sender(&self) -> bool {
        self.asks_for(&Operand::From)
    }

    fn asks_for(&self, wanted: &Operand) -> bool {
        let mut asks = false;
        self.condition
            .each_operand(&mut |operand| asks |= operand == wanted);
        asks
    }

    /// Whether South sent a row.
    pub(crate) fn holds(&self, values: Values<'_>) -> bool {
        self.condition.holds(values)
    }

    /// Whether it says of one name on which side it is: then it can be asked of from and of to.
    pub(crate) fn is_per_name(&self) -> bool {
        let (mut from, mut to) = (false, false);
        self.condition.each_operand(&mut |operand| {
            from |= *operand == Operand::From;
            to |= *operand == Operand::To;
        });
        self.columns.is_empty() && from != to
    }
}

impl Condition {
    fn holds(&self, values: Values<'_>) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|one| one.holds(values)),
            Self::All(conditions) => conditions.iter().all(|one| one.holds(values)),
            Self::Not(condition) => !condition.holds(values),
            Self::Compare(left, comparison, right) => {
                comparison.holds(compare(left.value(values), right.value(values)))
            }
            Self::Matches(operand, regex) => regex.is_match(operand.value(values)),
            Self::Among(operand, names) => names.contains(operand.value(values)),
        }
    }

    fn each_operand(&self, each: &mut impl FnMut(&Operand)) {
        match self {
            Self::Any(conditions) | Self::All(conditions) => {
                for condition in conditions {
                    condition.each_operand(each);
                }
            }
            Self::Not(condition) => condition.each_operand(each),
            Self::Compare(left, _, right) => {
                each(left);
                each(right);
            }
            Self::Matches(operand, _) | Self::Among(operand, _) => each(operand),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, values: Values<'a>) -> &'a str {
        match self {
            Self::From => values.from,
            Self::To => values.to,
            Self::Column(index) => values.columns.get(*index).map_or("", String::as_str),
            Self::Text(text) => text,
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

/// As numbers if both are numbers, else as text.
fn compare(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return left.cmp(&right);
    }
    let number = |text: &str| text.parse::<f64>().ok().filter(|found| found.is_finite());
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.total_cmp(&right);
    }
    left.cmp(right)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A column that could be taken for something else.
    Column(String),
    Text(String),
    Compare(Comparison),
    Match,
    Regex(String),
    File(String),
    Open,
    Close,
}

impl Token {
    fn words(&self) -> String {
        match self {
            Self::Word(text) | Self::Column(text) | Self::Text(text) => format!("{text:?}"),
            Self::Compare(_) => "a comparison".to_owned(),
            Self::Match => "=~".to_owned(),
            Self::Regex(text) => format!("/{text}/"),
            Self::File(name) => format!("@{name}"),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
        }
    }
}

struct Tokens<'t> {
    text: &'t str,
}

impl Tokens<'_> {
    /// The tokens with their columns, in characters from 1.
    fn split(self) -> Result<Vec<(usize, Token)>, RuleError> {
        let letters: Vec<char> = self.text.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < letters.len() {
            let column = at + 1;
            let next = letters.get(at + 1);
            let (token, len) = match letters[at] {
                letter if letter.is_whitespace() => {
                    at += 1;
                    continue;
                }
                '(' => (Token::Open, 1),
                ')' => (Token::Close, 1),
                '<' if next == Some(&'=') => (Token::Compare(Comparison::LessOrEqual), 2),
                '<' => (Token::Compare(Comparison::Less), 1),
                '>' if next == Some(&'=') => (Token::Compare(Comparison::GreaterOrEqual), 2),
                '>' => (Token::Compare(Comparison::Greater), 1),
                '=' if next == Some(&'=') => (Token::Compare(Comparison::Equal), 2),
                '=' if next == Some(&'~') => (Token::Match, 2),
                '!' if next == Some(&'=') => (Token::Compare(Comparison::NotEqual), 2),
                quote @ ('\'' | '"' | '`' | '/') => {
                    let (text, len) = self.quoted(&letters, at)?;
                    let token = match quote {
                        '/' => Token::Regex(text),
                        '`' => Token::Column(text),
                        _ => Token::Text(text),
                    };
                    (token, len)
                }
                '@' if matches!(next, Some('\'' | '"')) => {
                    let (text, len) = self.quoted(&letters, at + 1)?;
                    (Token::File(text), len + 1)
                }
                '@' => {
                    let name = word(&letters[at + 1..], |letter| {
                        !letter.is_whitespace() && letter != ')'
                    });
                    let len = name.chars().count() + 1;
                    (Token::File(name), len)
                }
                '#' => {
                    let name = word(&letters[at + 1..], |letter| letter.is_ascii_digit());
                    let len = name.chars().count() + 1;
                    (Token::Column(name), len)
                }
                _ => {
                    let name = word(&letters[at..], |letter| {
                        letter.is_alphanumeric() || "_.-:+".contains(letter)
                    });
                    let len = name.chars().count();
                    (Token::Word(name), len)
                }
            };
            let empty = matches!(&token, Token::Word(name) | Token::Column(name) | Token::File(name) if name.is_empty());
            if empty {
                return Err(self.error(
                    column,
                    format!("{:?} begins nothing", letters[at]),
                    "write a test such as from < to, from =~ /^a/ or from in @FILE",
                ));
            }
            tokens.push((column, token));
            at += len;
        }
        Ok(tokens)
    }

    /// The text between the quote at `start` and the next one like it, and how many letters that is with both.
    fn quoted(&self, letters: &[char], start: usize) -> Result<(String, usize), RuleError> {
        let quote = letters[start];
        let mut text = String::new();
        let mut at = start + 1;
        while let Some(letter) = letters.get(at) {
            match letter {
                '\\' if letters.get(at + 1) == Some(&quote) => {
                    text.push(quote);
                    at += 1;
                }
                letter if *letter == quote => return Ok((text, at + 1 - start)),
                letter => text.push(*letter),
            }
            at += 1;
        }
        Err(self.error(
            start + 1,
            format!("the {quote} that opens here is not closed"),
            &format!("close it with another {quote}"),
        ))
    }

    fn error(&self, column: usize, message: String, remedy: &str) -> RuleError {
        RuleError {
            rule: self.text.to_owned(),
            column,
            message,
            remedy: remedy.to_owned(),
        }
    }
}

fn word(letters: &[char], wanted: impl Fn(char) -> bool) -> String {
    letters
        .iter()
        .take_while(|letter| wanted(**letter))
        .collect()
}

struct Parser<'t, R> {
    text: &'t str,
    tokens: Peekable<IntoIter<(usize, Token)>>,
    columns: Vec<String>,
    read: &'t R,
}

impl<R: Fn(&Path) -> io::Result<String>> Parser<'_, R> {
    fn any(&mut self) -> Result<Condition, RuleError> {
        let mut conditions = vec![self.all()?];
        while self.takes("or") {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, RuleError> {
        let mut conditions = vec![self.one()?];
        while self.takes("and") {
            conditions.push(self.one()?);
        }
        Ok(one_or(conditions, Condition::All))
    }

    fn one(&mut self) -> Result<Condition, RuleError> {
        if self.takes("not") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self
            .tokens
            .next_if(|(_, token)| *token == Token::Open)
            .is_some()
        {
            let condition = self.any()?;
            let (column, token) = self.next("a closing parenthesis")?;
            if token != Token::Close {
                let message = format!("{} stands where ) belongs", token.words());
                return Err(self.error(column, message, "close the parenthesis"));
            }
            return Ok(condition);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Condition, RuleError> {
        let left = self.operand()?;
        let (column, token) = self.next("a comparison")?;
        match token {
            Token::Compare(comparison) => {
                let right = self.operand()?;
                Ok(Condition::Compare(left, comparison, right))
            }
            Token::Match => {
                let (column, token) = self.next("a regular expression")?;
                let (Token::Regex(pattern) | Token::Text(pattern)) = token else {
                    let message = format!("{} is no regular expression", token.words());
                    return Err(self.error(column, message, "write it between slashes, as /^a/"));
                };
                match Regex::new(&pattern) {
                    Ok(regex) => Ok(Condition::Matches(left, regex)),
                    Err(error) => {
                        let why = error.to_string();
                        let why = why.lines().last().unwrap_or_default();
                        let why = why.trim_start_matches("error: ");
                        let message = format!("/{pattern}/ is no regular expression: {why}");
                        Err(self.error(column, message, "write one such as /^a/"))
                    }
                }
            }
            Token::Word(word) if word == "in" => self.among(left),
            token => Err(self.error(
                column,
                format!("{} stands where a comparison belongs", token.words()),
                "write <, <=, >, >=, ==, !=, =~ or in",
            )),
        }
    }

    fn among(&mut self, operand: Operand) -> Result<Condition, RuleError> {
        let (column, token) = self.next("a file of names")?;
        let Token::File(name) = token else {
            let message = format!("{} is no file of names", token.words());
            return Err(self.error(column, message, "write in @FILE, a file with a name a line"));
        };
        let text = (self.read)(Path::new(&name)).map_err(|error| {
            let message = format!("failed to read {name}: {error}");
            self.error(column, message, "name a text file with a name a line")
        })?;
        let names = text
            .lines()
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        Ok(Condition::Among(operand, names.collect()))
    }

    fn operand(&mut self) -> Result<Operand, RuleError> {
        let (column, token) = self.next("a column, a number or a 'text'")?;
        match token {
            Token::Text(text) => Ok(Operand::Text(text)),
            Token::Column(name) => Ok(self.column(name)),
            Token::Word(word) if word == "from" => Ok(Operand::From),
            Token::Word(word) if word == "to" => Ok(Operand::To),
            Token::Word(word) if word.parse::<f64>().is_ok() => Ok(Operand::Text(word)),
            Token::Word(word) if !["and", "or", "not", "in"].contains(&&*word) => {
                Ok(self.column(word))
            }
            token => Err(self.error(
                column,
                format!("{} stands where a column or a value belongs", token.words()),
                "write from, to, a column's name, a number, or 'a text'",
            )),
        }
    }

    fn column(&mut self, name: String) -> Operand {
        let known = self.columns.iter().position(|known| *known == name);
        Operand::Column(known.unwrap_or_else(|| {
            self.columns.push(name);
            self.columns.len() - 1
        }))
    }

    fn takes(&mut self, wanted: &str) -> bool {
        self.tokens
            .next_if(|(_, token)| matches!(token, Token::Word(word) if word == wanted))
            .is_some()
    }

    fn next(&mut self, wanted: &str) -> Result<(usize, Token), RuleError> {
        let end = self.text.chars().count() + 1;
        self.tokens.next().ok_or_else(|| {
            self.error(
                end,
                format!("{wanted} is missing"),
                "write a test such as from < to, from =~ /^a/ or from in @FILE",
            )
        })
    }

    fn error(&self, column: usize, message: String, remedy: &str) -> RuleError {
        Tokens { text: self.text }.error(column, message, remedy)
    }
}

fn one_or(mut conditions: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        Some(last) => {
            conditions.push(last);
            join(conditions)
        }
        None => join(conditions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Rule, RuleError> {
        Rule::parse(text, |path| match path.to_str() {
            Some("south.txt") => Ok("anna\n\n  bo \n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn holds(rule: &str, from: &str, to: &str) -> bool {
        let rule = parse(rule).expect("it is a rule");
        let columns: Vec<String> = rule
            .columns()
            .iter()
            .map(|name| name.to_uppercase())
            .collect();
        rule.holds(Values {
            from,
            to,
            columns: &columns,
        })
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_text_as_text() {
        assert!(holds("from < to", "9", "10"));
        assert!(holds("from < to", "9007199254740993", "9007199254740994"));
        assert!(holds("from < to", "9.5", "10"));
        assert!(!holds("from < to", "a9", "a10"));
        assert!(holds("from >= 10", "10", ""));
        assert!(holds("from != 'b'", "a", "b"));
        assert!(!holds("from < to", "NaN", "1"));
    }

    #[test]
    fn tests_are_joined() {
        let rule = "not (from == a1 or to == 'x') and from =~ /^a\\/?[0-9]$/";
        assert!(holds(rule, "a2", "y"));
        assert!(!holds(rule, "a2", "x"));
        assert!(holds("from == 1 or from == 2 and to == 3", "1", "9"));
        assert!(holds("from in @south.txt", "bo", "x"));
        assert!(!holds("(from in @\"south.txt\")", "x", "bo"));
    }

    #[test]
    fn a_column_may_stand_in_a_rule() {
        assert!(holds("kind == 'KIND'", "", ""));
        assert!(holds("`sent by` == 'SENT BY'", "", ""));
        assert_eq!(parse("#3 < #1").expect("a rule").columns(), ["3", "1"]);
    }

    #[test]
    fn only_a_rule_about_one_name_decides_by_name() {
        for (rule, per_name) in [
            ("from in @south.txt", true),
            ("not to =~ /^a/", true),
            ("from < to", false),
            ("from == 'a' and kind == 'b'", false),
            ("1 == 1", false),
        ] {
            assert_eq!(
                parse(rule).expect("a rule").is_per_name(),
                per_name,
                "{rule}"
            );
        }
    }

    #[test]
    fn mistakes_are_told_with_their_places() {
        for (rule, column, part) in [
            ("", 1, "is missing"),
            ("from <", 7, "is missing"),
            ("from = to", 6, "'=' begins nothing"),
            ("from < to to", 11, "the rule has ended"),
            ("from =~ to", 9, "between slashes"),
            ("from =~ /(/", 9, "unclosed group"),
            ("from in south.txt", 9, "in @FILE"),
            ("from in @west.txt", 9, "failed to read west.txt"),
            ("from == 'a", 9, "not closed"),
            ("(from < to", 11, "closing parenthesis is missing"),
            ("from < and", 8, "a column or a value belongs"),
            ("from to", 6, "a comparison belongs"),
            ("from in @", 9, "begins nothing"),
        ] {
            let error = parse(rule).expect_err(rule);
            let text = error.to_string();
            assert_eq!(error.column, column, "{text}");
            assert!(text.contains(part), "{text}");
        }
    }
}
