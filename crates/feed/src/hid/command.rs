//! What vendors want to be told, and how.

use super::descriptor::{Descriptor, Kind};

/// Output report that carries bytes as the serial line of the same scanner takes them: id, length, bytes (Honeywell).
pub const DATA_STREAM: u8 = 0xFD;
/// Room of that report when the descriptor does not tell.
const STREAM_ROOM: usize = 62;

/// Who made a scanner, as far as it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Honeywell: silent until it is enabled, and answers commands with reports like those of codes.
    Honeywell,
    /// Any other: sends codes unasked.
    Other,
}

impl Vendor {
    /// By USB vendor id.
    #[must_use]
    pub const fn of(vendor_id: u16) -> Self {
        match vendor_id {
            0x0C2E | 0x23D0 => Vendor::Honeywell,
            _ => Vendor::Other,
        }
    }

    /// Feature report that makes it send codes by HID POS, with its id.
    #[must_use]
    pub const fn enable(self) -> Option<[u8; 2]> {
        match self {
            Vendor::Honeywell => Some([0xFE, 0x01]),
            Vendor::Other => None,
        }
    }

    /// Whether a "code" with this AIM identifier is an answer to a command. Elsewhere `]X0` is a code without an identifier
    /// of its own.
    #[must_use]
    pub const fn answers_with(self, aim: [u8; 3]) -> bool {
        matches!((self, aim), (Vendor::Honeywell, [b']', b'X', b'0']))
    }
}

/// The output reports that carry `bytes`: in the data stream if the scanner has one, else `bytes` is a report as it is, with
/// its id in front.
#[must_use]
pub fn commands(descriptor: &Descriptor, vendor: Vendor, bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let told = descriptor.report_len(Kind::Output, Some(DATA_STREAM));
    if told.is_none() && vendor != Vendor::Honeywell {
        return vec![bytes.to_vec()];
    }
    let room = told.map_or(STREAM_ROOM, |len| len.saturating_sub(1));
    let chunks = bytes.chunks(room.clamp(1, STREAM_ROOM));
    let report = |chunk: &[u8]| {
        let len = u8::try_from(chunk.len()).unwrap_or(u8::MAX);
        let mut report = vec![DATA_STREAM, len];
        report.extend_from_slice(chunk);
        if let Some(len) = told {
            // Devices with a report of fixed length wait for all of it.
            report.resize(len.saturating_add(1).max(report.len()), 0);
        }
        report
    };
    chunks.map(report).collect()
}
