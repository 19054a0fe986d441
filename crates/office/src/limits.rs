//! Every bound in one place. All are configurable downwards.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// The bounds of one office.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: $type,)* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Name and value of each bound, as a table shows it.
            pub fn table(&self) -> Vec<(&'static str, String)> {
                vec![$((stringify!($name), format!("{:?}", self.$name)),)*]
            }
        }
    };
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
    /// Steps of one meeting.
    meeting_steps_max: u64 = 1_024;
    /// Deadlines of documents and offers waiting for their time.
    deadlines_max: u64 = 262_144;
    /// Bytes of steps that the peer has not acknowledged; they live on disk.
    outbox_bytes_max: u64 = GIB;
    /// Requests waiting for the office.
    queue_max: u64 = 4_096;
    /// Streams on one connection.
    streams_per_connection_max: u32 = 100;
    /// Connections.
    connections_max: u64 = 1_024;
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
    /// Watchers.
    watchers_max: u64 = 256;
    /// Entries a watcher may fall behind.
    watcher_entries_behind_max: u64 = 65_536;
    /// Free bytes on the ledger's disk below which mutations are refused.
    disk_reserve_bytes: u64 = 64 * MIB;
    /// The first wait before dialling the peer again; waits grow, with full jitter.
    backoff_min: Duration = Duration::from_millis(100);
    /// The longest such wait.
    backoff_max: Duration = Duration::from_secs(30);
}
