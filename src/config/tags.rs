//! Patterns that select tags, and the antennas of a reader.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use tracegate_gs1::Scheme;
use tracegate_gs1::epc::pattern::{PatternError, SelectMask};
use tracegate_pipeline::filter::Pattern;

use super::suggest::did_you_mean;
use super::units::{Dbm, FromText, Refusal, deserialize_from_text, shown};

/// A pattern that selects tags: `urn:epc:pat:SCHEME:f.f.f` or `urn:epc:idpat:SCHEME:f.f` with `*` for any field and
/// `[1-99]` for a range, or `hex:` and the first digits of the EPC followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(Pattern);

impl TagPattern {
    /// The pattern; `X` and `*` both stand for any value of a field.
    pub const fn pattern(&self) -> &Pattern {
        &self.0
    }

    /// The longest run of bits that all its tags share, for a reader to compare; `None` if there is none. A few other tags
    /// may have it too.
    pub fn mask(&self) -> Option<SelectMask> {
        self.0.select_mask()
    }
}

impl FromText for TagPattern {
    const EXPECTED: &'static str = "a tag pattern in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"urn:epc:pat:sgtin-96:*.4012345.*.*\", \"hex:34*\"";
        let refuse = |label: String| Err(Refusal::new(label, HELP));
        match Pattern::parse(text) {
            Ok(pattern) => Ok(Self(pattern)),
            Err(PatternError::Scheme(name)) => {
                let names = Scheme::ALL.iter().filter(|scheme| scheme.has_tag_uri());
                let names: Vec<&str> = names.map(|scheme| scheme.name()).collect();
                let otherwise = format!("unknown scheme \"{}\"", shown(&name));
                let label = did_you_mean(&name, names.iter().copied(), &otherwise);
                Err(Refusal::new(
                    label,
                    format!("schemes: {}", names.join(", ")),
                ))
            }
            Err(PatternError::Range(range)) => refuse(format!(
                "\"{}\" is not a range of numbers that this field can hold, as in [10-99]",
                shown(&range)
            )),
            Err(PatternError::Field(reason)) => refuse(reason.to_string()),
            Err(other) => refuse(other.to_string()),
        }
    }
}

deserialize_from_text!(TagPattern);

/// The antennas of a reader to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Antennas {
    /// All of them, at the reader's own power.
    #[default]
    All,
    /// These ports; a missing level leaves the reader's own power.
    Ports(BTreeMap<u16, Option<Dbm>>),
}

impl Antennas {
    /// True when reads of this port are used.
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Antennas::All => true,
            Antennas::Ports(ports) => ports.contains_key(&port),
        }
    }
}

/// A port, from 1 (antennas: LLRP 1.1 §17.2.1.5: AntennaID is 16 bits, 0 means all).
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
pub(super) struct Port(u16);

impl Port {
    pub(super) const fn number(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortVisitor;
        impl Visitor<'_> for PortVisitor {
            type Value = Port;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number from 1 to 65535")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Port, E> {
                match u16::try_from(number) {
                    Ok(port) if port > 0 => Ok(Port(port)),
                    _ => Err(E::invalid_value(
                        serde::de::Unexpected::Signed(number),
                        &self,
                    )),
                }
            }
        }
        deserializer.deserialize_u16(PortVisitor)
    }
}

impl<'de> Deserialize<'de> for Antennas {
    /// A list of ports, or a table from port to power. One visitor for both: serde's `untagged` loses positions.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AntennasVisitor;
        impl<'de> Visitor<'de> for AntennasVisitor {
            type Value = BTreeMap<Port, Option<Dbm>>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("antenna ports, as [1, 2] or { 1 = \"30 dBm\" }")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut ports = BTreeMap::new();
                while let Some(port) = list.next_element::<Port>()? {
                    if ports.insert(port, None).is_some() {
                        let refusal = Refusal::new(
                            format!("antenna {} is listed twice", port.0),
                            "list each antenna once",
                        );
                        return Err(A::Error::custom(refusal));
                    }
                }
                Ok(ports)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Self::Value, A::Error> {
                let mut ports = BTreeMap::new();
                while let Some((port, power)) = table.next_entry::<Port, Dbm>()? {
                    if ports.insert(port, Some(power)).is_some() {
                        let refusal = Refusal::new(
                            format!("antenna {} is listed twice", port.0),
                            "list each antenna once",
                        );
                        return Err(A::Error::custom(refusal));
                    }
                }
                Ok(ports)
            }
        }
        let ports = deserializer.deserialize_seq(AntennasVisitor)?;
        Ok(Antennas::Ports(
            ports
                .into_iter()
                .map(|(port, power)| (port.0, power))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for text in [
            "urn:epc:pat:sgtin-96:*.4099999.*.*",
            "urn:epc:pat:sscc-96:X.4012345.*",
            "hex:34*",
            "hex:3034F0",
            "hex:30/F0",
            "urn:epc:idpat:sgtin:4012345.*.[1-99]",
            "urn:epc:pat:adi-var:*.35962.*.*",
        ] {
            assert!(TagPattern::from_text(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "hex:",
            "hex:*",
            "hex:3g*",
            "urn:epc:pat:sgtin-96:*.1.*",
            "urn:epc:pat:sgtin:*.*.*.*",
            "urn:epc:pat:sgtin-96:*.1*.*.*",
            "urn:epc:pat:sgtin-96:*.4012345.*.[9-1]",
            "urn:epc:pat:sgtin-96:8.*.*.*",
            "urn:epc:pat:sgtin+:*.*.*.*",
        ] {
            assert!(TagPattern::from_text(text).is_err(), "{text}");
        }
    }
}
