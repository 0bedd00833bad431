//! Tag reports straight from the frame: the path every read takes.
//!
//! `RO_ACCESS_REPORT` is walked in place and gives [`TagRead`] values that own nothing on the heap. One bad
//! `TagReportData` costs only itself: its neighbours are found by their lengths. Whatever is not needed here is
//! skipped by length; the generic tree of [`crate::codec`] holds the rest.

use std::fmt;

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
        let mut bytes = [0; MAX_EPC_BYTES];
        bytes.get_mut(..epc.len())?.copy_from_slice(epc);
        Some(Self {
            bytes,
            len: u8::try_from(epc.len()).ok()?,
        })
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TagRead {
    /// Content of the EPC memory, left-aligned.
    pub epc: EpcBytes,
    /// Number of bits of it: 0 to 496.
    pub bit_len: u16,
    /// Protocol-control word of the EPC memory.
    pub pc: Option<u16>,
    /// Antenna that saw the tag, from 1.
    pub antenna: Option<u16>,
    /// Strongest signal, in whole dBm.
    pub peak_rssi_dbm: Option<i8>,
    /// First sighting in this report.
    pub first_seen: Option<ReaderTime>,
    /// Last sighting in this report.
    pub last_seen: Option<ReaderTime>,
    /// Number of sightings in this report.
    pub seen_count: Option<u16>,
    /// The ROSpec that saw it.
    pub rospec_id: Option<u32>,
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
}

const TAG_REPORT_DATA: u16 = 240;
const EPC_DATA: u16 = 241;

