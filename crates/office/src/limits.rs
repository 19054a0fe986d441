//! Every bound in one place. All are configurable downwards.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)*) => {
        /// The bounds of one office.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits { $($(#[doc = $doc])+ pub $name: $type,)* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Sets the bound `name`, downwards only. A duration is in milliseconds.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitError> {
                match name {
                    $(stringify!($name) => {
                        let max = Self::default().$name.to_number();
                        if value == 0 || value > max {
                            return Err(LimitError::OutOfRange { name: stringify!($name), value, max });
                        }
                        self.$name = Number::from_number(value);
                    })*
                    _ => return Err(LimitError::Unknown { name: name.to_owned() }),
                }
                Ok(())
            }

            /// Each bound as a table shows it.
            pub fn table(&self) -> Vec<Limit> {
                vec![$(Limit {
                    name: stringify!($name),
                    value: self.$name.to_number(),
                    unit: Unit::of(stringify!($name), <$type as Number>::IS_TIME),
                    about: concat!($($doc),+).trim(),
                },)*]
            }
        }
    };
}

/// What the value of a bound counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    fn of(name: &str, is_time: bool) -> Self {
        match (is_time, name.contains("bytes")) {
            (true, _) => Self::Milliseconds,
            (false, true) => Self::Bytes,
            (false, false) => Self::Count,
        }
    }
}

/// One bound, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// As `--limit` names it.
    pub name: &'static str,
    /// Its value, as `--limit` takes it.
    pub value: u64,
    /// What the value counts.
    pub unit: Unit,
    /// What it bounds.
    pub about: &'static str,
}

/// Why a bound cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No such bound.
    #[error("there is no limit {name:?}; the --help of south and north lists them")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// Bounds go down, never up.
    #[error("the limit {name} is {value}; write 1 to {max}: limits can be lowered, never raised")]
    OutOfRange {
        /// The bound.
        name: &'static str,
        /// The value given.
        value: u64,
        /// Its default, the most it can be; milliseconds for a duration.
        max: u64,
    },
}

/// A bound as a number: a count, bytes, or milliseconds.
trait Number {
    fn to_number(&self) -> u64;
    fn from_number(number: u64) -> Self;
    /// Whether the number is milliseconds.
    const IS_TIME: bool = false;
}

impl Number for u64 {
    fn to_number(&self) -> u64 {
        *self
    }

    fn from_number(number: u64) -> Self {
        number
    }
}

impl Number for u32 {
    fn to_number(&self) -> u64 {
        u64::from(*self)
    }

    fn from_number(number: u64) -> Self {
        // Checked against the default, which is a u32.
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Number for Duration {
    const IS_TIME: bool = true;

    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }

    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }
}

