//! `[light.NAME]`: a stack light that shows operators what became of their scans.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::address::HostPort;
use super::check::{Checker, near_label};
use super::diagnostic::{Diagnostic, Place};
use super::model::Config;
use super::references::{names, unclear};
use super::units::{FromText, Refusal, deserialize_from_text, optional, show_duration, shown};
use crate::source::light::{Lamp, Lamps, Show, Shows};

/// `[light.NAME]`: exactly one of `modbus` and `reader` is set.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Light {
    /// Address of an I/O module that speaks Modbus/TCP.
    pub modbus: Option<HostPort>,
    /// Name of the reader that has the outputs.
    pub reader: Option<String>,
    /// Modbus unit; 1 without it.
    pub unit: Option<u8>,
    /// Coil, from 0, or output, from 1, of the green lamp.
    pub green: Option<u16>,
    /// Of the amber lamp.
    pub amber: Option<u16>,
    /// Of the red lamp.
    pub red: Option<u16>,
    /// Of the buzzer.
    pub buzzer: Option<u16>,
    /// Shown once a scan is stored.
    #[serde(deserialize_with = "optional")]
    pub on_accept: Option<Shown>,
    /// Shown once a scan is found to be stored before.
    #[serde(deserialize_with = "optional")]
    pub on_warn: Option<Shown>,
    /// Shown when a scan is refused.
    #[serde(deserialize_with = "optional")]
    pub on_refuse: Option<Shown>,
}

/// The outputs of a reader that a light may use.
const READER_OUTPUTS: std::ops::RangeInclusive<u16> = 1..=32;
/// The longest time that a lamp is on for a scan.
const LONGEST: Duration = Duration::from_secs(60);

/// Lamps and a time: `red buzzer for 3s`; nothing for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown(pub Show);

impl FromText for Shown {
    const EXPECTED: &'static str = "lamps in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str =
            "lamps are green, amber, red and buzzer; example: \"green for 1s\", \"red buzzer\"";
        let (lamps, time) = match text.split_once(" for ") {
            Some((lamps, time)) => (lamps, Some(Duration::from_text(time)?)),
            None => (text, None),
        };
        let is_long = |time: &Duration| !(Duration::from_millis(100)..=LONGEST).contains(time);
        if time.as_ref().is_some_and(is_long) {
            let label = format!("expected 100ms to {}", show_duration(LONGEST));
            let help = "without a time it is shown until the next scan";
            return Err(Refusal::new(label, help));
        }
        let mut show = Show {
            time,
            ..Show::default()
        };
        for word in lamps.split_whitespace() {
            let known = || Lamp::ALL.into_iter();
            let Some(lamp) = known().find(|lamp| lamp.as_str() == word) else {
                let near = near_label(word, known().map(Lamp::as_str));
                let label = match near.is_empty() {
                    true => format!("\"{}\" is no lamp", shown(word)),
                    false => near,
                };
                return Err(Refusal::new(label, HELP));
            };
            *show.lamps.of_mut(lamp) = true;
        }
        Ok(Self(show))
    }
}

deserialize_from_text!(Shown);

impl Light {
    /// Where each lamp hangs.
    pub fn outputs(&self) -> Lamps<Option<u16>> {
        let mut outputs = Lamps::default();
        for (lamp, output) in [
            (Lamp::Green, self.green),
            (Lamp::Amber, self.amber),
            (Lamp::Red, self.red),
            (Lamp::Buzzer, self.buzzer),
        ] {
            *outputs.of_mut(lamp) = output;
        }
        outputs
    }

    /// What it shows: as set, or what most lights do with the lamps that it has.
    pub fn shows(&self) -> Shows {
        let outputs = self.outputs();
        let usual = |lamps: &[Lamp], seconds| {
            let mut show = Show {
                time: Some(Duration::from_secs(seconds)),
                ..Show::default()
            };
            for lamp in lamps {
                *show.lamps.of_mut(*lamp) = outputs.of(*lamp).is_some();
            }
            show
        };
        let or = |own: Option<Shown>, usual: Show| own.map_or(usual, |own| own.0);
        Shows {
            accept: or(self.on_accept, usual(&[Lamp::Green], 1)),
            warn: or(self.on_warn, usual(&[Lamp::Amber], 2)),
            refuse: or(self.on_refuse, usual(&[Lamp::Red, Lamp::Buzzer], 3)),
        }
    }
}

