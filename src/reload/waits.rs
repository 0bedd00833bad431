//! Which settings a reload leaves as they are until the next start.

/// Settings that wait for a restart, without the names of named sections. A section stands for all of its settings.
pub const WAITS: &[&str] = &[
    "gateway.site",
    "reference",
    "buffer",
    "mqtt",
    "command",
    "control",
    "status",
    "log",
];

/// Whether a setting, such as `buffer.directory`, waits for a restart; the others apply with a reload.
#[must_use]
pub fn waits(setting: &str) -> bool {
    WAITS.iter().any(|it| {
        let rest = setting.strip_prefix(it);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_stands_for_its_settings_and_no_others() {
        assert!(waits("buffer.directory") && waits("mqtt") && waits("gateway.site"));
        assert!(!waits("gateway.time_zone") && !waits("llrp.host") && !waits("mqtt_other"));
    }
}
