//! What tags measure: from words of their memory to the sensor reports of a movement event (EPCIS 2.0 §7.3.7).
//!
//! The reader reads the memory of chosen tags on the way (LLRP AccessSpec); what the words mean is configuration. Values
//! stay whole numbers, as the tag gave them, until the event is written: scale and offset are exact decimals, so that a
//! replay writes the same digits.

use serde::{Deserialize, Serialize};

use tracegate_gs1::TagIdentity;
use tracegate_gs1::epc::{Xpc, decode_bank};

use crate::filter::Pattern;
use crate::gate::EpcKey;
use crate::input::Extra;
use crate::time::Time;

/// Words of one value at most: 32 bits, more than any tag's converter has.
pub const MAX_WORDS: usize = 2;
/// Decimal places of a scale or an offset at most.
pub const MAX_PLACES: u8 = 6;

/// A decimal number, exactly: `units` of 10 to the power of minus `places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fixed {
    /// The digits, with sign.
    pub units: i64,
    /// How many of them are behind the point, 0 to [`MAX_PLACES`].
    pub places: u8,
}

impl Fixed {
    /// One.
    pub const ONE: Self = Self {
        units: 1,
        places: 0,
    };
    /// Nothing.
    pub const ZERO: Self = Self {
        units: 0,
        places: 0,
    };

    /// Reads digits with an optional sign and point, such as `-0.0625`; `None` for anything else, for more than
    /// [`MAX_PLACES`] places and for more than nine digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let point_ok = !digits.contains('.') || !part.is_empty();
        let all = format!("{whole}{part}");
        let is_number = !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
        if !point_ok || !is_number || all.len() > 9 {
            return None;
        }
        let places = u8::try_from(part.len()).ok().filter(|n| *n <= MAX_PLACES)?;
        let units: i64 = all.parse().ok()?;
        Some(Self {
            units: if negative { -units } else { units },
            places,
        })
    }
}

/// One value that a class of tags measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorConfig {
    /// Its name in the configuration.
    pub name: String,
    /// Tags that have it. A reader may read the memory of a few others too.
    pub tags: Vec<Pattern>,
    /// Measurement type of the GS1 web vocabulary, such as `Temperature`, or a URI.
    pub measurement: String,
    /// UN/ECE unit code, such as `CEL`.
    pub unit: Option<String>,
    /// The words are two's complement.
    pub signed: bool,
    /// Measured value per step of the raw number.
    pub scale: Fixed,
    /// Measured value where the raw number is 0.
    pub offset: Fixed,
}

impl SensorConfig {
    /// Whether the tag with this memory, so many bits of it and this meaning has the sensor.
    fn is_on(&self, (epc, bit_len, identity): (&[u8], usize, &TagIdentity)) -> bool {
        let mut patterns = self.tags.iter();
        patterns.any(|pattern| pattern.matches(epc, bit_len, identity))
    }

    /// The raw number in the words of a tag, most significant first; `None` if there are none or too many.
    #[must_use]
    pub fn raw(&self, words: &[u16]) -> Option<i64> {
        if words.is_empty() || words.len() > MAX_WORDS {
            return None;
        }
        let raw = words
            .iter()
            .fold(0_i64, |raw, word| raw << 16 | i64::from(*word));
        let span = 1_i64 << (16 * words.len());
        let is_negative = self.signed && raw >= span / 2;
        Some(if is_negative { raw - span } else { raw })
    }

    /// The measured value as decimal text without superfluous digits, such as `-4.25`.
    #[must_use]
    pub fn value(&self, raw: i64) -> String {
        let (units, places) = self.value_units(raw);
        decimal(units, places)
    }

    fn value_units(&self, raw: i64) -> (i128, u8) {
        let places = self.scale.places.max(self.offset.places).min(MAX_PLACES);
        let lift = |fixed: Fixed| {
            i128::from(fixed.units) * 10_i128.pow(u32::from(places.saturating_sub(fixed.places)))
        };
        (
            lift(self.scale) * i128::from(raw) + lift(self.offset),
            places,
        )
    }
}

/// Whether every value of a sensor with so many words has at most 15 significant digits, all that EPCIS and its hash keep.
#[must_use]
pub fn fits(sensor: &SensorConfig, words: usize) -> bool {
    let bits = 16 * words.min(MAX_WORDS);
    let (least, greatest) = match sensor.signed {
        true => (-(1_i64 << bits) / 2, (1_i64 << bits) / 2 - 1),
        false => (0, (1_i64 << bits) - 1),
    };
    // The number of places is the same for all, and one of the ends has the most digits before the point.
    let longest = |raw| sensor.value_units(raw).0.unsigned_abs().to_string().len();
    longest(least).max(longest(greatest)) <= 15
}

fn decimal(units: i128, places: u8) -> String {
    let width = usize::from(places) + 1;
    let digits = format!("{:0width$}", units.unsigned_abs());
    let (whole, part) = digits.split_at(digits.len() - usize::from(places));
    let part = part.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

/// What one read said besides the identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Sensed {
    /// The tag's own sensor has raised an alarm.
    pub alarm: bool,
    /// Raw numbers by index in [`PipelineConfig::sensors`](crate::PipelineConfig::sensors).
    pub values: Vec<(u16, i64)>,
}

