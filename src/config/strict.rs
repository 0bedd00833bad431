//! A serde deserializer over merged values that ignores nothing and coerces nothing.
//!
//! serde hands over the facts: the list of fields when a struct is asked for, the allowed words of an enum, what was
//! expected and what was found. They are kept as facts ([`Fact`]) with the path where they arose; no message is parsed.
//! Values from the file are taken as the type they have. Values from variables are text, and are read as the type the
//! field wants.

use std::cell::RefCell;
use std::fmt;

use ::config::{Value, ValueKind};
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};

use super::source::{FROM_ENVIRONMENT, Path, Seg, inline_value};

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
    fn at(mut self, path: &Path, on_key: bool) -> Self {
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
fn plain_type(expected: &str) -> String {
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

/// More unknown settings than this are not collected: the file is something else altogether.
const MAX_UNKNOWN: usize = 100;

/// A setting that does not exist, with those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) path: Path,
    pub(super) is_table: bool,
    pub(super) known: &'static [&'static str],
}

/// A value in the form the deserializer walks over.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text from the file.
    Text(String),
    /// Text from a variable, or the name of an entry of a map: read as what is wanted.
    Untyped(String),
    Date,
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
}

impl Raw {
    /// Tables are sorted by name, because a hash map has no order of its own.
    pub(super) fn new(value: &Value) -> Self {
        match &value.kind {
            ValueKind::Nil => Raw::Date,
            ValueKind::Boolean(value) => Raw::Bool(*value),
            ValueKind::I64(number) => Raw::Int(*number),
            ValueKind::Float(number) => Raw::Float(*number),
            ValueKind::String(text) if value.origin() == Some(FROM_ENVIRONMENT) => {
                Raw::Untyped(text.clone())
            }
            ValueKind::String(text) => Raw::Text(text.clone()),
            ValueKind::Array(list) => Raw::List(list.iter().map(Raw::new).collect()),
            ValueKind::Table(table) => {
                let mut entries: Vec<_> = table
                    .iter()
                    .map(|(key, value)| (key.clone(), Raw::new(value)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Raw::Table(entries)
            }
            // Our sources make no other kinds.
            other => Raw::Text(other.to_string()),
        }
    }

    /// Reads text as a list or table, if that is wanted: TOML in brackets or braces, or entries between commas.
    fn opened(self, list: bool) -> Self {
        let Raw::Untyped(text) = self else {
            return self;
        };
        if text.trim_start().starts_with(['[', '{']) {
            return inline_value(&text).map_or(Raw::Untyped(text), |value| Raw::new(&value));
        }
        if list {
            return Raw::List(
                text.split(',')
                    .map(|entry| Raw::Untyped(entry.trim().to_owned()))
                    .collect(),
            );
        }
        Raw::Untyped(text)
    }
}

/// A value on its way into a type.
pub(super) struct Node<'a> {
    pub(super) raw: Raw,
    pub(super) path: Path,
    pub(super) on_key: bool,
    pub(super) unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &Value, unknown: &'a RefCell<Vec<Unknown>>) -> Self {
        Node {
            raw: Raw::new(value),
            path: Path::new(),
            on_key: false,
            unknown,
        }
    }

