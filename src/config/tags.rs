//! Patterns that select tags, and the antennas of a reader.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use tracegate_pipeline::filter::Pattern;

use super::suggest::did_you_mean;
use super::units::{Dbm, FromText, Refusal, deserialize_from_text, shown};

/// Schemes of tag patterns with the number of their fields, filter value included (TDS 2.1 §8).
const SCHEMES: &[(&str, usize)] = &[
    ("gdti-174", 4),
    ("gdti-96", 4),
    ("gid-96", 3),
    ("giai-202", 3),
    ("giai-96", 3),
    ("grai-170", 4),
    ("grai-96", 4),
    ("gsrn-96", 3),
    ("gsrnp-96", 3),
    ("sgcn-96", 4),
    ("sgln-195", 4),
    ("sgln-96", 4),
    ("sgtin-198", 4),
    ("sgtin-96", 4),
    ("sscc-96", 3),
];

/// A pattern that selects tags: `urn:epc:pat:SCHEME:f.f.f` with `*` for any field, or `hex:` and the first digits of
/// the EPC followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(Pattern);

impl TagPattern {
    /// The pattern; `X` and `*` both stand for any value of a field.
    pub const fn pattern(&self) -> &Pattern {
        &self.0
    }

    /// What a reader can compare of it.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn bit_mask(&self) -> Result<super::select::BitMask, String> {
        super::select::bit_mask(&self.0)
    }
}

impl FromText for TagPattern {
    const EXPECTED: &'static str = "a tag pattern in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"urn:epc:pat:sgtin-96:*.4012345.*.*\", \"hex:34*\"";
        if let Some(digits) = text.strip_prefix("hex:") {
            let digits = digits.strip_suffix('*').unwrap_or(digits);
            if digits.is_empty()
                || digits.len() > 124
                || !digits.bytes().all(|b| b.is_ascii_hexdigit())
            {
                return Err(Refusal::new(
                    "expected hexadecimal digits, and * at the end if more may follow",
                    HELP,
                ));
            }
            return parsed(text);
        }
        let Some((scheme, fields)) = text
            .strip_prefix("urn:epc:pat:")
            .and_then(|rest| rest.split_once(':'))
        else {
            return Err(Refusal::new(
                "a pattern starts with urn:epc:pat: or hex:",
                HELP,
            ));
        };
        let Some((_, expected)) = SCHEMES.iter().find(|(name, _)| *name == scheme) else {
            let otherwise = format!("unknown scheme \"{}\"", shown(scheme));
            let label = did_you_mean(scheme, SCHEMES.iter().map(|(name, _)| *name), &otherwise);
            let names: Vec<&str> = SCHEMES.iter().map(|(name, _)| *name).collect();
            return Err(Refusal::new(
                label,
                format!("schemes: {}", names.join(", ")),
            ));
        };
        let fields: Vec<&str> = fields.split('.').collect();
        if fields.len() != *expected {
            return Err(Refusal::new(
                format!(
                    "{scheme} has {expected} fields between dots, found {}",
                    fields.len()
                ),
                HELP,
            ));
        }
        let plain = |field: &&str| {
            !field.is_empty()
                && field
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!'()+,-:;=_%".contains(c))
        };
        if let Some(bad) = fields.iter().find(|field| **field != "*" && !plain(field)) {
            return Err(Refusal::new(
                format!("\"{}\" is neither * nor a value", shown(bad)),
                HELP,
            ));
        }
        parsed(text)
    }
}

/// What passed the checks above, in the pipeline's form.
fn parsed(text: &str) -> Result<TagPattern, Refusal> {
    let pattern = Pattern::parse(text).map_err(|error| Refusal::new(error.to_string(), ""))?;
    Ok(TagPattern(pattern))
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
        ] {
            assert!(TagPattern::from_text(text).is_err(), "{text}");
        }
    }
}
