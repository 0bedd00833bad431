//! The EPC bank of a Gen2 tag: the PC word decides how the EPC bits are read (TDS 1.13 sections 9
//! and 15.2).

use thiserror::Error;

use super::{Epc, EpcError, IsoData, Xpc, decode};
use crate::charset::push_hex;

/// The protocol control word, bits 10h to 1Fh of the EPC bank (TDS section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PcWord(pub u16);

impl PcWord {
    /// The length of the EPC in 16-bit words (bits 10h to 14h).
    pub fn epc_words(self) -> usize {
        usize::from(self.0 >> 11)
    }

    /// Whether user memory holds data (UMI, bit 15h).
    pub fn has_user_memory(self) -> bool {
        self.0 & 0x0400 != 0
    }

    /// Whether the tag has extended protocol control words (XI, bit 16h).
    pub fn has_xpc(self) -> bool {
        self.0 & 0x0200 != 0
    }

    /// The toggle (bit 17h): set for tags of ISO/IEC 15961, whose memory is no EPC.
    pub fn is_iso(self) -> bool {
        self.0 & 0x0100 != 0
    }

    /// Bits 18h to 1Fh: the application family identifier of an ISO tag, the attribute bits of an
    /// EPC tag.
    pub fn low_byte(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// The attribute bits of an EPC tag; `None` on an ISO tag, which has none (TDS 11).
    pub fn attributes(self) -> Option<u8> {
        (!self.is_iso()).then(|| self.low_byte())
    }

    /// The application family identifier of an ISO tag.
    pub fn afi(self) -> Option<u8> {
        self.is_iso().then(|| self.low_byte())
    }
}

/// What the EPC bank of a tag means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagIdentity {
    /// An EPC that passed every check.
    Epc(Epc),
    /// Memory that is no EPC of a known scheme, kept whole.
    Raw {
        /// `urn:epc:raw:…`, which names the memory content.
        uri: String,
        /// Why it is not decoded.
        reason: RawReason,
    },
}

/// Why tag memory stays raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RawReason {
    /// The toggle bit says that this is no EPC.
    #[error("the tag is an ISO tag with application family {afi:02X}h")]
    Iso {
        /// The application family identifier.
        afi: u8,
    },
    /// The memory does not decode.
    #[error("the memory is not a valid EPC")]
    Undecodable(#[source] EpcError),
    /// The PC word announces more than the reader reports: the read is not whole.
    #[error("the PC word announces {announced} bits of EPC, the reader reports {reported}")]
    Length {
        /// The bits that the PC word announces.
        announced: usize,
        /// The bits there.
        reported: usize,
    },
}

impl TagIdentity {
    /// The name to compare and deduplicate on: the EPC's [`instance_uri`](Epc::instance_uri), or
    /// the raw URI.
    pub fn uri(&self) -> String {
        match self {
            Self::Epc(epc) => epc.instance_uri(),
            Self::Raw { uri, .. } => uri.clone(),
        }
    }

    /// The EPC, if it decoded.
    pub fn epc(&self) -> Option<&Epc> {
        match self {
            Self::Epc(epc) => Some(epc),
            Self::Raw { .. } => None,
        }
    }
}

/// The EPC bank as a reader reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gen2Bank<'a> {
    /// The PC word, if the reader reports it; without it the toggle counts as 0.
    pub pc: Option<PcWord>,
    /// The XPC words, if the tag has them and the reader reports them.
    pub xpc: Option<Xpc>,
    /// The memory from bit 20h on.
    pub epc: &'a [u8],
    /// How many bits of it.
    pub bit_len: usize,
}

impl<'a> Gen2Bank<'a> {
    /// Whole bytes of memory.
    pub fn new(pc: Option<u16>, xpc: Option<Xpc>, epc: &'a [u8]) -> Self {
        Self {
            pc: pc.map(PcWord),
            xpc,
            epc,
            bit_len: epc.len().saturating_mul(8),
        }
    }

    /// What the bank means.
    ///
    /// With the toggle bit set the header is never consulted: an ISO tag can look like an EPC by
    /// accident. Bits beyond the length in the PC word are not part of the EPC (TDS 15.2.2); a PC
    /// word with the length 0 says nothing. Never fails: what does not decode is
    /// [`TagIdentity::Raw`].
    pub fn identity(&self) -> TagIdentity {
        if let Some(afi) = self.pc.and_then(PcWord::afi) {
            return TagIdentity::Raw {
                uri: self.raw(),
                reason: RawReason::Iso { afi },
            };
        }
        if let Some(reason) = self.cut_off() {
            return TagIdentity::Raw {
                uri: self.raw(),
                reason,
            };
        }
        match decode(self.epc, self.epc_bits()) {
            Ok(epc) => TagIdentity::Epc(epc),
            Err(error) => TagIdentity::Raw {
                uri: self.raw(),
                reason: RawReason::Undecodable(error),
            },
        }
    }

    /// The data identifier and data of an ISO tag; `None` on an EPC tag, and where there are none.
    pub fn iso_data(&self) -> Option<IsoData> {
        IsoData::read(self.pc?.afi()?, self.epc, self.epc_bits())
    }