    fn child(&self, seg: Seg, raw: Raw, on_key: bool) -> Node<'a> {
        let mut path = self.path.clone();
        path.push(seg);
        Node {
            raw,
            path,
            on_key,
            unknown: self.unknown,
        }
    }

    fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Mistake> {
        let (path, on_key) = (self.path.clone(), self.on_key);
        let result = match std::mem::replace(&mut self.raw, Raw::Date) {
            Raw::Bool(value) => visitor.visit_bool(value),
            Raw::Int(number) => visitor.visit_i64(number),
            Raw::Float(number) => visitor.visit_f64(number),
            Raw::Text(text) | Raw::Untyped(text) => visitor.visit_str(&text),
            Raw::Date => Err(de::Error::invalid_type(
                Unexpected::Other("a date or time"),
                &visitor,
            )),
            Raw::List(list) => {
                let list = list
                    .into_iter()
                    .enumerate()
                    .map(|(at, raw)| self.child(Seg::Index(at), raw, false))
                    .collect();
                visitor.visit_seq(Entries(list))
            }
            Raw::Table(table) => {
                let table = table.into_iter().map(|(key, raw)| {
                    let name = self.child(Seg::Key(key.clone()), Raw::Untyped(key.clone()), true);
                    (name, self.child(Seg::Key(key), raw, false))
                });
                visitor.visit_map(Fields {
                    entries: table.collect::<Vec<_>>().into_iter(),
                    value: None,
                })
            }
        };
        result.map_err(|mistake| mistake.at(&path, on_key))
    }

    /// For a scalar: text from a variable is parsed, anything else is taken as it is.
    fn visit_parsed<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        parse: impl FnOnce(&str) -> Option<Raw>,
    ) -> Result<V::Value, Mistake> {
        let Raw::Untyped(text) = &self.raw else {
            return self.visit(visitor);
        };
        match parse(text.trim()) {
            Some(raw) => Node { raw, ..self }.visit(visitor),
            None => {
                let mistake: Mistake = de::Error::invalid_type(Unexpected::Str(text), &visitor);
                Err(mistake.at(&self.path, self.on_key))
            }
        }
    }
}

struct Entries<'a>(std::collections::VecDeque<Node<'a>>);

impl<'de> de::SeqAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        self.0
            .pop_front()
            .map(|node| seed.deserialize(node))
            .transpose()
    }
}

struct Fields<'a> {
    entries: std::vec::IntoIter<(Node<'a>, Node<'a>)>,
    value: Option<Node<'a>>,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(de::Error::custom("value asked for before its name")),
        }
    }
}

struct Word<'a>(StrDeserializer<'a, Mistake>);

impl<'de> de::EnumAccess<'de> for Word<'_> {
    type Error = Mistake;
    type Variant = UnitOnly;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, UnitOnly), Mistake> {
        seed.deserialize(self.0).map(|value| (value, UnitOnly))
    }
}

/// Enums of the configuration are words; a variant with content would lose positions.
struct UnitOnly;

impl<'de> de::VariantAccess<'de> for UnitOnly {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Mistake> {
        Err(de::Error::custom("expected a word"))
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            self.visit_parsed(visitor, |text| text.parse().ok().map(Raw::Int))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Node<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit_parsed(visitor, |text| text.parse().ok().map(Raw::Bool))
    }

    whole_numbers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.visit_parsed(visitor, |text| {
            text.parse()
                .ok()
                .filter(|n: &f64| n.is_finite())
                .map(Raw::Float)
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        Node {
            raw: raw.opened(true),
            path,
            on_key,
            unknown,
        }
        .visit(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        Node {
            raw: raw.opened(false),
            path,
            on_key,
            unknown,
        }
        .visit(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let Node {
            raw,
            path,
            on_key,
            unknown,
        } = self;
        let mut raw = raw.opened(false);
        if let Raw::Table(table) = &mut raw {
            table.retain(|(key, value)| {
                let known = fields.contains(&key.as_str());
                if !known {
                    let mut path = path.clone();
                    path.push(Seg::Key(key.clone()));
                    let found = Unknown {
                        path,
                        is_table: matches!(value, Raw::Table(_)),
                        known: fields,
                    };
                    // The same struct is read again after each mistake.
                    if unknown.borrow().len() < MAX_UNKNOWN && !unknown.borrow().contains(&found) {
                        unknown.borrow_mut().push(found);
                    }
                }
                known
            });
        }
        Node {
            raw,
            path,
            on_key,
            unknown,
        }
        .visit(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.raw {
            Raw::Text(text) | Raw::Untyped(text) => visitor
                .visit_enum(Word(text.as_str().into_deserializer()))
                .map_err(|mistake| mistake.at(&self.path, self.on_key)),
            _ => self.visit(visitor).map_err(|mut mistake| {
                if let Fact::WrongType { expected, .. } = &mut mistake.fact {
                    *expected = format!("one of \"{}\"", words.join("\", \""));
                }
                mistake
            }),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
