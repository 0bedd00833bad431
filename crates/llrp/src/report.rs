//! Tag reports straight from the frame: the path every read takes.
//!
//! `RO_ACCESS_REPORT` is walked in place and gives [`TagRead`] values that own nothing on the heap. One bad
//! `TagReportData` costs only itself: its neighbours are found by their lengths. Whatever is not needed here is
//! skipped by length; the generic tree of [`crate::codec`] holds the rest.

use std::fmt;

use crate::codec::{Param, impinj, zebra};

/// Longest EPC that fits the EPC memory bank: 496 bits (EPC Gen2 §6.3.2.1.2.2).
pub const MAX_EPC_BYTES: usize = 62;

/// Tag bytes with inline storage.
#[derive(Clone, Copy)]
pub struct EpcBytes {
    bytes: [u8; MAX_EPC_BYTES],
    len: u8,
}

impl EpcBytes {
    /// The bytes, or `None` if they are more than [`MAX_EPC_BYTES`].
    #[must_use]
    pub fn new(epc: &[u8]) -> Option<Self> {
        let mut bytes = Self::default();
        bytes.set(epc)?;
        Some(bytes)
    }

    /// Sets the first bytes; those behind must still be zero.
    #[inline]
    fn set(&mut self, epc: &[u8]) -> Option<()> {
        self.bytes.get_mut(..epc.len())?.copy_from_slice(epc);
        self.len = u8::try_from(epc.len()).ok()?;
        Some(())
    }

    /// Clears the last byte's bits beyond `bit_len`; whether one was set.
    fn clear_beyond(&mut self, bit_len: u16) -> bool {
        let (used, kept) = (bit_len % 8, self.as_slice().last().copied());
        let mask = if used == 0 { 0 } else { 0xff_u8 >> used };
        let stray = kept.is_some_and(|last| last & mask != 0);
        if let Some(last) = usize::from(self.len)
            .checked_sub(1)
            .and_then(|at| self.bytes.get_mut(at))
        {
            *last &= !mask;
        }
        stray
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Default for EpcBytes {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_EPC_BYTES],
            len: 0,
        }
    }
}

impl AsRef<[u8]> for EpcBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for EpcBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for EpcBytes {}

impl std::hash::Hash for EpcBytes {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Display for EpcBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EpcBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A reader's own time, in microseconds. Evidence, not truth: see the offset measured at the connection event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReaderTime {
    /// Microseconds since 1970-01-01T00:00Z, as the reader's clock has it.
    Utc(u64),
    /// Microseconds since the reader started; from readers without a UTC clock.
    Uptime(u64),
}

/// One tag sighting as the reader reports it (`TagReportData`, LLRP 1.0.1 §13.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagRead {
    /// Content of the EPC memory, left-aligned.
    pub epc: EpcBytes,
    /// Number of bits of it: 0 to 496.
    pub bit_len: u16,
    /// Protocol-control word of the EPC memory.
    pub pc: Option<u16>,
    /// CRC-16 of the EPC memory.
    pub crc: Option<u16>,
    /// First word of extended protocol control (EPC Gen2 §6.3.2.1.2.2): battery, sensor alarm and so on.
    pub xpc_w1: Option<u16>,
    /// Second word of extended protocol control.
    pub xpc_w2: Option<u16>,
    /// Antenna that saw the tag, from 1.
    pub antenna: Option<u16>,
    /// Strongest signal, in whole dBm.
    pub peak_rssi_dbm: Option<i8>,
    /// Strongest signal, in hundredths of a dBm; from readers with Impinj's extensions.
    pub rssi_hundredths_dbm: Option<i16>,
    /// Phase in 4096ths of a turn; from Impinj's and Zebra's extensions.
    pub phase: Option<u16>,
    /// Doppler shift in sixteenths of a Hz; from Impinj's extensions.
    pub doppler: Option<i16>,
    /// Index of the channel in the reader's frequency table, from 1.
    pub channel: Option<u16>,
    /// First sighting in this report.
    pub first_seen: Option<ReaderTime>,
    /// Last sighting in this report.
    pub last_seen: Option<ReaderTime>,
    /// Number of sightings in this report.
    pub seen_count: Option<u16>,
    /// The ROSpec that saw it.
    pub rospec_id: Option<u32>,
    /// The AccessSpec that worked on it; 0 on plain inventory.
    pub access_spec_id: Option<u32>,
    /// What plain reads do not have.
    pub extra: Option<Box<TagExtra>>,
}

