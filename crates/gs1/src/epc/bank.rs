//! The EPC bank of a Gen2 tag: the PC word decides how the EPC bits are read (TDS 1.13 sections 9
//! and 15.2).

use thiserror::Error;

use super::{Epc, EpcError, decode};
use crate::charset::push_hex;

/// The protocol control word, bits 10h to 1Fh of the EPC bank (TDS section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PcWord(pub u16);

impl PcWord {
    /// Whether user memory holds data (bit 15h).
    pub fn has_user_memory(self) -> bool {
        self.0 & 0x0400 != 0
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

/// Reads the EPC bank: `bit_len` bits of EPC in `bytes`, and the PC word if the reader reports it.
///
/// With the toggle bit set the header is never consulted: an ISO tag can look like an EPC by
/// accident. Without a PC word the toggle counts as 0. Never fails: what does not decode is
/// [`TagIdentity::Raw`].
pub fn decode_bank(pc: Option<u16>, bytes: &[u8], bit_len: usize) -> TagIdentity {
    let pc = pc.map(PcWord);
    if let Some(pc) = pc.filter(|pc| pc.is_iso()) {
        let afi = pc.low_byte();
        return TagIdentity::Raw {
            uri: raw(None, Some(afi), bytes, bit_len),
            reason: RawReason::Iso { afi },
        };
    }
    match decode(bytes, bit_len) {
        Ok(epc) => TagIdentity::Epc(epc),
        Err(error) => TagIdentity::Raw {
            uri: raw(pc, None, bytes, bit_len),
            reason: RawReason::Undecodable(error),
        },
    }
}

/// `urn:epc:raw:N.xHEX` of the first `bit_len` bits, or of all there are if that is fewer
/// (TDS section 12).
///
/// The hexadecimal number is the value of the bits, with leading zeros to ⌈N/4⌉ digits.
pub fn raw_uri(bytes: &[u8], bit_len: usize) -> String {
    raw(None, None, bytes, bit_len)
}

fn raw(control: Option<PcWord>, afi: Option<u8>, bytes: &[u8], bit_len: usize) -> String {
    let bit_len = bit_len.min(bytes.len().saturating_mul(8));
    let mut uri = "urn:epc:raw:".to_owned();
    if let Some(pc) = control {
        push_control(&mut uri, pc);
    }
    uri.push_str(&bit_len.to_string());
    if let Some(afi) = afi {
        uri.push_str(".x");
        push_hex(&mut uri, afi);
    }
    uri.push_str(".x");
    push_number(&mut uri, bytes, bit_len);
    uri
}

/// Control information that is not zero, in the order of TDS section 12.
fn push_control(uri: &mut String, pc: PcWord) {
    if pc.low_byte() != 0 {
        uri.push_str("[att=x");
        push_hex(uri, pc.low_byte());
        uri.push(']');
    }
    if pc.has_user_memory() {
        uri.push_str("[umi=1]");
    }
    if uri.ends_with(']') {
        uri.push(':');
    }
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
