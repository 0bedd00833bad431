//! Which task a scanner needs.

use super::{Device, scanner_settings};
use crate::config::{Bytes, Scanner};
use crate::source::attached::Answers;
use crate::source::{hid, keyboard};

/// What to run for a scanner.
pub(super) fn device(scanner: &Scanner) -> Device {
    if let Some(hid) = &scanner.hid {
        let bytes =
            |bytes: &Option<Bytes>| bytes.as_ref().map(|it| it.0.clone()).unwrap_or_default();
        return Device::Hid(hid::Settings {
            choice: hid.0.clone(),
            answers: Answers {
                on_accept: bytes(&scanner.on_accept),
                on_refuse: bytes(&scanner.on_refuse),
                on_identify: bytes(&scanner.on_identify),
            },
        });
    }
    match scanner.keyboard_path() {
        Some(path) => Device::Keyboard(keyboard::Settings {
            path,
            wedge: scanner.wedge(),
        }),
        None => Device::Scanner(scanner_settings(scanner)),
    }
}
