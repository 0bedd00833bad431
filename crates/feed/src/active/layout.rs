//! Where the fields of a beacon stand in what a receiver sends: JSON, key=value pairs, columns, or a pattern.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::beacon::{BadField, Beacon, FIELDS};
use crate::rules::{BadRule, Class, Extract, Fields, Match, Rule, Rules};
use crate::text::{Encoding, scalar};

/// Beacons of one message at most.
pub const MAX_BEACONS: usize = 4_096;

/// How a frame holds fields. Names that are not mapped stand under their standard name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A JSON object, or a list of them.
    Json {
        /// Standard name to pointer (RFC 6901); what a beacon of a list has not is looked for in the whole message.
        fields: BTreeMap<String, String>,
        /// Pointer to the list, if it is not the message itself.
        list: Option<String>,
    },
    /// `key=value` pairs.
    Keys {
        /// Standard name to key.
        fields: BTreeMap<String, String>,
        /// Between pairs.
        separator: char,
    },
    /// A CSV line.
    Csv {
        /// Standard name to column, from 1.
        fields: BTreeMap<String, usize>,
        /// Between columns.
        separator: char,
    },
    /// Text with named groups.
    Pattern(String),
}

/// A layout, ready for use.
#[derive(Debug, Clone)]
pub struct Layout {
    ignore: Rules,
    form: Ready,
}

#[derive(Debug, Clone)]
enum Ready {
    Json {
        pointers: Vec<(&'static str, String)>,
        list: Option<String>,
    },
    Rules {
        rules: Rules,
        names: BTreeMap<&'static str, String>,
    },
}

/// What a frame was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Beacons, each with what is wrong with it if anything is.
    Beacons(Vec<Result<Beacon, BadField>>),
    /// Known, and of no interest.
    Ignored,
    /// Nothing that the layout knows.
    Unknown,
}

impl Layout {
    /// A layout of this form; frames that match one of `ignore` (as [`Match::written`]) are of no interest.
    ///
    /// # Errors
    /// A pattern is none.
    pub fn new(form: Form, ignore: &[String]) -> Result<Self, BadRule> {
        let ignored = ignore
            .iter()
            .map(|text| Rule::new(Class::Ignore, Match::written(text)));
        let rules = |rules| Rules::new(Encoding::Utf8, rules).map_err(|(_, bad)| bad);
        let data = |when, extract| {
            rules(vec![Rule {
                class: Class::Data,
                when,
                extract: Some(extract),
            }])
        };
        let form = match form {
            Form::Json { fields, list } => Ready::Json {
                pointers: FIELDS
                    .iter()
                    .map(|name| {
                        let mapped = fields.get(*name).cloned();
                        (*name, mapped.unwrap_or_else(|| format!("/{name}")))
                    })
                    .collect(),
                list,
            },
            Form::Keys { fields, separator } => Ready::Rules {
                rules: data(
                    Match::Any,
                    Extract::KeyValue {
                        separator,
                        assign: '=',
                    },
                )?,
                names: mapped(&fields),
            },
            Form::Csv { fields, separator } => {
                let columns = fields.into_iter();
                let columns = columns.map(|(name, at)| (name, at.saturating_sub(1)));
                let columns = columns.collect();
                Ready::Rules {
                    rules: data(Match::Any, Extract::Csv { separator, columns })?,
                    names: BTreeMap::new(),
                }
            }
            Form::Pattern(pattern) => Ready::Rules {
                rules: data(Match::Regex(pattern), Extract::Regex)?,
                names: BTreeMap::new(),
            },
        };
        Ok(Self {
            ignore: rules(ignored.collect())?,
            form,
        })
    }

    /// What is in a frame.
    #[must_use]
    pub fn read(&self, frame: &[u8]) -> Found {
        if frame.trim_ascii().is_empty() || self.ignore.classify(frame).is_some() {
            return Found::Ignored;
        }
        match &self.form {
            Ready::Json { pointers, list } => json(frame, pointers, list.as_deref()),
            Ready::Rules { rules, names } => {
                let Some((_, fields)) = rules.classify(frame) else {
                    return Found::Unknown;
                };
                let get = |name: &'static str| field(&fields, names, name);
                match get("tag_id") {
                    Some(_) => Found::Beacons(vec![Beacon::from_fields(get)]),
                    None => Found::Unknown,
                }
            }
        }
    }
}

fn mapped(fields: &BTreeMap<String, String>) -> BTreeMap<&'static str, String> {
    let names = FIELDS.iter();
    names
        .filter_map(|name| Some((*name, fields.get(*name)?.clone())))
        .collect()
}

fn field<'a>(
    fields: &'a Fields,
    names: &BTreeMap<&'static str, String>,
    name: &'static str,
) -> Option<&'a str> {
    fields.get(names.get(name).map_or(name, String::as_str))
}

