//! Radio modes by number and by name.
//!
//! Mode identifiers are the reader's own and no positions in its table. Impinj's have names in its public
//! documentation; of others the table tells encoding and link frequency.

use std::fmt;

use super::capabilities::Capabilities;
use super::config::RfMode;
use crate::codec::code::{C1G2MValue, C1G2SpectralMaskIndicator};
use crate::codec::param::C1G2UHFRFModeTableEntry;

/// Impinj's modes by number, with their other names behind the first.
const IMPINJ_MODES: &[(u32, &[&str])] = &[
    (0, &["Max Throughput", "High Throughput"]),
    (1, &["Hybrid"]),
    (2, &["Dense Reader M4"]),
    (3, &["Dense Reader M8"]),
    (4, &["Max Miller"]),
    (5, &["Dense Reader M4 Two"]),
    (1000, &["AutoSet Dense Reader"]),
    (
        1002,
        &["AutoSet Dense Reader Deep Scan", "AutoSet DR Deep Scan"],
    ),
    (1003, &["AutoSet Static Fast"]),
    (1004, &["AutoSet Static DRM", "AutoSet Static Dense Reader"]),
];

/// A row of the reader's mode table (`C1G2UHFRFModeTableEntry`, LLRP 1.0.1 §15.2.1.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeEntry {
    /// Mode identifier.
    pub id: u32,
    /// Encoding of the tag's answer.
    pub encoding: C1G2MValue,
    /// Rate of the tag's answer, in Hz.
    pub link_hz: u32,
    /// Number of readers around that it is made for.
    pub density: C1G2SpectralMaskIndicator,
}

impl From<&C1G2UHFRFModeTableEntry> for ModeEntry {
    fn from(entry: &C1G2UHFRFModeTableEntry) -> Self {
        Self {
            id: entry.mode_identifier,
            encoding: entry.m_value,
            link_hz: entry.bdr_value,
            density: entry.spectral_mask_indicator,
        }
    }
}

/// Shown in words: `2 (M4 at 274 kHz, dense interrogator)`.
impl fmt::Display for ModeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoding = match self.encoding {
            C1G2MValue::Fm0 => "FM0",
            C1G2MValue::Miller2 => "M2",
            C1G2MValue::Miller4 => "M4",
            C1G2MValue::Miller8 => "M8",
            _ => "unknown encoding",
        };
        write!(f, "{} ({encoding} at {} kHz", self.id, self.link_hz / 1000)?;
        if self.density != C1G2SpectralMaskIndicator::NotKnown {
            write!(f, ", {}", self.density.text())?;
        }
        f.write_str(")")
    }
}

/// The mode's index for `C1G2RFControl`.
///
/// # Errors
/// In words, if the reader does not have it.
pub(super) fn mode_index(wanted: &RfMode, capabilities: &Capabilities) -> Result<u16, String> {
    let modes = &capabilities.modes;
    let id = match wanted {
        RfMode::Id(id) => Some(*id),
        RfMode::Name(name) => impinj_mode(name)
            .filter(|_| capabilities.is_impinj())
            .or_else(|| by_encoding(name, modes)),
    };
    let listed = |id: &u32| modes.is_empty() || modes.iter().any(|mode| mode.id == *id);
    id.filter(listed)
        .and_then(|id| u16::try_from(id).ok())
        .ok_or_else(|| {
            let wanted = match wanted {
                RfMode::Id(id) => id.to_string(),
                RfMode::Name(name) => format!("\"{}\"", name.escape_debug()),
            };
            format!(
                "radio mode {wanted} is not among the reader's: {}; the reader's own choice is used",
                list(capabilities)
            )
        })
}

