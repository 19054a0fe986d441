//! gRPC conversations out of the bytes of a connection: the frames of HTTP/2, and the messages of a call.
//!
//! **The decision.** Bytes go in, in whatever pieces they come, and what is whole comes out; who reads them, and from
//! where, is somebody else's affair. So what an office holds its callers to can be tried a byte at a time.
//!
//! **The invariant.** However the bytes are cut, the same comes out; and nothing is held but the one frame or message that
//! is not whole yet, which is bounded before it is held.
//!
//! ```
//! use std::collections::VecDeque;
//! use tap::{Assembly, Piece};
//!
//! let (mut assembly, mut ready) = (Assembly::new(1024, None, false), VecDeque::new());
//! assembly.take(b"\0\0\0\0\x02h"[..].into(), &mut ready)?;
//! assert!(ready.is_empty() && assembly.is_within_a_message());
//! assembly.take(b"i"[..].into(), &mut ready)?;
//! assert_eq!(assembly.taken(), 1);
//! # Ok::<(), tap::Fault>(())
//! ```

mod assembly;
mod binary_log;
mod blank;
mod calls;
mod capture;
mod conversation;
mod event;
mod frames;
mod gather;
mod hpack;
mod onlooker;
mod passed;
mod recording;
mod synthesis;

pub use assembly::{Assembly, Fault, PIECE_BYTES, PREFIX_BYTES, Piece, Unpacker};
pub use binary_log::{BinaryLog, BinaryLogFault};
pub use blank::{Blanker, FieldPath, Fill, SECRET_HEADERS, Secrets};
pub use calls::{Call, CallEnd, CallStatus, Calls, Noted, Said, unpacked_bin};
pub use capture::{Capture, CaptureFault, Recorder};
pub use conversation::{Bounds, Conversation};
pub use event::{Event, Head, HeadKind, Message, Protocol, Side, What, get};
pub use frames::{Frame, Frames, Part, Patience};
pub use gather::unpacked;
pub use hpack::{Field, HpackFault};
pub use onlooker::Onlooker;
pub use passed::{Blanking, Listening, Passed, Passing};
pub use recording::{Recording, RecordingFault, Told};
pub use synthesis::Synthesis;
