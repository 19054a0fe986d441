//! The blocks of pcapng, and the records of pcap.

/// A longer block is no packet.
const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const TIME_RESOLUTION: u16 = 9;
/// The four magic numbers of pcap: microseconds and nanoseconds, of either byte order.
const PCAP_US: u32 = 0xa1b2_c3d4;
const PCAP_NS: u32 = 0xa1b2_3c4d;

/// Why a capture cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureFault {
    /// Its first bytes are of nothing that is known.
    #[error("it is neither pcapng nor pcap")]
    NoCapture,
    /// A block says of itself what cannot be.
    #[error("the block at byte {at} is damaged: {why}")]
    Damaged {
        /// Where.
        at: u64,
        /// In what way.
        why: &'static str,
    },
    /// It ends before a block does.
    #[error("it ends within the block at byte {at}: was it cut off?")]
    Short {
        /// Where that begins.
        at: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Pcapng,
    Pcap { link: u32, is_ns: bool },
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    /// Its times count so many to a second.
    per_second: u128,
}

#[derive(Debug, Default)]
pub(super) struct Blocks {
    held: Vec<u8>,
    at: u64,
    format: Option<Format>,
    is_big: bool,
    interfaces: Vec<Interface>,
}

pub(super) fn is_begun_by(first: &[u8]) -> bool {
    let Some(magic) = first.first_chunk() else {
        return false;
    };
    let (little, big) = (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic));
    [SECTION, PCAP_US, PCAP_NS]
        .iter()
        .any(|it| [little, big].contains(it))
}

