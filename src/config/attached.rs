//! Scanners that are plugged in as HID POS or as keyboards: which one, and how to understand what it types.

use std::time::Duration;

use serde::Deserialize;
use tracegate_feed::wedge;

use super::check::Checker;
use super::limits::{range, show_number, show_time};
use super::scanner::{SERIAL_SETTINGS, Scanner};
use super::units::{FromText, Refusal, deserialize_from_text, show_duration};
use crate::source::hid::{Choice, is_socket};

/// Ways to reach a scanner that sends bytes.
const BYTES: &[&str] = &["serial", "tcp", "listen", "udp"];
/// Settings that say what the bytes of such a scanner are.
const FRAME_SETTINGS: &[&str] = &[
    "frame",
    "start",
    "end",
    "max_length",
    "encoding",
    "no_read",
    "heartbeat",
    "heartbeat_every",
    "status",
    "ignore",
    "data",
    "on_no_read",
];
/// Settings of a scanner that types.
const KEYBOARD_SETTINGS: &[&str] = &["layout", "suffix", "min_length", "max_gap", "idle_gap"];
/// Settings of a scanner that can be told something.
const ANSWERS: &[&str] = &["on_accept", "on_warn", "on_refuse", "on_identify"];
/// Shortest code, in characters.
const MIN_LENGTH: u16 = 4;
/// Slowest scanner, and silence behind a code.
const GAPS: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(60));

/// A HID device: `0c2e:0b6a`, `0c2e:0b6a:SERIAL` or `usb:1-2.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HidDevice(pub Choice);

impl FromText for HidDevice {
    const EXPECTED: &'static str = "a HID device in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"0c2e:0b6a\" (vendor and product, as in `lsusb`), \"0c2e:0b6a:21075B0A3C\" (with serial number), \"usb:1-2.3\" (a socket)";
        let refused = |label: &str| Err(Refusal::new(label, HELP));
        if let Some(socket) = text.strip_prefix("usb:") {
            return match is_socket(socket) {
                true => Ok(Self(Choice::Socket(socket.to_owned()))),
                false => refused("this is no USB socket"),
            };
        }
        let mut parts = text.splitn(3, ':');
        let mut number = || {
            let part = parts.next().filter(|part| part.len() == 4)?;
            let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(part, 16).ok().filter(|_| hex)
        };
        let (Some(vendor), Some(product)) = (number(), number()) else {
            return refused("this is no HID device");
        };
        let serial = parts.next().map(str::to_owned);
        if serial
            .as_ref()
            .is_some_and(|it| it.trim().is_empty() || it.chars().any(char::is_control))
        {
            return refused("the serial number is empty or not printable");
        }
        Ok(Self(Choice::Model {
            vendor,
            product,
            serial,
        }))
    }
}

/// Layout that a scanner is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyboardLayout(pub &'static wedge::Layout);

impl FromText for KeyboardLayout {
    const EXPECTED: &'static str = "a keyboard layout in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        wedge::Layout::named(text).map(Self).ok_or_else(|| {
            let names: Vec<&str> = wedge::Layout::all().map(|layout| layout.name).collect();
            Refusal::new(
                "this layout is not known",
                format!("one of {}", names.join(", ")),
            )
        })
    }
}

impl Default for KeyboardLayout {
    fn default() -> Self {
        let us = wedge::Layout::named("us");
        Self(us.expect("the layout us is in the table"))
    }
}

deserialize_from_text!(HidDevice, KeyboardLayout);

/// What ends a code that is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suffix {
    /// Enter, on either block.
    #[default]
    Enter,
    /// Tab.
    Tab,
    /// Silence.
    None,
}

impl Scanner {
    /// The device file of a scanner that types: names without `/` are looked up below `/dev/input/by-id`.
    pub fn keyboard_path(&self) -> Option<std::path::PathBuf> {
        self.keyboard
            .as_ref()
            .map(|name| std::path::Path::new("/dev/input/by-id").join(name.path()))
    }

    /// Keys that follow each other more slowly are typed by hand.
    pub fn max_gap(&self) -> Duration {
        self.max_gap.unwrap_or(GAPS.0)
    }

    /// After so long without a key nothing more comes.
    pub fn idle_gap(&self) -> Duration {
        self.idle_gap.unwrap_or(GAPS.1)
    }

    /// How to understand what it types.
    pub fn wedge(&self) -> wedge::Settings {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        wedge::Settings {
            layout: self.layout.0,
            suffix: match self.suffix {
                Suffix::Enter => wedge::Suffix::Enter,
                Suffix::Tab => wedge::Suffix::Tab,
                Suffix::None => wedge::Suffix::None,
            },
            min_length: usize::from(self.min_length.unwrap_or(MIN_LENGTH)),
            max_gap_us: us(self.max_gap()),
            idle_gap_us: us(self.idle_gap()),
        }
    }
}

/// Settings that have no effect, and limits.
pub(super) fn check(checker: &mut Checker<'_>) {
    for (name, scanner) in &checker.config.scanner {
        if scanner.hid.is_some() {
            let foreign = [SERIAL_SETTINGS, FRAME_SETTINGS, KEYBOARD_SETTINGS];
            without_effect(checker, name, "hid", &foreign);
        } else if scanner.keyboard.is_some() {
            let foreign = [SERIAL_SETTINGS, FRAME_SETTINGS, ANSWERS];
            without_effect(checker, name, "keyboard", &foreign);
        } else if let Some(way) = BYTES
            .iter()
            .find(|way| checker.is_set(&["scanner", name, way]))
        {
            without_effect(checker, name, way, &[KEYBOARD_SETTINGS]);
        }
        limits(checker, name, scanner);
    }
}

fn without_effect(checker: &mut Checker<'_>, name: &str, way: &str, foreign: &[&[&str]]) {
    for settings in foreign {
        checker.no_effect(["scanner", name], settings, &format!("with `{way}`"));
    }
}

fn limits(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let of = |key| ["scanner", name, key];
    let ms = Duration::from_millis;
    let (max_gap, idle_gap) = (scanner.max_gap(), scanner.idle_gap());
    let min_length = scanner.min_length.unwrap_or(MIN_LENGTH);
    range(checker, &of("min_length"), min_length, 1..=100, show_number);
    range(
        checker,
        &of("max_gap"),
        max_gap,
        ms(5)..=ms(1_000),
        show_time,
    );
    range(
        checker,
        &of("idle_gap"),
        idle_gap,
        ms(10)..=ms(5_000),
        show_time,
    );
    let good = !checker.tree.is_bad(&of("max_gap")) && !checker.tree.is_bad(&of("idle_gap"));
    if good && idle_gap <= max_gap {
        let set = if checker.tree.has(&of("max_gap")) {
            "max_gap"
        } else {
            "idle_gap"
        };
        let label = format!(
            "max_gap is {}, idle_gap is {}",
            show_duration(max_gap),
            show_duration(idle_gap)
        );
        let title = "`max_gap` must be shorter than `idle_gap`".to_owned();
        let help = "otherwise a code ends within itself";
        checker.error("conflict", title, checker.tree.at(&of(set)), &label, help);
    }
}
