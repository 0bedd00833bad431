//! Typed texts of the configuration: references, patterns, words of a vocabulary.
//!
//! Each is checked where it is read, so the rest of the daemon never sees an unchecked one.

use std::fmt;
use std::path::Path;

use tracegate_epcis::is_uri;
use tracegate_gs1::check_sgln_urn;

use super::suggest::{did_you_mean, nearest};
use super::units::{FromText, Refusal, deserialize_from_text, shown};

macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
        pub struct $name(String);
        impl $name {
            /// The text as configured.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        deserialize_from_text!($name);
    };
}
pub(super) use text_type;

text_type! {
    /// Name of the plant or site: `[a-z0-9_-]`, at most 64 characters, because it becomes a level of MQTT topics.
    SiteName
}

impl FromText for SiteName {
    const EXPECTED: &'static str = "a name in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str =
            "use small letters, digits, _ and -, at most 64 characters; example: \"plant-3\"";
        if text.is_empty() {
            return Err(Refusal::new("the name is empty", HELP));
        }
        if let Some(bad) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'))
        {
            return Err(Refusal::new(
                format!("'{}' cannot be part of a site name", bad.escape_debug()),
                HELP,
            ));
        }
        if text.len() > 64 {
            return Err(Refusal::new("the name is too long", HELP));
        }
        Ok(SiteName(text.to_owned()))
    }
}

text_type! {
    /// A group or edge node of Sparkplug: a level of a topic (Sparkplug 3.0 §4.1), at most 64 characters.
    SparkplugId
}

impl FromText for SparkplugId {
    const EXPECTED: &'static str = "a name in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "1 to 64 printable characters without / + and #; example: \"Plant 3\"";
        if text.trim().is_empty() || text.chars().count() > 64 {
            return Err(Refusal::new("the name is empty or too long", HELP));
        }
        match text
            .chars()
            .find(|c| matches!(c, '/' | '+' | '#') || c.is_control())
        {
            Some(bad) => Err(Refusal::new(
                format!("'{}' cannot be part of this name", bad.escape_debug()),
                HELP,
            )),
            None => Ok(Self(text.to_owned())),
        }
    }
}

text_type! {
    /// A time zone of the IANA database, for `eventTimeZoneOffset` (EPCIS 2.0 §7.4.1).
    ZoneName
}

impl ZoneName {
    /// The zone itself; UTC when this name was never checked.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The zone `UTC`.
    pub fn utc() -> Self {
        ZoneName("UTC".to_owned())
    }
}

impl FromText for ZoneName {
    const EXPECTED: &'static str = "a time zone name in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.len() <= 64 && jiff::tz::TimeZone::get(text).is_ok() {
            return Ok(ZoneName(text.to_owned()));
        }
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        // A city without its part of the world.
        let city = |name: &&String| {
            let (_, city) = name.rsplit_once('/').unwrap_or_default();
            city.eq_ignore_ascii_case(&text.replace(' ', "_"))
        };
        let city = names.iter().find(city).map_or(text, String::as_str);
        let label = did_you_mean(
            city,
            names.iter().map(String::as_str),
            "no time zone has this name",
        );
        Err(Refusal::new(
            label,
            "use an IANA name; example: \"Europe/Berlin\", \"UTC\"",
        ))
    }
}

/// One antenna of one reader: `dock_1/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AntennaRef {
    /// Name of the `[llrp.NAME]` section.
    pub llrp: String,
    /// Antenna port, from 1.
    pub antenna: u16,
}

impl fmt::Display for AntennaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.llrp, self.antenna)
    }
}

