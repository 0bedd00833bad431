//! Scanners that are plugged in as HID POS or as keyboards: which one, and how to understand what it types.

use serde::Deserialize;
use tracegate_feed::wedge;

use super::check::Checker;
use super::diagnostic::{Diagnostic, Place};
use super::limits::{range, show_number, show_time};
use super::model::Scanner;
use super::units::{FromText, Refusal, deserialize_from_text, show_duration, shown};
use crate::source::hid::{Choice, is_socket};

/// Ways to reach a scanner; a section has exactly one.
const WAYS: &[&str] = &["serial", "tcp", "hid", "keyboard"];
/// Settings of a serial line.
const SERIAL_SETTINGS: &[&str] = &["baud", "data_bits", "parity", "stop_bits"];
/// Settings of a scanner that types.
const KEYBOARD_SETTINGS: &[&str] = &["layout", "suffix", "min_length", "max_gap", "idle_gap"];
/// Settings of a scanner that can be told something.
const ANSWERS: &[&str] = &["on_accept", "on_refuse", "on_identify"];

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

    /// How to understand what it types.
    pub fn wedge(&self) -> wedge::Settings {
        let us = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        wedge::Settings {
            layout: self.layout.0,
            suffix: match self.suffix {
                Suffix::Enter => wedge::Suffix::Enter,
                Suffix::Tab => wedge::Suffix::Tab,
                Suffix::None => wedge::Suffix::None,
            },
            min_length: usize::from(self.min_length),
            max_gap_us: us(self.max_gap),
            idle_gap_us: us(self.idle_gap),
        }
    }
}

/// One way to each scanner, and no setting that has no effect.
pub(super) fn check(checker: &mut Checker<'_>) {
    for (name, scanner) in &checker.config.scanner {
        let has = |checker: &Checker<'_>, key: &str| checker.tree.has(&["scanner", name, key]);
        let set: Vec<&str> = WAYS
            .iter()
            .copied()
            .filter(|way| has(checker, way))
            .collect();
        match set.as_slice() {
            [] if WAYS
                .iter()
                .all(|way| checker.is_missing(&["scanner", name, way])) =>
            {
                let title = format!(
                    "scanner `{}` has neither `serial` nor `tcp`, `hid` or `keyboard`",
                    shown(name)
                );
                let place = checker.tree.at(&["scanner", name]);
                let help = "add: serial = \"usb-…-if00\" (a name in /dev/serial/by-id), tcp = \"10.0.4.30:9004\", hid = \"0c2e:0b6a\", or keyboard = \"usb-…-event-kbd\" (a name in /dev/input/by-id)";
                checker.error("missing", title, place, "", help);
            }
            [] => {}
            [way] => without_effect(checker, name, way),
            [one, other, ..] => both(checker, name, one, other),
        }
        limits(checker, name, scanner);
    }
}

fn both(checker: &mut Checker<'_>, name: &str, one: &str, other: &str) {
    let title = format!("scanner `{}` has both `{one}` and `{other}`", shown(name));
    let at = |key| -> Place { checker.tree.at_key(&["scanner", name, key]) };
    let (first, second) = (at(one), at(other));
    let problem = Diagnostic::error("conflict", title, first.clone().max(second.clone()), "")
        .context(first.min(second), "the other is here")
        .help("keep the one that is used, delete the other");
    checker.problems.push(problem);
}

fn without_effect(checker: &mut Checker<'_>, name: &str, way: &str) {
    let foreign: [&[&str]; 3] = match way {
        "serial" => [KEYBOARD_SETTINGS, &[], &[]],
        "keyboard" => [SERIAL_SETTINGS, ANSWERS, &[]],
        _ => [SERIAL_SETTINGS, KEYBOARD_SETTINGS, &[]],
    };
    for key in foreign.into_iter().flatten() {
        let path = ["scanner", name, *key];
        if checker.tree.has(&path) {
            let title = format!("`{key}` has no effect with `{way}`");
            let place = checker.tree.at_key(&path);
            checker.error("no-effect", title, place, "", "delete it");
        }
    }
}

fn limits(checker: &mut Checker<'_>, name: &str, scanner: &Scanner) {
    let of = |key| ["scanner", name, key];
    let ms = std::time::Duration::from_millis;
    range(
        checker,
        &of("min_length"),
        scanner.min_length,
        1..=100,
        show_number,
    );
    range(
        checker,
        &of("max_gap"),
        scanner.max_gap,
        ms(5)..=ms(1_000),
        show_time,
    );
    range(
        checker,
        &of("idle_gap"),
        scanner.idle_gap,
        ms(10)..=ms(5_000),
        show_time,
    );
    let good = !checker.tree.is_bad(&of("max_gap")) && !checker.tree.is_bad(&of("idle_gap"));
    if good && scanner.idle_gap <= scanner.max_gap {
        let set = if checker.tree.has(&of("max_gap")) {
            "max_gap"
        } else {
            "idle_gap"
        };
        let label = format!(
            "max_gap is {}, idle_gap is {}",
            show_duration(scanner.max_gap),
            show_duration(scanner.idle_gap)
        );
        let title = "`max_gap` must be shorter than `idle_gap`".to_owned();
        let help = "otherwise a code ends within itself";
        checker.error("conflict", title, checker.tree.at(&of(set)), &label, help);
    }
}