/// What only some reads have: memory contents and results of operations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagExtra {
    /// TID memory, from Impinj's extensions; empty if not reported.
    pub tid: Vec<u16>,
    /// Results of an AccessSpec's operations, in the order reported.
    pub ops: Vec<OpResult>,
}

/// Result of one operation of an AccessSpec on the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpResult {
    /// The operation, by its id in the AccessSpec.
    pub op_spec_id: u16,
    /// What was done.
    pub kind: OpKind,
    /// Outcome, 0 for success; else a code of the kind's enumeration in [`crate::codec::code`].
    pub status: u8,
    /// Words read; for writes the number of words written; for [`OpKind::GetBlockPermalockStatus`] the states.
    pub words: Vec<u16>,
}

/// What an AccessSpec did to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpKind {
    /// `C1G2Read`.
    Read,
    /// `C1G2Write`.
    Write,
    /// `C1G2Kill`.
    Kill,
    /// `C1G2Lock`.
    Lock,
    /// `C1G2BlockErase`.
    BlockErase,
    /// `C1G2BlockWrite`.
    BlockWrite,
    /// `C1G2Recommission` (LLRP 1.1).
    Recommission,
    /// `C1G2BlockPermalock` (LLRP 1.1).
    BlockPermalock,
    /// `C1G2GetBlockPermalockStatus` (LLRP 1.1).
    GetBlockPermalockStatus,
}

/// Counters of the report path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportCounters {
    /// Tag reports read.
    pub tags: u64,
    /// Tag reports skipped because they are malformed or have no EPC of at most 496 bits.
    pub bad_tags: u64,
    /// Tag reports with a part at the end that could not be read (an unknown TV parameter); the rest was used.
    pub partial_tags: u64,
    /// Messages whose parameters stopped fitting; what came before was used.
    pub cut_messages: u64,
    /// Parameters of other kinds skipped, in or beside tag reports.
    pub skipped_params: u64,
    /// Vendor parameters that were longer than known; the rest of them was skipped.
    pub grown_params: u64,
    /// EPCs with bits set beyond their length; those were cleared, because they are no part of the EPC.
    pub stray_bits: u64,
}

const TAG_REPORT_DATA: u16 = 240;
/// Bytes of a tag with an EPC of 96 bits and nothing else.
const USUAL_TAG_LEN: usize = 17;
const EPC_DATA: u16 = 241;
const CUSTOM: u16 = 1023;

/// Reads the body of a `RO_ACCESS_REPORT`, appending to `tags`.
pub fn read_tags(body: &[u8], tags: &mut Vec<TagRead>, counters: &mut ReportCounters) {
    // As many as there are if all are like the first; a list that doubles as it grows would move them again and again.
    if let Some((TAG_REPORT_DATA, first, _)) = split_tlv(body) {
        tags.reserve(body.len() / (first.len() + 4).max(USUAL_TAG_LEN));
    }
    let mut rest = body;
    while !rest.is_empty() {
        let Some((param_type, content, tail)) = split_tlv(rest).or_else(|| split_tv(rest)) else {
            counters.cut_messages += 1;
            return;
        };
        rest = tail;
        if param_type != TAG_REPORT_DATA {
            counters.skipped_params += 1;
        } else {
            // In place: a tag is too large to be moved for nothing.
            tags.push(TagRead::default());
            let read = tags
                .last_mut()
                .and_then(|tag| read_tag(content, tag, counters));
            if read.is_some() {
                counters.tags += 1;
            } else {
                counters.bad_tags += 1;
                tags.pop();
            }
        }
    }
}

