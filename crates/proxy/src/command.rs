//! Commands to a running proxy, one a line.

use std::str::FromStr;
use std::time::Duration;

use crate::quantity::{Odds, Span, Trickle, Unreadable, parse_duration};
use crate::way::{Way, Ways};

/// What a running proxy can be told. `None` switches a rule off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Hold every byte, until restored.
    Cut(Ways),
    /// End cut, half-open and refuse.
    Restore,
    /// Deliver each chunk so much later.
    Delay(Ways, Option<Span>),
    /// Add up to so much to each delay.
    Jitter(Ways, Option<Duration>),
    /// Carry at most so many bytes so often.
    Trickle(Ways, Option<Trickle>),
    /// Reset so many chunks in so many, in mid-frame.
    ResetChunks(Ways, Option<Odds>),
    /// Reset every connection now.
    ResetNow,
    /// Drop every byte of every connection, those to come too.
    HalfOpen,
    /// So many in so many of the connections to come are half-open.
    HalfOpenSome(Option<Odds>),
    /// Stop listening.
    Refuse,
    /// Dial another service from now on.
    To(String),
    /// Tell the condition and the counts.
    Status,
    /// Stop.
    Quit,
}

/// The commands, for people who mistyped one.
const COMMANDS: &str =
    "cut, restore, delay, jitter, trickle, reset, half-open, refuse, to, status, quit";

impl FromStr for Command {
    type Err = Unreadable;

    fn from_str(line: &str) -> Result<Self, Unreadable> {
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let mut rest: Vec<&str> = words.collect();
        let ways = match rest.first() {
            Some(&"up") => Ways::Only(Way::Up),
            Some(&"down") => Ways::Only(Way::Down),
            _ => Ways::Both,
        };
        if ways != Ways::Both {
            rest.remove(0);
        }
        match (verb, ways, rest.as_slice()) {
            ("cut", ways, []) => Ok(Self::Cut(ways)),
            ("restore", Ways::Both, []) => Ok(Self::Restore),
            ("delay", ways, [value]) => Ok(Self::Delay(ways, or_off(value, str::parse)?)),
            ("jitter", ways, [value]) => Ok(Self::Jitter(ways, or_off(value, parse_duration)?)),
            ("trickle", ways, [value]) => Ok(Self::Trickle(ways, or_off(value, str::parse)?)),
            ("reset", Ways::Both, []) => Ok(Self::ResetNow),
            ("reset", ways, [value]) => Ok(Self::ResetChunks(ways, or_off(value, str::parse)?)),
            ("half-open", Ways::Both, []) => Ok(Self::HalfOpen),
            ("half-open", Ways::Both, [value]) => {
                Ok(Self::HalfOpenSome(or_off(value, str::parse)?))
            }
            ("refuse", Ways::Both, []) => Ok(Self::Refuse),
            ("to", Ways::Both, [address]) => Ok(Self::To(parse_address(address)?)),
            ("status", Ways::Both, []) => Ok(Self::Status),
            ("quit", Ways::Both, []) => Ok(Self::Quit),
            _ => Err(Unreadable(format!(
                "`{line}` is not a command; the commands are {COMMANDS}. See liaison proxy --help"
            ))),
        }
    }
}

fn or_off<T>(
    value: &str,
    parse: impl Fn(&str) -> Result<T, Unreadable>,
) -> Result<Option<T>, Unreadable> {
    if value == "off" {
        Ok(None)
    } else {
        parse(value).map(Some)
    }
}

/// Checks an address of the form `host:port`; the name is looked up when it is dialled.
pub fn parse_address(text: &str) -> Result<String, Unreadable> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err(Unreadable(format!(
            "`{text}` is not an address; write host:port, such as 127.0.0.1:50051"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_read_as_they_are_documented() {
        let read = |line: &str| line.parse::<Command>().expect(line);
        assert_eq!(read("cut"), Command::Cut(Ways::Both));
        assert_eq!(read("  cut   up "), Command::Cut(Ways::Only(Way::Up)));
        assert_eq!(read("restore"), Command::Restore);
        assert_eq!(
            read("delay 50ms..100ms"),
            Command::Delay(Ways::Both, "50ms..100ms".parse().ok())
        );
        assert_eq!(
            read("delay down off"),
            Command::Delay(Ways::Only(Way::Down), None)
        );
        assert_eq!(
            read("trickle 10B/5ms"),
            Command::Trickle(Ways::Both, "10B/5ms".parse().ok())
        );
        assert_eq!(read("reset"), Command::ResetNow);
        assert_eq!(
            read("reset up 1/1"),
            Command::ResetChunks(Ways::Only(Way::Up), "1/1".parse().ok())
        );
        assert_eq!(read("half-open"), Command::HalfOpen);
        assert_eq!(
            read("to 127.0.0.1:1"),
            Command::To("127.0.0.1:1".to_owned())
        );
    }

    #[test]
    fn a_mistyped_command_is_told_what_there_is() {
        for line in [
            "",
            "cutt",
            "restore up",
            "delay",
            "delay up",
            "cut 5s",
            "to nowhere",
            "POST / HTTP/1.1",
        ] {
            let error = line.parse::<Command>().expect_err(line).to_string();
            assert!(error.contains("is not"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in ".{0,300}") {
            let _ = line.parse::<Command>();
        }
    }
}
