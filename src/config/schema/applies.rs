//! When a changed setting counts.

use crate::reload::waits::waits;

/// When a setting, such as `buffer.directory`, applies after a change: with `reload`, or with the next `restart`.
pub(super) fn applies(setting: &str) -> &'static str {
    if waits(setting) { "restart" } else { "reload" }
}
