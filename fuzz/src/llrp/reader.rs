//! The reader's half, which the simulator and its tests trust.

use tracegate_llrp::codec::Frame;
use tracegate_llrp::frame::{HEADER_LEN, Header, RawFrame};
use tracegate_llrp::reader::{Reader, ReaderConfig, Sighting};
use tracegate_llrp::report::EpcBytes;

/// The reader's clock at the start.
pub(super) const EPOCH_US: u64 = 1_795_305_600_000_000;

/// One of the readers there are.
pub(super) fn kind(settings: u8) -> ReaderConfig {
    match (settings >> 1) & 3 {
        0 => ReaderConfig::default(),
        1 => ReaderConfig::impinj(),
        2 => ReaderConfig::zebra(),
        _ => ReaderConfig {
            max_version: 3,
            has_utc_clock: false,
            can_hold_reports: false,
            ..ReaderConfig::default()
        },
    }
}

/// One of a few tags.
pub(super) fn epc(number: usize) -> EpcBytes {
    let mut bytes = [0x30; 12];
    let [.., last] = &mut bytes;
    *last = (number % 5) as u8;
    EpcBytes::new(&bytes).expect("12 bytes fit")
}

/// A client that says anything: the first byte picks the reader, then come bytes, whole messages, tags and time.
///
/// # Panics
/// If the reader sends what the strict decoder refuses, or asks to be woken at a time that has passed.
pub fn reader(data: &[u8]) {
    let Some((&settings, mut rest)) = data.split_first() else {
        return;
    };
    let mut reader = Reader::new(kind(settings));
    let mut utc_us = EPOCH_US;
    reader.connect(utc_us);
    while let Some((&op, tail)) = rest.split_first() {
        let amount = usize::from(op >> 3);
        let (taken, after) = tail.split_at(amount.min(tail.len()));
        rest = after;
        let result = match op & 7 {
            0 => reader.handle_bytes(utc_us, taken),
            1 | 2 => say(&mut reader, utc_us, taken),
            // Longer messages: the amount counts eight bytes.
            3 | 4 => {
                let (taken, after) = tail.split_at((amount * 8).min(tail.len()));
                rest = after;
                say(&mut reader, utc_us, taken)
            }
            5 => {
                rest = tail;
                utc_us += 1000 << (op >> 4);
                Ok(())
            }
            6 => {
                rest = tail;
                let sighting = Sighting {
                    antenna: 1 + u16::from(op >> 6),
                    bit_len: 96,
                    epc: epc(amount),
                    ..Sighting::default()
                };
                reader.tag(utc_us, &sighting);
                Ok(())
            }
            _ => {
                rest = tail;
                match amount {
                    0 => reader.reboot(),
                    1 => reader.disconnect(),
                    2 => reader.connect(utc_us),
                    3 => reader.close(utc_us),
                    port => reader.gpi_event(utc_us, (port % 4) as u16, port & 4 == 0),
                }
                Ok(())
            }
        };
        if result.is_err() {
            reader.disconnect();
            reader.connect(utc_us);
        }
        settle(&mut reader, utc_us);
    }
}

fn say(
    reader: &mut Reader,
    utc_us: u64,
    taken: &[u8],
) -> Result<(), tracegate_llrp::reader::ReaderError> {
    let Some((&[a, b], body)) = taken.split_first_chunk() else {
        return Ok(());
    };
    let word = u16::from_be_bytes([a, b]);
    let header = Header {
        version: (word >> 10) as u8 & 7,
        message_type: word & 0x3ff,
        message_id: 7,
    };
    let length = u32::try_from(HEADER_LEN + body.len()).expect("small");
    reader.handle_bytes(utc_us, &header.encode(length))?;
    reader.handle_bytes(utc_us, body)
}

fn settle(reader: &mut Reader, utc_us: u64) {
    reader.handle_timeout(utc_us);
    while let Some(bytes) = reader.poll_transmit() {
        let raw = RawFrame::parse(&bytes).expect("a reader sends whole messages");
        let frame = Frame::decode(raw);
        assert!(frame.is_ok(), "{frame:?}");
    }
    let wake = reader.poll_timeout();
    assert!(
        wake.is_none_or(|wake| wake > utc_us),
        "woken at {wake:?} in vain, at {utc_us}"
    );
}
