//! Tags with the toggle bit set: an application family identifier and, in the families of ISO
//! 17363 to 17367, a data identifier with its data in 6-bit characters (ISO/IEC 15962; ISO
//! 17364:2013 section 4; ISO/IEC 17360:2023).

use super::{
    bits::{BitReader, Bits},
    decode::ascii_of_six_bits,
};
use crate::{
    Thing,
    iso15434::{DataElement, DataIdentifier, Format, FormatContent, Message},
};

/// What separates data identifiers.
const GS: char = '\u{1D}';

/// The 6-bit code that ends the data before the last word is full (EOT).
const END: u8 = 0b10_0001;

/// What an application family identifier stands for (ISO/IEC 15961-3 register).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IsoFamily {
    /// Freight container, ISO 17363 (A9h, hazardous AAh).
    FreightContainer,
    /// Returnable transport item, ISO 17364 (A3h, hazardous A8h).
    ReturnableTransportItem,
    /// Transport unit, ISO 17365 (A2h, hazardous A7h).
    TransportUnit,
    /// Product packaging, ISO 17366 (A5h, hazardous A6h).
    ProductPackaging,
    /// Product, ISO 17367 (A1h, hazardous A4h).
    Product,
    /// Vehicle identification number, ISO 3779 (90h).
    Vehicle,
    /// Baggage, IATA recommended practice 1740C (C1h).
    Baggage,
    /// Library item on loan, ISO 28560 (C2h).
    LibraryItem,
}

impl IsoFamily {
    /// The family of `afi`, and whether it is the one for hazardous goods. `None` if unknown.
    pub fn of(afi: u8) -> Option<(Self, bool)> {
        Some(match afi {
            0xA1 => (Self::Product, false),
            0xA2 => (Self::TransportUnit, false),
            0xA3 => (Self::ReturnableTransportItem, false),
            0xA4 => (Self::Product, true),
            0xA5 => (Self::ProductPackaging, false),
            0xA6 => (Self::ProductPackaging, true),
            0xA7 => (Self::TransportUnit, true),
            0xA8 => (Self::ReturnableTransportItem, true),
            0xA9 => (Self::FreightContainer, false),
            0xAA => (Self::FreightContainer, true),
            0x90 => (Self::Vehicle, false),
            0xC1 => (Self::Baggage, false),
            0xC2 => (Self::LibraryItem, false),
            _ => return None,
        })
    }

    /// The family and its standard, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::FreightContainer => "freight container (ISO 17363)",
            Self::ReturnableTransportItem => "returnable transport item (ISO 17364)",
            Self::TransportUnit => "transport unit (ISO 17365)",
            Self::ProductPackaging => "product packaging (ISO 17366)",
            Self::Product => "product (ISO 17367)",
            Self::Vehicle => "vehicle (ISO 3779)",
            Self::Baggage => "baggage (IATA)",
            Self::LibraryItem => "library item (ISO 28560)",
        }
    }

    /// Whether the memory holds a data identifier with its data in 6-bit characters.
    fn has_data_identifier(self) -> bool {
        !matches!(self, Self::Vehicle | Self::Baggage | Self::LibraryItem)
    }
}

/// The data identifier (ASC MH10.8.2) of an ISO tag with its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsoData {
    /// Up to three digits and a letter, `25S`.
    pub di: DataIdentifier,
    /// What follows it. GS is itself.
    pub data: String,
}

impl IsoData {
    /// The text as the tag has it: identifier and data.
    pub fn text(&self) -> String {
        format!("{}{}", self.di, self.data)
    }

    /// What the tag names: the same thing as a barcode with these data identifiers. `None` if they
    /// name nothing.
    pub fn thing(&self) -> Option<Thing> {
        let text = self.text();
        let elements = text.split(GS).filter_map(|field| {
            let (di, value) = DataIdentifier::split(field.as_bytes())?;
            let value = String::from_utf8_lossy(value).into_owned();
            Some(DataElement { di, value })
        });
        Thing::of_message(&Message {
            formats: vec![Format {
                indicator: "06".to_owned(),
                content: FormatContent::Di(elements.collect()),
            }],
            defects: Vec::new(),
        })
    }

    /// Reads `bit_len` bits of the memory of a tag of the family `afi`. `None` if the family holds
    /// something else, or the memory does not start with a data identifier, has no data, a control
    /// character other than GS, or something behind the end.
    pub fn read(afi: u8, bytes: &[u8], bit_len: usize) -> Option<Self> {
        let (family, _) = IsoFamily::of(afi)?;
        if !family.has_data_identifier() {
            return None;
        }
        let text = text(Bits::new(bytes, bit_len)?)?;
        // A separator between two data identifiers is the one control character that has a meaning.
        if text.chars().any(|c| c.is_control() && c != GS) {
            return None;
        }
        let (di, data) = DataIdentifier::split(text.as_bytes())?;
        let data = str::from_utf8(data).ok()?.to_owned();
        (!data.is_empty()).then_some(Self { di, data })
    }
}