fn list(capabilities: &Capabilities) -> String {
    let text = |mode: &ModeEntry| {
        let name = IMPINJ_MODES
            .iter()
            .find(|(id, _)| capabilities.is_impinj() && *id == mode.id)
            .and_then(|(_, names)| names.first());
        name.map_or_else(|| mode.to_string(), |name| format!("{} {name}", mode.id))
    };
    // A reader may have dozens; the line must stay readable.
    let texts: Vec<String> = capabilities.modes.iter().take(16).map(text).collect();
    if texts.is_empty() {
        "it tells none".to_owned()
    } else {
        texts.join(", ")
    }
}

fn impinj_mode(name: &str) -> Option<u32> {
    let wanted = plain(name);
    IMPINJ_MODES
        .iter()
        .find(|(_, names)| names.iter().any(|name| plain(name) == wanted))
        .map(|(id, _)| *id)
}

/// `M4`, `miller 4`, `M4 at 256 kHz`: the fastest with that encoding, and with that rate if one is named.
fn by_encoding(name: &str, modes: &[ModeEntry]) -> Option<u32> {
    let name = plain(name);
    let starts = [
        ("fm0", C1G2MValue::Fm0),
        ("m2", C1G2MValue::Miller2),
        ("m4", C1G2MValue::Miller4),
        ("m8", C1G2MValue::Miller8),
        ("miller2", C1G2MValue::Miller2),
        ("miller4", C1G2MValue::Miller4),
        ("miller8", C1G2MValue::Miller8),
    ];
    let (rest, encoding) = starts
        .iter()
        .find_map(|(start, encoding)| Some((name.strip_prefix(start)?, *encoding)))?;
    let rest = rest.strip_prefix("at").unwrap_or(rest);
    let rest = rest.strip_suffix("khz").unwrap_or(rest);
    let khz = if rest.is_empty() {
        None
    } else {
        Some(rest.parse::<u32>().ok()?)
    };
    modes
        .iter()
        .filter(|mode| {
            mode.encoding == encoding && khz.is_none_or(|khz| khz == mode.link_hz / 1000)
        })
        .max_by_key(|mode| mode.link_hz)
        .map(|mode| mode.id)
}

/// Letters and digits only, in lower case.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u32, encoding: C1G2MValue, link_hz: u32) -> ModeEntry {
        ModeEntry {
            id,
            encoding,
            link_hz,
            density: C1G2SpectralMaskIndicator::DenseInterrogator,
        }
    }

    #[test]
    fn modes_are_found_by_number_name_and_encoding() {
        let mut reader = Capabilities {
            modes: vec![
                entry(3, C1G2MValue::Miller8, 170_600),
                entry(2, C1G2MValue::Miller4, 274_000),
                entry(5, C1G2MValue::Miller4, 320_000),
                entry(1000, C1G2MValue::Miller4, 256_000),
            ],
            ..Capabilities::default()
        };
        let find = |reader: &Capabilities, name: &str| {
            mode_index(&RfMode::Name(name.to_owned()), reader).ok()
        };
        assert_eq!(mode_index(&RfMode::Id(3), &reader), Ok(3));
        assert_eq!(find(&reader, "m4"), Some(5));
        assert_eq!(find(&reader, "Miller-4 at 274 kHz"), Some(2));
        assert_eq!(find(&reader, "M4 275"), None);
        assert_eq!(find(&reader, "AutoSet Dense Reader"), None);
        reader.manufacturer = Some(25882);
        assert_eq!(find(&reader, "autoset-dense_reader"), Some(1000));
        assert_eq!(
            mode_index(&RfMode::Name("Max Throughput".to_owned()), &reader),
            Err(
                "radio mode \"Max Throughput\" is not among the reader's: 3 Dense Reader M8, 2 Dense Reader M4, \
                 5 Dense Reader M4 Two, 1000 AutoSet Dense Reader; the reader's own choice is used"
                    .to_owned()
            )
        );
        reader.manufacturer = None;
        let error = mode_index(&RfMode::Id(70_000), &reader).unwrap_err();
        assert!(
            error.contains("3 (M8 at 170 kHz, dense interrogator), 2 (M4"),
            "{error}"
        );
    }
}