/// Type, content and what follows of the TLV parameter at the start of `bytes`.
fn split_tlv(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[a, b, c, d], _) = bytes.split_first_chunk::<4>()?;
    if a & 0x80 != 0 {
        return None;
    }
    let (param, tail) = bytes.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
    Some((u16::from_be_bytes([a, b]) & 0x3ff, param.get(4..)?, tail))
}

/// The same of a TV parameter, which no report has beside its tags.
#[cold]
fn split_tv(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let number = u16::from(first.checked_sub(0x80)?);
    let (content, tail) = rest.split_at_checked(Param::tv_len(number)?)?;
    Some((number, content, tail))
}

/// Reads one tag into a fresh `tag`; `None` if it is malformed.
fn read_tag(content: &[u8], tag: &mut TagRead, counters: &mut ReportCounters) -> Option<()> {
    let mut has_epc = false;
    let mut rest = content;
    while let Some((&first, after)) = rest.split_first() {
        if first & 0x80 == 0 {
            let (param_type, value, tail) = split_tlv(rest)?;
            rest = tail;
            if param_type != EPC_DATA {
                read_tlv(tag, param_type, value, counters)?;
            } else if !has_epc {
                let (&bits, epc) = value.split_first_chunk()?;
                tag.bit_len = u16::from_be_bytes(bits);
                let epc = epc.get(..usize::from(tag.bit_len).div_ceil(8))?;
                tag.epc.set(epc)?;
                counters.stray_bits += u64::from(tag.epc.clear_beyond(tag.bit_len));
                has_epc = true;
            }
            continue;
        }
        rest = match first & 0x7f {
            13 => {
                let (epc, tail) = after.split_first_chunk::<12>()?;
                if !has_epc {
                    tag.epc.set(epc)?;
                    tag.bit_len = 96;
                    has_epc = true;
                }
                tail
            }
            1 => number(after, |v| tag.antenna = Some(u16::from_be_bytes(v)))?,
            2 => number(after, |v| {
                tag.first_seen = Some(ReaderTime::Utc(u64::from_be_bytes(v)))
            })?,
            // A reader that sends both clocks: UTC is kept.
            3 => number(after, |v| {
                tag.first_seen
                    .get_or_insert(ReaderTime::Uptime(u64::from_be_bytes(v)));
            })?,
            4 => number(after, |v| {
                tag.last_seen = Some(ReaderTime::Utc(u64::from_be_bytes(v)))
            })?,
            5 => number(after, |v| {
                tag.last_seen
                    .get_or_insert(ReaderTime::Uptime(u64::from_be_bytes(v)));
            })?,
            6 => number(after, |v| tag.peak_rssi_dbm = Some(i8::from_be_bytes(v)))?,
            7 => number(after, |v| tag.channel = Some(u16::from_be_bytes(v)))?,
            8 => number(after, |v| tag.seen_count = Some(u16::from_be_bytes(v)))?,
            9 => number(after, |v| tag.rospec_id = Some(u32::from_be_bytes(v)))?,
            11 => number(after, |v| tag.crc = Some(u16::from_be_bytes(v)))?,
            12 => number(after, |v| tag.pc = Some(u16::from_be_bytes(v)))?,
            16 => number(after, |v| tag.access_spec_id = Some(u32::from_be_bytes(v)))?,
            19 => number(after, |v| tag.xpc_w1 = Some(u16::from_be_bytes(v)))?,
            20 => number(after, |v| tag.xpc_w2 = Some(u16::from_be_bytes(v)))?,
            10 | 14 | 15 | 17 => number(after, |_: [u8; 2]| {})?,
            18 => number(after, |_: [u8; 4]| {})?,
            _ => {
                // A TV parameter has no length, so what follows an unknown one cannot be found.
                counters.partial_tags += 1;
                break;
            }
        };
    }
    has_epc.then_some(())
}