impl Blocks {
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(u128, u32, &[u8]),
    ) -> Result<(), CaptureFault> {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let mut from = 0;
        let taken = loop {
            match self.block(&held[from..], &mut each) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    from += count;
                    self.at += count as u64;
                }
                Err(fault) => break Err(fault),
            }
        };
        self.held = held;
        self.held.drain(..from);
        taken
    }

    pub(super) fn end(&self) -> Result<(), CaptureFault> {
        if self.held.is_empty() {
            Ok(())
        } else {
            Err(CaptureFault::Short { at: self.at })
        }
    }

    fn damaged(&self, why: &'static str) -> CaptureFault {
        CaptureFault::Damaged { at: self.at, why }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u32::from_be_bytes(*bytes)
        } else {
            u32::from_le_bytes(*bytes)
        })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u16::from_be_bytes(*bytes)
        } else {
            u16::from_le_bytes(*bytes)
        })
    }

    /// Takes a block, and says how long it was; 0 if it is not whole.
    fn block(
        &mut self,
        held: &[u8],
        each: &mut impl FnMut(u128, u32, &[u8]),
    ) -> Result<usize, CaptureFault> {
        match self.format {
            None => self.open(held),
            Some(Format::Pcap { link, is_ns }) => self.record(held, link, is_ns, each),
            Some(Format::Pcapng) => self.pcapng(held, each),
        }
    }

    fn open(&mut self, held: &[u8]) -> Result<usize, CaptureFault> {
        let Some(magic) = held.first_chunk() else {
            return Ok(0);
        };
        let (little, big) = (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic));
        if little == SECTION {
            self.format = Some(Format::Pcapng);
            // It is read as a block, by the next call.
            return if held.len() < 12 {
                self.format = None;
                Ok(0)
            } else {
                self.section(held)
            };
        }
        self.is_big = [PCAP_US, PCAP_NS].contains(&big);
        if !self.is_big && ![PCAP_US, PCAP_NS].contains(&little) {
            return Err(CaptureFault::NoCapture);
        }
        if held.len() < 24 {
            return Ok(0);
        }
        let is_ns = [little, big].contains(&PCAP_NS);
        let link = self.u32(held, 20).unwrap_or_default() & 0x0fff_ffff;
        self.format = Some(Format::Pcap { link, is_ns });
        Ok(24)
    }

    fn record(
        &self,
        held: &[u8],
        link: u32,
        is_ns: bool,
        each: &mut impl FnMut(u128, u32, &[u8]),
    ) -> Result<usize, CaptureFault> {
        let word = |at| self.u32(held, at).map(|it| it as usize);
        let (Some(seconds), Some(fraction), Some(len), Some(_)) =
            (word(0), word(4), word(8), word(12))
        else {
            return Ok(0);
        };
        if len > BLOCK_BYTES_MAX {
            return Err(self.damaged("its packet is longer than any"));
        }
        let Some(packet) = held.get(16..16 + len) else {
            return Ok(0);
        };
        let ns = fraction as u128 * if is_ns { 1 } else { 1_000 };
        each(seconds as u128 * 1_000_000_000 + ns, link, packet);
        Ok(16 + len)
    }

    /// The block that a section begins with says in which order its bytes stand.
    fn section(&mut self, held: &[u8]) -> Result<usize, CaptureFault> {
        let Some(magic) = held.get(8..).and_then(|it| it.first_chunk()) else {
            return Ok(0);
        };
        self.is_big = match (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic)) {
            (BYTE_ORDER, _) => false,
            (_, BYTE_ORDER) => true,
            _ => return Err(self.damaged("its byte order is none")),
        };
        self.interfaces.clear();
        self.whole(held).map(|whole| whole.map_or(0, <[u8]>::len))
    }

    /// A block that is whole.
    fn whole<'a>(&self, held: &'a [u8]) -> Result<Option<&'a [u8]>, CaptureFault> {
        let Some(len) = self.u32(held, 4).map(|it| it as usize) else {
            return Ok(None);
        };
        if len < 12 || !len.is_multiple_of(4) || len > BLOCK_BYTES_MAX {
            return Err(self.damaged("its length cannot be"));
        }
        let Some(block) = held.get(..len) else {
            return Ok(None);
        };
        if self.u32(block, len - 4) != Some(len as u32) {
            return Err(self.damaged("it does not end as it begins"));
        }
        Ok(Some(block))
    }

    fn pcapng(
        &mut self,
        held: &[u8],
        each: &mut impl FnMut(u128, u32, &[u8]),
    ) -> Result<usize, CaptureFault> {
        let Some(kind) = self.u32(held, 0) else {
            return Ok(0);
        };
        if kind == SECTION {
            return self.section(held);
        }
        let Some(block) = self.whole(held)? else {
            return Ok(0);
        };
        let body = &block[8..block.len() - 4];
        let short = || self.damaged("it is shorter than what it must say");
        match kind {
            INTERFACE => {
                let link = self.u16(body, 0).ok_or_else(short)?;
                let per_second = self.resolution(body.get(8..).unwrap_or_default());
                self.interfaces.push(Interface {
                    link: u32::from(link),
                    per_second,
                });
            }
            ENHANCED_PACKET => {
                let word = |at| self.u32(body, at).ok_or_else(short);
                let (number, high, low, len) = (word(0)?, word(4)?, word(8)?, word(12)?);
                let interface = self.interfaces.get(number as usize).copied();
                let interface =
                    interface.ok_or_else(|| self.damaged("its interface is not described"))?;
                let packet = body.get(20..20 + len as usize).ok_or_else(short)?;
                let ticks = u128::from(high) << 32 | u128::from(low);
                each(
                    ticks * 1_000_000_000 / interface.per_second,
                    interface.link,
                    packet,
                );
            }
            SIMPLE_PACKET => {
                let link = self.interfaces.first().map(|it| it.link);
                let link = link.ok_or_else(|| self.damaged("its interface is not described"))?;
                let len = self.u32(body, 0).ok_or_else(short)? as usize;
                // It has no time.
                each(
                    0,
                    link,
                    body.get(4..)
                        .map(|it| &it[..len.min(it.len())])
                        .unwrap_or_default(),
                );
            }
            _ => {}
        }
        Ok(block.len())
    }

    /// How an interface counts time, by its options.
    fn resolution(&self, mut options: &[u8]) -> u128 {
        while let (Some(code), Some(len)) = (self.u16(options, 0), self.u16(options, 2)) {
            let value = options.get(4..).and_then(|it| it.first());
            match (code, value) {
                (0, _) => break,
                (TIME_RESOLUTION, Some(power)) if power & 0x80 == 0 && *power < 20 => {
                    return 10_u128.pow(u32::from(*power));
                }
                (TIME_RESOLUTION, Some(power)) if power & 0x80 != 0 && power & 0x7f < 64 => {
                    return 1 << (power & 0x7f);
                }
                _ => {}
            }
            let padded = usize::from(len).next_multiple_of(4);
            options = options.get(4 + padded..).unwrap_or_default();
        }
        1_000_000
    }
}