fn json(frame: &[u8], pointers: &[(&'static str, String)], list: Option<&str>) -> Found {
    let Ok(message) = serde_json::from_slice::<Value>(frame) else {
        return Found::Unknown;
    };
    let found = match list {
        Some(pointer) => message.pointer(pointer),
        None => Some(&message),
    };
    let events = match found {
        Some(Value::Array(events)) => events.as_slice(),
        Some(event @ Value::Object(_)) => std::slice::from_ref(event),
        _ => return Found::Unknown,
    };
    if events.len() > MAX_BEACONS {
        return Found::Unknown;
    }
    let beacons: Vec<_> = events
        .iter()
        .filter_map(|event| {
            let texts: Vec<(&'static str, Cow<'_, str>)> = pointers
                .iter()
                .filter_map(|(name, pointer)| {
                    let own = event.pointer(pointer).and_then(scalar);
                    Some((
                        *name,
                        own.or_else(|| message.pointer(pointer).and_then(scalar))?,
                    ))
                })
                .collect();
            let get = |name: &'static str| {
                let found = texts.iter().find(|(known, _)| *known == name);
                found.map(|(_, text)| text.as_ref())
            };
            get("tag_id")?;
            Some(Beacon::from_fields(get))
        })
        .collect();
    if beacons.is_empty() && !events.is_empty() {
        return Found::Unknown;
    }
    Found::Beacons(beacons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<T: Clone>(pairs: &[(&str, T)]) -> BTreeMap<String, T> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, at)| ((*name).to_owned(), at.clone()))
            .collect()
    }

    fn read(form: Form, frame: &str) -> Vec<(String, Option<i8>, Option<u8>)> {
        let layout = Layout::new(form, &["PING*".to_owned()]).unwrap();
        match layout.read(frame.as_bytes()) {
            Found::Beacons(beacons) => beacons
                .into_iter()
                .map(|beacon| beacon.unwrap())
                .map(|it| (it.tag_id, it.rssi_dbm, it.signal.battery_pct))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_forms_give_the_same_beacon() {
        let expected = [("T17".to_owned(), Some(-71), Some(80))];
        let fields = map(&[("tag_id", 2), ("rssi_dbm", 3), ("battery_pct", 5)]);
        let csv = Form::Csv {
            fields,
            separator: ';',
        };
        assert_eq!(read(csv, "x;T17;-71;;80"), expected);
        let keys = map(&[("tag_id", "ID".to_owned()), ("rssi_dbm", "R".to_owned())]);
        let keys = Form::Keys {
            fields: keys,
            separator: ',',
        };
        assert_eq!(read(keys, "ID=T17, R=-71, battery_pct=80"), expected);
        let pattern = r"^TG \[T(?<tag_id>\w+) R(?<rssi_dbm>-?\d+) P(?<battery_pct>\d+)\]$";
        let pattern = Form::Pattern(pattern.to_owned());
        assert_eq!(read(pattern, "TG [TT17 R-71 P80]"), expected);
        let plain = Form::Json {
            fields: BTreeMap::new(),
            list: None,
        };
        let text = r#"{"tag_id":"T17","rssi_dbm":-71,"battery_pct":80}"#;
        assert_eq!(read(plain, text), expected);
    }

    #[test]
    fn a_list_of_beacons_has_what_its_message_has() {
        let fields = map(&[
            ("tag_id", "/mac".to_owned()),
            ("rssi_dbm", "/rssi".to_owned()),
            ("receiver", "/gateway/mac".to_owned()),
        ]);
        let form = Form::Json {
            fields,
            list: Some("/advertisements".to_owned()),
        };
        let layout = Layout::new(form, &[]).unwrap();
        let text = br#"{"gateway":{"mac":"AC01"},"advertisements":[{"mac":"C1","rssi":-60},{"noise":1},{"mac":"C2"}]}"#;
        let Found::Beacons(beacons) = layout.read(text) else {
            panic!()
        };
        let beacons: Vec<_> = beacons.into_iter().map(|it| it.unwrap()).collect();
        assert_eq!(beacons.len(), 2);
        assert!(
            beacons
                .iter()
                .all(|it| it.receiver.as_deref() == Some("AC01"))
        );
        assert_eq!(
            layout.read(br#"{"advertisements":[]}"#),
            Found::Beacons(Vec::new())
        );
    }

    #[test]
    fn what_is_no_beacon_is_ignored_unknown_or_bad() {
        let plain = Form::Json {
            fields: BTreeMap::new(),
            list: None,
        };
        let layout = Layout::new(plain, &["PING*".to_owned()]).unwrap();
        for (frame, expected) in [
            ("PING 17", Found::Ignored),
            (" ", Found::Ignored),
            ("{\"a\":1}", Found::Unknown),
            ("17", Found::Unknown),
            ("\u{0}\u{ff}", Found::Unknown),
        ] {
            assert_eq!(layout.read(frame.as_bytes()), expected, "{frame:?}");
        }
        let bad = layout.read(br#"{"tag_id":"T1","rssi_dbm":"loud"}"#);
        assert!(matches!(bad, Found::Beacons(beacons) if beacons[0].is_err()));
        assert!(Layout::new(Form::Pattern("(".to_owned()), &[]).is_err());
    }
}
