//! What serde says about a value, kept as facts with the path where they arose.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::source::Path;

/// What went wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// Not the expected kind of value, or out of its range.
    WrongType {
        expected: String,
        found: String,
        found_text: Option<String>,
    },
    /// Right kind, bad content: label and help.
    BadValue { label: String, help: String },
    /// Not one of the allowed words.
    UnknownWord {
        found: String,
        allowed: &'static [&'static str],
    },
}

/// A fact and where it arose.
#[derive(Debug, Clone)]
pub(super) struct Mistake {
    pub(super) fact: Fact,
    pub(super) path: Option<Path>,
    /// The name is wrong, not the value.
    pub(super) on_key: bool,
}

impl Mistake {
    fn new(fact: Fact) -> Self {
        Mistake {
            fact,
            path: None,
            on_key: false,
        }
    }

    /// Notes where this happened, unless that is known more exactly already.
    pub(super) fn at(mut self, path: &Path, on_key: bool) -> Self {
        if self.path.is_none() {
            self.path = Some(path.clone());
            self.on_key = on_key;
        }
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fact)
    }
}

impl std::error::Error for Mistake {}

fn found(unexpected: Unexpected<'_>) -> (String, Option<String>) {
    use super::units::shown;
    match unexpected {
        Unexpected::Str(text) => (format!("text \"{}\"", shown(text)), Some(text.to_owned())),
        Unexpected::Signed(number) => (format!("the number {number}"), None),
        Unexpected::Unsigned(number) => (format!("the number {number}"), None),
        Unexpected::Float(number) => (format!("the number {number}"), None),
        Unexpected::Bool(value) => (value.to_string(), None),
        Unexpected::Seq => ("a list".to_owned(), None),
        Unexpected::Map => ("a table".to_owned(), None),
        other => (other.to_string(), None),
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let (label, help) = message.split_once('\n').unwrap_or((&message, ""));
        Mistake::new(Fact::BadValue {
            label: label.to_owned(),
            help: help.to_owned(),
        })
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (found, found_text) = found(unexpected);
        Mistake::new(Fact::WrongType {
            expected: plain_type(&expected.to_string()),
            found,
            found_text,
        })
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Mistake::new(Fact::UnknownWord {
            found: variant.to_owned(),
            allowed: expected,
        })
    }
}

/// The words a technician would use for what serde expects.
pub(super) fn plain_type(expected: &str) -> String {
    let whole = |min: i128, max: i128| format!("a whole number from {min} to {max}");
    match expected {
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        "a map" => "a section".to_owned(),
        other if other.starts_with("struct ") => "a table of settings".to_owned(),
        other => other.to_owned(),
    }
}