/// Reads the body of a `RO_ACCESS_REPORT`, appending to `tags`.
pub fn read_tags(body: &[u8], tags: &mut Vec<TagRead>, counters: &mut ReportCounters) {
    let mut rest = body;
    while !rest.is_empty() {
        let Some((param_type, content, tail)) = split_tlv(rest) else {
            counters.cut_messages += 1;
            return;
        };
        rest = tail;
        if param_type != TAG_REPORT_DATA {
            counters.skipped_params += 1;
        } else if let Some(tag) = read_tag(content, counters) {
            counters.tags += 1;
            tags.push(tag);
        } else {
            counters.bad_tags += 1;
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

fn read_tag(content: &[u8], counters: &mut ReportCounters) -> Option<TagRead> {
    let mut tag = TagRead::default();
    let mut has_epc = false;
    let mut rest = content;
    while let Some((&first, after)) = rest.split_first() {
        if first & 0x80 == 0 {
            let (param_type, value, tail) = split_tlv(rest)?;
            rest = tail;
            if param_type != EPC_DATA {
                if param_type == 1023 && value.len() < 8 {
                    return None;
                }
                counters.skipped_params += 1;
            } else if !has_epc {
                let (&bits, epc) = value.split_first_chunk()?;
                tag.bit_len = u16::from_be_bytes(bits);
                tag.epc = EpcBytes::new(epc.get(..usize::from(tag.bit_len).div_ceil(8))?)?;
                has_epc = true;
            }
            continue;
        }
        rest = match first & 0x7f {
            13 => {
                let (epc, tail) = after.split_first_chunk::<12>()?;
                if !has_epc {
                    tag.epc = EpcBytes::new(epc)?;
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
            8 => number(after, |v| tag.seen_count = Some(u16::from_be_bytes(v)))?,
            9 => number(after, |v| tag.rospec_id = Some(u32::from_be_bytes(v)))?,
            12 => number(after, |v| tag.pc = Some(u16::from_be_bytes(v)))?,
            7 | 10 | 11 | 14 | 15 | 17 | 19 | 20 => number(after, |_: [u8; 2]| {})?,
            16 | 18 => number(after, |_: [u8; 4]| {})?,
            _ => {
                // A TV parameter has no length, so what follows an unknown one cannot be found.
                counters.partial_tags += 1;
                break;
            }
        };
    }
    has_epc.then_some(tag)
}

fn number<const N: usize>(bytes: &[u8], keep: impl FnOnce([u8; N])) -> Option<&[u8]> {
    let (value, tail) = bytes.split_first_chunk::<N>()?;
    keep(*value);
    Some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::field::Bits;
    use crate::codec::param::*;
    use crate::codec::{Frame, Message, Params, message};

    fn body(message: impl Into<Message>) -> Vec<u8> {
        Frame {
            version: 1,
            message_id: 1,
            message: message.into(),
        }
        .encode()
        .unwrap()[10..]
            .to_vec()
    }

    fn read(body: &[u8]) -> (Vec<TagRead>, ReportCounters) {
        let (mut tags, mut counters) = (Vec::new(), ReportCounters::default());
        read_tags(body, &mut tags, &mut counters);
        (tags, counters)
    }

    fn tag(epc: &[u8]) -> TagReportData {
        let bits = Bits::new(epc.len() as u16 * 8, epc);
        TagReportData {
            params: Params::default().with(EPCData { epc: bits }),
        }
    }

    #[test]
    fn everything_asked_for_arrives() {
        let params = Params::default()
            .with(AntennaID { antenna_id: 3 })
            .with(EPC96 { epc: [7; 12] })
            .with(ROSpecID { rospec_id: 14150 })
            .with(PeakRSSI { peak_rssi: -61 })
            .with(ChannelIndex { channel_index: 9 })
            .with(FirstSeenTimestampUTC { microseconds: 5 })
            .with(FirstSeenTimestampUptime { microseconds: 1 })
            .with(LastSeenTimestampUptime { microseconds: 2 })
            .with(TagSeenCount { tag_count: 4 })
            .with(C1G2PC { pc_bits: 0x3000 })
            .with(C1G2CRC { crc: 1 })
            .with(AccessSpecID { access_spec_id: 0 })
            .with(Custom {
                vendor: 25882,
                subtype: 57,
                data: crate::codec::field::Rest(vec![1, 2]),
            });
        let report = message::ROAccessReport {
            params: Params::default().with(TagReportData { params }),
        };
        let (tags, counters) = read(&body(report));
        assert_eq!(
            tags,
            [TagRead {
                epc: EpcBytes::new(&[7; 12]).unwrap(),
                bit_len: 96,
                pc: Some(0x3000),
                antenna: Some(3),
                peak_rssi_dbm: Some(-61),
                first_seen: Some(ReaderTime::Utc(5)),
                last_seen: Some(ReaderTime::Uptime(2)),
                seen_count: Some(4),
                rospec_id: Some(14150),
            }]
        );
        assert_eq!(
            counters,
            ReportCounters {
                tags: 1,
                skipped_params: 1,
                ..ReportCounters::default()
            }
        );
    }

    #[test]
    fn a_bad_tag_costs_only_itself() {
        let mut report = body(message::ROAccessReport {
            params: Params::default().with(tag(&[1; 62])),
        });
        // EPC beyond its container, EPC of 63 bytes, none at all, a cut TV, an unknown TV.
        report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 8, 0, 96, 1, 2]);
        report.extend_from_slice(&body(message::ROAccessReport {
            params: Params::default().with(tag(&[1; 63])),
        }));
        report.extend_from_slice(&[0, 240, 0, 4]);
        report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 6, 0, 0, 0x81, 1]);
        report.extend_from_slice(&[0, 240, 0, 12, 0, 241, 0, 6, 0, 0, 0xff, 1]);
        report.extend_from_slice(&body(message::ROAccessReport {
            params: Params::default().with(tag(&[])),
        }));
        let (tags, counters) = read(&report);
        assert_eq!(
            tags.iter().map(|t| t.bit_len).collect::<Vec<_>>(),
            [496, 0, 0]
        );
        assert_eq!(
            counters,
            ReportCounters {
                tags: 3,
                bad_tags: 4,
                partial_tags: 1,
                ..ReportCounters::default()
            }
        );
        for cut in 0..report.len() {
            let (cut_tags, _) = read(&report[..cut]);
            assert!(cut_tags.len() <= tags.len() && cut_tags[..] == tags[..cut_tags.len()]);
        }
    }
}