fn number<const N: usize>(bytes: &[u8], keep: impl FnOnce([u8; N])) -> Option<&[u8]> {
    let (value, tail) = bytes.split_first_chunk::<N>()?;
    keep(*value);
    Some(tail)
}

/// Reads a TLV parameter of a tag other than its EPC; `None` if it is a vendor parameter too short to have a vendor.
fn read_tlv(
    tag: &mut TagRead,
    param_type: u16,
    value: &[u8],
    counters: &mut ReportCounters,
) -> Option<()> {
    let used = if param_type == CUSTOM {
        let (&[a, b, c, d, e, f, g, h], data) = value.split_first_chunk()?;
        let vendor = u32::from_be_bytes([a, b, c, d]);
        read_custom(
            tag,
            vendor,
            u32::from_be_bytes([e, f, g, h]),
            data,
            counters,
        )
    } else {
        read_result(param_type, value)
            .map(|result| tag.extra.get_or_insert_default().ops.push(result))
    };
    counters.skipped_params += u64::from(used.is_none());
    Some(())
}

/// Reads a vendor parameter by its first bytes; newer firmware may append more.
fn read_custom(
    tag: &mut TagRead,
    vendor: u32,
    subtype: u32,
    data: &[u8],
    counters: &mut ReportCounters,
) -> Option<()> {
    if (vendor, subtype) == (impinj::VENDOR, 55) {
        let (tid, tail) = words(data)?;
        tag.extra.get_or_insert_default().tid = tid;
        counters.grown_params += u64::from(!tail.is_empty());
        return Some(());
    }
    let (&word, tail) = data.split_first_chunk()?;
    match (vendor, subtype) {
        (impinj::VENDOR, 56) => tag.phase = Some(u16::from_be_bytes(word) & 0xfff),
        (impinj::VENDOR, 57) => tag.rssi_hundredths_dbm = Some(i16::from_be_bytes(word)),
        (impinj::VENDOR, 68) => tag.doppler = Some(i16::from_be_bytes(word)),
        // 65,536ths of a turn, signed.
        (zebra::VENDOR, 709) => tag.phase = Some(u16::from_be_bytes(word) >> 4),
        _ => return None,
    }
    counters.grown_params += u64::from(!tail.is_empty());
    Some(())
}

/// A list of words after its count, and what follows.
fn words(data: &[u8]) -> Option<(Vec<u16>, &[u8])> {
    let (&count, rest) = data.split_first_chunk()?;
    let (list, tail) = rest.split_at_checked(usize::from(u16::from_be_bytes(count)) * 2)?;
    let words = list.as_chunks().0.iter();
    Some((words.map(|&word| u16::from_be_bytes(word)).collect(), tail))
}

fn read_result(param_type: u16, value: &[u8]) -> Option<OpResult> {
    let (&[status, a, b], data) = value.split_first_chunk()?;
    let (kind, words) = match param_type {
        349 => (OpKind::Read, words(data)?.0),
        350 => (
            OpKind::Write,
            vec![u16::from_be_bytes(*data.first_chunk()?)],
        ),
        351 => (OpKind::Kill, Vec::new()),
        352 => (OpKind::Lock, Vec::new()),
        353 => (OpKind::BlockErase, Vec::new()),
        354 => (
            OpKind::BlockWrite,
            vec![u16::from_be_bytes(*data.first_chunk()?)],
        ),
        360 => (OpKind::Recommission, Vec::new()),
        361 => (OpKind::BlockPermalock, Vec::new()),
        362 => (OpKind::GetBlockPermalockStatus, words(data)?.0),
        _ => return None,
    };
    Some(OpResult {
        op_spec_id: u16::from_be_bytes([a, b]),
        kind,
        status,
        words,
    })
}

#[cfg(test)]
mod tests;
