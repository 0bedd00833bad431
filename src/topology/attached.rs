//! Which task a scanner needs.

use super::{Device, feed};
use crate::config::Scanner;
use crate::source::attached::Answers;
use crate::source::{hid, keyboard};

/// What to run for a scanner.
pub(super) fn device(scanner: &Scanner) -> Device {
    if let Some(hid) = &scanner.hid {
        return Device::Hid(hid::Settings {
            choice: hid.0.clone(),
            answers: Answers {
                accept: scanner.told("on_accept"),
                warn: scanner.told("on_warn"),
                pending: scanner.told("on_pending"),
                refuse: scanner.told("on_refuse"),
                identify: scanner.told("on_identify"),
            },
        });
    }
    match scanner.keyboard_path() {
        Some(path) => Device::Keyboard(keyboard::Settings {
            path,
            wedge: scanner.wedge(),
        }),
        None => Device::Scanner(Box::new(feed::scanner(scanner))),
    }
}
