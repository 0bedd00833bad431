//! From what a receiver sends to reads.

use tracegate_feed::active::publish::{impinj_r700, zebra_iotc};
use tracegate_feed::active::{Beacon, Found, Layout, Names, Sighting, tag_uri};
use tracegate_feed::text::shown;
use tracegate_gs1::epc::encode_tag_uri;
use tracegate_pipeline::input::Extra;
use tracegate_pipeline::{Read, ReaderTime};

/// Bytes of a frame that are shown in a remark.
const SHOWN: usize = 120;

/// What a receiver sends.
#[derive(Debug, Clone)]
pub enum What {
    /// Beacons of active tags.
    Beacons(Box<Layout>),
    /// Tag reads of an Impinj R700.
    ImpinjR700,
    /// Tag reads of a Zebra reader with the IoT Connector.
    ZebraIotc,
}

/// Turns frames into reads.
#[derive(Debug, Clone)]
pub struct Decoder {
    what: What,
    names: Names,
    ports: Vec<String>,
}

/// What came of a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Its reads.
    pub reads: Vec<Read>,
    /// Why the frame, or some of it, is not used.
    pub unused: Vec<Unused>,
}

/// Why something is not used; the text is for the technician and holds no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unused {
    /// A frame that nothing is known of.
    Unknown(String),
    /// A beacon with a field that cannot be, or a damaged message.
    Malformed(String),
    /// A tag that is on nothing that was named.
    Nameless(String),
}

impl Decoder {
    /// For what the receiver sends, with the names of tags, and of its ports from 1.
    #[must_use]
    pub fn new(what: What, names: Names, ports: Vec<String>) -> Self {
        Self { what, names, ports }
    }

    /// Takes one frame or message.
    #[must_use]
    pub fn take(&self, frame: &[u8]) -> Decoded {
        let sightings = match &self.what {
            What::Beacons(layout) => return self.beacons(layout, frame),
            What::ImpinjR700 => impinj_r700(frame),
            What::ZebraIotc => zebra_iotc(frame),
        };
        match sightings {
            Ok(sightings) => Decoded {
                reads: sightings.into_iter().map(sighted).collect(),
                unused: Vec::new(),
            },
            Err(bad) => Decoded {
                reads: Vec::new(),
                unused: vec![Unused::Malformed(format!("{bad}: {}", shown(frame, SHOWN)))],
            },
        }
    }

    fn beacons(&self, layout: &Layout, frame: &[u8]) -> Decoded {
        let mut decoded = Decoded::default();
        let beacons = match layout.read(frame) {
            Found::Beacons(beacons) => beacons,
            Found::Ignored => return decoded,
            Found::Unknown => {
                decoded.unused.push(Unused::Unknown(shown(frame, SHOWN)));
                return decoded;
            }
        };
        for beacon in beacons {
            match beacon
                .map_err(|bad| Unused::Malformed(bad.to_string()))
                .and_then(|it| self.read(it))
            {
                Ok(read) => decoded.reads.push(read),
                Err(unused) => decoded.unused.push(unused),
            }
        }
        decoded
    }

    fn read(&self, beacon: Beacon) -> Result<Read, Unused> {
        let nameless = |why: &str| Unused::Nameless(format!("tag {} {why}", beacon.tag_id));
        let Some(uri) = self.names.uri(&beacon.tag_id) else {
            return Err(nameless("is not in `tags`, and there is no `epc`"));
        };
        let binary = tag_uri(&uri).and_then(|uri| encode_tag_uri(&uri).ok());
        let Some(binary) = binary else {
            return Err(nameless(
                "cannot be part of `epc`: its number is too long for it",
            ));
        };
        let port = match &beacon.receiver {
            None => 1,
            Some(name) => self.port(name).ok_or_else(|| {
                Unused::Nameless(format!("receiver {name} is not in `receivers`"))
            })?,
        };
        Ok(Read {
            epc: binary.bytes,
            bit_len: u16::try_from(binary.bit_len).unwrap_or(u16::MAX),
            antenna: port,
            rssi_dbm: beacon.rssi_dbm,
            extra: Some(Box::new(Extra {
                beacon: Some(Box::new(beacon.signal)),
                ..Extra::default()
            })),
            ..Read::default()
        })
    }

