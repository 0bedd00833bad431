//! When a changed setting counts.

/// Settings that wait for a restart, without the names of named sections; a section stands for all of its settings.
const WAITS: &[&str] = &[
    "gateway.site",
    "reference",
    "buffer",
    "mqtt",
    "command",
    "control",
    "status",
];

/// When a setting, such as `buffer.directory`, applies after a change: with `reload`, or with the next `restart`.
pub(super) fn applies(setting: &str) -> &'static str {
    let waits = WAITS.iter().any(|it| {
        let rest = setting.strip_prefix(it);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    if waits { "restart" } else { "reload" }
}
