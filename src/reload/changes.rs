//! What is different between two configurations, section by section.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::waits::{WAITS, waits};
use crate::config::{Config, Loaded, Section};

/// What a reload changes, and what it leaves for the next start. Sections are named as in the file: `llrp.dock_1`, `tags`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Named sections that are new.
    pub added: Vec<String>,
    /// Named sections that are no more.
    pub removed: Vec<String>,
    /// Sections with other settings.
    pub changed: Vec<Changed>,
    /// Settings that wait for a restart, such as `buffer.directory`.
    pub waits: Vec<String>,
}

/// A section with other settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The section.
    pub section: String,
    /// Its settings that are different.
    pub settings: Vec<String>,
    /// It is a device or a light, and connects anew.
    pub connects_anew: bool,
}

/// Settings of a section, by name.
type Settings<'a> = BTreeMap<&'a str, &'a str>;

impl Changes {
    /// Between what was accepted last and what is new; what waits is compared with what the gateway was started with.
    /// `anew` are the devices and lights whose tasks begin.
    #[must_use]
    pub fn between(
        last: &[Section],
        started: (&[Section], &Config),
        new: &Loaded,
        anew: &[String],
    ) -> Self {
        let fresh = new.sections();
        let (old, now, first) = (by_name(last), by_name(&fresh), by_name(started.0));
        let mut changes = Self::default();
        for section in &fresh {
            let name = section.path.join(".");
            let is_named = section.path.len() > 1;
            let own = section.path.get(1);
            let settings = now.get(&name);
            if is_named && !old.contains_key(&name) {
                changes.added.push(name);
                continue;
            }
            let kind = section.path.first().map_or("", String::as_str);
            let path = |key: &str| format!("{kind}.{key}");
            let other = different(old.get(&name), settings);
            let other = other.into_iter().filter(|key| !waits(&path(key)));
            let other: Vec<String> = other.map(str::to_owned).collect();
            let connects_anew = own.is_some_and(|own| anew.contains(own)) && kind != "read_point";
            if !other.is_empty() || connects_anew {
                changes.changed.push(Changed {
                    section: name.clone(),
                    settings: other,
                    connects_anew,
                });
            }
            if kinds().any(|it| it == kind) && is_other(kind, started.1, &new.config) {
                let waiting = different(first.get(&name), settings).into_iter();
                let waiting = waiting.map(path).filter(|it| waits(it));
                changes.waits.extend(waiting);
            }
        }
        let gone = last.iter().filter(|it| it.path.len() > 1);
        let gone = gone.map(|it| it.path.join("."));
        changes.removed = gone.filter(|name| !now.contains_key(name)).collect();
        changes
    }

    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn by_name(sections: &[Section]) -> BTreeMap<String, Settings<'_>> {
    let all = sections.iter();
    all.map(|it| (it.path.join("."), of(it))).collect()
}

fn of(section: &Section) -> Settings<'_> {
    let settings = section.settings.iter();
    settings
        .map(|it| (it.key.as_str(), it.value.as_str()))
        .collect()
}

/// Names of settings that are not the same in both.
fn different<'a>(old: Option<&Settings<'a>>, new: Option<&Settings<'a>>) -> Vec<&'a str> {
    let empty = Settings::new();
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let mut keys: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| old.get(key) != new.get(key));
    keys
}

/// Whether what waits in a section means something else; a default that is written out does not.
fn is_other(kind: &str, started: &Config, new: &Config) -> bool {
    let mut kept = new.clone();
    keep(kind, started, &mut kept);
    kept != *new
}

/// Kinds of sections in which something waits.
fn kinds() -> impl Iterator<Item = &'static str> {
    WAITS.iter().filter_map(|it| it.split('.').next())
}

/// Puts back what waits for a restart.
pub fn keep_waiting(running: &Config, new: &mut Config) {
    for kind in kinds() {
        keep(kind, running, new);
    }
}

fn keep(kind: &str, running: &Config, new: &mut Config) {
    match kind {
        "gateway" => new.gateway.site.clone_from(&running.gateway.site),
        "reference" => new.reference.clone_from(&running.reference),
        "buffer" => new.buffer.clone_from(&running.buffer),
        "mqtt" => new.mqtt.clone_from(&running.mqtt),
        "command" => new.command.clone_from(&running.command),
        "control" => new.control.clone_from(&running.control),
        "status" => new.status.clone_from(&running.status),
        "log" => new.log.clone_from(&running.log),
        _ => {}
    }
}