    /// The port of a receiver by its name; without names, numbers are ports.
    fn port(&self, name: &str) -> Option<u16> {
        if self.ports.is_empty() {
            return Some(name.parse().ok().filter(|port| *port > 0).unwrap_or(1));
        }
        let at = self.ports.iter().position(|known| known == name)?;
        u16::try_from(at + 1).ok()
    }
}

fn sighted(sighting: Sighting) -> Read {
    Read {
        bit_len: u16::try_from(sighting.epc.len() * 8).unwrap_or(u16::MAX),
        epc: sighting.epc,
        pc: sighting.pc,
        antenna: sighting.antenna,
        rssi_dbm: sighting.rssi_dbm,
        device_time: sighting.time_us.map(ReaderTime::Utc),
        more: sighting.more,
        ..Read::default()
    }
}

#[cfg(test)]
mod tests {
    use tracegate_feed::active::Form;
    use tracegate_gs1::epc::decode_bank;

    use super::*;

    fn decoder(ports: &[&str]) -> Decoder {
        let form = Form::Keys {
            fields: [].into(),
            separator: ',',
        };
        let names = Names {
            template: Some("urn:epc:id:giai:4012345.{tag_id}".to_owned()),
            table: [("17".to_owned(), "urn:epc:id:giai:4012345.wrench".to_owned())].into(),
        };
        let layout = Box::new(Layout::new(form, &[]).unwrap());
        let ports = ports.iter().map(|name| (*name).to_owned());
        Decoder::new(What::Beacons(layout), names, ports.collect())
    }

    #[test]
    fn a_tag_becomes_the_thing_it_is_on() {
        for (frame, expected) in [
            (
                "tag_id=17,rssi_dbm=-60",
                "https://id.gs1.org/8004/4012345wrench",
            ),
            (
                "tag_id=AC:01:FF",
                "https://id.gs1.org/8004/4012345AC%3A01%3AFF",
            ),
        ] {
            let decoded = decoder(&[]).take(frame.as_bytes());
            let [read] = decoded.reads.as_slice() else {
                panic!("{decoded:?}")
            };
            let tag = decode_bank(read.pc, &read.epc, read.bit_len.into());
            assert_eq!((tag.uri().as_str(), read.antenna), (expected, 1));
        }
    }

    #[test]
    fn receivers_are_ports_by_number_or_by_name() {
        let port = |decoder: Decoder, frame: &str| {
            decoder
                .take(frame.as_bytes())
                .reads
                .first()
                .map(|read| read.antenna)
        };
        assert_eq!(port(decoder(&[]), "tag_id=1,antenna=3"), Some(3));
        assert_eq!(port(decoder(&["A", "B"]), "tag_id=1,antenna=B"), Some(2));
        assert_eq!(port(decoder(&["A", "B"]), "tag_id=1,antenna=C"), None);
    }

    #[test]
    fn what_is_not_used_says_why() {
        let unused = |frame: &[u8]| decoder(&[]).take(frame).unused.pop();
        let long = format!("tag_id={}", "9".repeat(40));
        for (frame, expected) in [
            (
                &b"tag_id=1,tamper=maybe"[..],
                Unused::Malformed("tamper is maybe, expected yes or no".into()),
            ),
            (
                long.as_bytes(),
                Unused::Nameless(format!(
                    "tag {} cannot be part of `epc`: its number is too long for it",
                    "9".repeat(40)
                )),
            ),
        ] {
            assert_eq!(unused(frame), Some(expected));
        }
        let Some(Unused::Unknown(text)) = unused(b"\x1b[2Jhello") else {
            panic!()
        };
        assert!(!text.chars().any(char::is_control), "{text}");
    }
}
