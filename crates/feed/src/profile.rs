//! What makes of devices are like: named defaults, every one of which a configuration can say otherwise.

use crate::frame::{DEFAULT_MAX_LEN, Framing, Kind};
use crate::rules::{BadRule, Class, Match, Rule, Rules};
use crate::text::Encoding;

const CR: &[u8] = b"\r";
const LF: &[u8] = b"\n";
const CRLF: &[u8] = b"\r\n";
const NUL: &[u8] = b"\0";
const STX: &[u8] = b"\x02";
const ETX: &[u8] = b"\x03";
/// Whatever ends a line.
const LINE: &[&[u8]] = &[CR, LF, NUL];

/// How a make of scanner talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// As written in a configuration.
    pub name: &'static str,
    /// For which devices, in one line.
    pub about: &'static str,
    /// How frames are told apart.
    pub frame: Frame,
    /// Longest frame in bytes.
    pub max_length: usize,
    /// How it writes text.
    pub encoding: Encoding,
    /// What it sends when it read nothing; see [`Match::written`].
    pub no_read: &'static [&'static str],
    /// What it sends to show that it lives.
    pub heartbeat: &'static [&'static str],
    /// What it says about itself: answers, errors.
    pub status: &'static [&'static str],
    /// What is of no interest.
    pub ignore: &'static [&'static str],
    /// The same code within so many milliseconds is one scan.
    pub duplicate_window_ms: u32,
    /// Sent once a scan is stored: bytes, or verbs for [`Frame::Ssi`].
    pub on_accept: &'static str,
    /// Sent when a scan is stored, but something is to be looked at.
    pub on_warn: &'static str,
    /// Sent when a scan is refused.
    pub on_refuse: &'static str,
    /// Sent when it read nothing.
    pub on_no_read: &'static str,
    /// Commands that start and stop reading, by name; the gateway does not send them by itself.
    pub triggers: &'static [(&'static str, &'static str)],
    /// Serial line.
    pub serial: Serial,
    /// Usual TCP port in the device.
    pub port: Option<u16>,
}

/// How frames are told apart, as in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// By byte sequences.
    Delimited {
        /// Alternatives for the begin.
        starts: &'static [&'static [u8]],
        /// Alternatives for the end.
        ends: &'static [&'static [u8]],
    },
    /// By so many milliseconds of silence.
    IdleGap {
        /// So many.
        gap_ms: u32,
    },
    /// Packets of the Simple Serial Interface.
    Ssi,
}

impl Frame {
    /// For a framer.
    #[must_use]
    pub fn kind(self) -> Kind {
        let owned = |list: &[&[u8]]| list.iter().map(|sequence| sequence.to_vec()).collect();
        match self {
            Frame::Delimited { starts, ends } => Kind::Delimited {
                starts: owned(starts),
                ends: owned(ends),
            },
            Frame::IdleGap { gap_ms } => Kind::IdleGap {
                gap_us: u64::from(gap_ms) * 1000,
            },
            Frame::Ssi => Kind::Ssi,
        }
    }
}

/// A serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial {
    /// Bits per second.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// Whether there is an even parity bit.
    pub even_parity: bool,
}

const SERIAL: Serial = Serial {
    baud: 9600,
    data_bits: 8,
    even_parity: false,
};

/// Plain text with a suffix, and nothing else known.
const RAW: Profile = Profile {
    name: "raw_ascii",
    about: "Any scanner that sends a code and then CR, LF or CR LF",
    frame: Frame::Delimited {
        starts: &[],
        ends: LINE,
    },
    max_length: DEFAULT_MAX_LEN,
    encoding: Encoding::Utf8,
    no_read: &[],
    heartbeat: &[],
    status: &[],
    ignore: &[],
    duplicate_window_ms: 3000,
    on_accept: "",
    on_warn: "",
    on_refuse: "",
    on_no_read: "",
    triggers: &[],
    serial: SERIAL,
    port: None,
};

