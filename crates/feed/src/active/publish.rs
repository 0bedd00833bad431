//! RFID readers that publish their reads by themselves, as JSON: Impinj R700 (its IoT device interface) and Zebra's IoT
//! Connector (FX7500, FX9600, ATR7000).
//!
//! A message is one event or a list of them. What is no tag event (states, heartbeats, errors) gives no reads; a tag event
//! without a readable EPC is refused whole.

use jiff::Timestamp;
use serde_json::Value;

/// Longest EPC memory in bytes: 496 bits (EPC Gen2 §6.3.2.1.2.2).
const MAX_EPC: usize = 62;
/// Events of one message at most.
pub const MAX_EVENTS: usize = 4_096;

/// One tag on one antenna of a reader.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    /// EPC memory, most significant bit first.
    pub epc: Vec<u8>,
    /// Protocol control word, where it is told.
    pub pc: Option<u16>,
    /// Antenna port, from 1.
    pub antenna: u16,
    /// Peak strength, dBm.
    pub rssi_dbm: Option<i8>,
    /// When the reader saw it, µs since the epoch by its clock.
    pub time_us: Option<u64>,
    /// How often since the event before, if more than once.
    pub more: u32,
}

/// A message that is not what the reader publishes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// No JSON.
    #[error("the message is no JSON: {0}")]
    NotJson(String),
    /// A tag event without a tag.
    #[error("a tag event has no readable {0}")]
    Missing(&'static str),
    /// Far too many events.
    #[error("the message has more than {MAX_EVENTS} events")]
    TooMany,
}

/// The tag reads of a message of an Impinj R700 (`tagInventory` events).
///
/// # Errors
/// It is no such message.
pub fn impinj_r700(message: &[u8]) -> Result<Vec<Sighting>, BadMessage> {
    each(message, |event| {
        let Some(tag) = event.get("tagInventoryEvent") else {
            return Ok(None);
        };
        let plain = text(tag, "epcHex").and_then(hex);
        let packed = || text(tag, "epc").and_then(base64);
        let time = text(tag, "lastSeenTime").or_else(|| text(event, "timestamp"));
        Ok(Some(Sighting {
            epc: plain
                .or_else(packed)
                .filter(|epc| fits(epc))
                .ok_or(BadMessage::Missing("EPC"))?,
            pc: text(tag, "pc").and_then(base64).and_then(word),
            antenna: port(tag, "antennaPort")?,
            rssi_dbm: number(tag, "peakRssiCdbm").and_then(|level| dbm(level / 100.0)),
            time_us: time.and_then(micros),
            more: 0,
        }))
    })
}

/// The tag reads of a message of Zebra's IoT Connector (`data` with `idHex`).
///
/// # Errors
/// It is no such message.
pub fn zebra_iotc(message: &[u8]) -> Result<Vec<Sighting>, BadMessage> {
    each(message, |event| {
        let tag = event.get("data").unwrap_or(event);
        let Some(id) = text(tag, "idHex") else {
            return Ok(None);
        };
        let reads = number(tag, "reads").map_or(1.0, |count| count.clamp(1.0, 65_536.0));
        let time = text(event, "timestamp").or_else(|| text(tag, "timestamp"));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped above"
        )]
        let more = reads as u32 - 1;
        Ok(Some(Sighting {
            epc: hex(id)
                .filter(|epc| fits(epc))
                .ok_or(BadMessage::Missing("EPC"))?,
            pc: text(tag, "PC").and_then(hex).and_then(word),
            antenna: port(tag, "antenna")?,
            rssi_dbm: number(tag, "peakRssi").and_then(dbm),
            time_us: time.and_then(micros),
            more,
        }))
    })
}