limits! {
    /// Bytes of one message from a client.
    client_message_bytes_max: u64 = 4 * MIB;
    /// Bytes of one document (above `client_message_bytes_max` by UploadDocument).
    document_bytes_max: u64 = 16 * MIB;
    /// Bytes of one message on the line.
    line_message_bytes_max: u64 = 17 * MIB;
    /// Bytes of a subject, and of a topic.
    subject_bytes_max: u64 = KIB;
    /// Bytes of a name, place, reference or media type.
    name_bytes_max: u64 = 256;
    /// Bytes of a remark or reason.
    remark_bytes_max: u64 = 4 * KIB;
    /// Participants of a contact or meeting.
    participants_max: u64 = 64;
    /// Topics of a contact or meeting.
    topics_max: u64 = 64;
    /// Meetings that may still move, of both offices together.
    open_meetings_max: u64 = 10_000;
    /// The same, proposed over one connection.
    caller_open_meetings_max: u64 = 2_500;
    /// Steps of one meeting.
    meeting_steps_max: u64 = 1_024;
    /// Deadlines of documents and offers waiting for their time.
    deadlines_max: u64 = 262_144;
    /// Bytes of steps that the peer has not acknowledged; they live on disk.
    outbox_bytes_max: u64 = GIB;
    /// Requests waiting for the office.
    queue_max: u64 = 4_096;
    /// Bytes of requests and parcels waiting for the office.
    queue_bytes_max: u64 = 32 * MIB;
    /// Bytes of messages that come in or wait to go out, of all callers together.
    call_bytes_max: u64 = 64 * MIB;
    /// The same of one connection: room for a document of the greatest size, twice.
    caller_bytes_max: u64 = 40 * MIB;
    /// Bytes that every connection has besides.
    caller_allowance_bytes: u64 = 64 * KIB;
    /// How long a message may take to come in, once it has begun.
    message_timeout: Duration = Duration::from_secs(30);
    /// How long a call may take that sets no deadline and is no stream.
    call_timeout: Duration = Duration::from_secs(150);
    /// Streams on one connection.
    streams_per_connection_max: u32 = 100;
    /// Connections.
    connections_max: u64 = 1_024;
    /// Connections beside them, for the peer and for whoever looks how the office is, when all others are taken.
    places_kept: u64 = 32;
    /// How long a connection may be without a call.
    idle_timeout: Duration = Duration::from_secs(300);
    /// Connections that have not begun to call; the oldest gives way to another.
    handshakes_max: u64 = 64;
    /// How long a connection may take to begin.
    handshake_timeout: Duration = Duration::from_secs(5);
    /// How long a drain may take.
    drain_timeout: Duration = Duration::from_secs(10);
    /// How long a send waits for the peer when the client set no deadline.
    wait_timeout: Duration = Duration::from_secs(60);
    /// How long a send waits while the line is down, before it says so.
    peer_timeout: Duration = Duration::from_secs(5);
    /// Mutations whose request ids are remembered.
    idempotency_window: u64 = 1_048_576;
    /// Uploads and downloads of large documents under way.
    transfers_max: u64 = 16;
    /// The same of one connection.
    caller_transfers_max: u64 = 8;
    /// How long the peer may take to answer a connection, and to say Hello.
    hello_timeout: Duration = Duration::from_secs(5);
    /// How long a connection may be silent before it is asked whether it lives, and how long the answer may take.
    keep_alive_interval: Duration = Duration::from_secs(10);
    /// Watchers.
    watchers_max: u64 = 256;
    /// Watchers of one connection.
    caller_watchers_max: u64 = 64;
    /// Entries a watcher may fall behind.
    watcher_entries_behind_max: u64 = 65_536;
    /// Free bytes on the ledger's disk below which mutations are refused.
    disk_reserve_bytes: u64 = 64 * MIB;
    /// The first wait before dialling the peer again; waits grow, with full jitter.
    backoff_min: Duration = Duration::from_millis(100);
    /// The longest such wait.
    backoff_max: Duration = Duration::from_secs(30);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_go_down_and_never_up() {
        let mut limits = Limits::default();
        assert_eq!(limits.set("drain_timeout", 250), Ok(()));
        assert_eq!(limits.drain_timeout, Duration::from_millis(250));
        assert_eq!(limits.set("streams_per_connection_max", 3), Ok(()));
        assert_eq!(limits.streams_per_connection_max, 3);
        assert_eq!(limits.set("queue_max", 4_095), Ok(()));
        assert_eq!(limits.queue_max, 4_095);
        for (name, value) in [("queue_max", 4_097), ("queue_max", 0), ("queue", 1)] {
            assert!(limits.set(name, value).is_err(), "{name} = {value}");
        }
    }

    /// The sizes that people know.
    #[test]
    fn sizes_are_what_they_are_said_to_be() {
        let limits = Limits::default();
        assert_eq!(limits.subject_bytes_max, 1_024);
        assert_eq!(limits.client_message_bytes_max, 4_194_304);
        assert_eq!(limits.outbox_bytes_max, 1_073_741_824);
    }
}