static PROFILES: [Profile; 11] = [
    RAW,
    Profile {
        name: "honeywell",
        about: "Honeywell Xenon, Granit, Voyager without Host ACK",
        // A menu command is answered by its name and ACK, ENQ or NAK.
        status: &["^[A-Z0-9]{6}[^\\x05\\x06\\x15]*[\\x05\\x06\\x15]\\.?$"],
        on_accept: "\x16\x07\r",
        on_warn: "\x16\x07\r\x16\x07\r",
        on_refuse: "\x16\x07\r\x16\x07\r\x16\x07\r",
        triggers: &[("on", "\x16T\r"), ("off", "\x16U\r")],
        ..RAW
    },
    Profile {
        name: "honeywell_host_ack",
        about: "Honeywell scanners with Host ACK: they wait up to 10 s for the answer to each scan",
        status: &["^[A-Z0-9]{6}[^\\x05\\x06\\x15]*[\\x05\\x06\\x15]\\.?$"],
        on_accept: "\x1b7,",
        on_warn: "\x1b7,\x1b5,",
        on_refuse: "\x1b8,\x1b8,",
        triggers: &[("on", "\x16T\r"), ("off", "\x16U\r")],
        ..RAW
    },
    Profile {
        name: "datalogic",
        about: "Datalogic Magellan, QuickScan, PowerScan; also PSC",
        no_read: &["NOREAD", "NO READ"],
        on_accept: "\x01",
        on_warn: "\x01\x01",
        on_refuse: "F",
        triggers: &[("enable", "E"), ("disable", "D")],
        ..RAW
    },
    Profile {
        name: "zebra",
        about: "Zebra and Symbol scanners in plain text; feedback needs \"Beep on <BEL>\"",
        no_read: &["NR"],
        on_accept: "\x07",
        on_warn: "\x07\x07",
        on_refuse: "\x07\x07\x07",
        ..RAW
    },
    Profile {
        name: "zebra_ssi",
        about: "Zebra and Symbol scanners in SSI: every scan is acknowledged, nothing needs programming codes",
        frame: Frame::Ssi,
        no_read: &["NR"],
        on_accept: "beep_good",
        on_warn: "beep_warn",
        on_refuse: "beep_bad",
        triggers: &[("on", "trigger_on"), ("off", "trigger_off")],
        ..RAW
    },
    Profile {
        name: "cognex_dataman",
        about: "Cognex DataMan; the footer is CR LF",
        frame: Frame::Delimited {
            starts: &[],
            ends: &[CRLF],
        },
        no_read: &["", "NOREAD", "NO READ"],
        // Extended answers are ||id:status[text].
        status: &["^\\|\\|"],
        ignore: &["^(?i:welcome|user|login|password|cognex)\\b"],
        duplicate_window_ms: 0,
        triggers: &[("on", "||>TRIGGER ON\r\n"), ("off", "||>TRIGGER OFF\r\n")],
        port: Some(23),
        ..RAW
    },
    Profile {
        name: "keyence_sr",
        about: "Keyence SR-750, SR-1000, SR-2000, SR-X",
        frame: Frame::Delimited {
            starts: &[],
            ends: &[CR, LF, STX, ETX],
        },
        no_read: &["ERROR", "ERROR,*"],
        status: &["OK,*", "ER,*"],
        duplicate_window_ms: 0,
        triggers: &[("on", "LON\r"), ("off", "LOFF\r")],
        serial: Serial {
            baud: 115_200,
            data_bits: 8,
            even_parity: true,
        },
        port: Some(9004),
        ..RAW
    },
    Profile {
        name: "sick",
        about: "SICK CLV6xx and Lector: STX, code, ETX",
        frame: Frame::Delimited {
            starts: &[STX],
            ends: &[ETX],
        },
        no_read: &["NoRead", "NOREAD", "?"],
        heartbeat: &["Heartbeat", "HEARTBEAT"],
        // CoLa-A answers.
        status: &["^s(AN|RA|EA|WA|FA|SN)\\b"],
        duplicate_window_ms: 0,
        triggers: &[
            ("on", "\x02sMN mTCgateon\x03"),
            ("off", "\x02sMN mTCgateoff\x03"),
        ],
        serial: Serial {
            baud: 57_600,
            data_bits: 8,
            even_parity: false,
        },
        port: Some(2112),
        ..RAW
    },
    Profile {
        name: "omron",
        about: "Omron V400, V430, MicroHAWK",
        frame: Frame::Delimited {
            starts: &[],
            ends: &[CR, LF, STX, ETX],
        },
        no_read: &["NOREAD", "ERROR", "^E\\d{2,3}$"],
        status: &["OK", "ER"],
        duplicate_window_ms: 0,
        triggers: &[("on", "@GL\r"), ("microhawk", "< >")],
        serial: Serial {
            baud: 115_200,
            data_bits: 8,
            even_parity: false,
        },
        port: Some(2001),
        ..RAW
    },
    Profile {
        name: "generic",
        about: "Fixed readers of any make: CR, LF, NUL, STX or ETX between codes, the usual words for \"read nothing\"",
        frame: Frame::Delimited {
            starts: &[],
            ends: &[CR, LF, NUL, STX, ETX],
        },
        no_read: &[
            "^(?i:no ?read|nr|error|fail|no code!?)$",
            "^E\\d{2,3}$",
            "?",
        ],
        heartbeat: &["^(?i:heart ?beat|alive|ping)$"],
        duplicate_window_ms: 800,
        ..RAW
    },
];

/// The profile of this name.
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// The profile of whoever names none.
#[must_use]
pub fn raw() -> &'static Profile {
    static DEFAULT: Profile = RAW;
    &DEFAULT
}

/// All of them.
pub fn profiles() -> impl Iterator<Item = &'static Profile> {
    PROFILES.iter()
}

impl Profile {
    /// Its framing.
    #[must_use]
    pub fn framing(&self) -> Framing {
        Framing {
            kind: self.frame.kind(),
            max_len: self.max_length,
        }
    }

    /// Its rules.
    ///
    /// # Errors
    /// Never for the profiles here; a test sees to it.
    pub fn rules(&self) -> Result<Rules, (usize, BadRule)> {
        let lists = [
            (Class::Ignore, self.ignore),
            (Class::Heartbeat, self.heartbeat),
            (Class::NoRead, self.no_read),
            (Class::Status, self.status),
        ];
        let written = lists.into_iter().flat_map(|(class, list)| {
            let rule = move |text: &&str| Rule::new(class, Match::written(text));
            list.iter().map(rule)
        });
        Rules::new(self.encoding, scan_rules(written))
    }
}

/// The rules of a scanner: those given, then an empty frame is of no interest, and the rest is a scan.
pub fn scan_rules(given: impl IntoIterator<Item = Rule>) -> Vec<Rule> {
    let empty = Rule::new(Class::Ignore, Match::Literal(Vec::new()));
    let scan = Rule::new(Class::Data, Match::Any);
    given.into_iter().chain([empty, scan]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssi::Verb;

    #[test]
    fn every_profile_can_be_used() {
        for profile in profiles() {
            assert!(profile.rules().is_ok(), "{}", profile.name);
            assert_eq!(super::profile(profile.name), Some(profile));
            if profile.frame == Frame::Ssi {
                for text in [profile.on_accept, profile.on_warn, profile.on_refuse] {
                    assert!(Verb::parse(text).is_ok(), "{}", profile.name);
                }
            }
        }
        let names: std::collections::BTreeSet<_> = profiles().map(|profile| profile.name).collect();
        assert_eq!(names.len(), profiles().count());
    }
}