    /// The tag URI with the control information that is not zero, such as
    /// `urn:epc:tag:[att=xA5]:giai-96:1.2916138438.534981973727` or `urn:epc:raw:[umi=1]:96.x…`
    /// (TDS sections 12 and 15.2.4). An EPC of TDS 2.0 and later has no tag URI; its Digital Link
    /// stands for it.
    pub fn tag_uri(&self) -> String {
        const TAG: &str = "urn:epc:tag:";
        let epc = match self.identity() {
            TagIdentity::Raw { uri, .. } => return uri,
            TagIdentity::Epc(epc) => epc,
        };
        let Some(plain) = epc.tag_uri() else {
            return epc.digital_link().unwrap_or_else(|| epc.instance_uri());
        };
        let mut uri = TAG.to_owned();
        self.push_control(&mut uri);
        uri.push_str(plain.strip_prefix(TAG).unwrap_or(&plain));
        uri
    }

    /// The bits of the EPC: those reported, and no more than the PC word announces.
    fn epc_bits(&self) -> usize {
        match self.announced_bits() {
            Some(bits) => self.bit_len.min(bits),
            None => self.bit_len,
        }
    }

    /// The length in the PC word, in bits; `None` if there is none.
    fn announced_bits(&self) -> Option<usize> {
        let words = self.pc?.epc_words();
        (words > 0).then_some(words * 16)
    }

    /// Set if the PC word announces more than there is.
    fn cut_off(&self) -> Option<RawReason> {
        let announced = self.announced_bits()?;
        // With XPC words some tags count these too: one or two words.
        let xpc = if self.pc.is_some_and(PcWord::has_xpc) {
            32
        } else {
            0
        };
        // Reported are bits; announced are words, so that padding may be missing.
        let missing = announced.saturating_sub(self.bit_len);
        (missing >= 16 + xpc).then_some(RawReason::Length {
            announced,
            reported: self.bit_len,
        })
    }

    fn raw(&self) -> String {
        let bit_len = self.epc_bits().min(self.epc.len().saturating_mul(8));
        let mut uri = "urn:epc:raw:".to_owned();
        self.push_control(&mut uri);
        uri.push_str(&bit_len.to_string());
        if let Some(afi) = self.pc.and_then(PcWord::afi) {
            uri.push_str(".x");
            push_hex(&mut uri, afi);
        }
        uri.push_str(".x");
        push_number(&mut uri, self.epc, bit_len);
        uri
    }

    /// Control information that is not zero, in the order of TDS section 12.
    fn push_control(&self, uri: &mut String) {
        if let Some(attributes) = self.pc.and_then(PcWord::attributes).filter(|it| *it != 0) {
            uri.push_str("[att=x");
            push_hex(uri, attributes);
            uri.push(']');
        }
        if self.pc.is_some_and(PcWord::has_user_memory) {
            uri.push_str("[umi=1]");
        }
        if let Some(xpc) = self.xpc.filter(|xpc| !xpc.is_zero()) {
            uri.push_str("[xpc=x");
            let words = [xpc.w1, xpc.w2];
            let used = if xpc.w2 == 0 { 1 } else { 2 };
            for byte in words.into_iter().take(used).flat_map(u16::to_be_bytes) {
                push_hex(uri, byte);
            }
            uri.push(']');
        }
        if uri.ends_with(']') {
            uri.push(':');
        }
    }
}

/// Reads the EPC bank: `bit_len` bits of EPC in `bytes`, and the PC word if the reader reports it;
/// as [`Gen2Bank::identity`].
pub fn decode_bank(pc: Option<u16>, bytes: &[u8], bit_len: usize) -> TagIdentity {
    Gen2Bank {
        pc: pc.map(PcWord),
        xpc: None,
        epc: bytes,
        bit_len,
    }
    .identity()
}

/// `urn:epc:raw:N.xHEX` of the first `bit_len` bits, or of all there are if that is fewer
/// (TDS section 12).
///
/// The hexadecimal number is the value of the bits, with leading zeros to ⌈N/4⌉ digits.
pub fn raw_uri(bytes: &[u8], bit_len: usize) -> String {
    Gen2Bank {
        pc: None,
        xpc: None,
        epc: bytes,
        bit_len,
    }
    .raw()
}

/// The first `bit_len` bits as a number: shifted right to end on a whole digit.
fn push_number(uri: &mut String, bytes: &[u8], bit_len: usize) {
    let used = bit_len.div_ceil(8);
    let shift = used * 8 - bit_len;
    let digits = uri.len();
    let mut carry = 0_u16;
    for &byte in bytes.get(..used).unwrap_or_default() {
        carry = carry << 8 | u16::from(byte);
        let [_, shifted] = (carry >> shift).to_be_bytes();
        push_hex(uri, shifted);
        carry &= 0x00FF;
    }
    // Seven bits or fewer too many: at most one digit of padding in front.
    if used * 2 > bit_len.div_ceil(4) {
        uri.remove(digits);
    }
}