impl FromText for AntennaRef {
    const EXPECTED: &'static str = "reader/antenna in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "name the reader and one antenna port; example: \"dock_1/3\"";
        let Some((llrp, antenna)) = text.split_once('/') else {
            let meant = text.replacen([':', '.', ' ', '-'], "/", 1);
            if meant != text && Self::from_text(&meant).is_ok() {
                let help = format!("write \"{}\"", shown(&meant));
                return Err(Refusal::new("reader and antenna have / between them", help));
            }
            return Err(Refusal::new("the antenna is missing", HELP));
        };
        let digits = !antenna.is_empty()
            && antenna.bytes().all(|b| b.is_ascii_digit())
            && !antenna.starts_with('0');
        match antenna.parse::<u16>() {
            Ok(antenna) if digits && !llrp.is_empty() => Ok(AntennaRef {
                llrp: llrp.to_owned(),
                antenna,
            }),
            Ok(0) if antenna == "0" && !llrp.is_empty() => {
                let help = format!("the first one is \"{}/1\"", shown(llrp));
                Err(Refusal::new("antennas are counted from 1", help))
            }
            _ => Err(Refusal::new("this is no reader and antenna", HELP)),
        }
    }

    fn bare_number(number: &str) -> Refusal {
        Refusal::new(
            "the reader is missing",
            format!("name the reader too; example: \"dock_1/{number}\""),
        )
    }
}

text_type! {
    /// A business step: a word of CBV 2.0 §7.1 or a URI.
    BizStep
}
text_type! {
    /// A disposition: a word of CBV 2.0 §7.2 or a URI.
    Disposition
}
text_type! {
    /// A business transaction type: a word of CBV 2.0 §7.3 or a URI.
    TransactionType
}
text_type! {
    /// A location as pure identity URN, `urn:epc:id:sgln:…` (TDS 2.1 §6.3.4).
    Sgln
}
text_type! {
    /// A business location: an SGLN or another URI.
    BizLocation
}
text_type! {
    /// A URI.
    Uri
}

/// Source of words, as people know it.
const CBV: &str = "CBV 2.0";

/// A word of a vocabulary such as the Core Business Vocabulary, or a company's own as long as it is a URI; everything else is a typing mistake
/// that the traceability store would reject later.
pub(super) fn word(
    text: &str,
    words: impl Iterator<Item = &'static str>,
    kind: &str,
    vocabulary: &str,
) -> Result<String, Refusal> {
    let words: Vec<&str> = words.collect();
    if words.contains(&text) || is_uri(text) {
        return Ok(text.to_owned());
    }
    if let Some(other) = list_of(text).filter(|_| vocabulary == CBV) {
        return Err(Refusal::new(
            format!("\"{text}\" is a {other}"),
            format!("a {kind} is a URI or one of: {}", words.join(", ")),
        ));
    }
    Err(match nearest(text, words.iter().copied()) {
        Some(near) => Refusal::new(
            format!("did you mean \"{near}\"?"),
            format!("a {kind} is a word of {vocabulary} or a URI"),
        ),
        None => Refusal::new(
            format!("no {kind} of {vocabulary} has this name"),
            format!("use a URI or one of: {}", words.join(", ")),
        ),
    })
}

/// The list of CBV 2.0 that has this word.
fn list_of(text: &str) -> Option<&'static str> {
    if tracegate_epcis::is_biz_step(text) {
        Some("business step")
    } else if tracegate_epcis::is_disposition(text) {
        Some("disposition")
    } else if tracegate_epcis::is_biz_transaction_type(text) {
        Some("transaction type")
    } else if tracegate_epcis::source_dest_types().any(|word| word == text) {
        Some("source or destination type")
    } else {
        None
    }
}

impl FromText for BizStep {
    const EXPECTED: &'static str = "a business step in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        word(text, tracegate_epcis::biz_steps(), "business step", CBV).map(BizStep)
    }
}

impl FromText for Disposition {
    const EXPECTED: &'static str = "a disposition in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        word(text, tracegate_epcis::dispositions(), "disposition", CBV).map(Disposition)
    }
}

impl FromText for TransactionType {
    const EXPECTED: &'static str = "a transaction type in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        word(
            text,
            tracegate_epcis::biz_transaction_types(),
            "transaction type",
            CBV,
        )
        .map(TransactionType)
    }
}

const SGLN_HELP: &str = "company prefix and location have 12 digits together; example: \"urn:epc:id:sgln:4012345.00001.dock1\"";

