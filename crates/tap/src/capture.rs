//! Captures of packets: pcapng and pcap, read and written. Bytes in, what passed out.

mod blocks;
mod flow;
mod packet;
mod write;

pub use blocks::CaptureFault;
pub use write::Recorder;

use crate::passed::Passed;
use blocks::Blocks;
use flow::Flows;

/// Reads a capture, in whatever pieces it comes.
#[derive(Debug, Default)]
pub struct Capture {
    blocks: Blocks,
    flows: Flows,
    began: Option<u128>,
}

impl Capture {
    /// Whether a file that begins so is a capture.
    pub fn is_begun_by(first: &[u8]) -> bool {
        blocks::is_begun_by(first)
    }

    /// When its first packet was captured, in nanoseconds since 1970.
    pub fn began(&self) -> Option<u128> {
        self.began
    }

    /// Packets that were no TCP over IP, and so were passed over.
    pub fn passed_over(&self) -> u64 {
        self.flows.passed_over()
    }

    /// Takes the next bytes, and tells what has passed by them.
    ///
    /// # Errors
    /// It is no capture, or damaged.
    pub fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Passed<'_>),
    ) -> Result<(), CaptureFault> {
        let (flows, began) = (&mut self.flows, &mut self.began);
        self.blocks.take(bytes, |ns, link, packet| {
            let since = ns.saturating_sub(*began.get_or_insert(ns));
            let nanos = u64::try_from(since).unwrap_or(u64::MAX);
            let at = std::time::Duration::from_nanos(nanos);
            flows.take(at, packet::segment(link, packet), &mut each);
        })
    }

    /// Tells what is left where the capture ends.
    ///
    /// # Errors
    /// It ends within a block.
    pub fn end(&mut self, mut each: impl FnMut(Passed<'_>)) -> Result<(), CaptureFault> {
        self.flows.end(&mut each);
        self.blocks.end()
    }
}
