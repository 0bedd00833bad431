//! Which configuration is in force, and whether the file says something else.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Health;

/// Settings that wait are named in a condition, so many.
const NAMED: usize = 8;

/// The configuration in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigState {
    /// The configuration file, also while the last good copy of it is used.
    pub file: PathBuf,
    /// When what is in force was taken into use: at the start, or by a reload.
    pub loaded_at: Timestamp,
    /// SHA-256 of the text of the file as it was taken into use, in hexadecimal digits.
    pub sha: String,
    /// The file was rejected at the start; its last good copy is in force.
    pub last_good: bool,
    /// Why the file, as it was when it was last looked at, is not in force; `None` when it is.
    pub rejected: Option<Rejected>,
    /// Settings of the file that wait for a restart, such as `buffer.directory`.
    pub waits: Vec<String>,
}

/// A file that was not taken into use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// When.
    pub at: Timestamp,
    /// What is wrong with it, as `tracegate check` prints it; secrets are masked.
    pub rendered: String,
}

impl Rejected {
    /// The first thing that is wrong, in one line.
    #[must_use]
    pub fn first(&self) -> &str {
        let mut lines = self.rendered.lines();
        let error = lines.find_map(|line| line.strip_prefix("error: "));
        error.or_else(|| self.rendered.lines().next()).unwrap_or("")
    }
}

impl Health {
    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> ConfigState {
        self.links().config.clone()
    }

    /// Whether the buffer takes what comes, as far as is known.
    #[must_use]
    pub fn stores(&self) -> bool {
        self.links().storing.is_none()
    }

    /// Notes that a configuration was taken into use.
    pub fn config_loaded(&self, config: ConfigState) {
        self.links().config = config;
        self.announce(true);
    }

    /// Notes that the file was refused by a reload: what is in force stays.
    pub fn config_rejected(&self, rejected: Rejected) {
        self.links().config.rejected = Some(rejected);
        self.announce(true);
    }
}

impl ConfigState {
    /// What is wrong, in words; and whether that is of the start.
    pub(super) fn condition(&self) -> Option<(bool, String)> {
        let rejected = self.rejected.as_ref()?;
        let (file, at) = (
            self.file.display(),
            rejected.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        );
        let first = super::tame(rejected.first());
        Some(match self.last_good {
            true => (
                true,
                format!(
                    "{file} was rejected at the start; its last good copy is in force: {first}"
                ),
            ),
            false => (
                false,
                format!(
                    "{file} was rejected by a reload at {at}; what was in force stays: {first}"
                ),
            ),
        })
    }
}

impl ConfigState {
    /// What waits for a restart, in words.
    pub(super) fn waiting(&self) -> Option<String> {
        let first = self.waits.iter().take(NAMED);
        let names: Vec<String> = first.map(|it| format!("`{it}`")).collect();
        let (file, names) = (self.file.display(), names.join(", "));
        match self.waits.len().checked_sub(NAMED) {
            _ if names.is_empty() => None,
            Some(more @ 1..) => Some(format!(
                "{file} has settings that wait for a restart: {names} and {more} more (tracegate reload names all)"
            )),
            _ => Some(format!(
                "{file} has settings that wait for a restart: {names}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::BrokerState;

    #[test]
    fn a_rejected_file_is_a_condition_until_one_is_accepted() {
        let health = Health::new("plant-3", "e");
        health.broker(BrokerState::Up);
        let codes = || -> Vec<&str> {
            let shown = health.shown();
            let own = shown.iter().map(|it| it.code.as_str());
            own.filter(|code| code.starts_with("CONFIG")).collect()
        };
        let state = |last_good, rejected| ConfigState {
            file: "gateway.toml".into(),
            last_good,
            rejected,
            ..ConfigState::default()
        };
        let rejected = Rejected {
            at: Timestamp::UNIX_EPOCH,
            rendered: "warning: a\n\nerror: b\n --> gateway.toml:7:1\n".to_owned(),
        };
        health.config_loaded(state(false, None));
        assert_eq!(codes(), [""; 0]);
        health.config_rejected(rejected.clone());
        assert_eq!(codes(), ["CONFIG-REJECTED"]);
        let shown = health.shown();
        let text = &shown
            .iter()
            .find(|it| it.code.as_str().starts_with("CONFIG"));
        assert!(text.unwrap().text.ends_with("what was in force stays: b"));
        health.config_loaded(state(false, None));
        assert_eq!(codes(), [""; 0]);
        health.config_loaded(state(true, Some(rejected.clone())));
        assert_eq!(codes(), ["CONFIG-LAST-GOOD"]);
        // Of one mistake one thing is told.
        health.config_rejected(rejected);
        assert_eq!(codes(), ["CONFIG-LAST-GOOD"]);
    }

    #[test]
    fn what_waits_is_a_condition_until_nothing_does() {
        let health = Health::new("plant-3", "e");
        health.broker(BrokerState::Up);
        let state = |waits: &[&str]| ConfigState {
            file: "gateway.toml".into(),
            waits: waits.iter().map(|&it| it.to_owned()).collect(),
            ..ConfigState::default()
        };
        health.config_loaded(state(&["mqtt.url", "log.level"]));
        let text = "gateway.toml has settings that wait for a restart: `mqtt.url`, `log.level`";
        assert_eq!(health.conditions(), [text]);
        let before = health.shown();
        let condition = &before[0];
        assert_eq!(condition.code.as_str(), "CONFIG-WAITS");
        assert!(condition.what_to_do.contains("systemctl restart tracegate"));
        // Something is still delivered, and no lamp at a door shows it.
        assert!(!health.is_troubled_beside("lamp", &[]));
        // A file that is rejected meanwhile takes nothing back.
        health.config_rejected(Rejected {
            at: Timestamp::UNIX_EPOCH,
            rendered: "error: b\n".to_owned(),
        });
        assert_eq!(health.conditions().len(), 2);
        let many: Vec<String> = (0..11).map(|it| format!("mqtt.a_{it}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        health.config_loaded(state(&many));
        let text = health.conditions().remove(0);
        assert!(text.ends_with("`mqtt.a_7` and 3 more (tracegate reload names all)"));
        health.config_loaded(state(&many[..8]));
        assert!(health.conditions()[0].ends_with("`mqtt.a_7`"));
        health.config_loaded(state(&[]));
        assert_eq!(health.conditions(), [""; 0]);
    }
}
