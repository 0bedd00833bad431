//! Zebra's Simple Serial Interface (SSI, Programmer's Guide 72E-40451): packets, and the host's side of the dialogue.
//!
//! ```text
//! length(1: all bytes but the check sum) opcode(1) source(1: 00 decoder, 04 host) status(1) data… check sum(2, big-endian)
//! ```
//! The check sum is the two's complement of the 16-bit sum of all other bytes.

mod host;
#[cfg(test)]
mod tests;

pub use host::{Event, Host, MAX_WAITING, Verb};

/// Accepted.
pub const CMD_ACK: u8 = 0xd0;
/// Not accepted; the first byte of data is the reason.
pub const CMD_NAK: u8 = 0xd1;
/// A scan: code type, then its data.
pub const DECODE_DATA: u8 = 0xf3;
/// Beeps; the data is which.
pub const BEEP: u8 = 0xe6;
/// Lights a LED.
pub const LED_ON: u8 = 0xe7;
/// Puts out a LED.
pub const LED_OFF: u8 = 0xe8;
/// Lets it scan.
pub const SCAN_ENABLE: u8 = 0xe9;
/// Keeps it from scanning.
pub const SCAN_DISABLE: u8 = 0xea;
/// Pulls the trigger.
pub const START_SESSION: u8 = 0xe4;
/// Lets the trigger go.
pub const STOP_SESSION: u8 = 0xe5;

/// Source of packets from the scanner.
pub const DECODER: u8 = 0x00;
/// Source of packets from the gateway.
pub const HOST: u8 = 0x04;

/// Status: sent before, no answer came.
pub const RETRANSMIT: u8 = 0x01;
/// Status: more packets of the same message follow.
pub const CONTINUATION: u8 = 0x02;

/// Reason of a NAK: check sum or length is wrong, send it again.
pub const NAK_RESEND: u8 = 0x01;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub opcode: u8,
    /// Who sent it.
    pub source: u8,
    /// Status bits.
    pub status: u8,
    /// The rest.
    pub data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet in a frame of [`Kind::Ssi`](crate::frame::Kind::Ssi); `None` when it is none.
    #[must_use]
    pub fn parse(frame: &'a [u8]) -> Option<Packet<'a>> {
        let Measured::Packet(total) = measure(frame) else {
            return None;
        };
        match frame {
            [_, opcode, source, status, rest @ ..] if total == frame.len() => Some(Packet {
                opcode: *opcode,
                source: *source,
                status: *status,
                data: rest.get(..rest.len().checked_sub(2)?)?,
            }),
            _ => None,
        }
    }

    /// Its bytes; data beyond the 251 bytes that fit are cut off.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let data = self.data.get(..251).unwrap_or(self.data);
        let length = u8::try_from(data.len().saturating_add(4)).unwrap_or(u8::MAX);
        let mut bytes = vec![length, self.opcode, self.source, self.status];
        bytes.extend(data);
        bytes.extend(check_sum(&bytes).to_be_bytes());
        bytes
    }
}

/// What the bytes held so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measured {
    /// The beginning of a packet, so far as can be seen.
    More,
    /// A packet of so many bytes.
    Packet(usize),
    /// No packet begins here.
    Damaged,
}

pub(crate) fn measure(held: &[u8]) -> Measured {
    let Some(length) = held.first().map(|length| usize::from(*length)) else {
        return Measured::More;
    };
    let source = held.get(2).copied().unwrap_or(DECODER);
    if length < 4 || !matches!(source, DECODER | HOST) {
        return Measured::Damaged;
    }
    match (held.get(..length), held.get(length..)) {
        (Some(body), Some([high, low, ..])) => {
            if check_sum(body) == u16::from_be_bytes([*high, *low]) {
                Measured::Packet(length.saturating_add(2))
            } else {
                Measured::Damaged
            }
        }
        _ => Measured::More,
    }
}

fn check_sum(body: &[u8]) -> u16 {
    let sum = body
        .iter()
        .fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    sum.wrapping_neg()
}

/// The AIM identifier (ISO/IEC 15424) of an SSI code type, where it has one.
#[must_use]
pub const fn aim_id(code_type: u8) -> Option<&'static str> {
    Some(match code_type {
        0x01 | 0x13 => "]A0",
        0x02 => "]F0",
        0x03 => "]C0",
        0x06 => "]I0",
        0x07 => "]G0",
        0x08 | 0x09 | 0x0b | 0x10 => "]E0",
        0x0a => "]E4",
        0x0f => "]C1",
        0x11 => "]L0",
        0x1b => "]d1",
        0x1c => "]Q1",
        0x2d => "]z0",
        0x30..=0x32 => "]e0",
        0xc1 => "]d2",
        0xc2 => "]Q3",
        _ => return None,
    })
}