/// The characters up to the end, which is the code for it or the last whole character.
fn text(bits: Bits<'_>) -> Option<String> {
    let mut reader = BitReader::new(bits);
    let mut text = String::with_capacity(bits.len() / 6);
    while reader.remaining() >= 6 {
        let code = reader.small(6).ok()?;
        if code == END {
            // What fills the last word may be anything; whole words more are empty.
            let padding = reader.remaining() < 16 || reader.only_zeros_left();
            return padding.then_some(text);
        }
        text.push(char::from(match code {
            0x1D..=0x1F => code,
            code => ascii_of_six_bits(code),
        }));
    }
    // Some encoders fill the last word with 100000, a space, and no end.
    text.truncate(text.trim_end_matches(' ').len());
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::bits::BitWriter;
    use super::*;

    fn memory(text: &str, end: &[u64]) -> (Vec<u8>, usize) {
        let mut bits = BitWriter::default();
        text.bytes()
            .for_each(|byte| bits.push((byte & 0x3F).into(), 6));
        end.iter().for_each(|&code| bits.push(code, 6));
        let (bytes, _) = bits.into_words();
        let len = bytes.len() * 8;
        (bytes, len)
    }

    #[test]
    fn data_identifiers_of_the_transport_families() {
        for (afi, text, di) in [
            (0xA1, "25SUN043325711MH8031200000000001", "25S"),
            (0xA2, "1JUN043325711A2", "1J"),
            (0xA3, "25BUN043325711RTI1", "25B"),
            (0xA4, "37SUN123456789P1+7", "37S"),
            (0xAA, "7BMSKU1234567", "7B"),
            (0xA5, "J1", "J"),
        ] {
            for end in [&[0x21][..], &[0x21, 0, 0, 0, 0]] {
                let (bytes, len) = memory(text, end);
                let data = IsoData::read(afi, &bytes, len).unwrap();
                assert_eq!((data.di.as_str(), data.text().as_str()), (di, text));
            }
        }
        // 16 characters fill six words and need no end.
        let (bytes, len) = memory("1JUN043325711A23", &[]);
        assert_eq!(len, 96);
        assert_eq!(
            IsoData::read(0xA2, &bytes, len).unwrap().data,
            "UN043325711A23"
        );
        // Filled with spaces.
        let (bytes, len) = memory("25SUN123456789", &[0x20, 0x20]);
        assert_eq!(len, 96);
        assert_eq!(
            IsoData::read(0xA1, &bytes, len).unwrap().data,
            "UN123456789"
        );
        // A group separator stays one.
        let (bytes, len) = memory("25SUN1\u{1d}1T7", &[0x21]);
        assert_eq!(
            IsoData::read(0xA1, &bytes, len).unwrap().data,
            "UN1\u{1d}1T7"
        );
    }

    #[test]
    fn what_is_no_data_identifier_is_none() {
        for (afi, text) in [
            (0xA1, "1234S5"),
            (0xA1, "25S"),
            (0xA1, "-25S1"),
            (0xA1, "25"),
            (0xA1, ""),
            (0x90, "I1HGCM82633A004352"),
            (0x00, "25SUN1"),
        ] {
            let (bytes, len) = memory(text, &[0x21]);
            assert_eq!(IsoData::read(afi, &bytes, len), None, "{text}");
        }
        let (bytes, len) = memory("25SUN1", &[0x21, 1, 1, 1, 1]);
        assert_eq!(
            IsoData::read(0xA1, &bytes, len),
            None,
            "something after the end"
        );
        assert_eq!(IsoData::read(0xA1, &[], 16), None);
    }

    #[test]
    fn tag_and_barcode_of_one_thing_have_one_name() {
        for (text, name) in [
            ("1JUN043325711A2", Some("tracegate:di/1J/UN043325711A2")),
            (
                "25SUN043325711MH80312\u{1d}1T7",
                Some("tracegate:di/25S/UN043325711MH80312"),
            ),
            ("Q7", None),
        ] {
            let (bytes, len) = memory(text, &[0x21]);
            let thing = IsoData::read(0xA1, &bytes, len).unwrap().thing();
            assert_eq!(
                thing.and_then(|thing| thing.instance_uri()).as_deref(),
                name
            );
        }
    }

    #[test]
    fn every_family_has_a_title() {
        let known = (0..=255).filter_map(IsoFamily::of);
        let hazardous = known.clone().filter(|(_, hazardous)| *hazardous);
        assert_eq!((known.clone().count(), hazardous.count()), (13, 5));
        for (family, _) in known {
            assert!(!family.title().is_empty());
        }
    }
}