impl FromText for Sgln {
    const EXPECTED: &'static str = "a location (SGLN) in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        match check_sgln_urn(text) {
            Ok(()) => Ok(Sgln(text.to_owned())),
            Err(error) => Err(super::slips::gln_meant(text)
                .unwrap_or_else(|| Refusal::new(error.to_string(), SGLN_HELP))),
        }
    }
}

impl FromText for BizLocation {
    const EXPECTED: &'static str = "a location in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.starts_with("urn:epc:") {
            return Sgln::from_text(text).map(|sgln| BizLocation(sgln.0));
        }
        Uri::from_text(text)
            .map(|uri| BizLocation(uri.0))
            .map_err(|_| Refusal::new("this is no location", SGLN_HELP))
    }
}

impl FromText for Uri {
    const EXPECTED: &'static str = "a URI in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if is_uri(text) {
            return Ok(Uri(text.to_owned()));
        }
        Err(Refusal::new(
            "this is no URI",
            "example: \"urn:epcglobal:cbv:bt:4012345000009:WO-4711\"",
        ))
    }
}

/// Bytes to send to a device, written as text with TOML escapes: each character is one byte, so `"\u0006"` is ACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl FromText for Bytes {
    const EXPECTED: &'static str = "text in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "1 to 64 characters from \\u0000 to \\u00FF, one byte each; example: \"\\u0006\" for ACK";
        let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
        match bytes {
            Ok(bytes) if (1..=64).contains(&bytes.len()) => Ok(Bytes(bytes)),
            Ok(bytes) if bytes.is_empty() => {
                Err(Refusal::new("nothing to send; leave the setting out", HELP))
            }
            Ok(_) => Err(Refusal::new("too long", HELP)),
            Err(_) => Err(Refusal::new(
                format!("\"{}\" does not fit in single bytes", shown(text)),
                HELP,
            )),
        }
    }
}

text_type! {
    /// A file name; a relative one is resolved when the configuration is loaded.
    FileName
}

impl FileName {
    /// As a path.
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The same name below `folder`, unless it is absolute already.
    pub(super) fn below(&self, folder: &Path) -> Self {
        FileName(folder.join(&self.0).to_string_lossy().into_owned())
    }

    /// From text known to be good.
    pub(super) fn known(text: &str) -> Self {
        FileName(text.to_owned())
    }
}

impl FromText for FileName {
    const EXPECTED: &'static str = "a file name in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.trim().is_empty() {
            return Err(Refusal::new(
                "the name is empty",
                "leave the setting out instead",
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(Refusal::new(
                "control characters cannot be part of a name",
                "",
            ));
        }
        let com = text.get(..3).filter(|it| it.eq_ignore_ascii_case("com"));
        let digits = text.get(3..).unwrap_or("").trim_end_matches(':');
        if com.is_some() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::new(
                "this is a name of Windows",
                "tracegate discover shows what is plugged in, under its name here",
            ));
        }
        Ok(FileName(text.to_owned()))
    }
}

text_type! {
    /// What stands for the separator GS in scans: 1 to 8 printable ASCII characters. Letters and digits alone are part of
    /// too many values.
    GsSubstitute
}

impl FromText for GsSubstitute {
    const EXPECTED: &'static str = "text in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str =
            "1 to 8 characters that no value on a label has; example: \"^\", \"<GS>\", \"{GS}\"";
        let printable =
            !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_graphic());
        if !printable {
            return Err(Refusal::new("expected 1 to 8 printable characters", HELP));
        }
        if text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Refusal::new("letters and digits are part of values", HELP));
        }
        Ok(Self(text.to_owned()))
    }
}

text_type! {
    /// A plain text of 1 to 128 printable characters.
    Line
}

impl FromText for Line {
    const EXPECTED: &'static str = "text in quotes";
    fn from_text(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.chars().count() > 128 || text.chars().any(char::is_control) {
            return Err(Refusal::new("expected 1 to 128 printable characters", ""));
        }
        Ok(Line(text.to_owned()))
    }
}

deserialize_from_text!(AntennaRef, Bytes);