impl Config {
    /// Scanners and markers with the light that each names: the kind of section, its name, the light's.
    pub fn lit(&self) -> impl Iterator<Item = (&'static str, &String, &String)> {
        let scanners = self.scanner.iter();
        let scanners =
            scanners.filter_map(|(name, it)| Some(("scanner", name, it.light.as_ref()?)));
        let markers = self.marker.iter();
        let markers = markers.filter_map(|(name, it)| Some(("marker", name, it.light.as_ref()?)));
        scanners.chain(markers)
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut owners: BTreeMap<String, (Place, &str)> = BTreeMap::new();
    for (name, light) in &config.light {
        let ways = [
            ("modbus", "modbus = \"10.0.4.60:502\""),
            ("reader", "reader = \"dock_1\""),
        ];
        let set = checker.one_way(["light", name], &ways);
        if set == ["reader"] {
            checker.no_effect(["light", name], &["unit"], "with `reader`");
            reader(checker, name, light);
        }
        lamps(checker, name, light);
        for lamp in Lamp::ALL {
            let (outputs, key) = (light.outputs(), ["light", name.as_str(), lamp.as_str()]);
            let Some(output) = *outputs.of(lamp) else {
                continue;
            };
            let place = checker.tree.at(&key);
            let at = match (&light.reader, &light.modbus) {
                (Some(reader), _) => format!("output {output} of {}", shown(reader)),
                (_, Some(module)) => {
                    format!(
                        "coil {output} of {module}, unit {}",
                        light.unit.unwrap_or(1)
                    )
                }
                _ => continue,
            };
            if let Some((first, owner)) = owners.get(&at) {
                let title = format!("{at} is two lamps");
                let problem = Diagnostic::error("conflict", title, place, "the same again here")
                    .context(first.clone(), format!("used by `{}` here", shown(owner)))
                    .help("each lamp has an output of its own");
                checker.problems.push(problem);
            } else {
                owners.insert(at, (place, name));
            }
        }
    }
    for (kind, name, light) in config.lit() {
        let path = [kind, name, "light"];
        if config.light.contains_key(light) || unclear(checker, "light") {
            continue;
        }
        let title = format!(
            "{kind} `{}` names the light `{}`, which is not defined",
            shown(name),
            shown(light)
        );
        let label = near_label(light, config.light.keys().map(String::as_str));
        let help = format!("defined lights: {}", names(config.light.keys()));
        checker.error("undefined", title, checker.tree.at(&path), &label, &help);
    }
}

/// The reader is there and does nothing else with these outputs.
fn reader(checker: &mut Checker<'_>, name: &str, light: &Light) {
    let config = checker.config;
    let Some(reader) = &light.reader else { return };
    let place = checker.tree.at(&["light", name, "reader"]);
    let Some(llrp) = config.llrp.get(reader) else {
        if checker.tree.has(&["llrp", reader]) || unclear(checker, "llrp") {
            return;
        }
        let title = format!(
            "light `{}` uses reader `{}`, which is not defined",
            shown(name),
            shown(reader)
        );
        let label = near_label(reader, config.llrp.keys().map(String::as_str));
        let help = format!("defined readers: {}", names(config.llrp.keys()));
        return checker.error("undefined", title, place, &label, &help);
    };
    for lamp in Lamp::ALL {
        let Some(output) = *light.outputs().of(lamp) else {
            continue;
        };
        let place = checker.tree.at(&["light", name, lamp.as_str()]);
        if !READER_OUTPUTS.contains(&output) {
            let title = format!("`{}` is out of range", lamp.as_str());
            checker.error("out-of-range", title, place, "expected 1 to 32", "");
        } else if llrp.gpo.contains_key(&output) {
            let title = format!(
                "output {output} of `{}` shows something else",
                shown(reader)
            );
            let other = checker.tree.at(&["llrp", reader, "gpo"]);
            let problem = Diagnostic::error("conflict", title, place, "a lamp of this light")
                .context(other, "its use is set here")
                .help("take it out of `gpo`, or wire the lamp to another output");
            checker.problems.push(problem);
        }
    }
}

/// It has lamps, and shows only those.
fn lamps(checker: &mut Checker<'_>, name: &str, light: &Light) {
    let of = |key| ["light", name, key];
    let outputs = light.outputs();
    if Lamp::ALL
        .into_iter()
        .all(|lamp| checker.is_missing(&of(lamp.as_str())))
    {
        let title = format!("light `{}` has no lamp", shown(name));
        let help = "add: green = 1, amber, red or buzzer";
        checker.error(
            "missing",
            title,
            checker.tree.at(&["light", name]),
            "",
            help,
        );
        return;
    }
    for (key, show) in [
        ("on_accept", light.on_accept),
        ("on_warn", light.on_warn),
        ("on_refuse", light.on_refuse),
    ] {
        let Some(Shown(show)) = show else { continue };
        for lamp in Lamp::ALL {
            let (is_shown, word) = (*show.lamps.of(lamp), lamp.as_str());
            if is_shown && outputs.of(lamp).is_none() && checker.is_missing(&of(word)) {
                let title = format!("`{key}` shows `{word}`, which this light does not have");
                let help = format!("say where it hangs, as in {word} = 1, or leave it out");
                checker.error("undefined", title, checker.tree.at(&of(key)), "", &help);
            }
        }
    }
}