impl Sensed {
    /// What `extra` says of the tag with this PC word and memory, if anything, and how many pieces of memory fit no
    /// sensor.
    pub(crate) fn new(
        extra: &Extra,
        sensors: &[SensorConfig],
        pc: Option<u16>,
        tag: &EpcKey,
    ) -> (Option<Box<Self>>, u64) {
        let mut mismatches = 0;
        let mut sensed = Self {
            alarm: extra
                .xpc_w1
                .is_some_and(|word| Xpc::new(word, None).sensor_alarm()),
            values: Vec::new(),
        };
        // Most that has extra has no more than the control word: then nobody needs to know what the tag is.
        let bit_len = usize::from(tag.bit_len);
        let identity = (!extra.data.is_empty()).then(|| decode_bank(pc, &tag.epc, bit_len));
        for (data, identity) in extra.data.iter().zip(identity.iter().cycle()) {
            let sensor = sensors.get(usize::from(data.sensor));
            if sensor.is_some_and(|sensor| !sensor.is_on((&tag.epc, bit_len, identity))) {
                continue;
            }
            match sensor.and_then(|sensor| sensor.raw(&data.words)) {
                Some(raw) => sensed.values.push((data.sensor, raw)),
                None => mismatches += 1,
            }
        }
        let says_something = sensed.alarm || !sensed.values.is_empty();
        (says_something.then(|| Box::new(sensed)), mismatches)
    }
}

/// The readings of one sensor during a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Index in [`PipelineConfig::sensors`](crate::PipelineConfig::sensors).
    pub sensor: u16,
    /// The latest raw number.
    pub last: i64,
    /// The least and the greatest.
    pub range: (i64, i64),
    /// How many.
    pub count: u32,
}

/// What a tag said of its surroundings during a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// First and last word of it.
    pub span: (Time, Time),
    /// Its sensor raised an alarm.
    pub alarm: bool,
    /// Its readings by sensor. As many as are configured at most: others never get here.
    pub readings: Vec<Reading>,
}

impl Surroundings {
    /// Adds one read's.
    pub(crate) fn add(existing: &mut Option<Box<Self>>, at: Time, sensed: &Sensed) {
        let all = existing.get_or_insert_with(|| {
            Box::new(Self {
                span: (at, at),
                alarm: false,
                readings: Vec::new(),
            })
        });
        all.span = (all.span.0.min(at), all.span.1.later(at));
        all.alarm |= sensed.alarm;
        for &(sensor, raw) in &sensed.values {
            match all
                .readings
                .binary_search_by_key(&sensor, |known| known.sensor)
            {
                Ok(at) => {
                    if let Some(known) = all.readings.get_mut(at) {
                        known.last = raw;
                        known.range = (known.range.0.min(raw), known.range.1.max(raw));
                        known.count = known.count.saturating_add(1);
                    }
                }
                Err(at) => all.readings.insert(
                    at,
                    Reading {
                        sensor,
                        last: raw,
                        range: (raw, raw),
                        count: 1,
                    },
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensor(signed: bool, scale: &str, offset: &str) -> SensorConfig {
        SensorConfig {
            name: "cold_chain".into(),
            tags: Vec::new(),
            measurement: "Temperature".into(),
            unit: Some("CEL".into()),
            signed,
            scale: Fixed::parse(scale).unwrap(),
            offset: Fixed::parse(offset).unwrap(),
        }
    }

    #[test]
    fn words_become_numbers() {
        let unsigned = sensor(false, "1", "0");
        assert_eq!(unsigned.raw(&[0xffff]), Some(65_535));
        assert_eq!(unsigned.raw(&[0x0001, 0x0002]), Some(65_538));
        let signed = sensor(true, "1", "0");
        assert_eq!(signed.raw(&[0xfffe]), Some(-2));
        assert_eq!(signed.raw(&[0xffff, 0xffff]), Some(-1));
        assert_eq!(
            (signed.raw(&[]), signed.raw(&[0, 0, 0])),
            (None, None),
            "nothing is guessed"
        );
    }

    #[test]
    fn numbers_become_exact_values() {
        for (scale, offset, raw, value) in [
            ("0.0625", "0", -68, "-4.25"),
            ("0.01", "-40", 6_525, "25.25"),
            ("0.01", "-40", 4_000, "0"),
            ("0.1", "0.05", 1, "0.15"),
            ("-1", "0", 7, "-7"),
            ("1", "0", 0, "0"),
            ("0.000001", "0", -1, "-0.000001"),
            ("999999999", "0", 4_294_967_295, "4294967290705032705"),
        ] {
            assert_eq!(
                sensor(true, scale, offset).value(raw),
                value,
                "{scale} {offset} {raw}"
            );
        }
    }

    #[test]
    fn values_with_too_many_digits_are_told_beforehand() {
        assert!(fits(&sensor(true, "0.0625", "-40"), 2));
        assert!(fits(&sensor(false, "0.000001", "0"), 2));
        assert!(!fits(&sensor(false, "54321.5", "0"), 2));
        assert!(fits(&sensor(false, "54321.5", "0"), 1));
        assert!(!fits(&sensor(false, "0.000001", "999999999"), 2));
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".5", "5.", "1e3", "+1", "0.0000001", "1234567890"] {
            assert_eq!(Fixed::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_visit_keeps_the_last_value_and_the_extremes() {
        let mut all = None;
        for (at, alarm, raw) in [(5, false, 40), (3, true, 60), (9, false, 50)] {
            let sensed = Sensed {
                alarm,
                values: vec![(2, raw)],
            };
            Surroundings::add(&mut all, Time(at), &sensed);
        }
        let all = all.unwrap();
        assert_eq!((all.span, all.alarm), ((Time(3), Time(9)), true));
        let reading = Reading {
            sensor: 2,
            last: 50,
            range: (40, 60),
            count: 3,
        };
        assert_eq!(all.readings, [reading]);
    }
}
