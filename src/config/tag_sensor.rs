//! `[tag_sensor.NAME]`: what a class of tags measures, and where in their memory the value stands.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use tracegate_pipeline::sensing::{Fixed, MAX_PLACES, MAX_WORDS, SensorConfig, fits};

use super::check::{Checker, near_label};
use super::limits::{range, show_number};
use super::tags::TagPattern;
use super::text::{Line, text_type, word};
use super::units::{FromText, Refusal, deserialize_from_text, shown};

/// Sections of this kind at most: each costs every reader an AccessSpec and every read of such a tag some time.
const MAX_SENSORS: usize = 32;

/// A memory bank of a Gen2 tag (EPC Gen2 §6.3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bank {
    /// Passwords and settings.
    Reserved,
    /// Identity.
    Epc,
    /// The chip's own identity.
    Tid,
    /// The application's data.
    #[default]
    User,
}

/// One measured value of a class of tags.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct TagSensor {
    /// Which tags have it; required.
    pub tags: Vec<TagPattern>,
    /// Readers that shall read it; empty means all.
    pub readers: Vec<String>,
    /// What is measured; required.
    pub measure: Measurement,
    /// UN/ECE code of the unit.
    #[serde(deserialize_with = "super::units::optional")]
    pub unit: Option<Line>,
    /// Bank that holds the value.
    pub bank: Bank,
    /// Its first word, from 0.
    pub word: u16,
    /// Words that it takes.
    pub words: u16,
    /// Two's complement.
    pub signed: bool,
    /// Measured value per step of the number in memory.
    pub scale: Factor,
    /// Measured value where the number in memory is 0.
    pub offset: Factor,
}

impl TagSensor {
    /// In the pipeline's form.
    #[must_use]
    pub fn config(&self, name: &str) -> SensorConfig {
        SensorConfig {
            name: name.to_owned(),
            tags: self
                .tags
                .iter()
                .map(|tags| tags.pattern().clone())
                .collect(),
            measurement: self.measure.as_str().to_owned(),
            unit: self.unit.as_ref().map(|unit| unit.as_str().to_owned()),
            signed: self.signed,
            scale: self.scale.0,
            offset: self.offset.0,
        }
    }
}

impl Default for TagSensor {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            readers: Vec::new(),
            measure: Measurement::default(),
            unit: None,
            bank: Bank::User,
            word: 0,
            words: 1,
            signed: false,
            scale: Factor(Fixed::ONE),
            offset: Factor(Fixed::ZERO),
        }
    }
}

text_type! {
    /// A measurement type of the GS1 web vocabulary, or a URI (EPCIS 2.0 §7.3.7.2).
    Measurement
}

impl FromText for Measurement {
    const EXPECTED: &'static str = "a measurement type in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let words = tracegate_epcis::measurement_types();
        word(text, words, "measurement type", "the GS1 web vocabulary").map(Measurement)
    }
}

/// A number with at most [`MAX_PLACES`] decimals, exactly as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(pub Fixed);

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Factor;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Factor, E> {
                factor(&number.to_string()).map_err(E::custom)
            }
            // The shortest text of a floating-point number is what was written, as long as it is short.
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Factor, E> {
                factor(&number.to_string()).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

fn factor(text: &str) -> Result<Factor, Refusal> {
    let help = format!("at most 9 digits, {MAX_PLACES} of them behind the point; example: 0.0625");
    Fixed::parse(text)
        .map(Factor)
        .ok_or_else(|| Refusal::new("too many digits", help))
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    if config.tag_sensor.len() > MAX_SENSORS {
        let title = format!(
            "there are {} sections [tag_sensor.…]",
            config.tag_sensor.len()
        );
        let place = checker.tree.at(&["tag_sensor"]);
        let help = format!("at most {MAX_SENSORS} are possible: readers hold few access jobs");
        checker.error("out-of-range", title, place, "", &help);
    }
    for (name, sensor) in &config.tag_sensor {
        let section = ["tag_sensor", name.as_str()];
        let of = |key| ["tag_sensor", name.as_str(), key];
        checker.require(&section, "tags", "[\"urn:epc:pat:grai-96:*.4012345.*.*\"]");
        checker.require(&section, "measure", "\"Temperature\"");
        range(
            checker,
            &of("words"),
            sensor.words,
            1..=u16::try_from(MAX_WORDS).unwrap_or(1),
            show_number,
        );
        range(checker, &of("word"), sensor.word, 0..=0x7fff, show_number);
        if sensor.tags.is_empty() && checker.is_set(&of("tags")) {
            let place = checker.tree.at(&of("tags"));
            let help = "name the tags that have the sensor: others would be read in vain";
            checker.error("missing", "`tags` is empty".to_owned(), place, "", help);
        }
        let clean = !checker.tree.is_bad(&of("scale"))
            && !checker.tree.is_bad(&of("offset"))
            && (1..=MAX_WORDS).contains(&usize::from(sensor.words));
        if clean && !fits(&sensor.config(name), usize::from(sensor.words)) {
            let place = checker.tree.at(&section);
            let title = format!(
                "values of tag sensor `{}` have too many digits",
                shown(name)
            );
            let help = "events keep 15: use fewer digits in scale and offset, or fewer words";
            checker.error("out-of-range", title, place, "more than 15 digits", help);
        }
        for (index, reader) in sensor.readers.iter().enumerate() {
            undefined_reader(checker, name, index, reader);
        }
    }
}

fn undefined_reader(checker: &mut Checker<'_>, name: &str, index: usize, reader: &str) {
    let config = checker.config;
    let is_known = config.llrp.contains_key(reader) || checker.tree.has(&["llrp", reader]);
    if is_known || super::references::unclear(checker, "llrp") {
        return;
    }
    let place = super::references::entry_place(checker, ["tag_sensor", name], "readers", index);
    let title = format!(
        "tag sensor `{}` uses reader `{}`, which is not defined",
        shown(name),
        shown(reader)
    );
    let label = near_label(reader, config.llrp.keys().map(String::as_str));
    let help = format!(
        "defined readers: {}",
        super::references::names(config.llrp.keys())
    );
    checker.error("undefined", title, place, &label, &help);
}