/// Every event of a message: one object, a list of them, or lines of them.
fn each(
    message: &[u8],
    mut take: impl FnMut(&Value) -> Result<Option<Sighting>, BadMessage>,
) -> Result<Vec<Sighting>, BadMessage> {
    let mut sightings = Vec::new();
    let mut count = 0;
    for value in serde_json::Deserializer::from_slice(message).into_iter::<Value>() {
        let value = value.map_err(|error| BadMessage::NotJson(error.to_string()))?;
        let events = match &value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        count += events.len();
        if count > MAX_EVENTS {
            return Err(BadMessage::TooMany);
        }
        for event in events {
            sightings.extend(take(event)?);
        }
    }
    Ok(sightings)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// A number, also one that is written as text.
fn number(value: &Value, key: &str) -> Option<f64> {
    let value = value.get(key)?;
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

fn port(value: &Value, key: &str) -> Result<u16, BadMessage> {
    match value.get(key) {
        // A reader may be told to leave it out.
        None => Ok(1),
        Some(port) => {
            let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
            port.filter(|port| *port > 0)
                .ok_or(BadMessage::Missing("antenna"))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "in range by the test before it"
)]
fn dbm(level: f64) -> Option<i8> {
    (-128.0..=60.0)
        .contains(&level)
        .then(|| level.round() as i8)
}

fn micros(time: &str) -> Option<u64> {
    let time: Timestamp = time.trim().parse().ok()?;
    u64::try_from(time.as_microsecond()).ok()
}

fn fits(epc: &[u8]) -> bool {
    (1..=MAX_EPC).contains(&epc.len())
}

fn word(bytes: Vec<u8>) -> Option<u16> {
    match bytes.as_slice() {
        [high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// Bytes in hexadecimal digits; `0x`, blanks, `-` and `:` between are let pass. `None` with anything else, or half a byte.
fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    let (mut bytes, mut high) = (Vec::new(), None);
    for c in digits.chars().filter(|c| !matches!(c, ' ' | '-' | ':')) {
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    high.is_none().then_some(bytes)
}

/// Base64 with either alphabet (RFC 4648 §4 and §5), padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff).to_le_bytes()[0]);
        }
    }
    (count < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EPC: [u8; 12] = [0x30, 0x34, 0xf4, 0xe4, 0xe4, 0, 0x19, 0, 0, 0, 0, 1];

    #[test]
    fn an_r700_tells_tags_in_hex_or_base64() {
        let hex = br#"{"timestamp":"2026-11-22T10:00:01.5Z","hostname":"impinj-13-fa-2b","eventType":"tagInventory",
            "tagInventoryEvent":{"epcHex":"3034F4E4E400190000000001","antennaPort":3,"peakRssiCdbm":-5450,
            "lastSeenTime":"2026-11-22T10:00:01.25Z"}}"#;
        let packed = br#"{"eventType":"tagInventory","tagInventoryEvent":{"epc":"MDT05OQAGQAAAAAB","pc":"MAA=","antennaPort":3}}"#;
        let expected = Sighting {
            epc: EPC.to_vec(),
            antenna: 3,
            rssi_dbm: Some(-55),
            time_us: Some(1_795_341_601_250_000),
            ..Sighting::default()
        };
        assert_eq!(impinj_r700(hex).unwrap(), std::slice::from_ref(&expected));
        let packed = impinj_r700(packed).unwrap();
        assert_eq!(
            (&packed[0].epc, packed[0].pc),
            (&expected.epc, Some(0x3000))
        );
    }

    #[test]
    fn a_zebra_reader_tells_tags_one_by_one_or_in_batches() {
        let one = r#"{"data":{"PC":"3000","antenna":2,"eventNum":7,"format":"epc","idHex":"3034f4e4e400190000000001",
            "peakRssi":-41,"reads":4},"timestamp":"2026-11-22T10:00:01.250+0000","type":"SIMPLE"}"#;
        let sighting = Sighting {
            epc: EPC.to_vec(),
            pc: Some(0x3000),
            antenna: 2,
            rssi_dbm: Some(-41),
            time_us: Some(1_795_341_601_250_000),
            more: 3,
        };
        let told = zebra_iotc(one.as_bytes()).unwrap();
        assert_eq!(told, std::slice::from_ref(&sighting));
        for batch in [format!("[{one},{one}]"), format!("{one}\n{one}")] {
            assert_eq!(
                zebra_iotc(batch.as_bytes()).unwrap(),
                [sighting.clone(), sighting.clone()]
            );
        }
    }

    #[test]
    fn what_is_no_tag_event_gives_no_reads_and_what_is_none_at_all_is_refused() {
        let state = br#"{"eventType":"inventoryStatus","inventoryStatusEvent":{"inventoryStatus":"running"}}"#;
        assert_eq!(impinj_r700(state).unwrap(), []);
        assert_eq!(
            zebra_iotc(br#"{"type":"heartbeat","data":{"radio_activity":"active"}}"#).unwrap(),
            []
        );
        for bad in [
            &br#"{"tagInventoryEvent":{"epcHex":"zz"}}"#[..],
            br#"{"tagInventoryEvent":{"epc":"!"}}"#,
            br#"{"tagInventoryEvent":{"epcHex":"30","antennaPort":0}}"#,
            b"{\"a\":",
            b"\xff",
        ] {
            assert!(
                impinj_r700(bad).is_err(),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
        let many = format!("[{}]", vec!["{}"; MAX_EVENTS + 1].join(","));
        assert_eq!(zebra_iotc(many.as_bytes()), Err(BadMessage::TooMany));
    }

    #[test]
    fn bytes_in_hexadecimal() {
        assert_eq!(hex("0x0A:ff"), Some(vec![10, 255]));
        assert_eq!(hex("abc"), None);
        assert_eq!(hex("0g"), None);
    }

    proptest! {
        #[test]
        fn no_message_is_a_danger(message in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
            let _ = (impinj_r700(&message), zebra_iotc(&message));
            let tag = format!(r#"{{"tagInventoryEvent":{{"epc":{text:?},"antennaPort":1}}}}"#);
            let _ = impinj_r700(tag.as_bytes());
        }
    }
}
